// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Elementwise operations. Activations: activation.hpp; comparisons, where(): comparison.hpp. Inputs of two-argument
// functions broadcast: shapes aligned at the right, sizes equal or 1, else Error with both shapes. A NaN gives a NaN.
// Gradients at kinks are stated; all are differentiable any number of times.
#include <concepts>
#include <limits>
#include <optional>

#include "xgrad/tensor.hpp"

namespace xgrad {

// Arithmetic. Also as operators + - * / on tensors and numbers.

/// a + b
template <class T> Tensor<T> add(const Tensor<T>& a, const Tensor<T>& b);
/// a - b
template <class T> Tensor<T> sub(const Tensor<T>& a, const Tensor<T>& b);
/// a * b
template <class T> Tensor<T> mul(const Tensor<T>& a, const Tensor<T>& b);
/// a / b
template <class T> Tensor<T> div(const Tensor<T>& a, const Tensor<T>& b);
/// x + s
template <class T> Tensor<T> add_scalar(const Tensor<T>& x, double s);
/// x * s
template <class T> Tensor<T> mul_scalar(const Tensor<T>& x, double s);
/// x / s
template <class T> Tensor<T> div_scalar(const Tensor<T>& x, double s);
/// s - x
template <class T> Tensor<T> scalar_sub(const Tensor<T>& x, double s);
/// s / x
template <class T> Tensor<T> scalar_div(const Tensor<T>& x, double s);
/// -x
template <class T> Tensor<T> neg(const Tensor<T>& x);
/// The larger of a and b; a NaN wins (both get its gradient); at a tie each gets half of the gradient.
template <class T> Tensor<T> maximum(const Tensor<T>& a, const Tensor<T>& b);
/// The smaller of a and b; a NaN wins (both get its gradient); at a tie each gets half of the gradient.
template <class T> Tensor<T> minimum(const Tensor<T>& a, const Tensor<T>& b);
/// a to the power b; NaN for a < 0 and b not integer. Gradient 0 of a where b = 0, and of b where a = 0 and b >= 0.
template <class T> Tensor<T> pow(const Tensor<T>& a, const Tensor<T>& b);
/// x to the power p
template <class T> Tensor<T> pow_scalar(const Tensor<T>& x, double p);
/// The angle of the point (b, a), in (-pi, pi].
template <class T> Tensor<T> atan2(const Tensor<T>& a, const Tensor<T>& b);
/// sqrt(a^2 + b^2) without overflow; gradient 0 at the origin.
template <class T> Tensor<T> hypot(const Tensor<T>& a, const Tensor<T>& b);
/// log(exp(a) + exp(b)) without overflow; a = b = +-inf gives a.
template <class T> Tensor<T> logaddexp(const Tensor<T>& a, const Tensor<T>& b);
/// Largest integer <= a / b, by the exact quotient (9 for 1 and 0.1); gradient 0
template <class T> Tensor<T> floor_divide(const Tensor<T>& a, const Tensor<T>& b);
/// a - b floor(a / b) without rounding: the sign of b, as Python's %. Gradients 1 and -floor(a / b).
template <class T> Tensor<T> remainder(const Tensor<T>& a, const Tensor<T>& b);
/// a - b trunc(a / b) without rounding: the sign of a, as C's fmod. Gradients 1 and -trunc(a / b).
template <class T> Tensor<T> fmod(const Tensor<T>& a, const Tensor<T>& b);
/// |a| with the sign of b, -0 included. Gradient of a: -1 where the sign changed, 0 at 0, else 1; of b: 0.
template <class T> Tensor<T> copysign(const Tensor<T>& a, const Tensor<T>& b);
/// a log(b), and 0 where a = 0 unless b is NaN. Gradient of a: 0 where a = 0 and b <= 0; of b: 0 where a = b = 0.
template <class T> Tensor<T> xlogy(const Tensor<T>& a, const Tensor<T>& b);
/// a + weight (b - a)
template <class T> Tensor<T> lerp(const Tensor<T>& a, const Tensor<T>& b, const Tensor<T>& weight);
template <class T> Tensor<T> lerp_scalar(const Tensor<T>& a, const Tensor<T>& b, double weight);
/// x + factor a b
template <class T> Tensor<T> addcmul(const Tensor<T>& x, const Tensor<T>& a, const Tensor<T>& b, double factor = 1);
/// x + factor a / b
template <class T> Tensor<T> addcdiv(const Tensor<T>& x, const Tensor<T>& a, const Tensor<T>& b, double factor = 1);
/// (a - b)^2
template <class T> Tensor<T> squared_difference(const Tensor<T>& a, const Tensor<T>& b);
/// |a - b|
template <class T> Tensor<T> absolute_difference(const Tensor<T>& a, const Tensor<T>& b);
/// d = a - b: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2). See huber_loss.
template <class T> Tensor<T> huber_difference(const Tensor<T>& a, const Tensor<T>& b, double delta);
/// d = a - b: d^2 / (2 beta) where |d| < beta, else |d| - beta / 2. See smooth_l1_loss.
template <class T> Tensor<T> smooth_l1_difference(const Tensor<T>& a, const Tensor<T>& b, double beta);
/// log(cosh(a - b)). See log_cosh_loss.
template <class T> Tensor<T> log_cosh_difference(const Tensor<T>& a, const Tensor<T>& b);
/// quantile (b - a) where b > a, else (quantile - 1) (b - a). See quantile_loss.
template <class T> Tensor<T> quantile_difference(const Tensor<T>& a, const Tensor<T>& b, double quantile);
/// Binary cross entropy of the probability a against b: -b max(log(a), -100) - (1 - b) max(log(1 - a), -100).
template <class T> Tensor<T> probability_cross_entropy(const Tensor<T>& a, const Tensor<T>& b);
/// Binary cross entropy of the logit a against b in [0, 1]: max(a, 0) - a b + log(1 + exp(-|a|)).
template <class T> Tensor<T> logit_cross_entropy(const Tensor<T>& a, const Tensor<T>& b);

// Functions of one number.

/// |x|, gradient 0 at 0
template <class T> Tensor<T> abs(const Tensor<T>& x);
/// -1, 0 or 1; gradient 0; NaN stays NaN
template <class T> Tensor<T> sign(const Tensor<T>& x);
/// x^2
template <class T> Tensor<T> square(const Tensor<T>& x);
/// Square root; gradient +inf at 0.
template <class T> Tensor<T> sqrt(const Tensor<T>& x);
/// Cube root, of negative numbers too; gradient +inf at 0.
template <class T> Tensor<T> cbrt(const Tensor<T>& x);
/// 1 / sqrt(x)
template <class T> Tensor<T> rsqrt(const Tensor<T>& x);
/// 1 / x
template <class T> Tensor<T> reciprocal(const Tensor<T>& x);
/// e^x
template <class T> Tensor<T> exp(const Tensor<T>& x);
/// 2^x
template <class T> Tensor<T> exp2(const Tensor<T>& x);
/// e^x - 1, exact near 0
template <class T> Tensor<T> expm1(const Tensor<T>& x);
/// Natural logarithm; NaN below 0, -inf at 0.
template <class T> Tensor<T> log(const Tensor<T>& x);
/// Logarithm to base 2
template <class T> Tensor<T> log2(const Tensor<T>& x);
/// Logarithm to base 10
template <class T> Tensor<T> log10(const Tensor<T>& x);
/// log(1 + x), exact near 0
template <class T> Tensor<T> log1p(const Tensor<T>& x);
/// Sine of radians
template <class T> Tensor<T> sin(const Tensor<T>& x);
/// Cosine of radians
template <class T> Tensor<T> cos(const Tensor<T>& x);
/// Tangent of radians
template <class T> Tensor<T> tan(const Tensor<T>& x);
/// Inverse sine, NaN outside [-1, 1]
template <class T> Tensor<T> asin(const Tensor<T>& x);
/// Inverse cosine, NaN outside [-1, 1]
template <class T> Tensor<T> acos(const Tensor<T>& x);
/// Inverse tangent
template <class T> Tensor<T> atan(const Tensor<T>& x);
/// Hyperbolic sine
template <class T> Tensor<T> sinh(const Tensor<T>& x);
/// Hyperbolic cosine
template <class T> Tensor<T> cosh(const Tensor<T>& x);
/// Hyperbolic tangent
template <class T> Tensor<T> tanh(const Tensor<T>& x);
/// Inverse hyperbolic sine
template <class T> Tensor<T> asinh(const Tensor<T>& x);
/// Inverse hyperbolic cosine, NaN below 1
template <class T> Tensor<T> acosh(const Tensor<T>& x);
/// Inverse hyperbolic tangent, NaN outside [-1, 1]
template <class T> Tensor<T> atanh(const Tensor<T>& x);
/// 1 / (1 + e^-x)
template <class T> Tensor<T> sigmoid(const Tensor<T>& x);
/// log(sigmoid(x)) without overflow
template <class T> Tensor<T> log_sigmoid(const Tensor<T>& x);
/// log(1 + e^(beta x)) / beta; x itself where beta x > threshold
template <class T> Tensor<T> softplus(const Tensor<T>& x, double beta = 1, double threshold = 20);
/// log(x / (1 - x)), the inverse of sigmoid; NaN outside [0, 1]
template <class T> Tensor<T> logit(const Tensor<T>& x);
/// logit of x limited to [eps, 1 - eps]; gradient 0 where that acts.
template <class T> Tensor<T> logit(const Tensor<T>& x, double eps);
/// Error function
template <class T> Tensor<T> erf(const Tensor<T>& x);
/// 1 - erf(x), exact for large x
template <class T> Tensor<T> erfc(const Tensor<T>& x);
/// Inverse of erf; +-inf at +-1, NaN beyond
template <class T> Tensor<T> erfinv(const Tensor<T>& x);
/// log |Gamma(x)|, +inf at 0, -1, -2, ...
template <class T> Tensor<T> lgamma(const Tensor<T>& x);
/// The derivative of lgamma; NaN at -1, -2, ...
template <class T> Tensor<T> digamma(const Tensor<T>& x);
/// The n-th derivative of digamma (n = 1: trigamma), differentiable any number of times up to order 63, NaN from there.
/// Throws Error unless 0 <= n <= 30.
template <class T> Tensor<T> polygamma(std::int64_t n, const Tensor<T>& x);
/// polygamma with its arguments as map() has them: `order` must be a whole number from 0 to 63, else NaN.
template <class T> Tensor<T> polygamma_order(const Tensor<T>& x, double order);
/// Largest integer <= x; gradient 0
template <class T> Tensor<T> floor(const Tensor<T>& x);
/// Smallest integer >= x; gradient 0
template <class T> Tensor<T> ceil(const Tensor<T>& x);
/// x without its fraction; gradient 0
template <class T> Tensor<T> trunc(const Tensor<T>& x);
/// Nearest integer, halves to even; gradient 0
template <class T> Tensor<T> round(const Tensor<T>& x);
/// x - trunc(x), with x's sign; gradient 1
template <class T> Tensor<T> frac(const Tensor<T>& x);
/// min(max(x, lo), hi); gradient 1 inside and at both ends, 0 outside. lo > hi gives hi.
template <class T> Tensor<T> clamp(const Tensor<T>& x, double lo, double hi);
/// clamp with one bound.
template <class T> Tensor<T> clamp_min(const Tensor<T>& x, double lo);
template <class T> Tensor<T> clamp_max(const Tensor<T>& x, double hi);
/// x with NaN, +inf and -inf replaced; the infinities by T's largest and lowest number unless given. Gradient 1 where x
/// is finite, else 0.
template <class T>
Tensor<T> nan_to_num(const Tensor<T>& x, double nan = 0, std::optional<double> posinf = {},
                     std::optional<double> neginf = {});

/// A constant tensor of x's shape.
template <class T> Tensor<T> ones_like(const Tensor<T>& x) { return Tensor<T>::ones(x.shape()); }
template <class T> Tensor<T> zeros_like(const Tensor<T>& x) { return Tensor<T>::zeros(x.shape()); }
template <class T> Tensor<T> detach(const Tensor<T>& x) { return x.detach(); }

// Operators, and functions with a plain number on one side.

template <class T> Tensor<T> operator+(const Tensor<T>& a, const Tensor<T>& b) { return add(a, b); }
template <class T> Tensor<T> operator-(const Tensor<T>& a, const Tensor<T>& b) { return sub(a, b); }
template <class T> Tensor<T> operator*(const Tensor<T>& a, const Tensor<T>& b) { return mul(a, b); }
template <class T> Tensor<T> operator/(const Tensor<T>& a, const Tensor<T>& b) { return div(a, b); }
template <class T> Tensor<T> operator+(const Tensor<T>& a, double b) { return add_scalar(a, b); }
template <class T> Tensor<T> operator-(const Tensor<T>& a, double b) { return add_scalar(a, -b); }
template <class T> Tensor<T> operator*(const Tensor<T>& a, double b) { return mul_scalar(a, b); }
template <class T> Tensor<T> operator/(const Tensor<T>& a, double b) { return div_scalar(a, b); }
template <class T> Tensor<T> operator+(double a, const Tensor<T>& b) { return add_scalar(b, a); }
template <class T> Tensor<T> operator-(double a, const Tensor<T>& b) { return scalar_sub(b, a); }
template <class T> Tensor<T> operator*(double a, const Tensor<T>& b) { return mul_scalar(b, a); }
template <class T> Tensor<T> operator/(double a, const Tensor<T>& b) { return scalar_div(b, a); }
template <class T> Tensor<T> operator-(const Tensor<T>& x) { return neg(x); }
/// x to the power p; the usual exponents cost no logarithm.
template <class T> Tensor<T> pow(const Tensor<T>& x, double p) {
  return p == 2     ? square(x)
         : p == 1   ? x
         : p == 0.5 ? sqrt(x)
         : p == -1  ? reciprocal(x)
         : p == 3   ? x * square(x)
                    : pow_scalar(x, p);
}
template <class T> Tensor<T> pow(double a, const Tensor<T>& b) { return pow(Tensor<T>(static_cast<T>(a)), b); }
/// a + alpha b and a - alpha b
template <class T> Tensor<T> add(const Tensor<T>& a, const Tensor<T>& b, double alpha) { return a + b * alpha; }
template <class T> Tensor<T> sub(const Tensor<T>& a, const Tensor<T>& b, double alpha) { return a - b * alpha; }
template <class T> Tensor<T> lerp(const Tensor<T>& a, const Tensor<T>& b, double weight) {
  return lerp_scalar(a, b, weight);
}
template <class T> Tensor<T> floor_divide(const Tensor<T>& a, double b) {
  return floor_divide(a, Tensor<T>(static_cast<T>(b)));
}
template <class T> Tensor<T> remainder(const Tensor<T>& a, double b) {
  return remainder(a, Tensor<T>(static_cast<T>(b)));
}
template <class T> Tensor<T> fmod(const Tensor<T>& a, double b) { return fmod(a, Tensor<T>(static_cast<T>(b))); }
template <class T> Tensor<T> clamp_min(const Tensor<T>& x, double lo) {
  return clamp(x, lo, std::numeric_limits<double>::infinity());
}
template <class T> Tensor<T> clamp_max(const Tensor<T>& x, double hi) {
  return clamp(x, -std::numeric_limits<double>::infinity(), hi);
}
template <class T> Tensor<T> maximum(const Tensor<T>& a, double b) { return maximum(a, Tensor<T>(static_cast<T>(b))); }
template <class T> Tensor<T> minimum(const Tensor<T>& a, double b) { return minimum(a, Tensor<T>(static_cast<T>(b))); }

}  // namespace xgrad

#include "xgrad/ops/comparison.hpp"
