// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Special functions of SIMD batches that xsimd does not have, or has without their limits.
#include <cmath>
#include <xsimd/xsimd.hpp>

#include "xgrad/isa.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

inline constexpr double kPi = 3.14159265358979323846;

/// cot(pi x); the argument of the tangent is reduced without error, and a zero keeps its sign.
template <class V> V cot_pi(const V& x) {
  return V(1) / xsimd::tan(V(kPi) * xsimd::select(x == V(0), x, x - xsimd::nearbyint(x)));
}

/// The coefficients' polynomial at x, the highest power first.
template <class V, class... Coefficients> V horner(const V& x, double highest, Coefficients... rest) {
  V result(highest);
  ((result = xsimd::fma(result, x, V(rest))), ...);
  return result;
}

/// f(a, b) of each pair of lanes: for what has no exact form in vectors.
template <class V, class F> V by_lane(const V& a, const V& b, F f) {
  typename V::value_type x[V::size], y[V::size];
  a.store_unaligned(x);
  b.store_unaligned(y);
  for (std::size_t i = 0; i < V::size; ++i) x[i] = f(x[i], y[i]);
  return V::load_unaligned(x);
}

/// The larger of x and a bound; NaN stays.
template <class V> V at_least(double bound, const V& x) { return xsimd::select(x < V(bound), V(bound), x); }

/// a - b trunc(a / b) without rounding, of any quotient.
template <class V> V fmod(const V& a, const V& b) {
  return by_lane(a, b, [](auto x, auto y) { return std::fmod(x, y); });
}

/// Whether a rest of fmod lies on the other side of 0 than b: floor is then one below trunc.
template <class V> auto is_across(const V& rest, const V& b) { return (rest != V(0)) & ((rest < V(0)) != (b < V(0))); }

/// The same with the sign of b.
template <class V> V remainder(const V& a, const V& b) {
  const V rest = simd::fmod(a, b);  // not xsimd's
  return xsimd::select(is_across(rest, b), rest + b, rest);
}

/// floor(a / b) of the exact quotient: 9 for 1 and 0.1, whose rounded quotient is 10.
template <class V> V floor_divide(const V& a, const V& b) {
  const V quotient = a / b, rest = simd::fmod(a, b), whole = xsimd::nearbyint((a - rest) / b);
  const V exact = xsimd::select(is_across(rest, b), whole - V(1), whole);
  return xsimd::select((b == V(0)) | (xsimd::abs(quotient) == V(__builtin_inf())), quotient, exact);
}

/// atan2 with its limits where both are 0 or both infinite.
template <class V> V atan2(const V& a, const V& b) {
  const V infinity(__builtin_inf());
  const auto infinite = (xsimd::abs(a) == infinity) & (xsimd::abs(b) == infinity);
  const auto zero = (a == V(0)) & (b == V(0));
  return xsimd::atan2(xsimd::select(infinite, xsimd::copysign(V(1), a), a),
                      xsimd::select(infinite | zero, xsimd::copysign(V(1), b), b));
}

/// sqrt(a^2 + b^2), scaled by the larger; infinite if either is.
template <class V> V hypot(const V& a, const V& b) {
  const V infinity(__builtin_inf()), x = xsimd::abs(a), y = xsimd::abs(b);
  const V larger = xsimd::select(x > y, x, y), smaller = xsimd::select(x > y, y, x);
  const V ratio = smaller / xsimd::select(larger == V(0), V(1), larger);
  const V size = larger * xsimd::sqrt(xsimd::fma(ratio, ratio, V(1)));
  return xsimd::select((x == infinity) | (y == infinity), infinity, xsimd::select(xsimd::isnan(x), x, size));
}

/// a to the power b with all limits of the C library's pow.
template <class V> V power(const V& a, const V& b) {
  const V infinity(__builtin_inf()), size = xsimd::abs(a);
  const auto whole = xsimd::trunc(b) == b, odd = whole & (xsimd::trunc(b * V(0.5)) * V(2) != b);
  V y = xsimd::pow(size, b);
  y = xsimd::select(size == V(0), xsimd::select(b < V(0), infinity, xsimd::select(b > V(0), V(0), b)), y);
  y = xsimd::select(b == V(1), size, y);
  y = xsimd::select(odd & (xsimd::copysign(V(1), a) < V(0)), -y, y);
  y = xsimd::select((a < V(0)) & (size != infinity) & !whole, V(__builtin_nan("")), y);
  return xsimd::select((b == V(0)) | (a == V(1)) | ((a == V(-1)) & (xsimd::abs(b) == infinity)), V(1), y);
}

