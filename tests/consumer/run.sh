#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# run.sh BUILD: installs xgrad from the build folder BUILD to a scratch prefix and builds, links and runs against it the
# consumer project, the README's program, and the examples.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$1" --prefix "$scratch/prefix" >/dev/null
# the README's program is held to what it says
sed -n '/^#include <cstdio>$/,/^```$/p' "$source/README.md" | sed '$d' >"$scratch/readme.cpp"
export LD_LIBRARY_PATH="$scratch/prefix/lib:$scratch/prefix/lib/$(uname -m)-linux-gnu"
build() {
  cmake -S "$1" -B "$2" -G Ninja -D README_PROGRAM="$scratch/readme.cpp" -D CMAKE_PREFIX_PATH="$scratch/prefix" -D CMAKE_BUILD_TYPE=Release >/dev/null
  cmake --build "$2"
}
build "$source/tests/consumer" "$scratch/consumer"
"$scratch/consumer/consumer"
"$scratch/consumer/readme"
build "$source/apps/examples" "$scratch/examples"
for example in "$scratch"/examples/*; do
  if [ -f "$example" ] && [ -x "$example" ]; then "$example"; fi
done
