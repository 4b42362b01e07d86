// SPDX-License-Identifier: BSD-3-Clause
// Compiled once for each instruction set.
#include "kernels/define_functions.inc"
#include "xgrad/map_kernel.hpp"

namespace xgrad::inline XGRAD_ISA {
#include "kernels/define_kernels.inc"
#include "xgrad/functions/arithmetic.inc"
#include "xgrad/functions/undefine.inc"
}  // namespace xgrad::inline XGRAD_ISA
