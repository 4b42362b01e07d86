// SPDX-License-Identifier: BSD-3-Clause
// What a user of the installed package writes: a model, a custom fused operation, an optimizer from JSON, a training
// loop.
#include <cstdio>
#include <nlohmann/json.hpp>
#include <xgrad/optim/optimizer.hpp>
#include <xgrad/train/run.hpp>
#include <xgrad/xgrad.hpp>

using namespace xgrad;

int main() {
  manual_seed(0);
  xt::xarray<float> inputs = xt::ones<float>({16, 3});
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t j = 0; j < 3; ++j) inputs(i, j) = static_cast<float>(i * j % 5) - 2.0f;
  const Tensor<float> x = inputs;
  const Tensor<float> target = map([](auto a) { return where(a > 0, a, 0.1 * a); }, x).sum({1}, true);

  nn::Sequential<float> model(nn::Linear<float>(3, 16), nn::Tanh<float>(), nn::Linear<float>(16, 1));
  const auto optimizer = optim::make<float>({{"type", "adam"}, {"lr", 0.02}}, model.named_parameters());
  float first = 0, last = 0;
  for (int step = 0; step < 300; ++step) {
    optimizer->zero_grad();
    const auto loss = mse_loss(model(x), target);
    loss.backward();
    optimizer->step();
    last = loss.item();
    if (step == 0) first = last;
  }
  std::printf("loss %g -> %g, %zu optimizers, %zu layers\n", static_cast<double>(first), static_cast<double>(last),
              optim::optimizers().rows().size(), train::layers().rows().size());
  return last < first / 10 ? 0 : 1;
}
