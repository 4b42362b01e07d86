// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <array>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>

#include "xgrad/config/registry.hpp"
#include "xgrad/optim/rule.hpp"
#include "xgrad/optim/schedule.hpp"
#include "xgrad/optim/state.hpp"
#include "xgrad/optim/tensor_rule.hpp"
#include "xgrad/optim/transform.hpp"
#include "xgrad/io.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::optim {

/// A registered optimizer: the same rule for both number types.
struct OptimizerRow {
  const char* name;
  Rule<float> float_rule;
  Rule<double> double_rule;

  // Of an optimizer that a name alone does not describe ("expression"):
  const char* example = nullptr;  ///< a config, as JSON text
  /// The keys that make it, for listing and schema.
  std::function<void(const std::function<void(const Fields&)>&)> describe_config = {};
  /// The row for one config; null, with problems, if there is none. It lives as long as the program.
  const OptimizerRow* (*specialize)(const config::Value& value, config::Problems& problems) = nullptr;

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
  bool maximize = false, cautious = false, cautious_weight_decay = false;
  std::string state_format = "full";
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
  /// Where number(name) lies in this object and in all of the same rule; kNowhere if there is none. For what is asked
  /// every step: looking a name up describes all fields.
  std::size_t place_of(const std::string& name);
  static constexpr std::size_t kNowhere = ~std::size_t{0};
  bool has_number(const std::string& name) { return place_of(name) != kNowhere; }
  double& at(std::size_t place) { return *reinterpret_cast<double*>(reinterpret_cast<std::byte*>(this) + place); }
  /// lr, or 1 for an optimizer without one.
  double step_size() { return lr_place_ == kNowhere ? 1 : at(lr_place_); }
  /// Throws Error, naming what is accepted, for a value that number(name) must not have.
  void check_number(const std::string& name, double value);
  const void* rule_data() const { return rule_.data(); }
  /// What is wrong between the values, or null.
  const char* check() const;

  SharedOptions shared;

 private:
  double* find_number(const std::string& name, std::string& known);

  alignas(16) std::array<std::byte, kRuleBytes> rule_{};
  void (*describe_)(void*, config::Fields&);
  const char* (*check_)(const void*);
  bool decays_within_, minimizes_, by_rows_, has_slots_;
  std::size_t lr_place_;
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

  /// Advances every parameter that has a gradient, then the schedules. Throws Error if the optimizer needs more than
  /// gradients.
  void step();
  /// The same for an optimizer that looks at the loss as well.
  void step(double loss);
  /// For any optimizer: calls `closure`, which computes the loss and its gradients (zero_grad, forward, backward) and
  /// returns the loss, once or (lbfgs) as often as it takes. Returns the first loss.
  double step(const Closure& closure);
  bool needs_loss() const { return rule_.needs_loss; }
  bool needs_closure() const;

  /// Some optimizers (sophia_*) weigh steps by the loss's curvature and want an estimate of it every few steps; without
  /// it step() throws Error:
  ///
  ///     if (opt->wants_curvature()) opt->estimate_curvature([&] { return loss(model(x), y); });
  ///     opt->step();
  ///
  /// The function computes the loss at the present parameters: for Curvature::hessian the loss itself, twice
  /// differentiable; for Curvature::gauss_newton that of the same inputs with targets drawn from the model's own
  /// distribution. It is called once; nobody's grad() is touched. What it gives is used from the next step on.
  Curvature curvature() const { return rule_.curvature; }
  bool wants_curvature() const;
  void estimate_curvature(const std::function<Tensor<T>()>& loss);
  void zero_grad();

  /// Puts transforms around the optimizer, in the order in which they act. Throws Error for an optimizer that evaluates
  /// the loss itself, or that has no momentum for a transform that moves it.
  void set_transforms(std::vector<std::unique_ptr<Transform<T>>> transforms);

  /// Some optimizers (schedule_free_*) and averages train at another point than the one to evaluate and to keep: eval()
  /// moves the parameters there, train() moves them back, bit for bit. step() in between throws Error.
  void eval();
  void train();
  bool trains_elsewhere() const;

  /// The 2-norm of all gradients together, summed in a fixed order.
  double gradient_norm() const;
  /// The next step() scales all gradients by max_norm / (norm + 1e-6) if their common norm exceeds max_norm
  /// (torch.nn.utils.clip_grad_norm_); returns the norm. The gradients themselves stay as they are.
  double clip_grad_norm(double max_norm);
  /// The next step() limits each gradient element to [-limit, limit].
  void clip_grad_value(double limit);

