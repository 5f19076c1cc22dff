#!/usr/bin/env python3
"""Compares the lines of a spool with the stream, as each replica has it on its disk: judge.py LINES STORE...

LINES has what must be there, a record on each line. STORE is the store_dir of a nats-server that has ended. Its files
are read, not its answers: a server may answer for another one. Prints a line for each replica and whether they are
alike; exit 1 if a record is lost, doubled or altered.

A file NUMBER.blk (JetStream's filestore.go, 2.9 to 2.12, neither compressed nor encrypted) is a row of messages:

    length 4, bit 31: has headers | sequence 8, bit 63: erased | time 8 | length of the subject 2 | subject
    | length of the headers 4, only if there are any | headers | data | checksum 8

Numbers are little-endian; the length is that of the whole. A message that was deleted is listed in the stream's
index; no test deletes any.
"""
import collections
import glob
import os
import re
import struct
import sys

HEAD = struct.Struct("<IQQH")
HEADERS, ERASED, CHECKSUM = 1 << 31, 1 << 63, 8

Message = collections.namedtuple("Message", "sequence subject headers data")


def block(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at + HEAD.size <= len(data):
        length, sequence, _, subject = HEAD.unpack_from(data, at)
        size, body = length & ~HEADERS, at + HEAD.size + subject
        if size < HEAD.size + CHECKSUM or at + size > len(data):
            raise ValueError(f"{path}: no message at byte {at}")
        headers = b""
        if length & HEADERS:
            n = struct.unpack_from("<I", data, body)[0]
            headers, body = data[body + 4:body + 4 + n], body + 4 + n
        if sequence and not sequence & ERASED:
            yield Message(sequence, data[at + HEAD.size:at + HEAD.size + subject], headers, data[body:at + size - CHECKSUM])
        at += size


def replica(store, stream="events"):
    """The messages of a stream in the order of their sequences."""
    folders = glob.glob(os.path.join(store, "jetstream", "*", "streams", stream, "msgs"))
    if len(folders) != 1:
        raise ValueError(f"{store} has no stream {stream}")
    found = {}
    for path in glob.glob(os.path.join(folders[0], "*.blk")):
        for message in block(path):
            found[message.sequence] = message
    return [found[sequence] for sequence in sorted(found)]


def is_record(message):
    return not message.subject.endswith(b".mark")


def id_of(line):
    found = re.search(rb'"message_id":"((?:[^"\\]|\\.)*)"', line)
    return found[1] if found else line


def judge(name, expected, messages):
    """Prints what is wrong with a replica; true if anything is."""
    ids = collections.Counter(id_of(m.data) for m in messages)
    lost = [i for i in expected if i not in ids]
    doubled = [i for i, n in ids.items() if n > 1]
    altered = [m for m in messages if expected.get(id_of(m.data)) != m.data]
    print(f"{name}: records {len(messages)}, lost {len(lost)}, doubled {len(doubled)}, altered {len(altered)}")
    for word, which in (("lost", lost), ("doubled", doubled), ("altered", [id_of(m.data) for m in altered])):
        if which:
            print(f"  {word}: {b' '.join(which[:5]).decode(errors='replace')} …")
    return bool(lost or doubled or altered)


def main(lines, *stores):
    with open(lines, "rb") as file:
        expected = {id_of(line): line for line in file.read().splitlines()}
    streams = [replica(store) for store in stores]
    wrong = [judge(os.path.basename(os.path.dirname(store)), expected, [m for m in stream if is_record(m)])
             for store, stream in zip(stores, streams)]
    print("replicas", "alike" if all(stream == streams[0] for stream in streams) else "differ")
    return 1 if any(wrong) or not expected else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
