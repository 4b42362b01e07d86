// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <functional>
#include <memory>
#include <vector>

#include "xgrad/config/registry.hpp"

namespace xgrad::optim {

/// A factor as a pure function of the step, in double: what a hyperparameter is multiplied by. Step 0 is the first.
class Schedule {
 public:
  /// Always 1.
  Schedule() = default;
  explicit Schedule(std::function<double(double step)> factor) : factor_(std::move(factor)) {}
  double at(double step) const { return factor_ ? factor_(step) : 1; }

 private:
  std::function<double(double)> factor_;
};
/// Schedule i acts on steps counted from boundaries[i - 1], up to boundaries[i].
Schedule sequence(std::vector<Schedule> parts, std::vector<double> boundaries);
Schedule product(Schedule a, Schedule b);

/// How long the run is: what durations like "5%" and "10 epochs" mean.
struct RunLength {
  std::int64_t total_steps, steps_per_epoch;
};

struct ScheduleRow {
  const char* name;
  config::About about;
  /// A described struct with default values, for listing and schema.
  std::function<void(const std::function<void(config::Fields&)>&)> describe;
  /// The schedule that `value` describes, `length` steps long.
  std::function<Schedule(const config::Value& value, RunLength run, double length, config::Problems&)> make;
};
/// constant, linear, cosine, exponential, step, multi_step
const config::Registry<ScheduleRow>& schedules();

/// Which hyperparameter follows which schedule.
struct ScheduledParameter {
  std::string parameter;  ///< "lr", "betas[0]"
  Schedule schedule;
};
/// From {"type": ...} or a list of them: items of one "param" (default "lr") follow each other, each to its "until"
/// (default the end of the run); items of different parameters run side by side.
std::vector<ScheduledParameter> make_schedules(const config::Value& value, RunLength run, config::Problems& problems);

}  // namespace xgrad::optim
