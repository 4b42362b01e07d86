// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <nlohmann/json.hpp>

#include "xgrad/io.hpp"
#include "xgrad/train/run.hpp"

namespace xgrad::train {

/// Where a run stands between two steps: with parameters and optimizer state all that a resumed run needs.
struct Progress {
  std::int64_t step = 0;
  double loss_sum = 0;  ///< of the training losses since the last log line
  std::int64_t loss_count = 0, skipped = 0, metrics_bytes = 0;
  double first_loss = 0, last_loss = 0, seconds = 0;
  std::vector<StopState> stops;                       ///< of each stop rule
  std::vector<std::pair<double, std::int64_t>> best;  ///< keep_best: values and steps
  bool finished = false;
  std::string reason;
};

std::string checkpoint_name(std::int64_t step);
/// Checkpoints of a folder by step, newest first.
std::vector<std::pair<std::int64_t, std::string>> list_checkpoints(const std::string& folder);

/// One safetensors file: model.*, buffer.*, optim.*, best.* and the progress as metadata.
template <class T>
void save_checkpoint(const std::string& path, Experiment<T>& experiment, const Progress& progress,
                     const std::vector<Storage<T>>& best_parameters);
/// Throws CheckpointError.
template <class T>
Progress load_checkpoint(const std::string& path, Experiment<T>& experiment, std::vector<Storage<T>>& best_parameters);

}  // namespace xgrad::train
