// SPDX-License-Identifier: BSD-3-Clause
// How long does an ordinary MLP take, 784-512-256-10 with ReLU and cross entropy: a step of Adam on a batch of 128, a
// step of SGD with momentum on one of 1024, and inference for one example?
#include <nlohmann/json.hpp>

#include "step.hpp"
#include "xgrad/nn/layers.hpp"
#include "xgrad/ops/loss.hpp"
#include "xgrad/random.hpp"
#include "xgrad/threads.hpp"

namespace {

using namespace xgrad;

nn::Sequential<float> mlp() {
  return nn::Sequential<float>(nn::Linear<float>(784, 512), nn::ReLU<float>(), nn::Linear<float>(512, 256),
                               nn::ReLU<float>(), nn::Linear<float>(256, 10));
}

Tensor<float> examples(std::int64_t batch) {
  Tensor<float> x = Tensor<float>::empty({batch, 784});
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(uniform({1, 0, 0}, i));
  return x;
}

std::function<void()> mlp_step(std::int64_t batch, const nlohmann::json& config) {
  manual_seed(0);
  auto model = std::make_shared<nn::Sequential<float>>(mlp());
  Indices labels(Shape{batch});
  for (std::size_t i = 0; i < labels.size(); ++i)
    labels.data()[i] = static_cast<std::int64_t>(10 * uniform({2, 0, 0}, i));
  return bench::step_of(optim::make<float>(config, model->named_parameters()),
                        [model, x = examples(batch), labels] { return cross_entropy((*model)(x), labels); });
}

void measure_step(const char* workload, const bench::Options& options, std::int64_t batch,
                  const nlohmann::json& config) {
  bench::compare_steps(
      workload, options,
      {{"xgrad", [&] { return mlp_step(batch, config); }},
       {"libtorch", [&] { return bench::libtorch_mlp_step(options.threads, batch, config.at("type") == "adam"); }}});
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  measure_step("mlp 784-512-256-10 batch 128 adam step", options, 128, {{"type", "adam"}, {"lr", 1e-3}});
  measure_step("mlp 784-512-256-10 batch 1024 sgd momentum step", options, 1024,
               {{"type", "sgd"}, {"lr", 1e-2}, {"momentum", 0.9}});

  nn::Sequential<float> model = mlp();
  const Tensor<float> x = examples(1);
  std::vector<bench::Contender> contenders = {{"xgrad", [&] {
                                                 const InferenceMode inference;
                                                 model(x);
                                               }}};
  bench::add_peer(contenders, {"libtorch", bench::libtorch_mlp_inference(options.threads)});
  bench::compare("mlp 784-512-256-10 inference of one example", options, std::move(contenders));
}
