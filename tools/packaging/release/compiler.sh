#!/bin/sh
# Prints the compiler's command for ARCH with the headers and libraries of SYSROOT (sysroot.sh) alone. A
# cross-compiler has a C library of its own, which is older than Debian's updates: -isystem and -B come first.
#
#	compiler.sh ARCH SYSROOT
set -eu
include=$2/usr/include
echo "$1-linux-gnu-gcc --sysroot=$2 -isystem $include -isystem $include/$1-linux-gnu" \
	"-B$2/usr/lib/$1-linux-gnu -ffile-prefix-map=$2=/sysroot"
