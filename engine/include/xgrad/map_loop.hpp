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

/// Where a loop over vectors reads an input: element i of the row at row[i & mask]; mask 0 where a row is constant.
template <class T> struct MapSource {
  const T* row;
  std::size_t mask;
};

// The code of a function is compiled once forward and once backward, on whole vectors that lie one after the other.
/// n results, a multiple of the vector's size. `f` is the function object (its parameters).
template <class T> using ForwardVectors = void(const void* f, const MapSource<T>* x, T* out, std::size_t n);
/// n elements of out_gradient * df/dx_k for each input k.
template <class T>
using BackwardVectors = void(const void* f, const MapSource<T>* x, const T* out_gradient, T* const* parts,
                             std::size_t n);

/// What all functions share: how rows of any length and any broadcasting become whole vectors.
template <class T> struct MapRows {
  void (*forward)(ForwardVectors<T>* vectors, const void* f, std::size_t count, const MapLoop<T>& loop);
  /// One row of n results from inputs that are rows alike. All may be read and written up to Storage::padded(n).
  void (*forward_row)(ForwardVectors<T>* vectors, const void* f, std::size_t count, const MapSource<T>* x, T* out,
                      std::size_t n);
  /// Adds or writes out_gradient * df/dx_k into the gradient of every wanted input, summed over broadcast axes.
  void (*backward)(BackwardVectors<T>* vectors, const void* f, std::size_t count, const MapLoop<T>& loop);
};

/// An elementwise function of `count` inputs, compiled for one instruction set.
template <class T> struct MapKernel {
  ForwardVectors<T>* forward_vectors;
  BackwardVectors<T>* backward_vectors;
  const MapRows<T>* rows;

  void forward(const void* f, std::size_t count, const MapLoop<T>& loop) const {
    rows->forward(forward_vectors, f, count, loop);
  }
  void forward_row(const void* f, std::size_t count, const MapSource<T>* x, T* out, std::size_t n) const {
    rows->forward_row(forward_vectors, f, count, x, out, n);
  }
  void backward(const void* f, std::size_t count, const MapLoop<T>& loop) const {
    rows->backward(backward_vectors, f, count, loop);
  }
};

}  // namespace xgrad
