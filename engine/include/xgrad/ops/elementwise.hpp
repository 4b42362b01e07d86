// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Elementwise operations. Inputs of two-argument functions broadcast: shapes aligned at the right, sizes equal or 1,
// else Error with both shapes. A NaN gives a NaN. Gradients at kinks are stated; all are differentiable any number of
// times.
#include <concepts>
#include <limits>

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
/// s - x
template <class T> Tensor<T> scalar_sub(const Tensor<T>& x, double s);
/// s / x
template <class T> Tensor<T> scalar_div(const Tensor<T>& x, double s);
/// -x
template <class T> Tensor<T> neg(const Tensor<T>& x);
/// The larger of a and b; a NaN wins; at a tie each gets half of the gradient.
template <class T> Tensor<T> maximum(const Tensor<T>& a, const Tensor<T>& b);
/// The smaller of a and b; a NaN wins; at a tie each gets half of the gradient.
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
/// (a - b)^2
template <class T> Tensor<T> squared_difference(const Tensor<T>& a, const Tensor<T>& b);
/// |a - b|
template <class T> Tensor<T> absolute_difference(const Tensor<T>& a, const Tensor<T>& b);
/// d = a - b: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2). See huber_loss.
template <class T> Tensor<T> huber_difference(const Tensor<T>& a, const Tensor<T>& b, double delta);
/// d = a - b: d^2 / (2 beta) where |d| < beta, else |d| - beta / 2. See smooth_l1_loss.
template <class T> Tensor<T> smooth_l1_difference(const Tensor<T>& a, const Tensor<T>& b, double beta);
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
/// Error function
template <class T> Tensor<T> erf(const Tensor<T>& x);
/// 1 - erf(x), exact for large x
template <class T> Tensor<T> erfc(const Tensor<T>& x);
/// Largest integer <= x; gradient 0
template <class T> Tensor<T> floor(const Tensor<T>& x);
/// Smallest integer >= x; gradient 0
template <class T> Tensor<T> ceil(const Tensor<T>& x);
/// x without its fraction; gradient 0
template <class T> Tensor<T> trunc(const Tensor<T>& x);
/// Nearest integer, halves to even; gradient 0
template <class T> Tensor<T> round(const Tensor<T>& x);
/// min(max(x, lo), hi); gradient 1 inside and at both ends, 0 outside. lo > hi gives hi.
template <class T> Tensor<T> clamp(const Tensor<T>& x, double lo, double hi);

// Activations.

/// max(x, 0), gradient 0 at 0
template <class T> Tensor<T> relu(const Tensor<T>& x);
/// min(max(x, 0), 6), gradient 0 at both ends
template <class T> Tensor<T> relu6(const Tensor<T>& x);
/// x where x > 0, else slope * x
template <class T> Tensor<T> leaky_relu(const Tensor<T>& x, double slope = 0.01);
/// x where x > 0, else alpha (e^x - 1). Clevert et al. 2015, arXiv:1511.07289
template <class T> Tensor<T> elu(const Tensor<T>& x, double alpha = 1);
/// Self-normalising elu. Klambauer et al. 2017, arXiv:1706.02515
template <class T> Tensor<T> selu(const Tensor<T>& x);
/// 1 / (1 + e^-x)
template <class T> Tensor<T> sigmoid(const Tensor<T>& x);
/// log(sigmoid(x)) without overflow
template <class T> Tensor<T> log_sigmoid(const Tensor<T>& x);
/// log(1 + e^(beta x)) / beta; x itself where beta x > threshold
template <class T> Tensor<T> softplus(const Tensor<T>& x, double beta = 1, double threshold = 20);
/// x limited to [lo, hi]; gradient 0 at the ends, unlike clamp
template <class T> Tensor<T> hardtanh(const Tensor<T>& x, double lo = -1, double hi = 1);
/// x * Phi(x) with the normal distribution function Phi. Hendrycks, Gimpel 2016, arXiv:1606.08415
template <class T> Tensor<T> gelu(const Tensor<T>& x);
/// gelu by its tanh approximation
template <class T> Tensor<T> gelu_tanh(const Tensor<T>& x);
/// x * sigmoid(x), also called swish
template <class T> Tensor<T> silu(const Tensor<T>& x);
/// x * tanh(softplus(x)). Misra 2019, arXiv:1908.08681
template <class T> Tensor<T> mish(const Tensor<T>& x);
/// x * clamp(x + 3, 0, 6) / 6. Howard et al. 2019, arXiv:1905.02244
template <class T> Tensor<T> hardswish(const Tensor<T>& x);
/// x / (1 + |x|)
template <class T> Tensor<T> softsign(const Tensor<T>& x);

