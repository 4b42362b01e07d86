// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "xgrad/config/registry.hpp"

namespace xgrad::optim {

/// A hyperparameter's value as a pure function of the step and of the value it has without a schedule (its base), in
/// double. Step 0 is the first. All state of a run's schedules is the step (but for Plateau), so they compose exactly.
class Schedule {
 public:
  /// The base itself.
  Schedule() = default;
  /// base * factor(step), as torch.optim.lr_scheduler.LambdaLR.
  explicit Schedule(std::function<double(double step)> factor)
      : value_([factor = std::move(factor)](double step, double base) { return base * factor(step); }) {}
  explicit Schedule(std::function<double(double step, double base)> value) : value_(std::move(value)) {}
  double at(double step, double base = 1) const { return value_ ? value_(step, base) : base; }

 private:
  std::function<double(double, double)> value_;
};
/// Schedule i acts on steps counted from boundaries[i - 1], up to boundaries[i].
Schedule sequence(std::vector<Schedule> parts, std::vector<double> boundaries);
/// base times the product of value / base over all parts: factors multiply.
Schedule product(std::vector<Schedule> parts);
/// base * factor(1) * ... * factor(step), as torch.optim.lr_scheduler.MultiplicativeLR; the cost grows with the step.
Schedule multiplicative(std::function<double(double step)> factor);

/// Lowers a hyperparameter when a metric has stopped improving; as torch.optim.lr_scheduler.ReduceLROnPlateau.
class Plateau {
 public:
  struct Options {
    std::string monitor = "val/loss", mode = "min";
    double factor = 0.1;
    std::int64_t patience = 10;
    double threshold = 1e-4;
    std::string threshold_mode = "rel";
    std::int64_t cooldown = 0;
    double min_lr = 0, eps = 1e-8;
    void describe(config::Fields& f);
  };
  /// All that a resumed run needs.
  struct State {
    double best = 0;
    bool has_best = false;
    std::int64_t bad = 0, cooling = 0, reductions = 0;
  };

  explicit Plateau(Options options) : options_(std::move(options)) {}
  const std::string& monitor() const { return options_.monitor; }
  /// A new measurement of the metric.
  void observe(double metric);
  /// The base after the reductions so far.
  double value(double base) const;

  State state;

 private:
  Options options_;
};

/// How long the run is: what durations like "5%" and "10 epochs" mean.
struct RunLength {
  std::int64_t total_steps, steps_per_epoch;
};

/// What an item of a config's "schedule" gives.
struct Course {
  Schedule value;
  Schedule momentum;  ///< of the momentum, beside the hyperparameter: one_cycle, cyclic
  bool moves_momentum = false;
  std::vector<std::shared_ptr<Plateau>> plateaus;
};

struct ScheduleRow {
  const char* name;
  config::About about;
  /// A described struct with default values, for listing and schema.
  std::function<void(const std::function<void(config::Fields&)>&)> describe;
  /// What `value` describes, `length` steps long.
  std::function<Course(const config::Value& value, RunLength run, double length, config::Problems&)> make;
};
/// Every schedule by name: the basic ones, torch's, optax's, Keras', Hugging Face's and timm's.
config::Registry<ScheduleRow>& schedules();

/// Which hyperparameter follows which schedule.
struct ScheduledParameter {
  std::string parameter;  ///< "lr", "betas[0]"; "momentum|betas[0]": the first of them that the optimizer has
  Schedule schedule;
  std::vector<std::shared_ptr<Plateau>> plateaus = {};  ///< those that the schedule reads
};
/// From {"type": ...} or a list of them: items of one "param" (default "lr") follow each other, each to its "until"
/// (default the end of the run); items of different parameters run side by side.
std::vector<ScheduledParameter> make_schedules(const config::Value& value, RunLength run, config::Problems& problems);

}  // namespace xgrad::optim
