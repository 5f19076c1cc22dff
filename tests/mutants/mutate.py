"""Chooses mutations of C files by clang's syntax tree; apply.py makes one.

	mutate.py N SEED FILE...    n of all mutations, one a line: FILE LINE FROM TO KIND TEXT, with tabs between

Kinds: comparison (< for <=, == for !=, ...), constant (n + 1 for n, false for true), condition (its negation),
call (a statement that is a call and nothing else is dropped).

Left out, because no run can tell them from the program:
- a longer array, or a larger allocation: nothing uses the additional bytes (that none is too small is what
  make asan looks for);
- 2 for 1 in "? -1 : 1": those who call such a function look at the sign alone.
"""
import random
import sys

import clang.cindex as c

OTHER = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
BOOLEAN = {b"true": "false", b"false": "true"}
CONDITIONS = {c.CursorKind.IF_STMT: 0, c.CursorKind.WHILE_STMT: 0, c.CursorKind.CONDITIONAL_OPERATOR: 0}
SIZED = ("malloc", "calloc", "realloc", "hs_buf_reserve")
ARGS = ["-std=c11", "-I.", "-Icommon", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", '-DHS_VERSION="0"']


def inside(cursor, name):
    place = cursor.extent.start.file
    return place is not None and place.name == name


def comparison(cursor):
    """The operator between two operands: the token before the right one that is in the table."""
    left, right = list(cursor.get_children())
    for token in cursor.get_tokens():
        start = token.extent.start.offset
        if left.extent.end.offset <= start < right.extent.start.offset and token.spelling in OTHER:
            return token
    return None


def is_minus_one(cursor, text):
    return cursor.kind == c.CursorKind.UNARY_OPERATOR and text[cursor.extent.start.offset:cursor.extent.end.offset] == b"-1"


def is_array_length(cursor, parent):
    """The length is in the declaration itself; the elements are in a list of their own."""
    return (parent is not None and parent.kind in (c.CursorKind.VAR_DECL, c.CursorKind.FIELD_DECL)
            and parent.type.kind == c.TypeKind.CONSTANTARRAY and cursor.kind != c.CursorKind.INIT_LIST_EXPR)


def is_sign(cursor, parent, text):
    """The 1 of "? -1 : 1" or "? 1 : -1"."""
    if parent is None or parent.kind != c.CursorKind.CONDITIONAL_OPERATOR:
        return False
    if text[cursor.extent.start.offset:cursor.extent.end.offset] != b"1":
        return False
    return any(is_minus_one(arm, text) for arm in parent.get_children())


def without_constants(found):
    return (mutation for mutation in found if mutation[2] != "constant")


def mutations(cursor, text, parent=None):
    if is_array_length(cursor, parent) or is_sign(cursor, parent, text):
        return
    start, end = cursor.extent.start.offset, cursor.extent.end.offset
    children = list(cursor.get_children())
    if cursor.kind == c.CursorKind.BINARY_OPERATOR and len(children) == 2:
        token = comparison(cursor)
        if token is not None:
            yield token.extent.start.offset, token.extent.end.offset, "comparison", OTHER[token.spelling]
    elif is_minus_one(cursor, text):
        yield start, end, "constant", "0"  # -2 would be as negative as -1
        return
    elif cursor.kind == c.CursorKind.INTEGER_LITERAL and text[start:end] in BOOLEAN:
        yield start, end, "constant", BOOLEAN[text[start:end]]
    elif cursor.kind == c.CursorKind.INTEGER_LITERAL and text[start:start + 1].isdigit():
        yield start, end, "constant", "(%s + 1)" % text[start:end].decode()
    elif cursor.kind in CONDITIONS and children:
        first = children[CONDITIONS[cursor.kind]]
        a, b = first.extent.start.offset, first.extent.end.offset
        if first.kind != c.CursorKind.DECL_STMT and a < b:
            yield a, b, "condition", "!(%s)" % text[a:b].decode()
    elif cursor.kind == c.CursorKind.CALL_EXPR and parent is not None and parent.kind in (
            c.CursorKind.COMPOUND_STMT, c.CursorKind.IF_STMT, c.CursorKind.FOR_STMT, c.CursorKind.WHILE_STMT):
        if text[end:end + 1] == b";":
            yield start, end, "call", "(void)0"
    is_size = cursor.kind == c.CursorKind.CALL_EXPR and cursor.spelling in SIZED
    for child in children:
        found = mutations(child, text, cursor)
        yield from without_constants(found) if is_size else found


def listed(name):
    with open(name, "rb") as source:
        text = source.read()
    unit = c.Index.create().parse(name, args=ARGS)
    seen = set()
    for cursor in unit.cursor.get_children():
        # a macro's expansion is elsewhere, or has no room in the text
        if not inside(cursor, name) or cursor.kind != c.CursorKind.FUNCTION_DECL:
            continue
        for start, end, kind, new in mutations(cursor, text):
            if start < end and text[start:end] and (start, end, kind) not in seen and "\n" not in new:
                seen.add((start, end, kind))
                yield name, text.count(b"\n", 0, start) + 1, start, end, kind, new


def main():
    number, seed, names = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    every = [m for name in sorted(names) for m in listed(name)]
    for mutation in random.Random(seed).sample(every, min(number, len(every))):
        print(*mutation, sep="\t")
    print("%d mutations are possible" % len(every), file=sys.stderr)


main()
