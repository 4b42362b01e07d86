// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What surrounds the matrix product of a linear layer.
#include "kernels/kernels.hpp"
#include "xgrad/map_kernel.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

using xgrad::detail::FusedActivation;

/// f(vector, column) over each row, the last columns by masked vectors; f returns what goes to y.
template <class T, class F> [[gnu::flatten]] void for_columns(std::size_t cols, F f) {
  constexpr std::size_t width = Batch<T>::size;
  std::size_t j = 0;
  for (; j + width <= cols; j += width) f(j, width);
  if (j < cols) f(j, cols - j);
}
template <class T> Batch<T> load_up_to(const T* p, std::size_t n) {
  return n == Batch<T>::size ? Batch<T>::load_unaligned(p) : load_tail(p, n);
}
template <class T> void store_up_to(T* p, Batch<T> v, std::size_t n) {
  if (n == Batch<T>::size)
    v.store_unaligned(p);
  else
    store_tail(p, v, n);
}

template <FusedActivation activation, class T> Batch<T> activate(Batch<T> x) {
  if constexpr (activation == FusedActivation::relu) return relu_function{}.value(x);
  if constexpr (activation == FusedActivation::tanh) return tanh_function{}.value(x);
  if constexpr (activation == FusedActivation::sigmoid) return sigmoid_function{}.value(x);
  return x;
}
/// The derivative from the activation's result.
template <FusedActivation activation, class T> Batch<T> slope(Batch<T> result) {
  const Plain<Batch<T>> y{result, {}};
  if constexpr (activation == FusedActivation::relu) return relu_function{}.derivative(y, y).v;
  if constexpr (activation == FusedActivation::tanh) return tanh_function{}.derivative(y, y).v;
  if constexpr (activation == FusedActivation::sigmoid) return sigmoid_function{}.derivative(y, y).v;
  if constexpr (activation == FusedActivation::gelu) return result;
  return Batch<T>(1);
}

template <FusedActivation activation, class T>
[[gnu::flatten, gnu::noinline]] void bias_activation_rows(T* y, const T* bias, std::size_t rows, std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r, y += cols)
    for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
      Batch<T> x = load_up_to(y + j, n);
      if (bias) x = x + load_up_to(bias + j, n);
      store_up_to(y + j, activate<activation, T>(x), n);
    });
}

template <FusedActivation activation, class T>
[[gnu::flatten, gnu::noinline]] void bias_activation_backward_rows(const T* y, const T* g, T* dx, T* bias_gradient,
                                                                   bool keep, std::size_t rows, std::size_t cols) {
  for (std::size_t r = 0; r < rows; ++r, y += cols, g += cols, dx += cols) {
    const bool add = keep || r > 0;
    for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
      const Batch<T> d = load_up_to(g + j, n) * slope<activation, T>(load_up_to(y + j, n));
      if (activation != FusedActivation::none || dx != g) store_up_to(dx + j, d, n);
      if (bias_gradient) store_up_to(bias_gradient + j, add ? load_up_to(bias_gradient + j, n) + d : d, n);
    });
  }
}

/// y = gelu(y + bias), and its derivative there unless slope is null: both from the one expression.
template <class T>
[[gnu::flatten, gnu::noinline]] void bias_gelu(T* y, const T* bias, T* slope, std::size_t rows, std::size_t cols) {
  using V = Batch<T>;
  for (std::size_t r = 0; r < rows; ++r, y += cols)
    for_columns<T>(cols, [&](std::size_t j, std::size_t n) {
      V x = load_up_to(y + j, n);
      if (bias) x = x + load_up_to(bias + j, n);
      if (!slope) return store_up_to(y + j, value_of<V>(gelu_function{}(Plain<V>{x, {}})), n);
      const auto both = gelu_function{}(Dual<V, 1u>{x, {V(T{1})}});
      store_up_to(y + j, both.v, n);
      store_up_to(slope + r * cols + j, both.d[0], n);
    });
}

template <class T>
void bias_activation(T* y, const T* bias, std::size_t rows, std::size_t cols, FusedActivation activation) {
  switch (activation) {
    case FusedActivation::none: return bias_activation_rows<FusedActivation::none>(y, bias, rows, cols);
    case FusedActivation::relu: return bias_activation_rows<FusedActivation::relu>(y, bias, rows, cols);
    case FusedActivation::tanh: return bias_activation_rows<FusedActivation::tanh>(y, bias, rows, cols);
    case FusedActivation::sigmoid: return bias_activation_rows<FusedActivation::sigmoid>(y, bias, rows, cols);
    case FusedActivation::gelu: return bias_gelu<T>(y, bias, nullptr, rows, cols);
  }
}

template <class T>
void bias_activation_backward(const T* y, const T* g, T* dx, T* bias_gradient, bool keep, std::size_t rows,
                              std::size_t cols, FusedActivation activation) {
  const auto run = [&](auto rows_kernel) { rows_kernel(y, g, dx, bias_gradient, keep, rows, cols); };
  switch (activation) {
    case FusedActivation::none: return run(bias_activation_backward_rows<FusedActivation::none, T>);
    case FusedActivation::relu: return run(bias_activation_backward_rows<FusedActivation::relu, T>);
    case FusedActivation::tanh: return run(bias_activation_backward_rows<FusedActivation::tanh, T>);
    case FusedActivation::sigmoid: return run(bias_activation_backward_rows<FusedActivation::sigmoid, T>);
    case FusedActivation::gelu: return run(bias_activation_backward_rows<FusedActivation::gelu, T>);
  }
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
