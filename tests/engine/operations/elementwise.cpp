// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: arithmetic, functions of one number, selection.
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

/// An elementwise function of three numbers.
template <class Function> OperationRow ternary(const char* name, Function f, const char* torch, Input third) {
  const auto sample = [&](const Shape& a, const Shape& b, const Shape& c) {
    return Sample{{a}, {b, -1.7, 2.3}, {c, third.low, third.high}};
  };
  return {name,
          f,
          torch,
          {sample({2, 3}, {2, 3}, {2, 3}), sample({2, 3}, {3}, {2, 1}), sample({}, {2, 3}, {}), sample({}, {}, {}),
           sample({4, 1, 3}, {2, 1}, {3})},
          true};
}
/// A comparison: no gradient.
template <class Function> OperationRow compared(const char* name, Function f, const char* torch) {
  return {name, f, torch, {{{{2, 3}}, {{3}}}, {{{}}, {{5}}}}, false, false};
}

}  // namespace

std::vector<OperationRow> elementwise_rows() {
  return {
      // arithmetic
      binary("add", F(x[0] + x[1]), "x[0] + x[1]"),
      binary("sub", F(x[0] - x[1]), "x[0] - x[1]"),
      binary("mul", F(x[0] * x[1]), "x[0] * x[1]"),
      binary("div", F(x[0] / x[1]), "x[0] / x[1]", {{}, -2, 2}, {{}, 0.5, 2}),
      unary("add_scalar", F(x[0] + 1.5), "x[0] + 1.5"),
      unary("mul_scalar", F(x[0] * -2.5), "x[0] * -2.5"),
      unary("scalar_sub", F(1.5 - x[0]), "1.5 - x[0]"),
      unary("scalar_div", F(1.5 / x[0]), "1.5 / x[0]", 0.5, 2),
      unary("neg", F(-x[0]), "-x[0]"),
      binary("maximum", F(maximum(x[0], x[1])), "torch.maximum(x[0], x[1])"),
      binary("minimum", F(minimum(x[0], x[1])), "torch.minimum(x[0], x[1])"),
      binary("pow", F(pow(x[0], x[1])), "x[0] ** x[1]", {{}, 0.3, 2}, {{}, -1.5, 2.1}),
      unary("pow_scalar", F(pow(x[0], 2.5)), "x[0] ** 2.5", 0.3, 2),
      unary("pow_scalar", F(pow(x[0], 3)), "x[0] ** 3"),
      unary("pow_scalar", F(pow(x[0], -1)), "x[0] ** -1", 0.3, 2),
      unary("pow_scalar", F(pow_scalar(x[0], -2)), "x[0] ** -2", 0.3, 2),
      binary("atan2", F(atan2(x[0], x[1])), "torch.atan2(x[0], x[1])"),
      binary("hypot", F(hypot(x[0], x[1])), "torch.hypot(x[0], x[1])"),
      binary("logaddexp", F(logaddexp(x[0], x[1])), "torch.logaddexp(x[0], x[1])"),
      binary("floor_divide", F(floor_divide(x[0], x[1])), "torch.div(x[0], x[1], rounding_mode='floor')", {{}, -5, 5}),
      binary("remainder", F(remainder(x[0], x[1])), "torch.remainder(x[0], x[1])", {{}, -5, 5}),
      unary("remainder", F(remainder(x[0], -0.7)), "torch.remainder(x[0], -0.7)"),
      binary("fmod", F(fmod(x[0], x[1])), "torch.fmod(x[0], x[1])", {{}, -5, 5}),
      binary("copysign", F(copysign(x[0], x[1])), "torch.copysign(x[0], x[1])"),
      binary("xlogy", F(xlogy(x[0], x[1])), "torch.xlogy(x[0], x[1])", {{}, -2, 2}, {{}, 0.3, 2}),
      ternary("lerp", F(lerp(x[0], x[1], x[2])), "torch.lerp(x[0], x[1].expand_as(x[0] + x[1] + x[2]), x[2])",
              {{}, 0.1, 1.2}),
      binary("lerp_scalar", F(lerp(x[0], x[1], 0.3)), "torch.lerp(x[0], x[1], 0.3)"),
      ternary("addcmul", F(addcmul(x[0], x[1], x[2], -0.7)), "torch.addcmul(x[0], x[1], x[2], value=-0.7)", {}),
      ternary("addcdiv", F(addcdiv(x[0], x[1], x[2], 1.7)), "torch.addcdiv(x[0], x[1], x[2], value=1.7)", {{}, 0.5, 2}),
      binary("squared_difference", F(squared_difference(x[0], x[1])), "(x[0] - x[1]) ** 2"),
      binary("absolute_difference", F(absolute_difference(x[0], x[1])), "(x[0] - x[1]).abs()"),
      binary("huber_difference", F(huber_difference(x[0], x[1], 0.8)),
             "F.huber_loss(*torch.broadcast_tensors(*x), reduction='none', delta=0.8)"),
      binary("smooth_l1_difference", F(smooth_l1_difference(x[0], x[1], 0.8)),
             "F.smooth_l1_loss(*torch.broadcast_tensors(*x), reduction='none', beta=0.8)"),
      binary("log_cosh_difference", F(log_cosh_difference(x[0], x[1])), "torch.log(torch.cosh(x[0] - x[1]))"),
      binary("quantile_difference", F(quantile_difference(x[0], x[1], 0.3)),
             "torch.maximum(0.3 * (x[1] - x[0]), -0.7 * (x[1] - x[0]))"),
      binary("probability_cross_entropy", F(probability_cross_entropy(x[0], x[1])),
             "-x[1] * torch.log(x[0]) - (1 - x[1]) * torch.log(1 - x[0])", {{}, 0.1, 0.9}, {{}, 0.15, 0.85}),
      binary("logit_cross_entropy", F(logit_cross_entropy(x[0], x[1])),
             "x[0].clamp(min=0) - x[0] * x[1] + torch.log1p(torch.exp(-x[0].abs()))", {{}, -2, 2}, {{}, 0.1, 0.9}),
      // functions of one number
      unary("abs", F(abs(x[0])), "torch.abs(x[0])"),
      unary("sign", F(sign(x[0])), "torch.sign(x[0])"),
      unary("square", F(square(x[0])), "torch.square(x[0])"),
      unary("sqrt", F(sqrt(x[0])), "torch.sqrt(x[0])", 0.2, 3),
      unary("cbrt", F(cbrt(x[0])), "torch.sign(x[0]) * x[0].abs() ** (1 / 3)"),
      unary("rsqrt", F(rsqrt(x[0])), "torch.rsqrt(x[0])", 0.3, 3),
      unary("reciprocal", F(reciprocal(x[0])), "torch.reciprocal(x[0])", 0.4, 3),
      unary("exp", F(exp(x[0])), "torch.exp(x[0])"),
      unary("exp2", F(exp2(x[0])), "torch.exp2(x[0])"),
      unary("expm1", F(expm1(x[0])), "torch.expm1(x[0])"),
      unary("log", F(log(x[0])), "torch.log(x[0])", 0.2, 3),
      unary("log2", F(log2(x[0])), "torch.log2(x[0])", 0.2, 3),
      unary("log10", F(log10(x[0])), "torch.log10(x[0])", 0.2, 3),
      unary("log1p", F(log1p(x[0])), "torch.log1p(x[0])", -0.6, 3),
      unary("sin", F(sin(x[0])), "torch.sin(x[0])"),
      unary("cos", F(cos(x[0])), "torch.cos(x[0])"),
      unary("tan", F(tan(x[0])), "torch.tan(x[0])", -1, 1),
      unary("asin", F(asin(x[0])), "torch.asin(x[0])", -0.8, 0.8),
      unary("acos", F(acos(x[0])), "torch.acos(x[0])", -0.8, 0.8),
      unary("atan", F(atan(x[0])), "torch.atan(x[0])"),
      unary("sinh", F(sinh(x[0])), "torch.sinh(x[0])"),
      unary("cosh", F(cosh(x[0])), "torch.cosh(x[0])"),
      unary("tanh", F(tanh(x[0])), "torch.tanh(x[0])"),
      unary("asinh", F(asinh(x[0])), "torch.asinh(x[0])"),
      unary("acosh", F(acosh(x[0])), "torch.acosh(x[0])", 1.3, 3),
      unary("atanh", F(atanh(x[0])), "torch.atanh(x[0])", -0.8, 0.8),
      unary("sigmoid", F(sigmoid(x[0])), "torch.sigmoid(x[0])"),
      unary("log_sigmoid", F(log_sigmoid(x[0])), "F.logsigmoid(x[0])"),
      unary("softplus", F(softplus(x[0], 1.5, 2)), "F.softplus(x[0], 1.5, 2)"),
      unary("logit", F(logit(x[0])), "torch.logit(x[0])", 0.1, 0.9),
      unary("logit", F(logit(x[0], 0.2)), "torch.logit(x[0], 0.2)", -0.1, 1.1),
      unary("erf", F(erf(x[0])), "torch.erf(x[0])"),
      unary("erfc", F(erfc(x[0])), "torch.erfc(x[0])"),
      unary("erfinv", F(erfinv(x[0])), "torch.erfinv(x[0])", -0.95, 0.95),
      unary("lgamma", F(lgamma(x[0])), "torch.lgamma(x[0])", 0.2, 14),
      unary("lgamma", F(lgamma(x[0])), "torch.lgamma(x[0])", -2.9, -2.1),
      unary("digamma", F(digamma(x[0])), "torch.digamma(x[0])", 0.2, 14, 1e-8),  // PyTorch's trigamma has nine digits
      unary("digamma", F(digamma(x[0])), "torch.digamma(x[0])", -2.9, -2.1, 1e-8),
      unary("polygamma", F(polygamma(0, x[0])), "torch.polygamma(0, x[0])", 0.5, 3, 1e-8),
      unary("polygamma", F(polygamma(1, x[0])), "torch.polygamma(1, x[0])", 0.5, 3, 1e-8),
      unary("polygamma", F(polygamma(2, x[0])), "torch.polygamma(2, x[0])", 0.5, 14),
      unary("polygamma_order", F(polygamma_order(x[0], 5)), "torch.polygamma(5, x[0])", 1, 4),
      unary("polygamma_order", F(polygamma_order(x[0], 3)), "torch.polygamma(3, x[0])", -2.7, -2.3),
      unary("floor", F(floor(x[0])), "torch.floor(x[0])"),
      unary("ceil", F(ceil(x[0])), "torch.ceil(x[0])"),
      unary("trunc", F(trunc(x[0])), "torch.trunc(x[0])"),
      unary("round", F(round(x[0])), "torch.round(x[0])"),
      unary("frac", F(frac(x[0])), "torch.frac(x[0])"),
      unary("clamp", F(clamp(x[0], -0.9, 1.1)), "torch.clamp(x[0], -0.9, 1.1)"),
      unary("clamp_min", F(clamp_min(x[0], -0.9)), "torch.clamp(x[0], min=-0.9)"),
      unary("clamp_max", F(clamp_max(x[0], 1.1)), "torch.clamp(x[0], max=1.1)"),
      unary("nan_to_num", F(nan_to_num(where(x[0] > 1, T(INFINITY), where(x[0] < -1, T(NAN), x[0])), 3, 4)),
            "torch.nan_to_num(torch.where(x[0] > 1, math.inf, torch.where(x[0] < -1, math.nan, x[0])), 3, 4)"),
      // comparison and selection
      compared("eq", F(eq(floor(x[0]), floor(x[1])).indicator), "torch.eq(torch.floor(x[0]), torch.floor(x[1]))"),
      compared("ne", F(ne(floor(x[0]), floor(x[1])).indicator), "torch.ne(torch.floor(x[0]), torch.floor(x[1]))"),
      compared("lt", F(lt(x[0], x[1]).indicator), "torch.lt(x[0], x[1])"),
      compared("le", F(le(x[0], x[1]).indicator), "torch.le(x[0], x[1])"),
      compared("gt", F(gt(x[0], x[1]).indicator), "torch.gt(x[0], x[1])"),
      compared("ge", F(ge(x[0], x[1]).indicator), "torch.ge(x[0], x[1])"),
      compared("logical_not", F(logical_not(round(x[0])).indicator), "torch.logical_not(torch.round(x[0]))"),
      compared("logical_and", F(logical_and(round(x[0]), round(x[1])).indicator),
               "torch.logical_and(torch.round(x[0]), torch.round(x[1]))"),
      compared("logical_or", F(logical_or(round(x[0]), round(x[1])).indicator),
               "torch.logical_or(torch.round(x[0]), torch.round(x[1]))"),
      compared("logical_xor", F(logical_xor(x[0] > 0, x[1] > 0).indicator), "torch.logical_xor(x[0] > 0, x[1] > 0)"),
      compared("isnan", F(isnan(log(x[0])).indicator), "torch.isnan(torch.log(x[0]))"),
      compared("isinf", F(isinf(1 / round(x[0])).indicator), "torch.isinf(1 / torch.round(x[0]))"),
      compared("isfinite", F(isfinite(1 / round(x[0])).indicator), "torch.isfinite(1 / torch.round(x[0]))"),
      compared("isclose", F(isclose(x[0], x[1], 0.2, 0.3).indicator),
               "torch.isclose(*torch.broadcast_tensors(*x), 0.2, 0.3)"),
      compared("allclose", F(T(allclose(x[0], x[1], 0, 4))), "torch.tensor(torch.allclose(x[0], x[1], 0, 4))"),
      compared("array_equal", F(T(array_equal(x[0], x[1]))), "torch.tensor(torch.equal(x[0], x[1]))"),
      binary("where", F(where(x[0] > x[1], x[0] * 2, x[1] * x[1])), "torch.where(x[0] > x[1], x[0] * 2, x[1] * x[1])"),
      unary("detach", F(x[0] * detach(x[0] * 0 + 2)), "x[0] * (x[0] * 0 + 2).detach()"),
      unary("ones_like", F(x[0] + ones_like(x[0])), "x[0] + torch.ones_like(x[0])"),
      unary("zeros_like", F(x[0] * x[0] + zeros_like(x[0])), "x[0] * x[0] + torch.zeros_like(x[0])"),
  };
}
