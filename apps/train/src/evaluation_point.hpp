// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/nn/normalization.hpp"
#include "xgrad/random.hpp"
#include "xgrad/train/run.hpp"

namespace xgrad::train {

/// The model's parameters, then its buffers: all that its outputs depend on.
template <class T> NamedTensors<T> model_tensors(const Experiment<T>& e) {
  NamedTensors<T> result = e.model->named_parameters();
  for (NamedTensor<T>& b : e.model->named_buffers()) result.push_back(std::move(b));
  return result;
}

/// While it lives, the model is what the optimizer would have evaluated after `step` steps: averaged parameters, where
/// there are any, and batch norms' statistics of theirs, from one epoch of training data. Then all is put back.
template <class T> class EvaluationPoint {
 public:
  EvaluationPoint(Experiment<T>& e, std::int64_t step) : e_(e) {
    e.optimizer->eval();
    if (step == 0 || !e.optimizer->trains_elsewhere()) return;
    trained_ = copies();
    if (trained_.empty()) return;
    if (e.statistics.step != step) {
      gather(step);
      e.statistics = {step, copies()};
    } else {
      put(e.statistics.buffers);
    }
  }
  ~EvaluationPoint() {
    put(trained_);
    e_.optimizer->train();
  }
  EvaluationPoint(const EvaluationPoint&) = delete;
  EvaluationPoint& operator=(const EvaluationPoint&) = delete;

 private:
  std::vector<Storage<T>> copies() const {
    std::vector<Storage<T>> result;
    for (const NamedTensor<T>& b : e_.model->named_buffers()) result.push_back(b.tensor.storage());
    return result;
  }
  void put(const std::vector<Storage<T>>& values) {
    NamedTensors<T> buffers = e_.model->named_buffers();
    for (std::size_t i = 0; i < values.size(); ++i)
      std::copy(values[i].begin(), values[i].end(), buffers[i].tensor.mutable_data());
  }
  void gather(std::int64_t step) {
    const NoGrad no_grad;
    nn::AverageStatistics statistics;
    set_random_step(static_cast<std::uint32_t>(step));
    for (std::int64_t i = 0; i < e_.steps_per_epoch; ++i) {
      statistics.next_batch();
      (*e_.model)(e_.data->training_batch(step / e_.steps_per_epoch, i).inputs);
    }
  }

  Experiment<T>& e_;
  std::vector<Storage<T>> trained_;  // the buffers
};

}  // namespace xgrad::train
