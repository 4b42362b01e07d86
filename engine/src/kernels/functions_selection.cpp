// SPDX-License-Identifier: BSD-3-Clause
// Selection and comparison, whose masks travel as 0 and 1. Compiled once for each instruction set.
#include "kernels/define_functions.inc"
#include "xgrad/map_kernel.hpp"

namespace xgrad::inline XGRAD_ISA {

struct identity_function {
  auto operator()(const auto& x) const { return x; }
};
struct select_function {
  auto operator()(const auto& mask, const auto& a, const auto& b) const { return where(mask != 0, a, b); }
};
struct less_function {
  auto operator()(const auto& a, const auto& b) const { return where(a < b, ones_like(a), 0); }
};
struct less_equal_function {
  auto operator()(const auto& a, const auto& b) const { return where(a <= b, ones_like(a), 0); }
};
struct equal_function {
  auto operator()(const auto& a, const auto& b) const { return where(a == b, ones_like(a), 0); }
};

#include "kernels/selection.inc"

}  // namespace xgrad::inline XGRAD_ISA
