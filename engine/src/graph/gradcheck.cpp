// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>

#include "xgrad/autograd.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/random.hpp"

namespace xgrad {
namespace {

/// Fixed weights make a scalar of any result; a plain sum would hide errors (a softmax row always sums to 1).
Tensor<double> weights_like(const Tensor<double>& x, std::uint64_t seed) {
  Tensor<double> weights = Tensor<double>::empty(x.shape());
  double* data = weights.mutable_data();
  for (std::size_t i = 0; i < weights.size(); ++i) data[i] = 0.5 + uniform({seed, RandomStream::noise, 0}, i);
  return weights;
}

/// Copies that require gradients where the originals do.
std::vector<Tensor<double>> leaves(const std::vector<Tensor<double>>& inputs) {
  std::vector<Tensor<double>> result;
  for (const Tensor<double>& input : inputs) result.push_back(input.detach().clone().set_requires_grad(input.requires_grad()));
  return result;
}

double weighted(const DoubleFunction& f, const std::vector<Tensor<double>>& inputs, std::uint64_t seed) {
  const Tensor<double> y = f(inputs);
  const Tensor<double> w = weights_like(y, seed);
  double total = 0;
  for (std::size_t i = 0; i < y.size(); ++i) total += y.data()[i] * w.data()[i];
  return total;
}

}  // namespace

GradcheckResult gradcheck(const DoubleFunction& f, const std::vector<Tensor<double>>& inputs, GradcheckOptions options) {
  const std::vector<Tensor<double>> x = leaves(inputs);
  std::vector<Tensor<double>> wanted;
  for (const Tensor<double>& input : x)
    if (input.requires_grad()) wanted.push_back(input);
  XGRAD_CHECK(!wanted.empty(), "gradcheck: no input requires a gradient; make them with parameter()");
  const Tensor<double> y = f(x);
  XGRAD_CHECK(y.requires_grad(), "gradcheck: the result does not depend on the inputs that require a gradient");
  const auto analytic = grad<double>({y}, wanted, {weights_like(y, options.seed)}, {.allow_unused = true});

  GradcheckResult result;
  double worst = 0;
  std::size_t which = 0;
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (!x[k].requires_grad()) continue;
    const Tensor<double>& gradient = analytic[which++];
    for (std::size_t i = 0; i < x[k].size(); ++i) {
      // Each side on copies of its own, without recording: f may keep what it is given.
      const auto shifted = [&](double by) {
        std::vector<Tensor<double>> moved;
        for (const Tensor<double>& input : inputs) moved.push_back(input.detach().clone().set_requires_grad(input.requires_grad()));
        moved[k].mutable_data()[i] += by;
        return weighted(f, moved, options.seed);
      };
      const double numeric = (shifted(options.step) - shifted(-options.step)) / (2 * options.step);
      const double found = gradient.defined() ? gradient.data()[i] : 0;
      const double difference = std::abs(found - numeric), allowed = options.absolute_tolerance + options.relative_tolerance * std::abs(numeric);
      if (difference <= allowed) continue;  // also false for NaN
      result.passed = false;
      if (result.message.empty() || difference - allowed > worst) {
        worst = difference - allowed;
        result.worst_difference = difference;
        std::string text = "input " + std::to_string(k) + ", element " + std::to_string(i) + " of shape " + x[k].shape().to_string() + ": analytic ";
        detail::append_text(text, found);
        text += ", numeric ";
        detail::append_text(text, numeric);
        result.message = text;
      }
    }
  }
  return result;
}

GradcheckResult gradgradcheck(const DoubleFunction& f, const std::vector<Tensor<double>>& inputs, GradcheckOptions options) {
  // The gradients of all inputs, flattened into one result whose own gradient is checked.
  const DoubleFunction gradient_of_f = [&](const std::vector<Tensor<double>>& x) {
    std::vector<Tensor<double>> wanted;
    for (const Tensor<double>& input : x)
      if (input.requires_grad()) wanted.push_back(input);
    const Tensor<double> y = f(x);
    const auto gradients = grad<double>({y}, wanted, {weights_like(y, options.seed + 1)}, {.create_graph = true, .allow_unused = true});
    Tensor<double> total(0.0);
    for (std::size_t i = 0; i < gradients.size(); ++i)
      if (gradients[i].defined()) total = total + sum(gradients[i] * weights_like(gradients[i], options.seed + 2 + i));
    for (const Tensor<double>& input : wanted) total = total + sum(input) * 0;  // a linear f still depends on its inputs
    return total;
  };
  return gradcheck(gradient_of_f, inputs, options);
}

}  // namespace xgrad
