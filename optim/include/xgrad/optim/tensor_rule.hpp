// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Rules that see whole tensors or the closure, written with the engine's operations. They are compiled once: only
// kernel.hpp's rules have loops of their own.
#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <type_traits>

#include "xgrad/optim/rule.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::optim {

/// A state array of any shape. Begins as zeros.
struct StateArray {
  std::string name;
  Shape shape;
};

/// All parameters as one vector, for rules that call the closure themselves.
template <class T> class Flat {
 public:
  virtual ~Flat() = default;
  virtual Tensor<T> parameters() const = 0;
  virtual Tensor<T> gradient() const = 0;  ///< zeros where there is none
  virtual void set_parameters(const Tensor<T>& value) = 0;
};

/// From an author's struct to a Rule. The struct has name, about, describe() as any rule, and
///
///     std::vector<StateArray> arrays(const Shape& parameter) const;                // may be absent: no state
///     template <class T> Tensor<T> tensor(const Tensor<T>& p, const Tensor<T>& g,  // the step, subtracted from p
///                                         Tensor<T>* state, const Now& now) const;
///     bool fits(const Shape& parameter) const;     // may be absent: all do
///     static constexpr const char* fallback;       // with fits(): the optimizer of the others
///
/// or, in place of tensor(), `void rows(T* p, const SparseRows<T>& g, Tensor<T>* state, const Now&) const`, which moves
/// the rows that a sparse gradient lists, or `minimize(Flat<T>&, const Closure&, Tensor<T>* state, double* numbers)`.
template <class T, class R> Rule<T> make_tensor_rule() {
  static_assert(std::is_trivially_copyable_v<R> && sizeof(R) <= kRuleBytes);
  Rule<T> rule = detail::described_rule<T, R>();
  rule.arrays = [](const void* place, const Shape& parameter, std::vector<StateArray>& arrays) {
    if constexpr (requires(const R& r) { r.arrays(parameter); })
      arrays = static_cast<const R*>(place)->arrays(parameter);
    else
      static_cast<void>(place), static_cast<void>(parameter), arrays.clear();
  };
  if constexpr (requires { R::fallback; }) {
    rule.fallback = R::fallback;
    rule.fits = [](const void* place, const Shape& parameter) { return static_cast<const R*>(place)->fits(parameter); };
    rule.fallback_lr_scale = [](const void* place) { return static_cast<const R*>(place)->fallback_lr_scale; };
  }
  if constexpr (requires { &R::template minimize<T>; })
    rule.minimize = [](const void* place, Flat<T>& all, const Closure& closure, Tensor<T>* state, double* numbers) {
      return static_cast<const R*>(place)->minimize(all, closure, state, numbers);
    };
  else if constexpr (requires { &R::template rows<T>; })
    rule.rows = [](const void* place, T* p, const SparseRows<T>& g, Tensor<T>* state, const Now& now) {
      static_cast<const R*>(place)->rows(p, g, state, now);
    };
  else
    rule.tensor = [](const void* place, const Tensor<T>& p, const Tensor<T>& g, Tensor<T>* state, const Now& now,
                     T* result) {
      const Tensor<T> step = static_cast<const R*>(place)->tensor(p, g, state, now);
      XGRAD_CHECK(step.shape() == p.shape(), "optimizer \"", R::name, "\": a step of shape ", step.shape(),
                  " for a parameter of shape ", p.shape());
      std::copy_n(step.data(), step.size(), result);
    };
  return rule;
}

}  // namespace xgrad::optim
