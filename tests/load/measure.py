#!/usr/bin/env python3
"""Runs a command: measure.py COMMAND... prints its exit code, its largest resident memory in KB and its processor time in ms."""
import resource
import subprocess
import sys

code = subprocess.call(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, usage.ru_maxrss, round((usage.ru_utime + usage.ru_stime) * 1000))
