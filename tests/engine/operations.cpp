// SPDX-License-Identifier: BSD-3-Clause
// The table of operations: name, call, sample inputs. See CONTRIBUTING.md, "Add an operation".
#include "engine/operations.hpp"

using namespace xgrad;

namespace {

/// An elementwise function of one number from an interval.
template <class F> OperationRow unary(const char* name, F f, double low = -2, double high = 2) {
  return {name, f, {{{{2, 3}, low, high}}, {{{}, low, high}}, {{{1}, low, high}}, {{{37}, low, high}}}, true};
}
/// An elementwise function of two numbers from two intervals.
template <class F> OperationRow binary(const char* name, F f, Input a = {{}, -2, 2}, Input b = {{}, -1.7, 2.3}) {
  std::vector<Sample> samples;
  const std::pair<Shape, Shape> shapes[] = {{{2, 3}, {2, 3}},    {{2, 3}, {3}}, {{2, 1}, {1, 3}}, {{2, 3}, {}},
                                            {{4, 1, 3}, {2, 1}}, {{}, {}},      {{1, 19}, {5, 1}}};
  for (const auto& [x, y] : shapes) samples.push_back({{x, a.low, a.high}, {y, b.low, b.high}});
  return {name, f, samples, true};
}

const Indices kClasses(Shape{4}, {2, 0, 1, 2});
const Indices kSomeIgnored(Shape{4}, {2, -100, 1, 2});
const Indices kPixels(Shape{2, 2}, {0, 2, 1, 1});

template <class T> Tensor<T> class_weights() { return Tensor<T>({3}, {T(0.5), T(2), T(1.25)}); }

std::vector<OperationRow> make_operations() {
#define F(...) [](const auto& x) { return __VA_ARGS__; }
#define T typename std::decay_t<decltype(x[0])>::value_type
  const std::vector<Sample> reducible = {{{{2, 3, 4}}}, {{{5}}}, {{{1, 3}}}};
  const std::vector<Sample> scores = {{{{4, 3}}}};
  return {
      // arithmetic
      binary("add", F(x[0] + x[1])),
      binary("sub", F(x[0] - x[1])),
      binary("mul", F(x[0] * x[1])),
      binary("div", F(x[0] / x[1]), {{}, -2, 2}, {{}, 0.5, 2}),
      unary("add_scalar", F(x[0] + 1.5)),
      unary("mul_scalar", F(x[0] * -2.5)),
      unary("scalar_sub", F(1.5 - x[0])),
      unary("scalar_div", F(1.5 / x[0]), 0.5, 2),
      unary("neg", F(-x[0])),
      binary("maximum", F(maximum(x[0], x[1]))),
      binary("minimum", F(minimum(x[0], x[1]))),
      binary("pow", F(pow(x[0], x[1])), {{}, 0.3, 2}, {{}, -1.5, 2.1}),
      unary("pow_scalar", F(pow(x[0], 2.5)), 0.3, 2),
      binary("atan2", F(atan2(x[0], x[1]))),
      binary("hypot", F(hypot(x[0], x[1]))),
      binary("logaddexp", F(logaddexp(x[0], x[1]))),
      binary("squared_difference", F(squared_difference(x[0], x[1]))),
      binary("absolute_difference", F(absolute_difference(x[0], x[1]))),
      binary("huber_difference", F(huber_difference(x[0], x[1], 0.8))),
      binary("smooth_l1_difference", F(smooth_l1_difference(x[0], x[1], 0.8))),
      binary("logit_cross_entropy", F(logit_cross_entropy(x[0], x[1])), {{}, -2, 2}, {{}, 0.1, 0.9}),
      // functions of one number
      unary("abs", F(abs(x[0]))),
      unary("sign", F(sign(x[0]))),
      unary("square", F(square(x[0]))),
      unary("sqrt", F(sqrt(x[0])), 0.2, 3),
      unary("rsqrt", F(rsqrt(x[0])), 0.3, 3),
      unary("reciprocal", F(reciprocal(x[0])), 0.4, 3),
      unary("exp", F(exp(x[0]))),
      unary("exp2", F(exp2(x[0]))),
      unary("expm1", F(expm1(x[0]))),
      unary("log", F(log(x[0])), 0.2, 3),
      unary("log2", F(log2(x[0])), 0.2, 3),
      unary("log10", F(log10(x[0])), 0.2, 3),
      unary("log1p", F(log1p(x[0])), -0.6, 3),
      unary("sin", F(sin(x[0]))),
      unary("cos", F(cos(x[0]))),
      unary("tan", F(tan(x[0])), -1, 1),
      unary("asin", F(asin(x[0])), -0.8, 0.8),
      unary("acos", F(acos(x[0])), -0.8, 0.8),
      unary("atan", F(atan(x[0]))),
      unary("sinh", F(sinh(x[0]))),
      unary("cosh", F(cosh(x[0]))),
      unary("tanh", F(tanh(x[0]))),
      unary("asinh", F(asinh(x[0]))),
      unary("acosh", F(acosh(x[0])), 1.3, 3),
      unary("atanh", F(atanh(x[0])), -0.8, 0.8),
      unary("erf", F(erf(x[0]))),
      unary("erfc", F(erfc(x[0]))),
      unary("floor", F(floor(x[0]))),
      unary("ceil", F(ceil(x[0]))),
      unary("trunc", F(trunc(x[0]))),
      unary("round", F(round(x[0]))),
      unary("clamp", F(clamp(x[0], -0.9, 1.1))),
      // activations
      unary("relu", F(relu(x[0]))),
      unary("relu6", F(relu6(x[0])), -3, 9),
      unary("leaky_relu", F(leaky_relu(x[0], 0.1))),
      unary("elu", F(elu(x[0], 0.7))),
      unary("selu", F(selu(x[0]))),
      unary("sigmoid", F(sigmoid(x[0]))),
      unary("log_sigmoid", F(log_sigmoid(x[0]))),
      unary("softplus", F(softplus(x[0], 1.5, 20))),
      unary("hardtanh", F(hardtanh(x[0], -0.9, 1.1))),
      unary("gelu", F(gelu(x[0]))),
      unary("gelu_tanh", F(gelu_tanh(x[0]))),
      unary("silu", F(silu(x[0]))),
      unary("mish", F(mish(x[0]))),
      unary("softsign", F(softsign(x[0]))),
      unary("hardswish", F(hardswish(x[0])), -4, 4),
      // selection
      binary("where", F(where(x[0] > x[1], x[0] * 2, x[1] * x[1]))),
      unary("detach", F(x[0] * detach(x[0] * 0 + 2))),
      unary("ones_like", F(x[0] + ones_like(x[0]))),
      unary("zeros_like", F(x[0] * x[0] + zeros_like(x[0]))),
      // reductions
      {"sum", F(sum(x[0])), reducible},
      {"sum", F(sum(x[0], {-1, 0})), {{{{2, 3, 4}}}}},
      {"sum", F(sum(x[0], 0, true)), reducible},
      {"sum", F(sum(x[0], 1)), {{{{2, 3, 4}}}}},
      {"mean", F(mean(x[0])), reducible},
      {"mean", F(mean(x[0], -1, true)), reducible},
      {"sum_to", F(sum_to(x[0], Shape{3, 1})), {{{{2, 3, 4}}}}},
      {"var", F(var(x[0])), reducible},
      {"var", F(var(x[0], {0, 2}, 0, true)), {{{{2, 3, 4}}}}},
      {"amax", F(amax(x[0])), reducible},
      {"std", F(xgrad::std(x[0], -1)), {{{{2, 3, 4}}}, {{{5}}}}},
      {"amax", F(amax(x[0], 1, true)), {{{{2, 3, 4}}}}},
      {"amin", F(amin(x[0], -1)), reducible},
      {"logsumexp", F(logsumexp(x[0], -1)), reducible},
      {"logsumexp", F(logsumexp(x[0], {0, 1}, true)), {{{{2, 3, 4}}}}},
      {"max", F(max(x[0], -1).values), reducible},
      {"max", F(max(x[0], 1, true).values), {{{{2, 3, 4}}}}},
      {"min", F(min(x[0], 0).values), reducible},
      {"argmax", F(x[0] * 1), reducible, false, false},
      {"argmin", F(x[0] * 1), reducible, false, false},
      // products
      {"matmul",
       F(matmul(x[0], x[1])),
       {{{{2, 3}}, {{3, 4}}},
        {{{3}}, {{3}}},
        {{{3}}, {{3, 2}}},
        {{{2, 3}}, {{3}}},
        {{{2, 2, 3}}, {{3, 2}}},
        {{{2, 2, 3}}, {{2, 3, 2}}},
        {{{2, 3}}, {{4, 3, 2}}},
        {{{3, 1, 2, 3}}, {{2, 3, 2}}},
        {{{5, 3}}, {{2, 3, 1}}}}},
      {"linear",
       F(linear(x[0], x[1], x[2])),
       {{{{4, 3}}, {{2, 3}}, {{2}}}, {{{2, 2, 3}}, {{2, 3}}, {{2}}}, {{{3}}, {{2, 3}}, {{2}}}}},
      {"linear", F(linear(x[0], x[1])), {{{{4, 3}}, {{2, 3}}}}},
      {"linear", F(linear(x[0], x[1], x[2], Activation::relu)), {{{{4, 3}}, {{5, 3}}, {{5}}}}},
      {"linear", F(linear(x[0], x[1], x[2], Activation::tanh)), {{{{4, 3}}, {{5, 3}}, {{5}}}}},
      {"linear", F(linear(x[0], x[1], x[2], Activation::sigmoid)), {{{{4, 3}}, {{5, 3}}, {{5}}}}},
      // shape
      {"reshape", F(reshape(x[0], {-1, 2})), {{{{2, 3, 4}}}}},
      {"flatten", F(flatten(x[0], 1)), {{{{2, 3, 4}}}}},
      {"squeeze", F(squeeze(x[0], 1)), {{{{2, 1, 3}}}}},
      {"squeeze", F(squeeze(x[0])), {{{{2, 1, 3, 1}}}}},
      {"unsqueeze", F(unsqueeze(x[0], -1)), {{{{2, 3}}}}},
      {"transpose", F(transpose(x[0])), {{{{2, 3}}}, {{{2, 3, 4}}}, {{{40, 70}}}}},
      {"transpose", F(transpose(x[0], 0, 2)), {{{{2, 3, 4}}}}},
      {"permute", F(permute(x[0], {1, 2, 0})), {{{{2, 3, 4}}}}},
      {"permute", F(permute(x[0], {3, 0, 2, 1})), {{{{2, 3, 2, 4}}}}},
      {"expand", F(expand(x[0], Shape{2, 3, 4})), {{{{3, 1}}}, {{{}}}}},
      {"slice", F(slice(x[0], 1, 1)), {{{{2, 5}}}}},
      {"slice", F(slice(x[0], 0, -4, -1, 2)), {{{{6, 2}}}}},
      {"concat", F(concat<T>({x[0], x[1], x[0]}, 1)), {{{{2, 3}}, {{2, 1}}}}},
      {"stack", F(stack<T>({x[0], x[1]}, 1)), {{{{2, 3}}, {{2, 3}}}}},
      // softmax and losses
      {"softmax", F(softmax(x[0])), reducible},
      {"softmax", F(softmax(x[0], 0)), reducible},
      {"log_softmax", F(log_softmax(x[0])), reducible},
      {"log_softmax", F(log_softmax(x[0], 1)), {{{{2, 3, 4}}}}},
      {"mse_loss", F(mse_loss(x[0], x[1])), {{{{2, 3}}, {{2, 3}}}}},
      {"mse_loss", F(mse_loss(x[0], x[1], Reduction::none)), {{{{2, 3}}, {{2, 3}}}}},
      {"l1_loss", F(l1_loss(x[0], x[1], Reduction::sum)), {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}}},
      {"smooth_l1_loss", F(smooth_l1_loss(x[0], x[1], 0.5)), {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}}},
      {"huber_loss", F(huber_loss(x[0], x[1], 0.7)), {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}}},
      {"bce_with_logits_loss", F(bce_with_logits_loss(x[0], x[1])), {{{{2, 3}}, {{2, 3}, 0.1, 0.9}}}},
      {"bce_with_logits_loss",
       F(bce_with_logits_loss<T>(
           x[0], x[1],
           {.weight = class_weights<T>(), .pos_weight = class_weights<T>() * 2, .reduction = Reduction::sum})),
       {{{{2, 3}}, {{2, 3}, 0.1, 0.9}}}},
      {"nll_loss", F(nll_loss(x[0], kClasses)), scores},
      {"nll_loss", F(nll_loss<T>(x[0], kSomeIgnored, {.weight = class_weights<T>()})), scores},
      {"nll_loss", F(nll_loss<T>(x[0], kPixels, {.reduction = Reduction::none})), {{{{2, 3, 2}}}}},
      {"cross_entropy", F(cross_entropy(x[0], kClasses)), scores},
      {"cross_entropy", F(cross_entropy<T>(x[0], kSomeIgnored, {.weight = class_weights<T>(), .label_smoothing = 0.1})),
       scores},
      {"cross_entropy",
       F(cross_entropy<T>(x[0], kPixels, {.label_smoothing = 0.2, .reduction = Reduction::none})),
       {{{{2, 3, 2}}}}},
      {"cross_entropy", F(cross_entropy<T>(x[0], kClasses, {.reduction = Reduction::sum})), scores},
      {"cross_entropy",
       F(cross_entropy<T>(x[0], x[1], {.weight = class_weights<T>(), .label_smoothing = 0.1})),
       {{{{4, 3}}, {{4, 3}, 0.1, 0.9}}}},
      {"dropout", F(dropout(x[0], 0.4, true, RandomKey{1, 2, 3})), reducible},
  };
#undef F
#undef T
}

}  // namespace

const std::vector<OperationRow>& operations() {
  static const std::vector<OperationRow> all = make_operations();
  return all;
}
