// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstddef>

namespace xgrad::optim {

/// Of one chunk, on the best instruction set; the order of summation is fixed.
template <class T> double sum_of_squares(const T* x, std::size_t n);

}  // namespace xgrad::optim
