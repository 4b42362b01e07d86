// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstddef>

#include "xgrad/optim/optimizer.hpp"

namespace xgrad::optim {

/// Those that are compiled once, for all instruction sets.
void add_tensor_rules(config::Registry<OptimizerRow>& registry);

/// Of one chunk, on the best instruction set; the order of summation is fixed.
template <class T> double sum_of_squares(const T* x, std::size_t n);

/// What runs the kernels of compiled expressions (expression/program.hpp).
template <class T> using RunKernel = void (*)(const void* kernel, const Block<T>& block, double* sums);
template <class T> RunKernel<T> expression_machine();
/// The optimizer "expression".
OptimizerRow expression_row();

}  // namespace xgrad::optim
