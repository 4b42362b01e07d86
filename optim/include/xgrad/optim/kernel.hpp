// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// From an author's struct to a Rule: the loop that runs its step on SIMD batches. Only files that define optimizers
// include this.
#include <array>
#include <cmath>
#include <new>
#include <type_traits>
#include <utility>
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

/// The gradient as a kernel sees it.
template <class T> struct GradientInput {
  using V = Batch<T>;
  V scale, decay, high, low;

  explicit GradientInput(const Block<T>& block)
      : scale(block.gradient_scale), decay(block.gradient_decay), high(block.clip), low(-block.clip) {}
  V operator()(V gradient, V parameter) const {
    gradient = scale * gradient;
    gradient = xsimd::select(gradient > high, high, xsimd::select(gradient < low, low, gradient));  // a NaN passes
    return gradient + decay * parameter;
  }
};

/// Calls body(i, load, store) for each register's worth of [begin, end), the last one perhaps in part.
template <class T, class Body> void for_registers(std::size_t begin, std::size_t end, const Body& body) {
  using V = Batch<T>;
  std::size_t i = begin;
  for (; i + V::size <= end; i += V::size)
    body(
        i, V::size, [](const T* q) { return V::load_unaligned(q); }, [](T* q, V v) { v.store_unaligned(q); });
  if (const std::size_t n = end - i)
    body(
        i, n, [n](const T* q) { return load_tail(q, n); }, [n](T* q, V v) { store_tail(q, v, n); });
}

template <class Kernel, class V, class... State>
void call(const Kernel& kernel, [[maybe_unused]] Position at, V& p, const V& g, State&... state) {
  if constexpr (std::is_invocable_v<const Kernel&, Position, V&, V, State&...>)
    kernel(at, p, g, state...);
  else
    kernel(p, g, state...);
}

/// One pass: every number is read once and written once. Kernel and block come by value: a store may alias anything,
/// and what lives behind a pointer would be loaded again in every iteration.
template <class T, bool keeps_state, class Kernel, std::size_t... S>
[[gnu::flatten, gnu::noinline]] void run_block(const Kernel kernel, const Block<T> block, std::index_sequence<S...>) {
  using V = Batch<T>;
  T* const p = block.p;
  const T* const g = block.g;
  [[maybe_unused]] T* const slot[sizeof...(S) + 1] = {block.slots[S]..., nullptr};
  const GradientInput<T> input(block);
  const V parameter_decay(block.parameter_decay), result_decay(block.result_decay);
  for_registers<T>(0, block.n, [&](std::size_t i, std::size_t, auto load, auto store) {
    const V parameter = load(p + i), gradient = input(load(g + i), parameter);
    V updated = parameter_decay * parameter;
    [[maybe_unused]] V state[sizeof...(S) + 1] = {(slot[S] ? load(slot[S] + i) : V(0))..., V(0)};
    call(kernel, {block.start.parameter, block.start.element + i}, updated, gradient, state[S]...);
    store(p + i, result_decay * updated);
    if constexpr (!keeps_state) ((slot[S] ? store(slot[S] + i, state[S]) : void()), ...);
  });
}

/// The pass before the step: sums in lanes over 1024 elements, then in double. The parameter stays as it is.
template <class T, std::size_t count, class Kernel, std::size_t... S>
[[gnu::flatten, gnu::noinline]] void measure_block(const Kernel kernel, const Block<T> block, double* sums,
                                                   std::index_sequence<S...>) {
  using V = Batch<T>;
  const T* const p = block.p;
  const T* const g = block.g;
  [[maybe_unused]] T* const slot[sizeof...(S) + 1] = {block.slots[S]..., nullptr};
  const GradientInput<T> input(block);
  constexpr std::size_t kLanes = 1024;
  for (std::size_t start = 0; start < block.n; start += kLanes) {
    V total[count];
    for (V& t : total) t = V(0);
    const std::size_t end = start + kLanes < block.n ? start + kLanes : block.n;
    for_registers<T>(start, end, [&](std::size_t i, std::size_t n, auto load, [[maybe_unused]] auto store) {
      const V parameter = load(p + i), gradient = input(load(g + i), parameter);
      [[maybe_unused]] V state[sizeof...(S) + 1] = {(slot[S] ? load(slot[S] + i) : V(0))..., V(0)};
      const auto terms = kernel(parameter, gradient, state[S]...);
      ((slot[S] ? store(slot[S] + i, state[S]) : void()), ...);
      for (std::size_t k = 0; k < count; ++k)  // lanes past the end may hold 0 / 0
        total[k] = total[k] + (n == V::size ? V(terms[k]) : xgrad::simd::first_lanes<T>(terms[k], n));
    });
    for (std::size_t k = 0; k < count; ++k) sums[k] += static_cast<double>(xsimd::hadd(total[k]));
  }
}

