// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstddef>

namespace xgrad {

inline constexpr std::size_t kMaxMapInputs = 6;

/// A block of rows x cols results of an elementwise function and what it reads and writes. Strides count elements.
template <class T> struct MapLoop {
  struct Input {
    const T* data;
    std::size_t row_stride;  ///< from one row to the next; 0 when all rows are the same
    bool varies;             ///< along the columns; otherwise one element per row
    T* gradient;             ///< laid out as data; null when not wanted
    bool keep;               ///< add to what stands in `gradient` instead of overwriting it
  };
  std::size_t rows, cols, row_stride;  // row_stride: of out and out_gradient
  T* out;                              // forward only
  const T* out_gradient;               // backward only
  Input inputs[kMaxMapInputs];
};

/// An elementwise function compiled for one instruction set. `f` is the function object (its parameters).
template <class T> struct MapKernel {
  void (*forward)(const void* f, const MapLoop<T>& loop);
  /// Adds or writes out_gradient * df/dx_k into the gradient of every wanted input, summed over broadcast axes.
  void (*backward)(const void* f, const MapLoop<T>& loop);
};

}  // namespace xgrad
