// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Everything that contains SIMD batches lives in `inline namespace XGRAD_ISA`. The name comes from the compiler's own
// macros, so two files compiled for different instruction sets never share a symbol by accident.
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define XGRAD_ISA v4
#elif defined(__AVX2__) && defined(__FMA__)
#define XGRAD_ISA v3
#else
#define XGRAD_ISA v1
#endif

namespace xgrad::inline XGRAD_ISA {}  // inline where it is first named

namespace xgrad {
/// The instruction set that the library's kernels run on here: "v1", "v3" or "v4" (x86-64 levels).
const char* instruction_set();
}  // namespace xgrad
