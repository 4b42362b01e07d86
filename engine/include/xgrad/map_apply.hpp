// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// From a compiled elementwise kernel to a differentiable operation. No SIMD in here.
#include "xgrad/map_loop.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::detail {

/// The shape that all inputs broadcast to: the first input's own where all are the same, else `joint`.
template <class T> const Shape& map_shape(const char* name, std::span<Node<T>* const> inputs, Shape& joint);
/// One pass over the broadcast inputs; `shape` as map_shape() gave it.
template <class T>
Storage<T> map_forward(const MapKernel<T>& kernel, const void* f, const Shape& shape, std::span<Node<T>* const> inputs);
/// One pass that gives every input of `node` its gradient, summed over broadcast axes. `saved` tells what stands in for
/// an input that the derivative does not read.
template <class T>
void map_backward(const MapKernel<T>& kernel, const void* f, Node<T>& node, const Tensor<T>& gradient);

/// A function whose derivative is written by hand; others are differentiated by running them on dual numbers.
template <class F>
concept Primitive = requires {
  requires F::primitive;
};

/// Backward of F under create_graph: with operations that record themselves.
template <class T, class F, std::size_t... K>
void record_map_backward(const F& f, Node<T>& n, const Tensor<T>& g, std::index_sequence<K...>) {
  if constexpr (Primitive<F>) {
    // A derivative reads only what was saved; g stands in for the rest.
    const auto saved_or_g = [&](std::size_t k) { return F::saves >> k & 1u ? n.input(k) : g; };
    if constexpr (F::arity == 1) {
      n.give(0, g * f.derivative(saved_or_g(0), F::saves == kSaveOutput ? n.output() : g));
    } else {
      const Tensor<T> a = saved_or_g(0), b = saved_or_g(1);
      if (n.wants(0)) n.give(0, g * f.derivative_a(a, b));
      if (n.wants(1)) n.give(1, g * f.derivative_b(a, b));
    }
  } else if constexpr (requires { f(n.input(K)...); }) {
    n.substitute(f(n.input(K)...), g);
  } else {
    fail(n.name, ": this function cannot be differentiated twice, for it cannot be called with Tensors");
  }
}

/// Backward of a function whose partial derivatives are the constants da, db, ...: a gradient passed on unchanged costs
/// no pass over memory.
template <class T, class... Derivatives>
void give_constant_multiples(Node<T>& n, const Tensor<T>& g, Derivatives... derivatives) {
  std::size_t k = 0;
  const auto give = [&](int derivative) {
    if (derivative == 1)
      n.give(k, g);
    else if (n.wants(k))
      n.give(k, g * static_cast<double>(derivative));
    ++k;
  };
  (give(derivatives), ...);
}

/// The result of an elementwise operation: `kernel` computes f and its first derivatives, f itself on Tensors the rest.
template <class T, class F, class... Rest>
Tensor<T> apply_map(const char* name, const MapKernel<T>& kernel, SavedMask saves, const F& f, const Tensor<T>& first,
                    const Rest&... rest) {
  Node<T>* const inputs[] = {first.node(), rest.node()...};
  const std::span<Node<T>* const> span(inputs);
  Shape joint;
  const Shape& shape = map_shape(name, span, joint);
  Storage<T> value = map_forward(kernel, &f, shape, span);
  return record<T>(
      name, shape, std::move(value), saves,
      [kernel, f](Node<T>& n, const Tensor<T>& g) {
        if constexpr (Primitive<F>) {
          if constexpr (F::arity == 1) {
            if constexpr (std::is_same_v<decltype(f.derivative(g, g)), int>)
              return give_constant_multiples(n, g, f.derivative(g, g));
          } else if constexpr (std::is_same_v<decltype(f.derivative_a(g, g)), int> &&
                               std::is_same_v<decltype(f.derivative_b(g, g)), int>) {
            return give_constant_multiples(n, g, f.derivative_a(g, g), f.derivative_b(g, g));
          }
        }
        if (is_grad_enabled())
          record_map_backward(f, n, g, std::make_index_sequence<1 + sizeof...(Rest)>{});
        else
          map_backward(kernel, &f, n, g);
      },
      span);
}

}  // namespace xgrad::detail
