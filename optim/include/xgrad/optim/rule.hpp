// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What an optimizer is to the driver: a row of function pointers. Authors write a struct (see
// docs/write-an-optimizer.md) and never meet this file's Rule.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <string_view>
#include <type_traits>
#include <vector>

#include "xgrad/config/fields.hpp"

namespace xgrad {
class Shape;
template <class T> class Tensor;
template <class T> struct SparseRows;
}  // namespace xgrad

namespace xgrad::optim {

struct StateArray;
template <class T> class Flat;

namespace range = config::range;
using config::About;
using config::Fields;
using config::Range;

inline constexpr std::size_t kMaxSlots = 8, kMaxSums = 4, kRuleBytes = 256, kKernelBytes = 256;

/// A state array that an optimizer keeps beside each parameter, of the parameter's shape.
struct Slot {
  const char* name;
  const char* when = nullptr;     ///< kept only if this field is not zero, or if the list "betas[2]" is so long
  const char* initial = nullptr;  ///< the field that gives the initial value; default 0
  bool of_parameter = false;      ///< begins as a copy of the parameter at its first step
  bool exact = false;             ///< stays in full precision, as one of_parameter does: a sum that small terms add to
};

/// A state number in double, one for each unit of Scope. It begins as the field's value, 0 without one.
struct Number {
  const char* name;
  const char* initial = nullptr;
};

/// What sums run over and numbers belong to: each parameter by itself, or all parameters that have a gradient.
enum class Scope { tensor, all };

/// Where weight decay w acts: on the gradient, g + w p (L2); on the parameter before the step, times 1 - lr w, or
/// 1 - lr / initial_lr w, or 1 - lr^2 / initial_lr w (arXiv:2506.02285); on the parameter after the step, times
/// 1 / (1 + lr w) (Zhuang et al. 2022, arXiv:2202.00089) or times 1 - lr w; or where the rule itself says, by
/// now.weight_decay.
enum class Decay { coupled, decoupled, independent, corrected, proximal, after, within };

/// Defaults of what the driver does for every optimizer.
struct Shared {
  double weight_decay = 0;
  Decay decay = Decay::coupled;
  int first_move = 1;   ///< the step at which the parameter first moves, and decays: earlier ones only observe
  bool within = false;  ///< can decay by Decay::within, though it does not by default
  // No default of `within` from `decay`: clang 14 refuses to make constant arrays of such structs.
  constexpr bool can_decay_within() const { return within || decay == Decay::within; }
};

/// What an element's update depends on: the element itself, its whole tensor, or all parameters.
enum class Reach { element, tensor, all };

/// What a rule learns of the loss's curvature every few steps: nothing, squared gradients of the loss with targets
/// drawn from the model's own distribution (Gauss-Newton-Bartlett), or Hutchinson's estimate of the Hessian's diagonal.
enum class Curvature { none, gauss_newton, hessian };
struct CurvatureOptions {
  std::int64_t every = 1, seed = 0;
};

/// What the conformance kit (conformance.hpp) takes for granted of a rule, unless the rule says otherwise:
/// `static constexpr Traits traits{.reach = Reach::tensor};`.
struct Traits {
  Reach reach = Reach::element;
  double descends_at = 0.01;      ///< an lr that leads down a quadratic; a twentieth leads down Rosenbrock's valley
  double float_tolerance = 2e-3;  ///< of float against double after five steps, relative
};

/// What a step may depend on besides the hyperparameters.
struct Now {
  double t = 0;                  ///< the parameter's step, from 1
  double size = 0;               ///< elements that the sums run over
  double rank = 0;               ///< axes of the parameter, for a rule that sums or keeps numbers by tensor
  double weight_decay = 0;       ///< to be applied by the rule; 0 unless it decays by Decay::within
  double initial_lr = 0;         ///< lr before schedules
  double loss = 0;               ///< of this step, if the rule asks for it
  bool fresh = false;            ///< the slots begin with this step: the first, or the first with a momentum that was 0
  const double* sums = nullptr;  ///< of what measure() returned
  double* numbers = nullptr;     ///< the state numbers; gather() may change them
};

/// A piece of one parameter. The kernel sees g' = clip(gradient_scale g) + gradient_decay p and p' = parameter_decay p;
/// what it makes of p' is stored times result_decay.
template <class T> struct Block {
  T* p;
  const T* g;
  T* slots[kMaxSlots];  // null where a slot is not kept
  std::size_t n;
  T gradient_scale, gradient_decay, parameter_decay, result_decay, clip;
  std::uint32_t parameter = 0;  // its place among the optimizer's
  std::uint64_t first = 0;      // the place of this piece's first element
};

/// Computes the loss and its gradients at the present parameters: zero_grad, forward, backward.
using Closure = std::function<double()>;

/// The scalars of a pass over the elements, prepared in double, and the pass.
template <class T> struct Pass {
  void (*prepare)(const void* rule, const Now& now, void* kernel) = nullptr;
  /// Adds a block's sums, if this pass has any.
  void (*run)(const void* kernel, const Block<T>& block, double* sums) = nullptr;
  bool keeps_state = false;  ///< it only reads the slots
  explicit operator bool() const { return prepare != nullptr; }
};

/// An optimizer, compiled for one instruction set.
template <class T> struct Rule {
  const char* name = nullptr;
  const char* class_name = nullptr;  ///< what the author called the struct: "AdamW"
  About about{};
  Shared shared{};
  Traits traits{};
  const Slot* slots = nullptr;
  std::size_t slot_count = 0;
  const Number* numbers = nullptr;
  std::size_t number_count = 0, sum_count = 0, size = 0;
  Scope scope = Scope::tensor;
  bool needs_loss = false;
  const void* context = nullptr;                                 ///< what several rules share the functions below by
  void (*construct)(void* rule, const void* context) = nullptr;  ///< with default hyperparameters
  void (*describe)(void* rule, Fields& fields) = nullptr;
  const char* (*check)(const void* rule) = nullptr;  ///< what is wrong between fields, or null
  /// Gradients are divided by max(1, their norm over all parameters / this), if it is there.
  double (*gradient_limit)(const void* rule) = nullptr;

  // Element by element: measure (may be absent), gather (may be absent), step.
  Pass<T> measure, step;
  void (*gather)(const void* rule, const Now& now) = nullptr;  ///< from the sums to the numbers, once per unit of scope
  Pass<T> evaluate;                                            ///< from the parameter of training to that of evaluation
  Curvature curvature = Curvature::none;
  CurvatureOptions (*curvature_options)(const void* rule) = nullptr;
  Pass<T> absorb;  ///< takes an estimate of the curvature, in the gradient's place, into the slots behind a step

  // Or tensor by tensor: writes the step, which is subtracted from parameter_decay p; then result_decay acts. Whoever
  // allocates a tensor releases it: a plug-in's memory is its own.
  void (*tensor)(const void* rule, const Tensor<T>& p, const Tensor<T>& g, Tensor<T>* state, const Now& now,
                 T* step) = nullptr;
  void (*arrays)(const void* rule, const Shape& parameter, std::vector<StateArray>& arrays) = nullptr;
  bool (*fits)(const void* rule, const Shape& parameter) = nullptr;
  /// Or row by row, for gradients that are kept as rows: moves the parameter itself.
  void (*rows)(const void* rule, T* p, const SparseRows<T>& g, Tensor<T>* state, const Now& now) = nullptr;
  const char* fallback = nullptr;  ///< the optimizer of parameters that do not fit
  double (*fallback_lr_scale)(const void* rule) = nullptr;

  // Or by calls of the closure: returns the first loss. The state's arrays are for a parameter of shape (all elements).
  double (*minimize)(const void* rule, Flat<T>& all, const Closure& closure, Tensor<T>* state,
                     double* numbers) = nullptr;
};

namespace detail {

/// The name of a struct without its namespaces, which a function's signature ends in: "[with R = a::B]".
template <class R> constexpr auto class_name() {
  constexpr std::string_view signature = __PRETTY_FUNCTION__;
  constexpr std::size_t end = signature.rfind(']'), begin = signature.find_last_of(": ", end) + 1;
  std::array<char, end - begin + 1> name{};
  for (std::size_t i = begin; i < end; ++i) name[i - begin] = signature[i];
  return name;
}
template <class R> inline constexpr auto kClassName = class_name<R>();

// One code for both number types.
template <class R> void construct(void* place, const void*) { new (place) R; }
template <class R> void describe(void* place, Fields& fields) { static_cast<R*>(place)->describe(fields); }
template <class R> const char* check([[maybe_unused]] const void* place) {
  if constexpr (requires(const R& r) { r.check(); })
    return static_cast<const R*>(place)->check();
  else
    return nullptr;
}

/// What a struct says of itself whatever kind of rule it is.
template <class T, class R> constexpr Rule<T> described_rule() {
  static_assert(std::is_trivially_copyable_v<R> && sizeof(R) <= kRuleBytes);
  Rule<T> rule{};
  rule.name = R::name;
  rule.class_name = kClassName<R>.data();
  rule.about = R::about;
  if constexpr (requires { R::shared; }) rule.shared = R::shared;
  if constexpr (requires { R::traits; }) rule.traits = R::traits;
  if constexpr (requires { R::scope; }) rule.scope = R::scope;
  if constexpr (requires { R::needs_loss; }) rule.needs_loss = R::needs_loss;
  if constexpr (requires { R::slots; }) {
    rule.slots = R::slots;
    rule.slot_count = std::extent_v<decltype(R::slots)>;
  }
  if constexpr (requires { R::numbers; }) {
    rule.numbers = R::numbers;
    rule.number_count = std::extent_v<decltype(R::numbers)>;
  }
  rule.size = sizeof(R);
  rule.construct = construct<R>;
  rule.describe = describe<R>;
  rule.check = check<R>;
  if constexpr (requires(const R& r) { r.gradient_limit(); })
    rule.gradient_limit = [](const void* place) { return static_cast<const R*>(place)->gradient_limit(); };
  return rule;
}

}  // namespace detail

}  // namespace xgrad::optim
