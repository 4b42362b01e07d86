// SPDX-License-Identifier: BSD-3-Clause
// How long does a training step of a recurrent network take? LSTM 128 -> 128 over 64 steps, a class from the last one,
// batch 32, Adam.
#include <nlohmann/json.hpp>

#include "step.hpp"
#include "xgrad/nn/layers.hpp"
#include "xgrad/nn/recurrent.hpp"
#include "xgrad/ops/loss.hpp"
#include "xgrad/random.hpp"
#include "xgrad/threads.hpp"

namespace {

using namespace xgrad;
constexpr std::int64_t kSteps = 64, kBatch = 32, kSize = 128, kClasses = 10;

struct Net : nn::Module<float> {
  nn::LSTM<float> lstm{kSize, kSize};
  nn::Linear<float> head{kSize, kClasses};
  Net() {
    register_module("lstm", lstm);
    register_module("head", head);
  }
  Tensor<float> forward(const Tensor<float>& x) override { return head(squeeze(slice(lstm(x), 0, kSteps - 1), 0)); }
};

std::function<void()> lstm_step() {
  manual_seed(0);
  auto model = std::make_shared<Net>();
  Tensor<float> x = Tensor<float>::empty({kSteps, kBatch, kSize});
  Indices labels(Shape{kBatch});
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(uniform({1, 0, 0}, i));
  for (std::size_t i = 0; i < labels.size(); ++i)
    labels.data()[i] = static_cast<std::int64_t>(static_cast<double>(kClasses) * uniform({2, 0, 0}, i));
  return bench::step_of(optim::make<float>({{"type", "adam"}, {"lr", 1e-3}}, model->named_parameters()),
                        [model, x, labels] { return cross_entropy((*model)(x), labels); });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  bench::compare_steps(
      "lstm 128 over 64 steps batch 32 adam step", options,
      {{"xgrad", lstm_step}, {"libtorch", [&] { return bench::libtorch_lstm_step(options.threads); }}});
}
