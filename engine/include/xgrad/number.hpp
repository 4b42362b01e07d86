// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The numbers that a map()'s lambda meets: SIMD batches with the derivatives that backward asked for.
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <xsimd/xsimd.hpp>

#include "xgrad/functions/special.hpp"
#include "xgrad/isa.hpp"
#include "xgrad/saved.hpp"

namespace xgrad::inline XGRAD_ISA {

/// A value V (a SIMD batch) and its partial derivatives with respect to the inputs in the bit set M. Forward runs on
/// Dual<V, 0>, a plain value. The set is part of the type, so a partial that is zero by structure is never computed,
/// and `auto r = x; r = r * y;` may not compile: begin a new `auto` per step.
template <class V, unsigned M = 0> struct Dual {
  using Value = V;
  static constexpr unsigned inputs = M;
  static constexpr std::size_t count = std::popcount(M);

  V v;
  std::array<V, count> d{};

  /// The place in `d` of input k.
  static constexpr std::size_t place(unsigned k) {
    return static_cast<std::size_t>(std::popcount(M & ((1u << k) - 1u)));
  }
};

/// The result of a comparison. It has no meaning as a C++ condition: use where(mask, a, b).
template <class V> struct BatchMask {
  typename V::batch_bool_type m;
  explicit operator bool() const = delete;
  friend BatchMask operator&&(BatchMask a, BatchMask b) { return {a.m & b.m}; }
  friend BatchMask operator||(BatchMask a, BatchMask b) { return {a.m | b.m}; }
  friend BatchMask operator!(BatchMask a) { return {!a.m}; }
};

template <class N> inline constexpr bool is_dual = false;
template <class V, unsigned M> inline constexpr bool is_dual<Dual<V, M>> = true;
/// A number of ours, in contrast to a scalar constant or a Tensor.
template <class N>
concept DualNumber = is_dual<std::remove_cvref_t<N>>;
template <class N>
concept Constant = std::is_arithmetic_v<std::remove_cvref_t<N>>;
/// A constant as a number of the batch type: `0.5 * x` on floats stays in float.
template <class V> using Plain = Dual<V, 0>;
template <class V> Plain<V> plain(auto value) { return {V(static_cast<typename V::value_type>(value)), {}}; }
/// The value without its derivatives.
template <class V, unsigned M> Plain<V> detach(const Dual<V, M>& x) { return {x.v, {}}; }
template <class V, unsigned M> Plain<V> ones_like(const Dual<V, M>&) { return plain<V>(1); }

namespace simd {

/// f(x) with value y and derivative f'(x), the latter only evaluated where a derivative is asked for.
template <class V, unsigned M, class Derivative> Dual<V, M> chain(const Dual<V, M>& x, V y, Derivative derivative) {
  Dual<V, M> result{y, {}};
  if constexpr (M != 0) {
    const V slope = derivative();
    for (std::size_t i = 0; i < x.d.size(); ++i) result.d[i] = x.d[i] * slope;
  }
  return result;
}

/// f(a, b) with value y and the partial derivatives df/da, df/db.
template <class V, unsigned A, unsigned B, class DerivativeA, class DerivativeB>
Dual<V, (A | B)> chain(const Dual<V, A>& a, const Dual<V, B>& b, V y, DerivativeA da, DerivativeB db) {
  Dual<V, (A | B)> result{y, {}};
  const auto add = [&result]<unsigned M>(const Dual<V, M>& x, auto derivative, bool first) {
    if constexpr (M != 0) {
      const V slope = derivative();
      for (unsigned k = 0; k < 32; ++k)
        if (M >> k & 1u) {
          V& target = result.d[result.place(k)];
          const V part = x.d[x.place(k)] * slope;
          target = !first && (A >> k & 1u) ? target + part : part;
        }
    }
  };
  add(a, da, true);
  add(b, db, false);
  return result;
}

template <class V> V value_of(const Plain<V>& x) { return x.v; }
template <class V> V value_of(Constant auto x) { return V(static_cast<typename V::value_type>(x)); }

}  // namespace simd

#define XGRAD_COMPARISON(op, result)                                                                              \
  template <class V, unsigned A, unsigned B> BatchMask<V> operator op(const Dual<V, A>& x, const Dual<V, B>& y) { \
    const V a = x.v, b = y.v;                                                                                     \
    return {result};                                                                                              \
  }                                                                                                               \
  template <class V, unsigned A> BatchMask<V> operator op(const Dual<V, A>& x, Constant auto y) {                 \
    return x op plain<V>(y);                                                                                      \
  }                                                                                                               \
  template <class V, unsigned B> BatchMask<V> operator op(Constant auto x, const Dual<V, B>& y) {                 \
    return plain<V>(x) op y;                                                                                      \
  }
XGRAD_COMPARISON(<, a < b)
XGRAD_COMPARISON(<=, a <= b)
XGRAD_COMPARISON(>, a > b)
XGRAD_COMPARISON(>=, a >= b)
XGRAD_COMPARISON(==, a == b)
XGRAD_COMPARISON(!=, !(a == b))  // xsimd's own != is false for a NaN on AVX-512
#undef XGRAD_COMPARISON

template <class V, unsigned M> BatchMask<V> isnan(const Dual<V, M>& x) { return {xsimd::isnan(x.v)}; }
template <class V, unsigned M> BatchMask<V> isinf(const Dual<V, M>& x) {
  return {xsimd::abs(x.v) == V(__builtin_inf())};
}
template <class V, unsigned M> BatchMask<V> isfinite(const Dual<V, M>& x) {
  return {xsimd::abs(x.v) < V(__builtin_inf())};
}

/// Elementwise mask ? a : b, of value and derivatives alike: a NaN in the branch not taken disappears.
template <class V, unsigned A, unsigned B>
Dual<V, (A | B)> where(const BatchMask<V>& mask, const Dual<V, A>& a, const Dual<V, B>& b) {
  Dual<V, (A | B)> result{xsimd::select(mask.m, a.v, b.v), {}};
  for (unsigned k = 0; k < 32; ++k)
    if ((A | B) >> k & 1u) {
      const V from_a = (A >> k & 1u) ? a.d[a.place(k)] : V(0), from_b = (B >> k & 1u) ? b.d[b.place(k)] : V(0);
      result.d[result.place(k)] = xsimd::select(mask.m, from_a, from_b);
    }
  return result;
}
template <class V, unsigned A> Dual<V, A> where(const BatchMask<V>& mask, const Dual<V, A>& a, Constant auto b) {
  return where(mask, a, plain<V>(b));
}
template <class V, unsigned B> Dual<V, B> where(const BatchMask<V>& mask, Constant auto a, const Dual<V, B>& b) {
  return where(mask, plain<V>(a), b);
}

template <class V> Plain<V> where(const BatchMask<V>& mask, Constant auto a, Constant auto b) {
  return where(mask, plain<V>(a), plain<V>(b));
}

// The elementwise functions, each from its one row.
#include "xgrad/functions/define_numbers.inc"
#include "xgrad/functions/arithmetic.inc"
#include "xgrad/functions/math.inc"
#include "xgrad/functions/activation.inc"
#include "xgrad/functions/undefine.inc"

#define XGRAD_OPERATOR(op, function)                                                                      \
  template <class V, unsigned A, unsigned B> auto operator op(const Dual<V, A>& a, const Dual<V, B>& b) { \
    return function(a, b);                                                                                \
  }                                                                                                       \
  template <class V, unsigned A> Dual<V, A> operator op(const Dual<V, A>& a, Constant auto b) {           \
    return function(a, plain<V>(b));                                                                      \
  }                                                                                                       \
  template <class V, unsigned B> Dual<V, B> operator op(Constant auto a, const Dual<V, B>& b) {           \
    return function(plain<V>(a), b);                                                                      \
  }
XGRAD_OPERATOR(+, add)
XGRAD_OPERATOR(-, sub)
XGRAD_OPERATOR(*, mul)
XGRAD_OPERATOR(/, div)
#undef XGRAD_OPERATOR
template <class V, unsigned M> Dual<V, M> operator-(const Dual<V, M>& x) { return neg(x); }

}  // namespace xgrad::inline XGRAD_ISA
