// SPDX-License-Identifier: BSD-3-Clause
// How long does an ordinary MLP take, 784-512-256-10 with ReLU and cross entropy: a step of Adam on a batch of 128, a
// step of SGD with momentum on one of 1024, and inference for one example?
#include <nlohmann/json.hpp>

#include "bench.hpp"
#include "xgrad/nn/layers.hpp"
#include "xgrad/ops/loss.hpp"
#include "xgrad/optim/optimizer.hpp"
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

void measure_step(const char* workload, const bench::Options& options, std::int64_t batch,
                  const nlohmann::json& config) {
  manual_seed(0);
  nn::Sequential<float> model = mlp();
  const auto optimizer = optim::make<float>(config, model.named_parameters());
  const Tensor<float> x = examples(batch);
  Indices labels(Shape{batch});
  for (std::size_t i = 0; i < static_cast<std::size_t>(batch); ++i)
    labels.data()[i] = static_cast<std::int64_t>(10 * uniform({2, 0, 0}, i));
  std::vector<bench::Contender> contenders = {{"xgrad", [&] {
                                                 optimizer->zero_grad();
                                                 cross_entropy(model(x), labels).backward();
                                                 optimizer->step();
                                               }}};
  bench::add_peer(contenders,
                  {"libtorch", bench::libtorch_mlp_step(options.threads, batch, config.at("type") == "adam")});
  bench::compare(workload, options, std::move(contenders));
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
