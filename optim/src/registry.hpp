// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstddef>

#include "xgrad/optim/optimizer.hpp"
#include "xgrad/random.hpp"

namespace xgrad::optim {

/// Those that are compiled once, for all instruction sets.
void add_tensor_rules(config::Registry<OptimizerRow>& registry);

/// Of one chunk, on the best instruction set; the order of summation is fixed.
template <class T> double sum_of_squares(const T* x, std::size_t n);

/// The codec of stored state, on the best instruction set (optimizers/isa_rules.hpp).
template <class T> struct StateCodec {
  void (*decode)(const SlotPlace& place, std::size_t first, std::size_t n, T* to);
  void (*encode)(const SlotPlace& place, std::size_t first, std::size_t n, const T* from, RandomKey key,
                 std::uint64_t draw);
};
template <class T> const StateCodec<T>& state_codec();

/// What runs the kernels of compiled expressions (expression/program.hpp).
template <class T> using RunKernel = void (*)(const void* kernel, const Block<T>& block, double* sums);
template <class T> RunKernel<T> expression_machine();
/// The optimizer "expression".
OptimizerRow expression_row();

}  // namespace xgrad::optim
