// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// From an author's struct to a Rule: the loop that runs its step on SIMD batches. Only files that define optimizers
// include this.
#include <cmath>
#include <new>
#include <type_traits>
#include <xsimd/xsimd.hpp>

#include "xgrad/map_kernel.hpp"
#include "xgrad/optim/rule.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

template <class R>
inline constexpr std::size_t kSlotCount = [] {
  if constexpr (requires { R::slots; })
    return std::extent_v<decltype(R::slots)>;
  else
    return std::size_t{0};
}();

// What kernels write besides xsimd's functions of batches (sqrt, exp, sign, abs, max, min, ...), with scalars in
// double. A NaN among the numbers stays one.

template <class T, class A> xsimd::batch<T, A> max(double low, const xsimd::batch<T, A>& x) {
  return xsimd::max(xsimd::batch<T, A>(static_cast<T>(low)), x);
}
template <class T, class A> xsimd::batch<T, A> max(const xsimd::batch<T, A>& x, double low) { return max(low, x); }
template <class T, class A> xsimd::batch<T, A> clamp(const xsimd::batch<T, A>& x, double low, double high) {
  return max(low, xsimd::min(xsimd::batch<T, A>(static_cast<T>(high)), x));
}
/// x^y for x >= 0.
template <class T, class A> xsimd::batch<T, A> power(const xsimd::batch<T, A>& x, double y) {
  return xsimd::pow(x, xsimd::batch<T, A>(static_cast<T>(y)));
}
/// The cube root of x >= 0 to a few ulps, in a fifth of xsimd's time; below the smallest normal number too small.
template <class A> xsimd::batch<float, A> cube_root(const xsimd::batch<float, A>& x) {
  using V = xsimd::batch<float, A>;
  using I = xsimd::batch<std::int32_t, A>;
  // 1 / cbrt(x): first by a third of the bits, within 4 %, then by Newton's iteration, which squares the error.
  const I third = xsimd::to_int(xsimd::to_float(xsimd::bitwise_cast<I>(x)) * V(1.0f / 3));
  V r = xsimd::bitwise_cast<V>(I(0x54a2fa8c) - third);
  for (int i = 0; i < 3; ++i) r = r * (V(4.0f / 3) - V(1.0f / 3) * (((x * r) * r) * r));
  return (x * r) * r;
}
template <class A> xsimd::batch<double, A> cube_root(const xsimd::batch<double, A>& x) { return xsimd::cbrt(x); }
/// mask ? a : b, element by element.
template <class T, class A>
xsimd::batch<T, A> where(const xsimd::batch_bool<T, A>& mask, const xsimd::batch<T, A>& a,
                         const xsimd::batch<T, A>& b) {
  return xsimd::select(mask, a, b);
}

namespace simd {

using xgrad::simd::Batch;
using xgrad::simd::load_tail;
using xgrad::simd::store_tail;

/// One pass: every number is read once and written once. Kernel and block come by value: a store may alias anything,
/// and what lives behind a pointer would be loaded again in every iteration.
template <class T, class R, class Kernel, std::size_t... S>
[[gnu::flatten, gnu::noinline]] void run_block(const Kernel kernel, const Block<T> block, std::index_sequence<S...>) {
  using V = Batch<T>;
  T* const p = block.p;
  const T* const g = block.g;
  [[maybe_unused]] T* const slot[sizeof...(S) + 1] = {block.slots[S]..., nullptr};
  const V scale(block.gradient_scale), gradient_decay(block.gradient_decay), parameter_decay(block.parameter_decay),
      result_decay(block.result_decay), high(block.clip), low(-block.clip);
  const auto step = [&](std::size_t i, auto load, auto store) {
    const V parameter = load(p + i);
    V gradient = scale * load(g + i);
    gradient = xsimd::select(gradient > high, high, xsimd::select(gradient < low, low, gradient));  // a NaN passes
    gradient = gradient + gradient_decay * parameter;
    V updated = parameter_decay * parameter;
    [[maybe_unused]] V state[sizeof...(S) + 1] = {(slot[S] ? load(slot[S] + i) : V(0))..., V(0)};
    kernel(updated, gradient, state[S]...);
    store(p + i, result_decay * updated);
    ((slot[S] ? store(slot[S] + i, state[S]) : void()), ...);
  };
  std::size_t i = 0;
  for (; i + V::size <= block.n; i += V::size)
    step(
        i, [](const T* q) { return V::load_unaligned(q); }, [](T* q, V v) { v.store_unaligned(q); });
  if (const std::size_t n = block.n - i)
    step(
        i, [n](const T* q) { return load_tail(q, n); }, [n](T* q, V v) { store_tail(q, v, n); });
}

}  // namespace simd

template <class T, class R> constexpr Rule<T> make_rule() {
  static_assert(std::is_trivially_copyable_v<R> && sizeof(R) <= kRuleBytes);
  static_assert(kSlotCount<R> <= kMaxSlots, "an optimizer has at most 8 slots");
  using Kernel = decltype(std::declval<const R&>().step(Now{}));
  static_assert(std::is_trivially_copyable_v<Kernel> && sizeof(Kernel) <= kKernelBytes, "a step captures numbers only");
  Rule<T> rule{};
  rule.name = R::name;
  rule.about = R::about;
  if constexpr (requires { R::shared; }) rule.shared = R::shared;
  if constexpr (kSlotCount<R> != 0) rule.slots = R::slots;
  rule.slot_count = kSlotCount<R>;
  rule.size = sizeof(R);
  if constexpr (requires { R::traits; }) rule.traits = R::traits;
  rule.construct = [](void* place, const void*) { new (place) R; };
  rule.describe = [](void* place, Fields& fields) { static_cast<R*>(place)->describe(fields); };
  rule.check = [](const void* place) -> const char* {
    if constexpr (requires(const R& r) { r.check(); })
      return static_cast<const R*>(place)->check();
    else
      return static_cast<void>(place), nullptr;
  };
  rule.prepare = [](const void* place, Now now, void* kernel) {
    new (kernel) Kernel(static_cast<const R*>(place)->step(now));
  };
  rule.run = [](const void* kernel, const Block<T>& block) {
    simd::run_block<T, R>(*static_cast<const Kernel*>(kernel), block, std::make_index_sequence<kSlotCount<R>>{});
  };
  return rule;
}

/// The optimizers of one file.
template <class... Rules> struct Family {
  template <class T> static constexpr void add_to(Rule<T>* rows, std::size_t& count) {
    ((rows[count++] = make_rule<T, Rules>()), ...);
  }
  static constexpr std::size_t size = sizeof...(Rules);
};

}  // namespace xgrad::optim::inline XGRAD_ISA
