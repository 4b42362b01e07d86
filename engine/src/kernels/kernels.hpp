// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The table of kernels: one copy for each instruction set, chosen once at start. Kernels know pointers and sizes, no
// graph.
#include <cstddef>
#include <cstdint>

namespace xgrad::detail {

/// As in ops/linalg.hpp, which kernels do not include.
enum class FusedActivation { none, relu, tanh, sigmoid };

template <class T> struct Kernels {
  /// target[i] += x[i]
  void (*add_in_place)(T* target, const T* x, std::size_t n);

  // Linear layers: y is rows x cols, bias has cols elements (may be null).
  /// y = activation(y + bias)
  void (*bias_activation)(T* y, const T* bias, std::size_t rows, std::size_t cols, FusedActivation activation);
  /// dx = g * activation'(from y); bias_gradient[j] (+)= sum over rows of dx. dx may be g; bias_gradient may be null.
  void (*bias_activation_backward)(const T* y, const T* g, T* dx, T* bias_gradient, bool keep, std::size_t rows,
                                   std::size_t cols, FusedActivation activation);

  // Along rows; x is rows x cols.
  /// y[r] = the largest element; a NaN wins
  void (*maximum_rows)(const T* x, T* y, std::size_t rows, std::size_t cols);
  void (*logsumexp_rows)(const T* x, T* y, std::size_t rows, std::size_t cols);
  void (*softmax_rows)(const T* x, T* y, std::size_t rows, std::size_t cols);
  void (*softmax_backward_rows)(const T* y, const T* g, T* dx, std::size_t rows, std::size_t cols);
  void (*log_softmax_rows)(const T* x, T* y, std::size_t rows, std::size_t cols);
  void (*log_softmax_backward_rows)(const T* y, const T* g, T* dx, std::size_t rows, std::size_t cols);

  // Losses.
  /// dx_j = a exp(x_j - lse) - b w_j; w may be null (then 1)
  void (*cross_entropy_gradient_row)(const T* x, T lse, T a, T b, const T* w, T* dx, std::size_t cols);
  T (*squared_distance)(const T* a, const T* b, std::size_t n);
  /// y = scale (a - b)
  void (*scaled_difference)(const T* a, const T* b, T scale, T* y, std::size_t n);
};

/// The kernels for this machine: the widest instruction set that was built and that the processor has.
template <class T> const Kernels<T>& kernels();

}  // namespace xgrad::detail
