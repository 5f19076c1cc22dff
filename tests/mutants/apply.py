"""apply.py FILE FROM TO TEXT: puts TEXT in the place of the bytes FROM to TO of the file. Prints FILE, the line in which
they begin, and all their lines as they become, joined; with tabs between.
"""
import sys

name, start, end, new = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
with open(name, "rb") as source:
    text = source.read()
with open(name, "wb") as target:
    target.write(text[:start] + new.encode() + text[end:])
first, last = text.rfind(b"\n", 0, start) + 1, text.find(b"\n", end)
old = text[first:text.find(b"\n", first)]
mutant = text[first:start] + new.encode() + text[end:last]
print(name, old.decode().strip(), " ".join(mutant.decode().split()), sep="\t")
