// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <iosfwd>

#include "xgrad/io.hpp"
#include "xgrad/optim/optimizer.hpp"
#include "xgrad/train/model.hpp"

namespace xgrad::train {

/// A checkpoint or run folder that cannot be used; the command exits with 5.
class CheckpointError : public Error {
 public:
  using Error::Error;
};
/// A file or folder that cannot be written; the command exits with 8.
class OutputError : public Error {
 public:
  using Error::Error;
};

/// What the process ends with.
enum class ExitCode {
  done = 0,
  internal = 1,
  usage = 2,
  config = 3,
  data = 4,
  checkpoint = 5,
  diverged = 6,
  target = 7,
  output = 8,
  plugin = 9
};

/// Everything that a config describes, built and checked.
template <class T> struct Experiment {
  Config config;
  std::unique_ptr<Dataset<T>> data;
  std::shared_ptr<nn::Sequential<T>> model;
  std::unique_ptr<optim::Optimizer<T>> optimizer;
  std::function<Tensor<T>(const Tensor<T>&, const Batch<T>&)> loss;
  std::function<Batch<T>(const Tensor<T>&)>
      draw;  ///< targets from the model's output, if the loss means a distribution
  std::function<Tensor<T>(const Tensor<T>&)> probabilities;  ///< that the output means, likewise
  bool classes = false;                                      ///< the targets are classes
  std::vector<const MetricRow*> metrics;
  std::int64_t total_steps = 0, steps_per_epoch = 1;
  std::vector<StopRule> stop_rules;
  std::optional<ClipOptions> clip;
  std::optional<KeepBest> keep_best;

  /// Batch norms' statistics at the point that the optimizer would have evaluated at `step`.
  struct Statistics {
    std::int64_t step = -1;
    std::vector<Storage<T>> buffers;
  } statistics;

  /// The metrics that this run measures: "train/loss", "val/accuracy", ...
  std::vector<std::string> metric_names() const;
};

/// Builds data, model, loss, optimizer and rules; whatever is wrong becomes a problem. Throws DataError where a file
/// is. With `about` no data is read: what is built can only be applied to new rows.
template <class T>
Experiment<T> build(const Config& config, Problems& problems, const DataDescription* about = nullptr);

/// "131 parameters, 105 training rows, 700 steps"
template <class T> std::string outline(const Experiment<T>& experiment);

struct RunOptions {
  std::string out;       ///< the run folder
  bool replace = false;  ///< a run that is there is removed, once nothing is wrong with the new one
  bool resume = false;   ///< continue from the newest checkpoint in it
  std::string from;      ///< resume: this checkpoint instead
  bool quiet = false;
  bool json = false;            ///< the summary as JSON, messages elsewhere
  bool require_target = false;  ///< exit with 7 unless a target rule was met
};

/// Trains as the config says and writes the run folder: config.json, metrics.jsonl, checkpoints/, summary.json.
/// Returns the exit code: 0, 6 (diverged), 7, or 128 + the signal that interrupted it after saving.
int run_training(Config config, const RunOptions& options, std::ostream& terminal);

/// Loss and metrics on one part of the data.
template <class T> std::vector<std::pair<std::string, double>> measure(Experiment<T>& experiment, Split split);

/// The folder of the run that `path` names, itself or by a checkpoint in it. Throws CheckpointError.
std::string run_folder_of(const std::string& path);
/// The config of the run in a folder.
Config config_of_run(const std::string& folder, const std::vector<std::string>& overrides, Problems& problems);

/// A checkpoint with all that is needed to apply its model.
struct SavedModel {
  std::string path;
  TensorFile file;
  Config config;
  DataDescription about;
};
/// The newest checkpoint of a run folder, or the one that `path` names. Throws CheckpointError.
SavedModel open_model(const std::string& path, const std::vector<std::string>& overrides, Problems& problems);
/// Loads parameters and buffers. Throws CheckpointError listing what is missing, unexpected or of another shape.
template <class T> void load_model(Experiment<T>& experiment, const SavedModel& saved);

}  // namespace xgrad::train
