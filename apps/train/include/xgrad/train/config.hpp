// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <optional>

#include "xgrad/config/parse.hpp"
#include "xgrad/train/data.hpp"

namespace xgrad::train {

using config::Duration;
using config::Fields;
using config::Problems;
using config::Value;

/// "train": how long, and what happens to the gradients.
struct TrainSection {
  std::optional<std::int64_t> epochs, steps;
  Value clip;
  std::string on_nonfinite = "stop";
  std::int64_t max_skips = 10;
  void describe(Fields& f);
};
struct ClipOptions {
  std::string type = "norm";
  double max = 1;
  void describe(Fields& f);
};
/// "eval"
struct EvalSection {
  Duration every{1, Duration::Unit::epochs};
  std::int64_t batch_size = 256;
  void describe(Fields& f);
};
/// "checkpoint"
struct CheckpointSection {
  Duration every{1, Duration::Unit::epochs};
  std::int64_t keep_last = 2;
  Value keep_best;
  void describe(Fields& f);
};
struct KeepBest {
  std::string monitor = "val/loss", mode = "min";
  std::int64_t count = 1;
  void describe(Fields& f);
};
/// "log"
struct LogSection {
  Duration every{10, Duration::Unit::steps};
  std::string progress = "auto";
  void describe(Fields& f);
};

/// A training run as the config file describes it. Sections whose type a registry decides are read by their builders.
struct Config {
  std::int64_t version = 1;
  std::string name, description;
  Value tags, data, model, loss, metrics, optimizer, schedule, stop;
  std::int64_t seed = 0;
  std::string dtype = "float32";
  TrainSection train;
  EvalSection eval;
  CheckpointSection checkpoint;
  LogSection log;

  Value document;            ///< as parsed, overrides applied
  std::string folder = ".";  ///< where relative paths start

  void describe(Fields& f);
};

/// Reads a config file with overrides ("optimizer.lr=0.1"). Everything wrong becomes a problem.
Config load_config(const std::string& path, const std::vector<std::string>& overrides, Problems& problems);
/// The same of a config that was parsed before; relative paths start in `folder`.
Config read_config(Value document, const std::string& folder, const std::vector<std::string>& overrides,
                   Problems& problems);
/// All settings, defaults included, as JSON that load_config reads again.
nlohmann::ordered_json resolved(Config& config);

/// The stop rules: target, early_stopping, divergence.
struct StopState {
  double best = 0;
  std::int64_t best_step = -1;
};
struct StopRule {
  std::string type, monitor = "train/loss", mode = "min";
  std::optional<double> below, above;
  Duration patience{10, Duration::Unit::epochs};
  double min_delta = 0;
  bool restore_best = false;
  Value at;  ///< where it says what it monitors
};
struct StopRow {
  const char* name;
  config::About about;
  std::function<void(const std::function<void(Fields&)>&)> describe;
  std::function<StopRule(const Value&, Problems&)> make;
};
const config::Registry<StopRow>& stop_rules();
std::vector<StopRule> make_stop_rules(const Value& value, Problems& problems);

}  // namespace xgrad::train
