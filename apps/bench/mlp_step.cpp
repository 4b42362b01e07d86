// SPDX-License-Identifier: BSD-3-Clause
// How long does a training step of an ordinary MLP take? 784-512-256-10, ReLU, cross entropy, batch 128, Adam.
#include <nlohmann/json.hpp>

#include "bench.hpp"
#include "xgrad/nn/layers.hpp"
#include "xgrad/ops/loss.hpp"
#include "xgrad/optim/optimizer.hpp"
#include "xgrad/random.hpp"
#include "xgrad/threads.hpp"

int main(int argc, char** argv) {
  using namespace xgrad;
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  manual_seed(0);

  nn::Sequential<float> model(nn::Linear<float>(784, 512), nn::ReLU<float>(), nn::Linear<float>(512, 256),
                              nn::ReLU<float>(), nn::Linear<float>(256, 10));
  const auto optimizer = optim::make<float>({{"type", "adam"}, {"lr", 1e-3}}, model.named_parameters());
  Tensor<float> x = Tensor<float>::empty({128, 784});
  Indices labels(Shape{128});
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(uniform({1, 0, 0}, i));
  for (std::size_t i = 0; i < 128; ++i) labels.data()[i] = static_cast<std::int64_t>(10 * uniform({2, 0, 0}, i));

  std::vector<bench::Contender> contenders = {{"xgrad", [&] {
                                                 optimizer->zero_grad();
                                                 cross_entropy(model(x), labels).backward();
                                                 optimizer->step();
                                               }}};
  bench::add_peer(contenders, {"libtorch", bench::libtorch_mlp_step(options.threads)});
  bench::compare("mlp 784-512-256-10 batch 128 adam step", options, std::move(contenders));
}