  /// A hyperparameter of one group, by name: "lr", "betas[0]", "weight_decay". Throws Error for an unknown name.
  double get(const std::string& hyperparameter, std::size_t group = 0);
  double lr() { return get("lr"); }
  void set_lr(double lr) { set("lr", lr); }
  /// Of all groups. Under a schedule this sets what the schedule multiplies. A momentum that was 0 begins with the next
  /// step, as a new optimizer's does.
  void set(const std::string& hyperparameter, double value);
  /// Attaches schedules, in force at once; the state of a momentum that was 0 begins now. Throws Error for an unknown
  /// hyperparameter.
  void set_schedules(std::vector<ScheduledParameter> schedules);
  /// A new measurement, for the schedules that wait for one ("plateau"); in force at once.
  void observe(const std::string& metric, double value);
  /// The metrics that they wait for.
  std::vector<std::string> observed_metrics() const;
  /// What they have seen, in the order of set_schedules; to be saved with steps().
  std::vector<Plateau::State> schedule_state() const;
  /// Throws Error unless there is one for each.
  void load_schedule_state(const std::vector<Plateau::State>& states);

  struct Group {
    std::string label;  ///< how it was selected: "*.bias", "rank 1", "the rest"
    Hyperparameters hyperparameters;
    Rule<T> rule;  ///< the optimizer's own, or its fallback's
    double lr_scale = 1;
    bool freeze = false, by_fallback = false;
    std::vector<std::size_t> members = {};           ///< places in parameters()
    std::vector<double> scheduled = {};              ///< what set_schedules' factors multiply
    std::vector<std::size_t> scheduled_places = {};  ///< of what they are the values
    double initial_lr = 0;
    std::shared_ptr<const Group> fallback = nullptr;  ///< for parameters that do not fit the rule; null: its own
  };
  /// The group's settings for another optimizer, which has the parameters that do not fit.
  static Group fallback_of(Group& group, const OptimizerRow& row);
  const std::vector<Group>& groups() const { return groups_; }
  const NamedTensors<T>& parameters() const { return parameters_; }
  const char* name() const { return rule_.name; }
  /// Which parameter got which hyperparameters, as a table.
  std::string table();

  /// One state array of one parameter, for saving and loading: "exp_avg.0.weight".
  struct State {
    std::string name;
    Shape shape;
    const char* dtype;  ///< of safetensors: "F32", "F64", "BF16" or "U8"
    void* data;
    std::size_t bytes;
  };
  std::vector<State> state();
  /// State numbers of one parameter ("0.weight"), or of all of them together (""), for saving and loading.
  struct StateNumbers {
    std::string name;
    std::span<double> values;
  };
  std::vector<StateNumbers> state_numbers();
  /// Steps that each parameter has taken; with state() and state_numbers() all there is to save besides the
  /// hyperparameters.
  const std::vector<std::int64_t>& steps() const { return steps_; }
  std::int64_t step_count() const { return step_count_; }
  /// State, counts, hyperparameters and schedules, for write_file_atomically(path, state_dict().serialize()).
  TensorFile state_dict();
  /// Goes on from there, bit for bit. Throws Error if it is of another optimizer, of other parameters or of other
  /// groups.
  void load_state_dict(const TensorFile& saved);
  /// The same but for the groups and their hyperparameters, which stay as they are here.
  void load_state(const TensorFile& saved);
  /// Throws Error unless there is a count for each parameter.
  void load_steps(std::vector<std::int64_t> steps, std::int64_t step_count);

 private:
  template <class U>
  friend std::unique_ptr<Optimizer<U>> make(const config::Value&, NamedTensors<U>, config::Problems&);
  void set_groups(std::vector<Group> groups);
  std::optional<Group> take_unfit(Group& group) const;
  void allocate_state();
  void reset_state();
  std::span<T> momentum_of(const Group& group, std::size_t parameter);
  void move_momenta(Transform<T>& transform);
  std::string unmet(const std::vector<std::unique_ptr<Transform<T>>>& transforms);
  bool keeps(Group& group, const Slot& slot) const;
  void allocate_slots();
  void keep_new_slots();
  void apply_schedules();
  bool is_scheduled(const char* hyperparameter) const;
  template <class Visit> void visit_plateaus(const Visit& visit) const;
  void advance(double loss);
  std::vector<std::size_t> moving() const;
  double minimize(const Closure& closure);
  struct Work;
  class Step;
  class GroupVector;

  Rule<T> rule_;
  NamedTensors<T> parameters_;
  std::vector<Group> groups_;
  std::vector<ScheduledParameter> schedules_;
  std::vector<std::int64_t> steps_, born_;  // steps that each parameter has taken, and had taken when its slots began
  std::int64_t step_count_ = 0;
  Storage<std::byte> arena_;
  std::vector<std::array<SlotPlace, kMaxSlots>> slots_;  // of each parameter
  std::uint64_t rounding_seed_;                          // manual_seed()'s when the optimizer was made
  struct Arrays {
    std::vector<std::string> names;
    std::vector<Tensor<T>> tensors;
  };
  std::vector<Arrays> arrays_;                // of each parameter; of all of them for a rule that minimises
  std::vector<std::vector<double>> numbers_;  // of each parameter, then those of all of them
  std::vector<std::unique_ptr<Transform<T>>> transforms_;
  std::vector<Tensor<T>> estimates_;  // of the curvature, for the step to come
  std::vector<Storage<T>> trained_;   // what eval() has put aside
  double pending_scale_ = 1, pending_clip_ = std::numeric_limits<double>::infinity();
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
