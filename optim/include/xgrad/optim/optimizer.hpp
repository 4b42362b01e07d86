// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <array>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "xgrad/config/registry.hpp"
#include "xgrad/optim/rule.hpp"
#include "xgrad/optim/schedule.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::optim {

/// A registered optimizer: the same rule for both number types.
struct OptimizerRow {
  const char* name;
  Rule<float> float_rule;
  Rule<double> double_rule;

  template <class T> const Rule<T>& rule() const {
    if constexpr (std::is_same_v<T, float>)
      return float_rule;
    else
      return double_rule;
  }
};
/// Every optimizer by name: the built-in ones, and those added by register_optimizer().
config::Registry<OptimizerRow>& optimizers();

/// What the driver does for any optimizer; settable for all parameters and for each group.
struct SharedOptions {
  double weight_decay = 0;
  std::string weight_decay_mode = "coupled";
  bool maximize = false;
  void describe(config::Fields& f);
};

/// A described copy of an optimizer's hyperparameters.
class Hyperparameters {
 public:
  template <class T> explicit Hyperparameters(const Rule<T>& rule);
  /// Its own fields and the shared ones, pointing into this object.
  config::Fields fields();
  /// The number called "lr" or "betas[0]". Throws Error naming the known ones.
  double& number(const std::string& name);
  const void* rule_data() const { return rule_.data(); }

  SharedOptions shared;

 private:
  alignas(16) std::array<std::byte, kRuleBytes> rule_{};
  void (*describe_)(void*, config::Fields&);
};

/// An optimizer at work on named parameters.
///
///     auto opt = optim::make<float>({{"type", "adamw"}, {"lr", 1e-3}}, model.named_parameters());
///     opt->zero_grad();  loss.backward();  opt->step();
///
/// A parameter without a gradient is skipped entirely: no decay, no state, its own step count stands still. A gradient
/// of zeros is an ordinary one. State of all parameters lies in one block of memory; one pass reads and writes each
/// number once; the result does not depend on the number of threads.
template <class T> class Optimizer {
 public:
  /// All parameters in one group with default hyperparameters.
  Optimizer(const OptimizerRow& row, NamedTensors<T> parameters);

  /// Advances every parameter that has a gradient, then the schedules.
  void step();
  void zero_grad();

  /// The 2-norm of all gradients together, summed in a fixed order.
  double gradient_norm() const;
  /// The next step() scales all gradients by max_norm / (norm + 1e-6) if their common norm exceeds max_norm
  /// (torch.nn.utils.clip_grad_norm_); returns the norm. The gradients themselves stay as they are.
  double clip_grad_norm(double max_norm);
  /// The next step() limits each gradient element to [-limit, limit].
  void clip_grad_value(double limit);

  /// A hyperparameter of one group, by name: "lr", "betas[0]", "weight_decay". Throws Error for an unknown name.
  double get(const std::string& hyperparameter, std::size_t group = 0);
  /// Of all groups. Under a schedule this sets what the schedule multiplies.
  void set(const std::string& hyperparameter, double value);
  /// Attaches schedules, in force at once. Throws Error for an unknown hyperparameter.
  void set_schedules(std::vector<ScheduledParameter> schedules);

  struct Group {
    std::string label;  ///< how it was selected: "*.bias", "rank 1", "the rest"
    Hyperparameters hyperparameters;
    double lr_scale = 1;
    bool freeze = false;
    std::vector<std::size_t> members;  ///< places in parameters()
    std::vector<double> scheduled;     ///< what set_schedules' factors multiply
    double initial_lr = 0;
  };
  const std::vector<Group>& groups() const { return groups_; }
  const NamedTensors<T>& parameters() const { return parameters_; }
  const char* name() const { return rule_.name; }
  /// Which parameter got which hyperparameters, as a table.
  std::string table();

  /// One state array of one parameter, for saving and loading: "exp_avg.0.weight".
  struct State {
    std::string name;
    Shape shape;
    T* data;
  };
  std::vector<State> state();
  /// Steps that each parameter has taken; with state() all there is to save besides the hyperparameters.
  const std::vector<std::int64_t>& steps() const { return steps_; }
  std::int64_t step_count() const { return step_count_; }
  /// Throws Error unless there is a count for each parameter.
  void load_steps(std::vector<std::int64_t> steps, std::int64_t step_count);

 private:
  template <class U>
  friend std::unique_ptr<Optimizer<U>> make(const config::Value&, NamedTensors<U>, config::Problems&);
  void set_groups(std::vector<Group> groups);
  void allocate_state();
  void apply_schedules();

  Rule<T> rule_;
  NamedTensors<T> parameters_;
  std::vector<Group> groups_;
  std::vector<ScheduledParameter> schedules_;
  std::vector<std::int64_t> steps_;
  std::int64_t step_count_ = 0;
  Storage<T> arena_;
  std::vector<std::array<T*, kMaxSlots>> slots_;  // of each parameter; null where not kept
  double pending_scale_ = 1, pending_clip_ = std::numeric_limits<double>::infinity();
  struct Work;
  std::shared_ptr<Work> work_;  // scratch that is kept from step to step
};

/// From {"type": NAME, hyperparameters..., "groups": [{"match": "*.bias", ...}, {"rank": 1, ...}]}. A group takes every
/// hyperparameter of the optimizer and "lr_scale", "freeze"; parameters that no group takes stay in the first one.
/// Everything wrong becomes a problem (then the result is null).
template <class T>
std::unique_ptr<Optimizer<T>> make(const config::Value& value, NamedTensors<T> parameters, config::Problems& problems);
/// The same from JSON made in C++. Throws config::ConfigError with all problems.
template <class T> std::unique_ptr<Optimizer<T>> make(const nlohmann::json& json, NamedTensors<T> parameters);

extern template class Optimizer<float>;
extern template class Optimizer<double>;

}  // namespace xgrad::optim
