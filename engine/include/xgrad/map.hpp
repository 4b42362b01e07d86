// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/map_apply.hpp"
#include "xgrad/map_kernel.hpp"
#include "xgrad/ops/activation.hpp"

namespace xgrad {

namespace detail {
template <class F, class Derivative> struct FunctionWithDerivative {
  static constexpr bool primitive = true;
  static constexpr unsigned arity = 1, saves = kSaveInput;
  F f;
  Derivative df;
  template <class V> V value(const V& x) const { return simd::value_of<V>(f(Plain<V>{x, {}})); }
  auto derivative(const auto& x, const auto&) const { return df(x); }
};
}  // namespace detail

/// A fused, differentiable elementwise operation from a lambda on numbers:
///
///     auto y = xgrad::map([](auto x, auto w) { return x * tanh(w) + 0.5 * where(x > 0, x, 0.1 * x); }, a, b);
///
/// The inputs broadcast. Forward is one pass over SIMD batches, backward one pass on dual numbers that yields all input
/// gradients; under create_graph the lambda is called with Tensors, so every order of derivative works.
/// The lambda uses the functions of ops/elementwise.hpp and where(); constants are plain C++ numbers; captures must be
/// trivially copyable. `x > 0` is a mask for where(), not a condition. Begin a new `auto` for each step.
///
/// The loop is compiled with the instruction set of your file: build it with xgrad_native(target) or -march=... for
/// wide vectors.
template <class F, class T, class... Rest>
requires(std::is_same_v<Tensor<T>, Rest>&&...) Tensor<T> map(F f, const Tensor<T>& first, const Rest&... rest) {
  static_assert(std::is_trivially_copyable_v<F>, "map: the lambda may only capture trivially copyable values");
  static_assert(1 + sizeof...(Rest) <= kMaxMapInputs, "map: too many inputs");
  constexpr SavedMask all = (SavedMask{1} << (1 + sizeof...(Rest))) - 1;
  return detail::apply_map("map", make_map_kernel<T, F, 1 + sizeof...(Rest)>(), all, f, first, rest...);
}

/// The same with the derivative given by hand, df(x), where a better formula than the automatic one is known.
template <class F, class Derivative, class T>
requires(!std::is_same_v<Derivative, Tensor<T>>) Tensor<T> map(F f, Derivative df, const Tensor<T>& x) {
  using Function = detail::FunctionWithDerivative<F, Derivative>;
  return detail::apply_map("map", make_map_kernel<T, Function, 1>(), kSaveInput, Function{f, df}, x);
}

}  // namespace xgrad