/// erf and erfc, which are NaN in xsimd where the square of a double overflows.
template <class V> V erf(const V& x) {
  if constexpr (sizeof(typename V::value_type) == 4) return xsimd::erf(x);
  return xsimd::select(xsimd::abs(x) > V(30), xsimd::copysign(V(1), x), xsimd::erf(x));
}
template <class V> V erfc(const V& x) {
  if constexpr (sizeof(typename V::value_type) == 4) return xsimd::erfc(x);
  return xsimd::select(xsimd::abs(x) > V(30), V(1) - xsimd::copysign(V(1), x), xsimd::erfc(x));
}

/// log |Gamma(x)| (xsimd's own is wrong in float and endless at -inf): reflected to x >= 1/2; up to 5/2 by the series
/// around its zero at 2, to which the zero at 1 is one step; above by Stirling's series, after ten steps below 10.
template <class V> V log_gamma(const V& x) {
  const V infinity(__builtin_inf());
  const auto reflected = x < V(0.5);
  const V z = xsimd::select(reflected, V(1) - x, x);
  const auto first = z < V(1.5);
  const V u = z - xsimd::select(first, V(1), V(2));
  // (-1)^k (zeta(k) - 1) / k for k = 26 ... 2, and 1 - Euler's constant
  const V series =
      u * horner(u, 5.731367261127764e-10, -1.1921401377179563e-09, 2.4836745438072683e-09, -5.1834750404976685e-09,
                 1.0838659212566236e-08, -2.2711094613402425e-08, 4.7698101690585304e-08, -1.0043224823715715e-07,
                 2.1207184805780185e-07, -4.4924691987384167e-07, 9.551412130381909e-07, -2.0392157537981365e-06,
                 4.374866789915087e-06, -9.439488275270618e-06, 2.0507212775670396e-05, -4.492623673812979e-05,
                 9.94575127817976e-05, -0.00022315475845356857, 0.0005096695247430449, -0.0011927539117032751,
                 0.0028905103307415394, -0.007385551028673998, 0.020580808427784536, -0.06735230105319807,
                 0.3224670334241132, 0.42278433509846713);
  const V near = xsimd::select(first, series - xsimd::log1p(u), series);
  const auto low = z < V(10);
  const V w = xsimd::select(low, z + V(10), z), t = V(1) / (w * w);
  V product(1);
  for (int k = 0; k < 10; ++k) product = product * (z + V(k));
  const V stirling =
      (w - V(0.5)) * xsimd::log(w) - w + V(0.91893853320467274178) +
      horner(t, 1 / 156.0, -691 / 360360.0, 1 / 1188.0, -1 / 1680.0, 1 / 1260.0, -1 / 360.0, 1 / 12.0) / w;
  const V far = xsimd::select(low, stirling - xsimd::log(product), stirling);
  const V upper = xsimd::select(z < V(2.5), near, xsimd::select(z == infinity, infinity, far));
  const V sine = xsimd::sin(V(kPi) * (x - xsimd::nearbyint(x)));
  const V lower = V(1.14472988584940017414) - xsimd::log(xsimd::abs(sine)) - upper;
  return xsimd::select(x == -infinity, infinity, xsimd::select(reflected, lower, upper));
}

/// The derivative of log Gamma: reflected to x >= 1/2, raised by ten steps of the recurrence, there the asymptotic
/// series.
template <class V> V digamma(const V& x) {
  const auto reflected = x < V(0.5);
  const V z = xsimd::select(reflected, V(1) - x, x), w = z + V(10), t = V(1) / (w * w);
  V steps = V(1) / z;
  for (int k = 1; k < 10; ++k) steps = steps + V(1) / (z + V(k));
  const V series = t * horner(t, 1 / 12.0, -691 / 32760.0, 1 / 132.0, -1 / 240.0, 1 / 252.0, -1 / 120.0, 1 / 12.0);
  const V upper = xsimd::log(w) - V(0.5) / w - series - steps;
  const V result = xsimd::select(reflected, upper - V(kPi) * cot_pi(x), upper);
  const auto pole = (x < V(0)) & (x == xsimd::trunc(x));  // its two sides differ in sign
  return xsimd::select(pole, V(__builtin_nan("")), result);
}

