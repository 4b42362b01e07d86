// SPDX-License-Identifier: BSD-3-Clause
#include "stopping.hpp"

#include <algorithm>
#include <cmath>

#include "evaluation_point.hpp"

namespace xgrad::train {
namespace {

/// Without a divergence rule of its own a run has diverged when a training loss exceeds this many times the first one.
constexpr double kExplosion = 1e4;

}  // namespace

template <class T> bool Stopping<T>::training_loss(double value) {
  if (progress_.step == 0) progress_.first_loss = value;
  bool own_rule = false;
  for (std::size_t i = 0; i < e_.stop_rules.size(); ++i) {
    const StopRule& rule = e_.stop_rules[i];
    own_rule |= rule.type == "divergence";
    if (rule.monitor == "train/loss") check_rule(i, value);
  }
  const double limit = kExplosion * std::max(1.0, std::abs(progress_.first_loss));
  if (ending_ == Ending::none && !own_rule && value > limit)
    end(Ending::diverged,
        "train/loss " + six_digits(value) + " at step " + std::to_string(progress_.step) + " is more than " +
            six_digits(kExplosion) + " times the first (" + six_digits(progress_.first_loss) +
            "); the step size is too large: try optimizer.lr=" + six_digits(e_.optimizer->get("lr") / 10));
  if (ending_ != Ending::none) progress_.last_loss = value;
  return ending_ != Ending::none;
}

template <class T> void Stopping<T>::measured(const Metrics& values) {
  for (std::size_t i = 0; i < e_.stop_rules.size(); ++i)
    for (const auto& [name, value] : values)
      if (e_.stop_rules[i].monitor == name && ending_ == Ending::none) check_rule(i, value);
}

template <class T> void Stopping<T>::check_rule(std::size_t i, double value) {
  const StopRule& rule = e_.stop_rules[i];
  StopState& state = progress_.stops[i];
  const std::string seen = rule.monitor + " " + six_digits(value) + " at step " + std::to_string(progress_.step);
  if (rule.type == "target") {
    if (!(rule.below ? value < *rule.below : value > *rule.above)) return;
    end(Ending::stopped, "target reached: " + seen + " is " +
                             (rule.below ? "below " + six_digits(*rule.below) : "above " + six_digits(*rule.above)));
    target_met_ = true;
  } else if (rule.type == "divergence") {
    if (!(value <= *rule.above))
      end(Ending::diverged, seen + " is above " + six_digits(*rule.above) +
                                " (divergence rule); try optimizer.lr=" + six_digits(e_.optimizer->get("lr") / 3));
  } else {
    const double gain = rule.mode == "min" ? state.best - value : value - state.best;
    if (state.best_step < 0 || gain > rule.min_delta) {
      state = {value, progress_.step};
      if (!rule.restore_best) return;
      best_.clear();
      for (const NamedTensor<T>& x : model_tensors(e_)) best_.push_back(x.tensor.storage());
    } else if (progress_.step - state.best_step >= rule.patience.steps(e_.steps_per_epoch, e_.total_steps)) {
      end(Ending::stopped, "early stopping: " + rule.monitor + " has not improved on " + six_digits(state.best) +
                               " since step " + std::to_string(state.best_step));
    }
  }
}

template <class T> void Stopping<T>::end(Ending ending, const std::string& reason) {
  ending_ = ending;
  progress_.reason = reason;
}

template <class T> void Stopping<T>::restore_best() {
  NamedTensors<T> tensors = model_tensors(e_);
  for (std::size_t i = 0; i < best_.size(); ++i)
    std::copy(best_[i].begin(), best_[i].end(), tensors[i].tensor.mutable_data());
}

template class Stopping<float>;
template class Stopping<double>;

}  // namespace xgrad::train
