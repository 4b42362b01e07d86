// SPDX-License-Identifier: BSD-3-Clause
// Every built-in optimizer, compiled once for each instruction set. The list comes from XGRAD_OPTIMIZERS in
// CMakeLists.txt.
#include "builtin_optimizer_files.inc"
#include "xgrad/optim/state.hpp"

namespace xgrad::optim::inline XGRAD_ISA {
#include "optimizers/isa_rules.hpp"

template <class T> Rules<T> builtin_rules() {
  static constexpr auto rows = [] {
    struct Rows {
      Rule<T> rules[0
#define XGRAD_OPTIMIZER(file) +file::size
#include "builtin_optimizers.inc"
#undef XGRAD_OPTIMIZER
      ];
    } result{};
    std::size_t count = 0;
#define XGRAD_OPTIMIZER(file) file::add_to<T>(result.rules, count);
#include "builtin_optimizers.inc"
#undef XGRAD_OPTIMIZER
    return result;
  }();
  return {rows.rules, std::size(rows.rules)};
}

template <class T> double sum_of_squares(const T* x, std::size_t n) {
  using V = xgrad::simd::Batch<T>;
  constexpr std::size_t block = 1024;
  double total = 0;
  for (std::size_t start = 0; start < n; start += block) {
    const std::size_t end = start + block < n ? start + block : n;
    V sum(0);
    std::size_t i = start;
    for (; i + V::size <= end; i += V::size) sum = sum + V::load_unaligned(x + i) * V::load_unaligned(x + i);
    if (i < end) {
      const V tail = xgrad::simd::load_tail(x + i, end - i);
      sum = sum + tail * tail;
    }
    total += static_cast<double>(xsimd::hadd(sum));
  }
  return total;
}

template double sum_of_squares(const float*, std::size_t);
template double sum_of_squares(const double*, std::size_t);
template Rules<float> builtin_rules();
template Rules<double> builtin_rules();

}  // namespace xgrad::optim::inline XGRAD_ISA
