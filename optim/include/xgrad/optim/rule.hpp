// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What an optimizer is to the driver: a row of function pointers. Authors write a struct (see
// docs/write-an-optimizer.md) and never meet this file's Rule.
#include <cstddef>

#include "xgrad/config/fields.hpp"

namespace xgrad::optim {

namespace range = config::range;
using config::About;
using config::Fields;

inline constexpr std::size_t kMaxSlots = 8, kRuleBytes = 256, kKernelBytes = 256;

/// A state array that an optimizer keeps beside each parameter, of the parameter's shape.
struct Slot {
  const char* name;
  const char* when = nullptr;     ///< kept only if this field is not zero
  const char* initial = nullptr;  ///< the field that gives the initial value; default 0
};

/// Where weight decay w acts: on the gradient, g + w p (L2); on the parameter before the step, times 1 - lr w, or
/// 1 - lr / initial_lr w; on the parameter after the step, times 1 / (1 + lr w) (Zhuang et al. 2022, arXiv:2202.00089)
/// or times 1 - lr w.
enum class Decay { coupled, decoupled, independent, proximal, after };

/// Defaults of what the driver does for every optimizer.
struct Shared {
  double weight_decay = 0;
  Decay decay = Decay::coupled;
  int first_move = 1;  ///< the step at which the parameter first moves, and decays: earlier ones only observe
};

/// What an element's update depends on: the element itself, its whole tensor, or all parameters.
enum class Reach { element, tensor, all };

/// What the conformance kit (conformance.hpp) takes for granted of a rule, unless the rule says otherwise:
/// `static constexpr Traits traits{.reach = Reach::tensor};`.
struct Traits {
  Reach reach = Reach::element;
  double descends_at = 0.01;      ///< an lr that leads down a quadratic; a twentieth leads down Rosenbrock's valley
  double float_tolerance = 2e-3;  ///< of float against double after five steps, relative
};

/// What a step may depend on besides the hyperparameters.
struct Now {
  double t;               ///< the parameter's step, from 1
  double initial_lr = 0;  ///< lr before any schedule
};

/// A piece of one parameter. The kernel sees g' = clip(gradient_scale g) + gradient_decay p and p' = parameter_decay p;
/// what it makes of p' is stored times result_decay.
template <class T> struct Block {
  T* p;
  const T* g;
  T* slots[kMaxSlots];  // null where a slot is not kept
  std::size_t n;
  T gradient_scale, gradient_decay, parameter_decay, result_decay, clip;
};

/// An optimizer, compiled for one instruction set.
template <class T> struct Rule {
  const char* name;
  About about;
  Shared shared;
  const Slot* slots;
  std::size_t slot_count, size;
  Traits traits;
  const void* context;                                 ///< what several rules share the functions below by, or null
  void (*construct)(void* rule, const void* context);  ///< with default hyperparameters
  void (*describe)(void* rule, Fields& fields);
  const char* (*check)(const void* rule);                    ///< what is wrong between fields, or null
  void (*prepare)(const void* rule, Now now, void* kernel);  ///< the step's scalars, in double
  void (*run)(const void* kernel, const Block<T>& block);
};

}  // namespace xgrad::optim
