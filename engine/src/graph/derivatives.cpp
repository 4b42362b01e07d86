// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/derivatives.hpp"

#include "xgrad/autograd.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

template <class T> std::vector<Tensor<T>> leaves_of(const std::vector<Tensor<T>>& inputs) {
  std::vector<Tensor<T>> leaves;
  for (const Tensor<T>& input : inputs) leaves.push_back(parameter(input));
  return leaves;
}

template <class T>
void require_shapes(const char* name, const std::vector<Tensor<T>>& inputs, const std::vector<Tensor<T>>& vectors) {
  XGRAD_CHECK(inputs.size() == vectors.size(), name, ": ", vectors.size(), " vectors for ", inputs.size(),
              " inputs; expected one for each");
  for (std::size_t k = 0; k < inputs.size(); ++k)
    XGRAD_CHECK(vectors[k].shape() == inputs[k].shape(), name, ": vector ", k, " has shape ", vectors[k].shape(),
                "; expected ", inputs[k].shape(), ", its input's");
}

/// The gradients of <v, y> for all inputs, zeros where y does not depend on them.
template <class T>
std::vector<Tensor<T>> gradients_of(const Tensor<T>& y, const std::vector<Tensor<T>>& inputs, const Tensor<T>& v,
                                    GradOptions options) {
  options.allow_unused = true;
  std::vector<Tensor<T>> gradients(inputs.size());
  if (y.requires_grad()) gradients = grad<T>({y}, inputs, {v}, options);
  for (std::size_t k = 0; k < inputs.size(); ++k)
    if (!gradients[k].defined()) gradients[k] = Tensor<T>::zeros(inputs[k].shape());
  return gradients;
}

/// sum_k <a_k, b_k>
template <class T> Tensor<T> dot(const std::vector<Tensor<T>>& a, const std::vector<Tensor<T>>& b) {
  Tensor<T> total(T{0});
  for (std::size_t k = 0; k < a.size(); ++k) total = total + sum(a[k] * b[k]);
  return total;
}

/// The gradient of each element of y: one list of rows for each input.
template <class T>
std::vector<Tensor<T>> rows_of(const Tensor<T>& y, const std::vector<Tensor<T>>& inputs, bool create_graph) {
  std::vector<std::vector<Tensor<T>>> rows(inputs.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    Tensor<T> one = Tensor<T>::zeros(y.shape());
    one.mutable_data()[i] = 1;
    const auto gradients = gradients_of(y, inputs, one, {.retain_graph = true, .create_graph = create_graph});
    for (std::size_t k = 0; k < inputs.size(); ++k) rows[k].push_back(gradients[k]);
  }
  std::vector<Tensor<T>> result;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    Shape shape = y.shape();
    for (const std::int64_t size : inputs[k].shape()) shape.push_back(size);
    result.push_back(y.size() == 0 ? Tensor<T>::zeros(shape) : reshape(stack(rows[k], 0), shape));
  }
  return result;
}

}  // namespace

template <class T>
ValueAndGradients<T> vjp(const TensorFunction<T>& f, const std::vector<Tensor<T>>& inputs, const Tensor<T>& v) {
  const EnableGrad enable_grad;
  const auto x = leaves_of(inputs);
  const Tensor<T> y = f(x);
  XGRAD_CHECK(v.shape() == y.shape(), "vjp: v has shape ", v.shape(), "; expected ", y.shape(), ", the function's");
  return {y.detach(), gradients_of(y, x, v, {})};
}

template <class T>
ValueAndGradients<T> value_and_grad(const TensorFunction<T>& f, const std::vector<Tensor<T>>& inputs) {
  const EnableGrad enable_grad;
  const auto x = leaves_of(inputs);
  const Tensor<T> y = f(x);
  XGRAD_CHECK(y.size() == 1, "value_and_grad: the function gave shape ", y.shape(), "; expected one element");
  return {y.detach(), gradients_of(y, x, Tensor<T>::ones(y.shape()), {})};
}

