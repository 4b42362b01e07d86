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
#include "xgrad/optim/noise.hpp"
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

/// A pass's loop over a block of whole registers, or of one whose lanes are not all used.
template <class T> using Loop = void (*)(const void* kernel, const Block<T>& block, double* sums);

/// Runs a loop on a block of any size: what does not fill a register goes through copies that do. One code for all
/// rules.
template <class T>
[[gnu::noinline]] void run_in_registers(Loop<T> loop, std::size_t slots, const void* kernel, const Block<T>& block,
                                        double* sums) {
  using V = Batch<T>;
  Block<T> part = block;
  const std::size_t rest = block.n % V::size, whole = block.n - rest;
  part.n = whole;
  if (whole != 0) loop(kernel, part, sums);
  if (rest == 0) return;
  alignas(64) T copies[kMaxSlots + 2][V::size] = {};
  const auto copy = [rest](const T* from, T* to) {
    for (std::size_t i = 0; i < rest; ++i) to[i] = from[i];
  };
  copy(block.p + whole, copies[0]);
  copy(block.g + whole, copies[1]);
  part.p = copies[0];
  part.g = copies[1];
  for (std::size_t s = 0; s < slots; ++s)
    if (block.slots[s]) {
      copy(block.slots[s] + whole, copies[s + 2]);
      part.slots[s] = copies[s + 2];
    }
  part.n = rest;
  part.first += whole;
  loop(kernel, part, sums);
  copy(copies[0], block.p + whole);
  for (std::size_t s = 0; s < slots; ++s)
    if (block.slots[s]) copy(copies[s + 2], block.slots[s] + whole);
}

/// The kernel of a rule that takes a normal number for each element, and the key of the numbers.
template <class Kernel> struct NoisyKernel {
  Kernel kernel;
  RandomKey key;
};

