// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Operations of your own with a hand-written backward, and recomputation in place of saving. For elementwise operations
// map() needs neither.
#include <functional>
#include <type_traits>
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

/// What a custom function keeps from forward to backward.
template <class T> class FunctionContext {
 public:
  /// In forward: keeps tensors for backward. Inputs and the result are kept as they stand in the graph, so a backward
  /// written with differentiable operations can be differentiated again; their in-place change before backward is an
  /// Error. Anything else is a constant to backward, which under create_graph would be silently wrong: reading it then
  /// throws Error. Undefined tensors stay undefined.
  void save(std::vector<Tensor<T>> tensors) { saved_ = std::move(tensors); }
  /// In backward: what save() kept, in its order.
  Tensor<T> saved(std::size_t i) const;
  /// In backward: whether the gradient of input k is asked for.
  bool wants(std::size_t k) const;

  // For record_function:
  /// Sorts what was saved into inputs, the result and the rest; returns what the node must save.
  SavedMask attach(const std::vector<Tensor<T>>& inputs, const Tensor<T>& result);
  void enter(Node<T>* node) { node_ = node; }

 private:
  static constexpr int kResult = -1, kOther = -2;
  std::vector<Tensor<T>> saved_;
  std::vector<int> places_;  // an input's number, kResult or kOther
  std::vector<std::uint32_t> versions_;
  Node<T>* node_ = nullptr;
};

namespace detail {

template <class T>
using FunctionBackward =
    std::function<std::vector<Tensor<T>>(const FunctionContext<T>& context, const std::vector<Tensor<T>>& gradients)>;

/// Throws Error if an input is undefined.
template <class T> void require_defined(const char* name, const std::vector<Tensor<T>>& inputs);
template <class T>
Tensor<T> record_function(const char* name, FunctionContext<T> context, FunctionBackward<T> backward,
                          const std::vector<Tensor<T>>& inputs, const Tensor<T>& result);
template <class T>
std::vector<Tensor<T>> record_function(const char* name, FunctionContext<T> context, FunctionBackward<T> backward,
                                       const std::vector<Tensor<T>>& inputs, const std::vector<Tensor<T>>& results);

}  // namespace detail

/// The result of a custom function F, which has
///
///     Tensor<T> forward(FunctionContext<T>& context, const Tensor<T>& x, ...) const;
///     std::vector<Tensor<T>> backward(const FunctionContext<T>& context, const Tensor<T>& gradient) const;
///
/// forward computes without recording and calls context.save() for what backward reads; numbers it needs are F's own
/// members. backward returns one gradient for each input, undefined where there is none. A function of several results
/// returns a std::vector<Tensor<T>> and takes a vector of gradients, undefined for results that were not used; what it
/// saves of its results counts as constants. `static constexpr const char* name` appears in errors and pictures.
/// Throws Error for an undefined input; backward() of the result does for a wrong number or shape of gradients.
template <class F, class T, class... Rest>
requires(std::is_same_v<Tensor<T>, Rest>&&...) auto apply(const F& f, const Tensor<T>& first, const Rest&... rest) {
  FunctionContext<T> context;
  const std::vector<Tensor<T>> inputs{first, rest...};
  const char* name = "function";
  if constexpr (requires { F::name; }) name = F::name;
  detail::require_defined(name, inputs);
  const auto result = [&] {
    const NoGrad no_grad;
    return f.forward(context, first, rest...);
  }();
  constexpr bool one = std::is_same_v<std::remove_cv_t<decltype(result)>, Tensor<T>>;
  return detail::record_function<T>(
      name, std::move(context),
      [f](const FunctionContext<T>& saved, const std::vector<Tensor<T>>& gradients) {
        if constexpr (one)
          return f.backward(saved, gradients[0]);
        else
          return f.backward(saved, gradients);
      },
      inputs, result);
}

/// f(inputs) without keeping what its operations save: backward computes f again, with the same random numbers, and so
/// gives the same bits. f may use parameters besides its inputs; they get their gradients too. Derivatives of every
/// order work. Chen et al. 2016, arXiv:1604.06174. Throws Error for more than 30 inputs.
template <class T>
Tensor<T> checkpoint(std::function<Tensor<T>(const std::vector<Tensor<T>>&)> f, const std::vector<Tensor<T>>& inputs);
/// The same for a function of several results.
template <class T>
std::vector<Tensor<T>> checkpoint(std::function<std::vector<Tensor<T>>(const std::vector<Tensor<T>>&)> f,
                                  const std::vector<Tensor<T>>& inputs);
/// The same for a callable of tensors: checkpoint(block, x).
template <class F, class T, class... Rest>
requires std::is_invocable_r_v < Tensor<T>,
const F&, const Tensor<T>&, const Rest&... > Tensor<T> checkpoint(F f, const Tensor<T>& first, const Rest&... rest) {
  return checkpoint<T>(
      [f](const std::vector<Tensor<T>>& x) {
        return [&]<std::size_t... K>(std::index_sequence<K...>) { return f(x[K]...); }
        (std::make_index_sequence<1 + sizeof...(Rest)>{});
      },
      {first, rest...});
}

}  // namespace xgrad
