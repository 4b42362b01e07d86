// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Comparison and selection; no gradient flows through a comparison.
#include "xgrad/ops/elementwise.hpp"

namespace xgrad {

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

template <class T> Tensor<T> where(const Mask& mask, const Tensor<T>& a, double b) {
  return where(mask, a, Tensor<T>(static_cast<T>(b)));
}
template <class T> Tensor<T> where(const Mask& mask, double a, const Tensor<T>& b) {
  return where(mask, Tensor<T>(static_cast<T>(a)), b);
}

// a < b and so on, also by name: lt gt le ge eq ne. Inputs broadcast.

#define XGRAD_COMPARISON(op, Named, function, first, second)                                        \
  template <class T> Comparison<T> operator op(const Tensor<T>& a, const Tensor<T>& b) {            \
    return detail::function(first, second);                                                         \
  }                                                                                                 \
  template <class T> Comparison<T> operator op(const Tensor<T>& a, double b) {                      \
    return a op Tensor<T>(static_cast<T>(b));                                                       \
  }                                                                                                 \
  template <class T> Comparison<T> operator op(double a, const Tensor<T>& b) {                      \
    return Tensor<T>(static_cast<T>(a)) op b;                                                       \
  }                                                                                                 \
  template <class T> Comparison<T> Named(const Tensor<T>& a, const Tensor<T>& b) { return a op b; } \
  template <class T> Comparison<T> Named(const Tensor<T>& a, double b) { return a op b; }
XGRAD_COMPARISON(<, lt, less, a, b)
XGRAD_COMPARISON(>, gt, less, b, a)
XGRAD_COMPARISON(<=, le, less_equal, a, b)
XGRAD_COMPARISON(>=, ge, less_equal, b, a)
XGRAD_COMPARISON(==, eq, equal, a, b)
#undef XGRAD_COMPARISON

template <class T> Comparison<T> operator!(const Comparison<T>& a) { return {1 - a.indicator}; }
template <class T> Comparison<T> operator!=(const Tensor<T>& a, const Tensor<T>& b) { return !(a == b); }
template <class T> Comparison<T> operator!=(const Tensor<T>& a, double b) { return !(a == b); }
template <class T> Comparison<T> operator!=(double a, const Tensor<T>& b) { return !(a == b); }
template <class T> Comparison<T> ne(const Tensor<T>& a, const Tensor<T>& b) { return a != b; }
template <class T> Comparison<T> ne(const Tensor<T>& a, double b) { return a != b; }
template <class T> Comparison<T> operator&&(const Comparison<T>& a, const Comparison<T>& b) {
  return {a.indicator * b.indicator};
}
template <class T> Comparison<T> operator||(const Comparison<T>& a, const Comparison<T>& b) {
  return {maximum(a.indicator, b.indicator)};
}

// The same by name; of tensors, what is not 0 is true (a NaN, too).
template <class T> Comparison<T> logical_not(const Comparison<T>& a) { return !a; }
template <class T> Comparison<T> logical_and(const Comparison<T>& a, const Comparison<T>& b) { return a && b; }
template <class T> Comparison<T> logical_or(const Comparison<T>& a, const Comparison<T>& b) { return a || b; }
template <class T> Comparison<T> logical_xor(const Comparison<T>& a, const Comparison<T>& b) {
  return a.indicator != b.indicator;
}
template <class T> Comparison<T> logical_not(const Tensor<T>& a) { return a == 0; }
template <class T> Comparison<T> logical_and(const Tensor<T>& a, const Tensor<T>& b) { return a != 0 && b != 0; }
template <class T> Comparison<T> logical_or(const Tensor<T>& a, const Tensor<T>& b) { return a != 0 || b != 0; }
template <class T> Comparison<T> logical_xor(const Tensor<T>& a, const Tensor<T>& b) {
  return logical_xor(a != 0, b != 0);
}

template <class T> Comparison<T> isnan(const Tensor<T>& x) { return x != x; }
template <class T> Comparison<T> isinf(const Tensor<T>& x) {
  return abs(x.detach()) == std::numeric_limits<double>::infinity();
}
template <class T> Comparison<T> isfinite(const Tensor<T>& x) {
  return abs(x.detach()) < std::numeric_limits<double>::infinity();
}
/// |a - b| <= atol + rtol |b|, or a = b (equal infinities); NaN is close to NaN if equal_nan. Not symmetric. Throws
/// Error for a negative tolerance.
template <class T>
Comparison<T> isclose(const Tensor<T>& a, const Tensor<T>& b, double rtol = 1e-5, double atol = 1e-8,
                      bool equal_nan = false);
/// Are all elements close, as isclose? Broadcasts; true of nothing.
template <class T>
bool allclose(const Tensor<T>& a, const Tensor<T>& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);
/// Are the shapes and all elements equal? A NaN equals nothing, or NaN if equal_nan.
template <class T> bool array_equal(const Tensor<T>& a, const Tensor<T>& b, bool equal_nan = false);

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