template <class T>
ValueAndTangent<T> jvp(const TensorFunction<T>& f, const std::vector<Tensor<T>>& inputs,
                       const std::vector<Tensor<T>>& tangents) {
  require_shapes("jvp", inputs, tangents);
  const EnableGrad enable_grad;
  const auto x = leaves_of(inputs);
  const Tensor<T> y = f(x);
  // u J is linear in u, and its derivative in u along the tangents is J t.
  const Tensor<T> u = parameter(Tensor<T>::zeros(y.shape()));
  const auto product = gradients_of(y, x, u, {.create_graph = true});
  return {y.detach(), gradients_of<T>(dot(product, tangents), {u}, Tensor<T>(T{1}), {})[0]};
}

template <class T>
std::vector<Tensor<T>> jacobian(const TensorFunction<T>& f, const std::vector<Tensor<T>>& inputs,
                                JacobianOptions options) {
  if (options.create_graph)
    for (std::size_t k = 0; k < inputs.size(); ++k)
      XGRAD_CHECK(inputs[k].requires_grad(), "jacobian: create_graph needs inputs that require gradients; input ", k,
                  " of shape ", inputs[k].shape(), " does not");
  const EnableGrad enable_grad;
  const auto x = options.create_graph ? inputs : leaves_of(inputs);
  return rows_of(f(x), x, options.create_graph);
}

template <class T> Tensor<T> detail::hessian(const TensorFunction<T>& f, const Tensor<T>& x) {
  const EnableGrad enable_grad;
  const auto inputs = leaves_of<T>({x});
  const Tensor<T> y = f(inputs);
  XGRAD_CHECK(y.size() == 1, "hessian: the function gave shape ", y.shape(), "; expected one element");
  return rows_of(gradients_of(y, inputs, Tensor<T>::ones(y.shape()), {.create_graph = true})[0], inputs, false)[0];
}

template <class T>
ValueAndGradients<T> hvp(const TensorFunction<T>& f, const std::vector<Tensor<T>>& inputs,
                         const std::vector<Tensor<T>>& vectors) {
  require_shapes("hvp", inputs, vectors);
  const EnableGrad enable_grad;
  const auto x = leaves_of(inputs);
  const Tensor<T> y = f(x);
  XGRAD_CHECK(y.size() == 1, "hvp: the function gave shape ", y.shape(), "; expected one element");
  const auto gradients = gradients_of(y, x, Tensor<T>::ones(y.shape()), {.create_graph = true});
  return {y.detach(), gradients_of(dot(gradients, vectors), x, Tensor<T>(T{1}), {})};
}

template <class T>
std::vector<Tensor<T>> per_sample_gradients(const Tensor<T>& losses, const std::vector<Tensor<T>>& parameters) {
  XGRAD_CHECK(losses.rank() == 1, "per_sample_gradients: losses have shape ", losses.shape(),
              "; expected (N,), one for each sample: compute them with Reduction::none");
  return rows_of(losses, parameters, false);
}

#define XGRAD_INSTANTIATE(T)                                                                                          \
  template ValueAndGradients<T> value_and_grad(const TensorFunction<T>&, const std::vector<Tensor<T>>&);              \
  template ValueAndGradients<T> vjp(const TensorFunction<T>&, const std::vector<Tensor<T>>&, const Tensor<T>&);       \
  template ValueAndTangent<T> jvp(const TensorFunction<T>&, const std::vector<Tensor<T>>&,                            \
                                  const std::vector<Tensor<T>>&);                                                     \
  template std::vector<Tensor<T>> jacobian(const TensorFunction<T>&, const std::vector<Tensor<T>>&, JacobianOptions); \
  template Tensor<T> detail::hessian(const TensorFunction<T>&, const Tensor<T>&);                                     \
  template ValueAndGradients<T> hvp(const TensorFunction<T>&, const std::vector<Tensor<T>>&,                          \
                                    const std::vector<Tensor<T>>&);                                                   \
  template std::vector<Tensor<T>> per_sample_gradients(const Tensor<T>&, const std::vector<Tensor<T>>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
