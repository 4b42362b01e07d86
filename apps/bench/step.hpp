// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "bench.hpp"
#include "xgrad/optim/optimizer.hpp"

namespace xgrad::bench {

/// A training step of xgrad; loss() computes the loss of its model on its batch anew.
template <class Loss> std::function<void()> step_of(std::unique_ptr<optim::Optimizer<float>> optimizer, Loss loss) {
  return [optimizer = std::shared_ptr(std::move(optimizer)), loss = std::move(loss)] {
    optimizer->zero_grad();
    loss().backward();
    optimizer->step();
  };
}

}  // namespace xgrad::bench