/// One pass: every number is read once and written once. Kernel and block come by value: a store may alias anything,
/// and what lives behind a pointer would be loaded again in every iteration.
template <class T, bool keeps_state, class Kernel, std::size_t... S>
[[gnu::flatten, gnu::noinline]] void run_block(const Kernel kernel, const Block<T> block, double*,
                                               std::index_sequence<S...>) {
  using V = Batch<T>;
  T* const p = block.p;
  const T* const g = block.g;
  [[maybe_unused]] T* const slot[sizeof...(S) + 1] = {block.slots[S]..., nullptr};
  const GradientInput<T> input(block);
  const V parameter_decay(block.parameter_decay), result_decay(block.result_decay);
  [[maybe_unused]] NoiseTile<T> noise;
  for (std::size_t i = 0; i < block.n; i += V::size) {
    const V parameter = V::load_unaligned(p + i), gradient = input(V::load_unaligned(g + i), parameter);
    V updated = parameter_decay * parameter;
    [[maybe_unused]] V state[sizeof...(S) + 1] = {(slot[S] ? V::load_unaligned(slot[S] + i) : V(0))..., V(0)};
    if constexpr (requires { kernel.key; }) {
      const std::size_t place = i % kNoiseTile;
      if (place == 0) draw_normal(kernel.key, block.parameter, block.first + i, noise);
      kernel.kernel(updated, gradient, V::load_aligned(noise.numbers + place), state[S]...);
    } else {
      kernel(updated, gradient, state[S]...);
    }
    V(result_decay * updated).store_unaligned(p + i);
    if constexpr (!keeps_state) ((slot[S] ? state[S].store_unaligned(slot[S] + i) : void()), ...);
  }
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
  const auto used = lanes_below<T>(block.n);  // those past the end may hold 0 / 0
  constexpr std::size_t kLanes = 1024;
  for (std::size_t start = 0; start < block.n; start += kLanes) {
    V total[count];
    for (V& t : total) t = V(0);
    const std::size_t end = start + kLanes < block.n ? start + kLanes : block.n;
    for (std::size_t i = start; i < end; i += V::size) {
      const V parameter = V::load_unaligned(p + i), gradient = input(V::load_unaligned(g + i), parameter);
      [[maybe_unused]] V state[sizeof...(S) + 1] = {(slot[S] ? V::load_unaligned(slot[S] + i) : V(0))..., V(0)};
      const auto terms = kernel(parameter, gradient, state[S]...);
      ((slot[S] ? state[S].store_unaligned(slot[S] + i) : void()), ...);
      for (std::size_t k = 0; k < count; ++k) total[k] = total[k] + xsimd::select(used, V(terms[k]), V(0));
    }
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

/// The scalars of a step: the same code for both number types.
template <class R, class Make> void prepare_kernel(const void* rule, const Now& now, void* kernel) {
  using Kernel = decltype(Make{}(std::declval<const R&>(), now));
  new (kernel) Kernel(Make{}(*static_cast<const R*>(rule), now));
}

/// The pass of a kernel that `make(rule, now)` returns; `Run` is run_block or measure_block.
template <class T, class R, class Make, class Run> constexpr Pass<T> make_pass(Make, Run) {
  using Kernel = decltype(Make{}(std::declval<const R&>(), Now{}));
  static_assert(std::is_trivially_copyable_v<Kernel> && sizeof(Kernel) <= kKernelBytes, "a step captures numbers only");
  return {prepare_kernel<R, Make>, [](const void* kernel, const Block<T>& block, double* sums) {
            simd::run_in_registers<T>([](const void* box, const Block<T>& part,
                                         double* totals) { Run{}(*static_cast<const Kernel*>(box), part, totals); },
                                      kSlotCount<R>, kernel, block, sums);
          }};
}

/// From an author's struct to a Rule. Besides `step(now)`, which returns the kernel (p&, g, slots&...), it may have
///
///     auto measure(Now) const;      // a kernel (p, g, slots&...) that returns std::array of terms to be summed in a
///                                   // pass beforehand; it may change the slots; then Reach is what the sums run over
///     static constexpr Scope scope; // what the sums run over; default each tensor
///     void gather(Now) const;       // after the sums: changes now.numbers
///     static constexpr bool settled = true;  // step only reads the slots: measure has brought them up to date
///     auto evaluate(Now) const;     // a kernel (p&, -, slots...) that makes p the parameter for evaluation
///     static constexpr Curvature curvature; // with update_interval, and seed for Curvature::hessian:
///     auto absorb(Now) const;       // a kernel (p&, estimate, slots&...) behind a step for which there is an estimate
///     RandomKey noise(Now) const;   // the step's kernel is (p&, g, z, slots&...): z is a standard normal number, a
///                                   // function of the key, the parameter's place and the element's
template <class T, class R> constexpr Rule<T> make_rule() {
  static_assert(kSlotCount<R> <= kMaxSlots, "too many slots");
  using Slots = std::make_index_sequence<kSlotCount<R>>;
  constexpr auto run = [](const auto& kernel, const Block<T>& block, double* sums) {
    simd::run_block < T, requires { requires R::settled; }
    > (kernel, block, sums, Slots{});
  };
  Rule<T> rule = detail::described_rule<T, R>();
  if constexpr (requires(const R& r) { r.noise(Now{}); })
    rule.step = make_pass<T, R>(
        [](const R& r, const Now& now) {
          return simd::NoisyKernel<decltype(r.step(now))>{r.step(now), r.noise(now)};
        },
        run);
  else
    rule.step = make_pass<T, R>([](const R& r, const Now& now) { return r.step(now); }, run);
  rule.step.keeps_state = requires { requires R::settled; };
  if constexpr (requires(const R& r) { r.measure(Now{}); }) {
    constexpr std::size_t count = simd::term_count<T, decltype(std::declval<const R&>().measure(Now{}))>(Slots{});
    static_assert(count <= kMaxSums, "too many sums");
    rule.sum_count = count;
    rule.traits.reach = rule.scope == Scope::all ? Reach::all : Reach::tensor;
    rule.measure = make_pass<T, R>([](const R& r, const Now& now) { return r.measure(now); },
                                   [](const auto& kernel, const Block<T>& block, double* sums) {
                                     simd::measure_block<T, count>(kernel, block, sums, Slots{});
                                   });
  }
  if constexpr (requires(const R& r) { r.gather(Now{}); })
    rule.gather = [](const void* place, const Now& now) { static_cast<const R*>(place)->gather(now); };
  if constexpr (requires(const R& r) { r.absorb(Now{}); }) {
    rule.curvature = R::curvature;
    rule.curvature_options = [](const void* place) {
      const auto& r = *static_cast<const R*>(place);
      if constexpr (requires { r.seed; }) return CurvatureOptions{r.update_interval, r.seed};
      return CurvatureOptions{r.update_interval};
    };
    rule.absorb = make_pass<T, R>([](const R& r, const Now& now) { return r.absorb(now); },
                                  [](const auto& kernel, const Block<T>& block, double* sums) {
                                    simd::run_block<T, false>(kernel, block, sums, Slots{});
                                  });
  }
  if constexpr (requires(const R& r) { r.evaluate(Now{}); }) {
    rule.evaluate = make_pass<T, R>([](const R& r, const Now& now) { return r.evaluate(now); },
                                    [](const auto& kernel, const Block<T>& block, double* sums) {
                                      simd::run_block<T, true>(kernel, block, sums, Slots{});
                                    });
    rule.evaluate.keeps_state = true;
  }
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
