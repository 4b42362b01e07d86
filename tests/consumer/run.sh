#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh SHARED [BUILD]: installs xgrad (static: from the build folder BUILD; shared: from a build of its own) to a scratch
# prefix and builds, links and runs the consumer project against it.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
build=${2:-}
if [ "$1" = ON ]; then
  build=$source/build/shared
  cmake -S "$source" -B "$build" -G Ninja -D BUILD_SHARED_LIBS=ON -D XGRAD_BUILD_TESTS=OFF -D XGRAD_ISAS=v1 >/dev/null
  cmake --build "$build" >/dev/null
fi
cmake --install "$build" --prefix "$scratch/prefix" >/dev/null
# the README's program is held to what it says
sed -n '/^#include <cstdio>$/,/^```$/p' "$source/README.md" | sed '$d' >"$scratch/readme.cpp"
cmake -S "$source/tests/consumer" -B "$scratch/build" -G Ninja -D README_PROGRAM="$scratch/readme.cpp" -D CMAKE_PREFIX_PATH="$scratch/prefix" -D CMAKE_BUILD_TYPE=Release >/dev/null
cmake --build "$scratch/build"
export LD_LIBRARY_PATH="$scratch/prefix/lib:$scratch/prefix/lib/$(uname -m)-linux-gnu"
"$scratch/build/consumer"
"$scratch/build/readme"
