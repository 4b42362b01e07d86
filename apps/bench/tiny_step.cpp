// SPDX-License-Identifier: BSD-3-Clause
// What does a step cost when the arithmetic is nothing? MLP 2-16-16-1 with tanh and batch 32, linear 4-4 with batch 16;
// MSE, SGD.
#include <nlohmann/json.hpp>

#include "bench.hpp"
#include "xgrad/nn/layers.hpp"
#include "xgrad/ops/loss.hpp"
#include "xgrad/optim/optimizer.hpp"
#include "xgrad/random.hpp"
#include "xgrad/threads.hpp"

namespace {

using namespace xgrad;

Tensor<float> numbers(const Shape& shape, std::uint32_t stream) {
  Tensor<float> x = Tensor<float>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(uniform({stream, 0, 0}, i));
  return x;
}

void measure(const char* workload, const bench::Options& options, nn::Sequential<float> model, const Tensor<float>& x,
             const Tensor<float>& target, std::function<void()> peer) {
  const auto optimizer = optim::make<float>({{"type", "sgd"}, {"lr", 1e-2}}, model.named_parameters());
  std::vector<bench::Contender> contenders = {{"xgrad", [&] {
                                                 optimizer->zero_grad();
                                                 mse_loss(model(x), target).backward();
                                                 optimizer->step();
                                               }}};
  bench::add_peer(contenders, {"libtorch", std::move(peer)});
  bench::compare(workload, options, std::move(contenders));
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  manual_seed(0);
  measure("tiny mlp 2-16-16-1 batch 32 sgd step", options,
          nn::Sequential<float>(nn::Linear<float>(2, 16), nn::Tanh<float>(), nn::Linear<float>(16, 16),
                                nn::Tanh<float>(), nn::Linear<float>(16, 1)),
          numbers({32, 2}, 1), numbers({32, 1}, 2), bench::libtorch_tiny_step(options.threads));
  measure("linear 4-4 batch 16 sgd step", options, nn::Sequential<float>(nn::Linear<float>(4, 4)), numbers({16, 4}, 1),
          numbers({16, 4}, 2), bench::libtorch_linear_step(options.threads));
}
