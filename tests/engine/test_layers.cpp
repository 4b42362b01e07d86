// SPDX-License-Identifier: BSD-3-Clause
// Layers of convolutional networks.
#include <cmath>

#include "xgrad/xgrad.hpp"
#include "steady_state.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

Tensor<float> images(const Shape& shape) {
  Tensor<float> x = Tensor<float>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(uniform({1, 2, 3}, i));
  return x;
}

nn::Sequential<float> small_network() {
  nn::Sequential<float> model;
  model.append(std::make_shared<nn::Conv2d<float>>(1, 8, 3, nn::ConvLayerOptions{.padding = "same"}));
  model.append(std::make_shared<nn::BatchNorm2d<float>>(8));
  model.append(std::make_shared<nn::ReLU<float>>());
  model.append(std::make_shared<nn::MaxPool2d<float>>(2));
  model.append(std::make_shared<nn::Conv2d<float>>(8, 8, 3, nn::ConvLayerOptions{.groups = 2}));
  model.append(std::make_shared<nn::ReLU<float>>());
  model.append(std::make_shared<nn::Flatten<float>>());
  model.append(std::make_shared<nn::Linear<float>>(8 * 4 * 4, 4));
  return model;
}

}  // namespace

TEST_CASE("a step of convolutions straight from the images calls no operator new") {
  manual_seed(0);
  nn::Sequential<float> model(nn::Conv2d<float>(1, 4, 3), nn::ReLU<float>(), nn::Conv2d<float>(4, 8, 3),
                              nn::ReLU<float>(), nn::MaxPool2d<float>(2), nn::Flatten<float>(),
                              nn::Linear<float>(8 * 14 * 14, 4));
  auto parameters = model.named_parameters();
  const auto x = images({3, 1, 32, 32});
  const Indices labels{0, 1, 2};
  const auto step = [&] {
    for (auto& each : parameters) each.tensor.zero_grad();
    cross_entropy(model(x), labels).backward();
  };
  check_steady_state(step);
}

TEST_CASE("a convolutional network: names, shapes, and a step in steady state asks the system for nothing") {
  manual_seed(0);
  auto model = small_network();
  const auto parameters = model.named_parameters();
  REQUIRE(parameters.size() == 8);
  CHECK(parameters[0].name == "0.weight");
  CHECK(parameters[0].tensor.shape() == Shape{8, 1, 3, 3});
  CHECK(parameters[4].tensor.shape() == Shape{8, 4, 3, 3});
  for (const float w : parameters[4].tensor.values()) CHECK(std::abs(w) <= 1 / 6.0f);  // 1 / sqrt(4 * 3 * 3)
  const auto buffers = model.named_buffers();
  REQUIRE(buffers.size() == 2);
  CHECK(buffers[1].name == "1.running_var");

  const auto x = images({6, 1, 12, 12});
  const Indices labels{0, 1, 2, 3, 0, 1};
  const auto step = [&] {
    model.zero_grad();
    const auto loss = cross_entropy(model(x), labels);
    loss.backward();
    return loss.item();
  };
  const float first = step();
  CHECK(std::isfinite(first));
  for (const auto& p : parameters) CHECK(p.tensor.has_grad());
  check_steady_state(step, false);
  CHECK(step() == first);  // training normalises by the batch, whatever the running values
}

TEST_CASE("batch norm trains on the batch and evaluates on what it has seen") {
  const auto x = images({8, 3, 4, 4});
  nn::BatchNorm2d<float> layer(3, {.momentum = std::nullopt});
  layer(x);
  layer(x);
  layer.eval();
  const auto y = layer(x);
  const auto m = mean(reshape(permute(y, {1, 0, 2, 3}), {3, -1}), 1),
             v = var(reshape(permute(y, {1, 0, 2, 3}), {3, -1}), 1);
  for (std::size_t c = 0; c < 3; ++c) {
    CHECK(std::abs(m.data()[c]) < 1e-5);
    CHECK(v.data()[c] == doctest::Approx(1).epsilon(1e-3));
  }
  CHECK(layer.named_buffers().size() == 3);
  CHECK(layer.named_buffers()[2].tensor.item() == 2);  // evaluation does not count
  CHECK_THROWS_WITH_AS(layer(images({8, 3})), doctest::Contains("expected (N, C, H, W)"), Error);
  CHECK(nn::BatchNorm1d<float>(3)(images({8, 3})).shape() == Shape{8, 3});
  CHECK(nn::BatchNorm<float>(3, {.affine = false}).named_parameters().empty());
}

