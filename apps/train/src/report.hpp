// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

#include "xgrad/train/run.hpp"

namespace xgrad::train {

using Metrics = std::vector<std::pair<std::string, double>>;

double seconds_now();

/// Where the time goes: clock.mark("forward") adds what passed since the last mark to it.
class Clock {
 public:
  void start() { last_ = seconds_now(); }
  void mark(const char* part) {
    const double now = seconds_now();
    parts_[part] += now - last_;
    last_ = now;
  }
  nlohmann::ordered_json json(double total) const;

 private:
  double last_ = seconds_now();
  std::map<std::string, double> parts_;
};

/// What a person sees of a run: on a terminal a line that renews itself, elsewhere a few plain ones.
class ProgressDisplay {
 public:
  ProgressDisplay(std::ostream& out, const std::string& mode, std::int64_t total_steps, std::int64_t steps_per_epoch);
  void step(std::int64_t step, double loss);
  /// A line that stays.
  void line(const std::string& text);
  void measured(std::int64_t step, const Metrics& metrics);
  void finish();

 private:
  std::string position(std::int64_t step) const;
  std::ostream& out_;
  bool bar_ = false, lines_ = false;
  std::int64_t total_, per_epoch_, next_line_ = 0;
  double start_ = seconds_now(), drawn_ = 0;
  std::int64_t first_step_ = -1;
  bool open_ = false;
};

/// A number for a person.
std::string six_digits(double value);
/// A number as short as it can be said in T, NaN and infinities as text: for JSON lines.
std::string number_text(double value, bool is_float);
/// {"step": 10, "epoch": 1, "train/loss": 0.5}
std::string metrics_line(std::int64_t step, std::int64_t epoch, const Metrics& metrics, bool is_float);
/// Of the whole process, in bytes.
std::int64_t peak_memory();
/// The summary as lines for a person.
std::string summary_text(const nlohmann::ordered_json& summary);

}  // namespace xgrad::train
