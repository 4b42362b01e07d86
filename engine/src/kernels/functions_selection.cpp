// SPDX-License-Identifier: BSD-3-Clause
// Selection and comparison, whose masks travel as 0 and 1. Compiled once for each instruction set.
#include "kernels/kernels.hpp"
#include "xgrad/map_kernel.hpp"

namespace xgrad::inline XGRAD_ISA {
#include "kernels/isa_tables.hpp"

namespace {

struct Identity {
  auto operator()(const auto& x) const { return x; }
};
struct Select {
  auto operator()(const auto& mask, const auto& a, const auto& b) const { return where(mask != 0, a, b); }
};
struct Less {
  auto operator()(const auto& a, const auto& b) const { return where(a < b, ones_like(a), 0); }
};
struct LessEqual {
  auto operator()(const auto& a, const auto& b) const { return where(a <= b, ones_like(a), 0); }
};
struct Equal {
  auto operator()(const auto& a, const auto& b) const { return where(a == b, ones_like(a), 0); }
};

}  // namespace

template <class T> const MapKernel<T>* selection_kernels() {
  static constexpr MapKernel<T> kernels[] = {make_map_kernel<T, Identity, 1>(), make_map_kernel<T, Select, 3>(),
                                             make_map_kernel<T, Less, 2>(), make_map_kernel<T, LessEqual, 2>(),
                                             make_map_kernel<T, Equal, 2>()};
  return kernels;
}

template const MapKernel<float>* selection_kernels();
template const MapKernel<double>* selection_kernels();

}  // namespace xgrad::inline XGRAD_ISA
