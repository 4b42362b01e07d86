// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What can be put around any optimizer: "transforms": [{"type": "clip_by_global_norm", "max_norm": 1}, ...].
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "xgrad/config/registry.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::optim {

/// Changes gradients before the optimizer's step, parameters after it, or both. One object belongs to one optimizer.
template <class T> class Transform {
 public:
  virtual ~Transform() = default;
  /// Called once, with all parameters of the optimizer; allocates what is kept for each of them.
  virtual void attach(const NamedTensors<T>&) {}
  /// `moving` are the places of the parameters that have a gradient and are not frozen; `step` counts from 1. Returns
  /// false to leave this step out.
  virtual bool before(NamedTensors<T>&, std::span<const std::size_t> moving, std::int64_t step) {
    return static_cast<void>(moving), static_cast<void>(step), true;
  }
  virtual void after(NamedTensors<T>&, std::span<const std::size_t> moving) { static_cast<void>(moving); }
  /// Behind after(), for each parameter: what the optimizer keeps of its momentum ("momentum_buffer" or "exp_avg").
  virtual void move_momentum(std::size_t parameter, std::span<T> momentum) {
    static_cast<void>(parameter), static_cast<void>(momentum);
  }
  virtual bool moves_momentum() const { return false; }
  /// Whether the optimizer's state begins anew behind this step.
  virtual bool resets() const { return false; }
  /// Goes up the loss, where the gradient for the step is then taken, and back again.
  virtual void ascend(NamedTensors<T>&, std::span<const std::size_t> moving) { static_cast<void>(moving); }
  virtual void descend(NamedTensors<T>&, std::span<const std::size_t> moving) { static_cast<void>(moving); }
  /// Whether step() needs a closure, to take a second gradient.
  virtual bool ascends() const { return false; }
  /// The parameter to evaluate in place of the one that is trained, or undefined.
  virtual Tensor<T> evaluation(std::size_t parameter) const { return static_cast<void>(parameter), Tensor<T>(); }
  virtual bool has_evaluation() const { return false; }

  /// Kept from step to step, saved with the optimizer: arrays of each parameter, by name, and numbers.
  struct Arrays {
    const char* name;
    std::vector<Tensor<T>> tensors;  ///< one for each parameter
  };
  std::vector<Arrays> arrays;
  std::vector<double> numbers;
};

struct TransformRow {
  const char* name;
  config::About about;
  /// A described struct with default values, for listing and schema.
  std::function<void(const std::function<void(config::Fields&)>&)> describe;
  std::function<std::unique_ptr<Transform<float>>(const config::Value&, config::Problems&)> make_float;
  std::function<std::unique_ptr<Transform<double>>(const config::Value&, config::Problems&)> make_double;
};
/// clip_by_value, clip_by_norm, clip_by_global_norm, clip_by_rms, adaptive_clip, centralize, normalize, trust_ratio,
/// orthograd, add_noise, grokfast, zero_nonfinite, skip_nonfinite, skip_large, accumulate; nonnegative; lookahead, ema,
/// swa; sam.
config::Registry<TransformRow>& transforms();

/// From a list of {"type": NAME, options...}, in the order in which they act.
template <class T>
std::vector<std::unique_ptr<Transform<T>>> make_transforms(const config::Value& list, config::Problems& problems);

}  // namespace xgrad::optim