TEST_CASE("every layer is the operation of its name") {
  const auto x = images({2, 4, 6, 6});
  const auto same = [](const Tensor<float>& a, const Tensor<float>& b) {
    REQUIRE(a.shape() == b.shape());
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(a.data()[i] == b.data()[i]);
  };
  nn::ConvTranspose2d<float> up(4, 6, 3, {.stride = 2, .output_padding = 1, .groups = 2});
  CHECK(up.weight.shape() == Shape{4, 3, 3, 3});
  same(up(x), conv_transpose2d(x, up.weight, up.bias, {.stride = 2, .output_padding = 1, .groups = 2}));
  nn::Conv1d<float> line(4, 5, 3, {.stride = 2, .bias = false});
  const auto series = images({2, 4, 9});
  same(line(series), conv1d(series, line.weight, {}, {.stride = 2}));
  same(nn::MaxPool2d<float>(3, {.stride = 2})(x), max_pool2d(x, 3, {.stride = 2}));
  same(nn::MaxPool1d<float>(2)(series), max_pool1d(series, 2));
  same(nn::AvgPool2d<float>({2, 3})(x), avg_pool2d(x, {2, 3}));
  same(nn::AvgPool1d<float>(2)(series), avg_pool1d(series, 2));
  same(nn::AdaptiveAvgPool2d<float>({1, 4})(x), adaptive_avg_pool2d(x, {1, 4}));
  same(nn::AdaptiveMaxPool2d<float>(4)(x), adaptive_max_pool2d(x, 4));
  same(nn::GlobalAvgPool<float>()(x), global_avg_pool(x));
  same(nn::Upsample<float>(2)(x), upsample_nearest(x, 12));
  same(nn::Upsample<float>(3, nn::Interpolation::bilinear)(x), upsample_bilinear(x, 18));
  same(nn::LayerNorm<float>({6, 6})(x), layer_norm(x, {6, 6}));
  same(nn::RMSNorm<float>({6})(x), rms_norm(x, {6}));
  same(nn::GroupNorm<float>(2, 4)(x), group_norm(x, 2));
  same(nn::InstanceNorm<float>(4)(x), instance_norm(x));
  CHECK(nn::InstanceNorm<float>(4).named_parameters().empty());
  CHECK(nn::GroupNorm<float>(2, 4).named_parameters().size() == 2);
  nn::Dropout2d<float> drop(0.9);
  drop.eval();
  same(drop(x), x);
}

TEST_CASE("layers that cannot be are refused") {
  CHECK_THROWS_WITH_AS(nn::Conv2d<float>(0, 4, 3), doctest::Contains("Conv2d: channels in 0, out 4"), Error);
  CHECK_THROWS_WITH_AS(nn::Conv2d<float>(4, 6, 3, {.groups = 4}), doctest::Contains("groups is 4"), Error);
  CHECK_THROWS_WITH_AS(nn::Conv2d<float>(4, 6, 0), doctest::Contains("kernel 0"), Error);
  CHECK_THROWS_WITH_AS(nn::BatchNorm1d<float>(0), doctest::Contains("BatchNorm: 0 channels"), Error);
  CHECK_THROWS_WITH_AS(nn::GroupNorm<float>(3, 4), doctest::Contains("groups is 3"), Error);
  CHECK_THROWS_WITH_AS(nn::Upsample<float>(0), doctest::Contains("factor is 0"), Error);
}