/// The n-th derivative of digamma, n a whole number below 64: (-1)^(n+1) n! times Hurwitz's zeta(n + 1, x), by ten of
/// its terms and Euler and Maclaurin's formula for the rest; for x < 1/2 by reflection.
template <class V> V polygamma(const V& x, double order) {
  constexpr int kOrders = 64;
  const int n = order >= 0 && order < kOrders ? static_cast<int>(order) : -1;
  if (n < 0) return V(__builtin_nan(""));
  if (n == 0) return digamma(x);
  const auto power = [n](const V& r) {  // r^n
    V result = r;
    for (int k = 1; k < n; ++k) result = result * r;
    return result;
  };
  const auto reflected = x < V(0.5);
  const V z = xsimd::select(reflected, V(1) - x, x), r = V(1) / (z + V(10)), t = r * r, integral = power(r),
          last = integral * r;
  V zeta = integral / V(n) + V(0.5) * last;
  // B(2j) / (2j)! times (n+1)(n+2)...(n+2j-1)
  constexpr double kBernoulli[] = {1 / 12.0,
                                   -1 / 720.0,
                                   1 / 30240.0,
                                   -1 / 1209600.0,
                                   1 / 47900160.0,
                                   -691 / 1307674368000.0,
                                   1 / 74724249600.0,
                                   -3617 / 10670622842880000.0,
                                   43867 / 5109094217170944000.0};
  double rising = n + 1, factorial = 1;
  V falling = last * r;
  int j = 0;
  for (const double bernoulli : kBernoulli) {
    zeta = zeta + V(bernoulli * rising) * falling;
    rising *= static_cast<double>(n + 2 * j + 2) * (n + 2 * j + 3);
    falling = falling * t;
    ++j;
  }
  for (int k = 0; k < 10; ++k) {
    const V term = V(1) / (z + V(k));
    zeta = zeta + power(term) * term;
  }
  for (int k = 2; k <= n; ++k) factorial *= k;
  const double sign = n % 2 == 0 ? 1 : -1;
  const V upper = V(-sign * factorial) * zeta;
  if (!xsimd::any(reflected)) return upper;
  // The n-th derivative of pi cot(pi x) is a polynomial of c = cot(pi x), for c' = -pi (1 + c^2).
  double coefficients[kOrders + 2] = {0, kPi};
  for (int k = 1; k <= n; ++k) {
    double slope[kOrders + 2] = {};
    for (int i = 0; i < k; ++i) slope[i] = -kPi * (i + 1) * coefficients[i + 1];
    for (int i = 0; i <= k + 1; ++i) coefficients[i] = (i < k ? slope[i] : 0) + (i >= 2 ? slope[i - 2] : 0);
  }
  const V c = cot_pi(x);
  V derivative(coefficients[n + 1]);
  for (int i = n; i >= 0; --i) derivative = derivative * c + V(coefficients[i]);
  return xsimd::select(reflected, V(sign) * upper - derivative, upper);
}

/// The inverse of erf: a rational start and two Newton steps. Near 1 they look at 1 - |x| = erfc(y), which is exact
/// there.
template <class V> V erfinv(const V& x) {
  const V a = xsimd::abs(x), z = a * a, u = xsimd::sqrt(-xsimd::log((V(1) - a) * V(0.5)));
  const auto central = a <= V(0.7);
  V y = xsimd::select(central,
                      a * horner(z, -0.140543331, 0.914624893, -1.645349621, 0.886226899) /
                          horner(z, 0.012229801, -0.329097515, 1.442710462, -2.118377725, 1),
                      horner(u, 1.641345311, 3.429567803, -1.624906493, -1.970840454) /
                          horner(u, 1.637067800, 3.543889200, 1));
  for (int step = 0; step < 2; ++step) {
    const V error = xsimd::select(central, xsimd::erf(y) - a, V(1) - a - xsimd::erfc(y));
    y = y - error * xsimd::exp(y * y) * V(0.88622692545275801365);
  }
  return xsimd::copysign(xsimd::select(a == V(1), V(__builtin_inf()), y), x);
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