// Comparison and selection.

/// The result of comparing tensors of T: 1 where true, 0 where false. It converts to a Mask and is not a C++ condition.
template <class T> struct Comparison {
  Tensor<T> indicator;

  operator Mask() const;
  explicit operator bool() const = delete;
};
namespace detail {
template <class T> Comparison<T> less(const Tensor<T>& a, const Tensor<T>& b);
template <class T> Comparison<T> less_equal(const Tensor<T>& a, const Tensor<T>& b);
template <class T> Comparison<T> equal(const Tensor<T>& a, const Tensor<T>& b);
/// A mask as 0 and 1.
template <class T> Tensor<T> indicator(const Mask& mask);
template <class T> Tensor<T> where(const Tensor<T>& indicator, const Tensor<T>& a, const Tensor<T>& b);
}  // namespace detail

/// mask ? a : b, elementwise; all three broadcast. Mind that a NaN derivative of the branch not taken stays NaN:
/// where(x > 0, log(x), 0) has no gradient at 0; give log a safe argument there.
template <class T> Tensor<T> where(const Mask& mask, const Tensor<T>& a, const Tensor<T>& b) {
  return detail::where(detail::indicator<T>(mask), a, b);
}

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
template <class T> Tensor<T> operator/(const Tensor<T>& a, double b) { return mul_scalar(a, 1 / b); }
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
template <class T> Tensor<T> maximum(const Tensor<T>& a, double b) { return maximum(a, Tensor<T>(static_cast<T>(b))); }
template <class T> Tensor<T> minimum(const Tensor<T>& a, double b) { return minimum(a, Tensor<T>(static_cast<T>(b))); }

#define XGRAD_COMPARISON(op, function, first, second)                                    \
  template <class T> Comparison<T> operator op(const Tensor<T>& a, const Tensor<T>& b) { \
    return detail::function(first, second);                                              \
  }                                                                                      \
  template <class T> Comparison<T> operator op(const Tensor<T>& a, double b) {           \
    return a op Tensor<T>(static_cast<T>(b));                                            \
  }                                                                                      \
  template <class T> Comparison<T> operator op(double a, const Tensor<T>& b) {           \
    return Tensor<T>(static_cast<T>(a)) op b;                                            \
  }
XGRAD_COMPARISON(<, less, a, b)
XGRAD_COMPARISON(>, less, b, a)
XGRAD_COMPARISON(<=, less_equal, a, b)
XGRAD_COMPARISON(>=, less_equal, b, a)
XGRAD_COMPARISON(==, equal, a, b)
#undef XGRAD_COMPARISON
template <class T> Comparison<T> operator!(const Comparison<T>& a) { return {1 - a.indicator}; }
template <class T> Comparison<T> operator!=(const Tensor<T>& a, const Tensor<T>& b) { return !(a == b); }
template <class T> Comparison<T> operator!=(const Tensor<T>& a, double b) { return !(a == b); }
template <class T> Comparison<T> operator&&(const Comparison<T>& a, const Comparison<T>& b) {
  return {a.indicator * b.indicator};
}
template <class T> Comparison<T> operator||(const Comparison<T>& a, const Comparison<T>& b) {
  return {maximum(a.indicator, b.indicator)};
}
template <class T> Tensor<T> where(const Comparison<T>& c, const Tensor<T>& a, const Tensor<T>& b) {
  return detail::where(c.indicator, a, b);
}
template <class T> Tensor<T> where(const Comparison<T>& c, const Tensor<T>& a, double b) {
  return detail::where(c.indicator, a, Tensor<T>(static_cast<T>(b)));
}
template <class T> Tensor<T> where(const Comparison<T>& c, double a, const Tensor<T>& b) {
  return detail::where(c.indicator, Tensor<T>(static_cast<T>(a)), b);
}
template <class T> Tensor<T> where(const Comparison<T>& c, double a, double b) {
  return where(c, Tensor<T>(static_cast<T>(a)), b);
}

}  // namespace xgrad
