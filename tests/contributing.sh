#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# CONTRIBUTING's claims: its example operation and its example optimizer are in the sources as printed, in as many places as it
# says and in no other; an element-wise optimizer is no longer than it says.
set -eu
cd "$1"
failed=0
complain() {
  echo "contributing: $1" >&2
  failed=1
}

# printed NAME: the lines of CONTRIBUTING's C++ that speak of it. mentions NAME FOLDERS: the files that do.
printed() { awk '/^ *```/ { on = /```cpp/; next } on' CONTRIBUTING.md | sed 's/^ *//' | grep -w -- "$1"; }
mentions() { grep -rlw --include='*.[hci]pp' --include='*.inc' --include=CMakeLists.txt -- "$1" $2 | sort | tr '\n' ' '; }

operation=hardswish
places="engine/include/xgrad/functions/activation.inc engine/include/xgrad/ops/activation.hpp tests/engine/operations/activation.cpp "
printed "$operation" > /dev/null || complain "the example operation is no longer $operation"
printed "$operation" | while IFS= read -r line; do
  cat $places | sed 's/^ *//' | grep -qxF -- "$line" || { echo "$line"; }
done | { ! grep . >&2; } || complain "these lines of the example are in none of: $places"
# A layer of the same name and a test of its kinks are uses, not parts, of the operation.
found=$(mentions "$operation" "engine/src engine/include/xgrad/functions engine/include/xgrad/ops tests/engine/operations apps")
[ "$found" = "$places" ] || complain "$operation is mentioned in: $found; expected: $places"

optimizer=Lion
found=$(mentions "$optimizer" "optim/src apps/train apps/cli")
[ "$found" = "optim/src/optimizers/lion.hpp " ] || complain "$optimizer is mentioned in: $found; expected its own file"
[ "$(grep -cw lion optim/CMakeLists.txt)" -eq 1 ] || complain "lion is not one word in optim/CMakeLists.txt"

# An optimizer with its doc comment and its registration. What measures sums over tensors, or keeps numbers of whole
# tensors, is more than an element-wise kernel.
most=$(sed -n 's/.*at most \([0-9]*\) lines.*/\1/p' CONTRIBUTING.md)
[ -n "$most" ] || complain "CONTRIBUTING does not say how long an element-wise optimizer may be"
long=$(awk -v most="$most" '
  FNR == 1 { name = "" }
  /^\/\/\/ / { if (!doc) doc = FNR; next }
  /^struct / { name = $2; first = doc ? doc : FNR; whole = 0 }
  / measure\(Now| gather\(Now| Number numbers\[\]/ { whole = 1 }
  /^};/ && name {
    ++structs
    lines = FNR - first + 2
    if (!whole && lines > most) print FILENAME ": " name " takes " lines " lines, at most " most " are meant"
    name = ""
  }
  { doc = 0 }
  END { if (structs < 40) print "found only " structs + 0 " structs of optimizers: is this still how they are written?" }
' optim/src/optimizers/*.hpp)
[ -z "$long" ] || complain "$long"

exit $failed
