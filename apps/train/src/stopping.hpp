// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "checkpoint.hpp"
#include "report.hpp"

namespace xgrad::train {

/// How a run ended.
enum class Ending { none, finished, stopped, diverged, interrupted };

/// What ends a run before its last step: the config's rules, and a loss that explodes. Holds the model that
/// restore_best gives back. What must outlive a kill is in the progress.
template <class T> class Stopping {
 public:
  Stopping(Experiment<T>& experiment, Progress& progress) : e_(experiment), progress_(progress) {}

  /// Takes the loss of a step, before its update; true when that ends the run.
  bool training_loss(double value);
  /// Takes what an evaluation measured.
  void measured(const Metrics& values);
  void end(Ending ending, const std::string& reason);

  Ending ending() const { return ending_; }
  bool target_met() const { return target_met_; }
  /// The model's tensors at the best evaluation, if a rule restores it.
  std::vector<Storage<T>>& best() { return best_; }
  void restore_best();

 private:
  void check_rule(std::size_t i, double value);

  Experiment<T>& e_;
  Progress& progress_;
  std::vector<Storage<T>> best_;
  Ending ending_ = Ending::none;
  bool target_met_ = false;
};

}  // namespace xgrad::train
