// SPDX-License-Identifier: BSD-3-Clause
// Stands in for libtorch.cpp where LibTorch is not installed: there is no such contender then.
#include "bench.hpp"

namespace xgrad::bench {

std::function<void()> libtorch_mlp_step(int, long, bool) { return {}; }
std::function<void()> libtorch_mlp_inference(int) { return {}; }
std::function<void()> libtorch_tiny_step(int) { return {}; }
std::function<void()> libtorch_linear_step(int) { return {}; }
std::function<void()> libtorch_lstm_step(int) { return {}; }
std::function<void()> libtorch_cnn_step(int) { return {}; }
std::function<void()> libtorch_layer_norm(int, long, long) { return {}; }
std::function<void()> libtorch_batch_norm(int) { return {}; }
std::function<void()> libtorch_gpt_step(int) { return {}; }
std::function<void()> libtorch_chain(int, int) { return {}; }
std::function<void()> libtorch_optimizer_step(const std::string&, int, int, long) { return {}; }

}  // namespace xgrad::bench
