// SPDX-License-Identifier: BSD-3-Clause
// How long does a training step of a small convolutional network take? conv32-conv64-pool-fc128-fc10, 3 x 3, ReLU, on
// pictures of 28 x 28, cross entropy, batch 64, AdamW.
#include <nlohmann/json.hpp>

#include "step.hpp"
#include "xgrad/nn/convolution.hpp"
#include "xgrad/nn/pooling.hpp"
#include "xgrad/ops/loss.hpp"
#include "xgrad/random.hpp"
#include "xgrad/threads.hpp"

namespace {

using namespace xgrad;

std::function<void()> cnn_step() {
  manual_seed(0);
  auto model = std::make_shared<nn::Sequential<float>>(
      nn::Conv2d<float>(1, 32, 3), nn::ReLU<float>(), nn::Conv2d<float>(32, 64, 3), nn::ReLU<float>(),
      nn::MaxPool2d<float>(2), nn::Flatten<float>(), nn::Linear<float>(9216, 128), nn::ReLU<float>(),
      nn::Linear<float>(128, 10));
  Tensor<float> x = Tensor<float>::empty({64, 1, 28, 28});
  Indices labels(Shape{64});
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(uniform({1, 0, 0}, i));
  for (std::size_t i = 0; i < 64; ++i) labels.data()[i] = static_cast<std::int64_t>(10 * uniform({2, 0, 0}, i));
  return bench::step_of(optim::make<float>({{"type", "adamw"}, {"lr", 1e-3}}, model->named_parameters()),
                        [model, x, labels] { return cross_entropy((*model)(x), labels); });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  bench::compare_steps("cnn conv32-conv64-pool-fc128-fc10 batch 64 adamw step", options,
                       {{"xgrad", cnn_step}, {"libtorch", [&] { return bench::libtorch_cnn_step(options.threads); }}});
}
