// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>

#include "xgrad/autograd.hpp"
#include "xgrad/random.hpp"

namespace xgrad {
namespace {

using Tensors = std::vector<Tensor<double>>;
using Function = std::function<Tensors(const Tensors&)>;

/// Fixed weights in [-1, 1) that make output `index` a scalar: a plain sum would hide errors (rows of softmax sum to
/// 1).
Tensor<double> weights_for(const Shape& shape, std::uint64_t seed, std::size_t index) {
  Storage<double> values(shape.size());
  const RandomKey key{seed, RandomStream::user, static_cast<std::uint32_t>(index)};
  for (std::size_t i = 0; i < values.size(); ++i) values.data()[i] = 2 * uniform(key, i) - 1;
  return Tensor<double>(shape, std::move(values));
}

/// sum_i <weights_i, f(inputs)_i>
double weighted(const Function& f, const Tensors& inputs, const Tensors& weights) {
  const NoGrad no_grad;
  const Tensors outputs = f(inputs);
  double total = 0;
  for (std::size_t k = 0; k < outputs.size(); ++k)
    for (std::size_t i = 0; i < outputs[k].size(); ++i) total += weights[k].data()[i] * outputs[k].data()[i];
  return total;
}

/// Fresh leaves with the values of `inputs`, so that nobody's gradients or elements are touched.
Tensors fresh_leaves(const Tensors& inputs) {
  const NoGrad no_grad;
  Tensors leaves;
  for (const Tensor<double>& input : inputs)
    leaves.push_back(input.clone().detach().set_requires_grad(input.requires_grad()));
  return leaves;
}

/// The gradients of the weighted outputs for all `inputs`; undefined where there is none.
Tensors analytic_gradients(const Tensors& outputs, const Tensors& weights, const Tensors& inputs) {
  Tensors roots, seeds, wanted;
  for (std::size_t k = 0; k < outputs.size(); ++k)
    if (outputs[k].requires_grad()) {
      roots.push_back(outputs[k]);
      seeds.push_back(weights[k]);
    }
  for (const Tensor<double>& input : inputs)
    if (input.requires_grad()) wanted.push_back(input);
  Tensors found(wanted.size());
  if (!roots.empty() && !wanted.empty()) found = grad(roots, wanted, seeds, {.allow_unused = true});
  Tensors gradients;
  for (std::size_t k = 0, next = 0; k < inputs.size(); ++k)
    gradients.push_back(inputs[k].requires_grad() ? found[next++] : Tensor<double>());
  return gradients;
}

GradcheckResult compare(const char* name, const Function& f, const Tensors& originals,
                        const GradcheckOptions& options) {
  Tensors inputs = fresh_leaves(originals);
  const EnableGrad enable_grad;
  const Tensors outputs = f(inputs);
  Tensors weights;
  for (std::size_t k = 0; k < outputs.size(); ++k) weights.push_back(weights_for(outputs[k].shape(), options.seed, k));
  const Tensors gradients = analytic_gradients(outputs, weights, inputs);

  GradcheckResult result;
  double worst = -1;  // largest difference / tolerance so far
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    Tensor<double>& input = inputs[k];
    if (!input.requires_grad()) continue;
    XGRAD_CHECK(!gradients[k].defined() || gradients[k].shape() == input.shape(), name, ": the gradient of input ", k,
                " has shape ", gradients[k].shape(), "; expected ", input.shape(), ", the input's");
    for (std::size_t i = 0; i < input.size(); ++i) {
      const double center = input.data()[i];
      input.mutable_data()[i] = center + options.step;
      const double above = weighted(f, inputs, weights);
      input.mutable_data()[i] = center - options.step;
      const double below = weighted(f, inputs, weights);
      input.mutable_data()[i] = center;
      const double numeric = (above - below) / (2 * options.step);
      const double analytic = gradients[k].defined() ? gradients[k].data()[i] : 0;
      const double difference = std::abs(analytic - numeric);
      const double excess = difference / (options.absolute_tolerance + options.relative_tolerance * std::abs(numeric));
      const bool failed = !(excess <= 1);  // also NaN
      if (!(excess > worst) && !(failed && result.passed)) continue;
      worst = excess;
      result.worst_difference = difference;
      if (!failed) continue;
      result.passed = false;
      result.message = name;
      detail::append_text(result.message, ": input " + std::to_string(k) + " of shape " + input.shape().to_string() +
                                              ", element " + std::to_string(i) + " (value ");
      detail::append_text(result.message, center);
      detail::append_text(result.message, "): the gradient is ");
      detail::append_text(result.message, analytic);
      detail::append_text(result.message, ", the central difference ");
      detail::append_text(result.message, numeric);
    }
  }
  return result;
}

}  // namespace

GradcheckResult gradcheck(const DoubleFunction& f, const std::vector<Tensor<double>>& inputs,
                          GradcheckOptions options) {
  return compare(
      "gradcheck", [&f](const Tensors& x) { return Tensors{f(x)}; }, inputs, options);
}

GradcheckResult gradgradcheck(const DoubleFunction& f, const std::vector<Tensor<double>>& inputs,
                              GradcheckOptions options) {
  Shape shape;
  {
    const NoGrad no_grad;
    shape = f(inputs).shape();
  }
  // The gradient is a function of the inputs and of the output's gradient, which is the last input here.
  Tensors extended = inputs;
  extended.push_back(weights_for(shape, options.seed + 1, 0).set_requires_grad());
  const Function gradient = [&f](const Tensors& x) {
    const bool differentiable = is_grad_enabled();  // off for the central differences: they take the fused backward
    const EnableGrad enable_grad;
    const Tensors arguments(x.begin(), x.end() - 1);
    Tensors wanted;
    for (const Tensor<double>& input : arguments)
      if (input.requires_grad()) wanted.push_back(input);
    const Tensor<double> output = f(arguments);
    Tensors gradients(wanted.size());
    if (output.requires_grad())
      gradients = grad<double>({output}, wanted, {x.back()}, {.create_graph = differentiable, .allow_unused = true});
    for (std::size_t k = 0; k < wanted.size(); ++k)
      if (!gradients[k].defined()) gradients[k] = Tensor<double>::zeros(wanted[k].shape());
    return gradients;
  };
  return compare("gradgradcheck", gradient, extended, options);
}

}  // namespace xgrad
