// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Derivatives of functions: products with the Jacobian from either side, Jacobians, Hessians, gradients of each sample.
// A function takes a list of tensors. Unless told to create_graph, these evaluate it on leaves of their own that share
// the inputs' elements: nobody's grad() is touched.
#include <functional>
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

template <class T> using TensorFunction = std::function<Tensor<T>(const std::vector<Tensor<T>>&)>;

template <class T> struct ValueAndGradients {
  Tensor<T> value;
  std::vector<Tensor<T>> gradients;  ///< one for each input, of its shape; zeros where f does not depend on it
};
template <class T> struct ValueAndTangent { Tensor<T> value, tangent; };

/// f(inputs) of one element, and its gradients.
template <class T>
ValueAndGradients<T> value_and_grad(const TensorFunction<T>& f, const std::vector<Tensor<T>>& inputs);

/// f(inputs), and v times the Jacobian: the gradients of <v, f>. v has f's shape, else Error.
template <class T>
ValueAndGradients<T> vjp(const TensorFunction<T>& f, const std::vector<Tensor<T>>& inputs, const Tensor<T>& v);

/// f(inputs), and the Jacobian times `tangents` (one for each input, of its shape, else Error): the derivative of f
/// along them. By two backward passes, so it costs about three evaluations of f.
template <class T>
ValueAndTangent<T> jvp(const TensorFunction<T>& f, const std::vector<Tensor<T>>& inputs,
                       const std::vector<Tensor<T>>& tangents);

struct JacobianOptions {
  /// Evaluate f on the inputs themselves, which must require gradients, and make the result differentiable.
  bool create_graph = false;
};
/// The Jacobian of f for each input: shape of f, then shape of the input (at most 8 axes together). One backward pass
/// for each element of f.
template <class T>
std::vector<Tensor<T>> jacobian(const TensorFunction<T>& f, const std::vector<Tensor<T>>& inputs,
                                JacobianOptions options = {});
/// Of a function of one tensor.
template <class T, class F>
requires std::is_invocable_r_v < Tensor<T>,
const F&, const Tensor<T>& > Tensor<T> jacobian(const F& f, const Tensor<T>& x, JacobianOptions options = {}) {
  return jacobian<T>([&f](const std::vector<Tensor<T>>& in) { return f(in[0]); }, {x}, options)[0];
}

/// The second derivatives of a function of one tensor with one element as result: shape of x, twice. Error if f(x) has
/// more elements. One backward pass for each element of x.
template <class T, class F>
requires std::is_invocable_r_v < Tensor<T>,
const F&, const Tensor<T>& > Tensor<T> hessian(const F& f, const Tensor<T>& x);

/// f(inputs), and the Hessian times `vectors` (one for each input): the gradient of <grad f, vectors>.
template <class T>
ValueAndGradients<T> hvp(const TensorFunction<T>& f, const std::vector<Tensor<T>>& inputs,
                         const std::vector<Tensor<T>>& vectors);

/// For losses (N,), one for each sample, already computed from `parameters`: the gradient of each loss with respect to
/// each parameter, (N,) + its shape. Error if losses is not of rank 1.
template <class T>
std::vector<Tensor<T>> per_sample_gradients(const Tensor<T>& losses, const std::vector<Tensor<T>>& parameters);

namespace detail {
template <class T> Tensor<T> hessian(const TensorFunction<T>& f, const Tensor<T>& x);
}
template <class T, class F>
requires std::is_invocable_r_v < Tensor<T>,
const F&, const Tensor<T>& > Tensor<T> hessian(const F& f, const Tensor<T>& x) {
  return detail::hessian<T>([&f](const std::vector<Tensor<T>>& in) { return f(in[0]); }, x);
}

}  // namespace xgrad
