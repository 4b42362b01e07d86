#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# kernel_symbols.sh BUILD: a kernel object must not define a weak function outside its instruction set's namespace: the
# linker keeps one copy of such a function for the whole program, and that one may need AVX-512. (xsimd's templates carry
# their instruction set in their type. What nm cannot read back stays mangled.)
set -eu
objects=$(find "$1" -path '*_kernels_v[34].dir*' -name '*.o')
[ -n "$objects" ] || { echo "no kernel objects below $1" >&2; exit 1; }
shared=$(nm -C $objects | grep -E ' W ' | grep -vE '::v[34]::|W _ZZ?NK?5xgrad(5optim)?2v[34]|_v[34]\(|xsimd::(avx512|fma3<xsimd::avx2>)' || true)
if [ -n "$shared" ]; then
  echo "weak functions that would be shared between instruction sets; put them into namespace simd or force their inlining:" >&2
  echo "$shared" | sort -u >&2
  exit 1
fi
