// SPDX-License-Identifier: BSD-3-Clause
// What does a step cost when the arithmetic is nothing? MLP 2-16-16-1, tanh, MSE, batch 32, SGD.
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

  nn::Sequential<float> model(nn::Linear<float>(2, 16), nn::Tanh<float>(), nn::Linear<float>(16, 16), nn::Tanh<float>(),
                              nn::Linear<float>(16, 1));
  const auto optimizer = optim::make<float>({{"type", "sgd"}, {"lr", 1e-2}}, model.named_parameters());
  Tensor<float> x = Tensor<float>::empty({32, 2}), target = Tensor<float>::empty({32, 1});
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(uniform({1, 0, 0}, i));
  for (std::size_t i = 0; i < target.size(); ++i) target.mutable_data()[i] = static_cast<float>(uniform({2, 0, 0}, i));

  std::vector<bench::Contender> contenders = {{"xgrad", [&] {
                                                 optimizer->zero_grad();
                                                 mse_loss(model(x), target).backward();
                                                 optimizer->step();
                                               }}};
  bench::add_peer(contenders, {"libtorch", bench::libtorch_tiny_step(options.threads)});
  bench::compare("tiny mlp 2-16-16-1 batch 32 sgd step", options, std::move(contenders));
}