template <class V, std::size_t> using StateOf = V&;
/// How many terms a measure's kernel returns.
template <class T, class Kernel, std::size_t... S> constexpr std::size_t term_count(std::index_sequence<S...>) {
  using V = Batch<T>;
  return std::tuple_size_v<decltype(std::declval<const Kernel&>()(std::declval<V>(), std::declval<V>(),
                                                                  std::declval<StateOf<V, S>>()...))>;
}

}  // namespace simd

/// The pass of a kernel that `make(rule, now)` returns; `Run` is run_block or measure_block.
template <class T, class R, class Make, class Run> constexpr Pass<T> make_pass(Make, Run) {
  using Kernel = decltype(Make{}(std::declval<const R&>(), Now{}));
  static_assert(std::is_trivially_copyable_v<Kernel> && sizeof(Kernel) <= kKernelBytes, "a step captures numbers only");
  return {[](const void* place, const Now& now, void* kernel) {
            new (kernel) Kernel(Make{}(*static_cast<const R*>(place), now));
          },
          [](const void* kernel, const Block<T>& block, double* sums) {
            Run{}(*static_cast<const Kernel*>(kernel), block, sums);
          }};
}

/// From an author's struct to a Rule. Besides `step(now)`, which returns the kernel (p&, g, slots&...), it may have
///
///     auto measure(Now) const;      // a kernel (p, g, slots&...) that returns std::array of terms to be summed in a
///                                   // pass beforehand; it may change the slots
///     static constexpr Scope scope; // what the sums run over; default each tensor
///     void gather(Now) const;       // after the sums: changes now.numbers
///     static constexpr bool settled = true;  // step only reads the slots: measure has brought them up to date
///     auto evaluate(Now) const;     // a kernel (p&, -, slots...) that makes p the parameter for evaluation
template <class T, class R> constexpr Rule<T> make_rule() {
  static_assert(kSlotCount<R> <= kMaxSlots, "too many slots");
  using Slots = std::make_index_sequence<kSlotCount<R>>;
  Rule<T> rule = detail::described_rule<T, R>();
  rule.step = make_pass<T, R>([](const R& r, const Now& now) { return r.step(now); },
                              [](const auto& kernel, const Block<T>& block, double*) {
                                simd::run_block < T, requires { requires R::settled; }
                                > (kernel, block, Slots{});
                              });
  if constexpr (requires(const R& r) { r.measure(Now{}); }) {
    constexpr std::size_t count = simd::term_count<T, decltype(std::declval<const R&>().measure(Now{}))>(Slots{});
    static_assert(count <= kMaxSums, "too many sums");
    rule.sum_count = count;
    rule.measure = make_pass<T, R>([](const R& r, const Now& now) { return r.measure(now); },
                                   [](const auto& kernel, const Block<T>& block, double* sums) {
                                     simd::measure_block<T, count>(kernel, block, sums, Slots{});
                                   });
  }
  if constexpr (requires(const R& r) { r.gather(Now{}); })
    rule.gather = [](const void* place, const Now& now) { static_cast<const R*>(place)->gather(now); };
  if constexpr (requires(const R& r) { r.evaluate(Now{}); })
    rule.evaluate = make_pass<T, R>(
        [](const R& r, const Now& now) { return r.evaluate(now); },
        [](const auto& kernel, const Block<T>& block, double*) { simd::run_block<T, true>(kernel, block, Slots{}); });
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
