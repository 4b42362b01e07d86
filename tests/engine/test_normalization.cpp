// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>
#include <functional>
#include <optional>
#include <thread>

#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

template <class T> Tensor<T> numbers(const Shape& shape, double offset = 0) {
  Tensor<T> x = Tensor<T>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<T>(offset + normal({4, 1, 0}, i));
  return x;
}

template <class T> using Norm = std::function<Tensor<T>(const Tensor<T>&)>;

/// Result and gradient of a normalisation of x.
template <class T> std::vector<Tensor<T>> run(const Norm<T>& norm, const Tensor<T>& values) {
  const auto x = parameter(values);
  const auto y = norm(x);
  sum(y * square(y)).backward();
  return {y, x.grad()};
}

}  // namespace

TEST_CASE("running statistics move by the momentum, with the unbiased variance") {
  const Tensor<double> x({4, 2}, {1, 10, 2, 20, 3, 30, 6, 40});
  const auto mean = Tensor<double>::zeros({2}), variance = Tensor<double>::ones({2});
  batch_norm<double>(x, mean, variance, {}, {}, true, 0.25);
  CHECK(mean.data()[0] == doctest::Approx(0.25 * 3));
  CHECK(mean.data()[1] == doctest::Approx(0.25 * 25));
  CHECK(variance.data()[0] == doctest::Approx(0.75 + 0.25 * 14.0 / 3));
  const Tensor<double> before({2}, mean.values());
  batch_norm(x, mean, variance);
  CHECK(mean.data()[0] == before.data()[0]);  // evaluation changes nothing
}

TEST_CASE("AverageStatistics weighs all batches alike, whatever the momentum and what was there before") {
  constexpr int kBatches = 3;
  const auto batch = [](int i) { return numbers<double>({5 + i, 2}, 3.0 * i); };
  double mean[2] = {}, variance[2] = {};  // averages over the batches, the variances unbiased
  for (int i = 0; i < kBatches; ++i) {
    const Tensor<double> x = batch(i), m = xgrad::mean(x, {0}), v = var(x, {0});
    for (std::size_t c = 0; c < 2; ++c) {
      mean[c] += m.data()[c] / kBatches;
      variance[c] += v.data()[c] / kBatches;
    }
  }
  for (const std::optional<double> momentum : {std::optional(0.1), std::optional(1.0), std::optional<double>()}) {
    CAPTURE(momentum.value_or(0));
    nn::BatchNorm1d<double> norm(2, {.momentum = momentum});
    norm(numbers<double>({4, 2}, -50));
    for (int round = 0; round < 2; ++round) {  // the second one begins anew
      nn::AverageStatistics statistics;
      for (int i = 0; i < kBatches; ++i) {
        statistics.next_batch();
        norm(batch(i));
        std::thread([&] { CHECK(nn::AverageStatistics::weight() == 0); }).join();
      }
      for (std::size_t c = 0; c < 2; ++c) {
        CHECK(norm.running_mean.data()[c] == doctest::Approx(mean[c]).epsilon(1e-13));
        CHECK(norm.running_var.data()[c] == doctest::Approx(variance[c]).epsilon(1e-13));
      }
      norm.eval();
      norm(batch(7));
      norm.train();
      CHECK(norm.running_mean.data()[0] == doctest::Approx(mean[0]).epsilon(1e-13));  // evaluation changes nothing
    }
  }
  CHECK(nn::AverageStatistics::weight() == 0);
  nn::BatchNorm1d<double> norm(2, {.momentum = 0.25});
  norm(batch(0));
  CHECK(norm.running_mean.data()[0] == doctest::Approx(0.25 * xgrad::mean(batch(0), {0}).data()[0]));
}

TEST_CASE("norms of float follow those of double, also far from zero and for long rows, whatever the threads") {
  const auto compare = [](const Norm<float>& narrow, const Norm<double>& wide, const Shape& shape, double offset) {
    CAPTURE(shape.to_string());
    const int before = num_threads();
    set_num_threads(1);
    const auto one = run<float>(narrow, numbers<float>(shape, offset));
    set_num_threads(2);
    const auto two = run<float>(narrow, numbers<float>(shape, offset));
    set_num_threads(before);
    auto exact_input = Tensor<double>::empty(shape);
    const auto rounded = numbers<float>(shape, offset);
    std::copy_n(rounded.data(), rounded.size(), exact_input.mutable_data());
    const auto exact = run<double>(wide, exact_input);
    for (std::size_t k = 0; k < 2; ++k) {
      double worst = 0;
      for (std::size_t i = 0; i < exact[k].size(); ++i) {
        REQUIRE(one[k].data()[i] == two[k].data()[i]);
        worst = std::max(worst, std::abs(one[k].data()[i] - exact[k].data()[i]) / (1 + std::abs(exact[k].data()[i])));
      }
      CHECK(worst < 2e-3);
    }
  };
#define BOTH(...)                                                      \
  [](const Tensor<float>& x) -> Tensor<float> { return __VA_ARGS__; }, \
      [](const Tensor<double>& x) -> Tensor<double> { return __VA_ARGS__; }
  for (const double offset : {0.0, 1000.0}) {
    compare(BOTH(layer_norm(x, Shape{x.shape().back()})), {37, 5000}, offset);
    compare(BOTH(layer_norm(x, Shape{x.shape().back()})), {700, 65}, offset);
    compare(BOTH(group_norm(x, 4)), {9, 16, 7, 9}, offset);
    compare(BOTH(instance_norm(x)), {9, 16, 7, 9}, offset);
    compare(BOTH(batch_norm(x, {}, {}, {}, {}, true)), {40, 16, 7, 9}, offset);
    compare(BOTH(batch_norm(x, {}, {}, {}, {}, true)), {300, 33}, offset);
  }
  compare(BOTH(rms_norm(x, Shape{x.shape().back()})), {37, 5000}, 0);
#undef BOTH
}

TEST_CASE("normalising zeros and nothing") {
  const auto x = parameter(Tensor<float>::zeros({2, 3}));
  const auto y = normalize(x);
  sum(y).backward();
  for (const float v : y.values()) CHECK(v == 0);
  for (const float g : x.grad().values()) CHECK(std::isfinite(g));
  const auto constant = parameter(Tensor<float>::full({2, 4}, 7));
  const auto z = layer_norm(constant, {4});
  sum(z * z).backward();
  for (const float v : z.values()) CHECK(v == 0);
  for (const float g : constant.grad().values()) CHECK(g == 0);
  const auto none = parameter(Tensor<float>::ones({0, 4})), weight = parameter(Tensor<float>::ones({4}));
  const auto empty = layer_norm(none, {4}, weight);
  CHECK(empty.shape() == Shape{0, 4});
  sum(empty).backward();
  for (const float g : weight.grad().values()) CHECK(g == 0);
}

TEST_CASE("dropout of channels, and alpha dropout's mean and variance") {
  const auto x = Tensor<float>::ones({50, 40, 3, 3});
  const auto y = dropout2d(x, 0.25, true, RandomKey{1, 2, 3});
  std::size_t dropped = 0;
  for (std::size_t plane = 0; plane < 2000; ++plane) {
    const float first = y.data()[plane * 9];
    CHECK((first == 0 || first == doctest::Approx(1 / 0.75)));
    for (std::size_t i = 1; i < 9; ++i) CHECK(y.data()[plane * 9 + i] == first);
    dropped += first == 0;
  }
  CHECK(std::abs(static_cast<double>(dropped) / 2000 - 0.25) < 0.03);
  const auto z = alpha_dropout(numbers<double>({100'000}), 0.3, true, RandomKey{1, 2, 3});
  CHECK(std::abs(mean(z).item()) < 0.02);
  CHECK(std::abs(var(z).item() - 1) < 0.02);
  CHECK(alpha_dropout(x, 1.0).data()[0] == 0);
  CHECK(alpha_dropout(x, 0.5, false).data()[0] == 1);
}

TEST_CASE("normalisations that do not fit are refused with what was found") {
  const auto t = [](const Shape& shape) { return Tensor<float>::ones(shape); };
  const Tensor<float> no;
  const auto refused = [](const auto& call, const char* words) {
    CHECK_THROWS_WITH_AS(call(), doctest::Contains(words), Error);
  };
  refused(
      [&] {
        batch_norm(t({1, 3}), no, no, no, no, true);
      },
      "batch_norm: x of shape (1, 3) has 1 value for each channel; expected more than one when training");
  refused([&] { batch_norm(t({4, 3}), no, no); }, "no running statistics are given; expected them when not training");
  refused([&] { batch_norm(t({4, 3}), t({4}), t({3})); }, "running statistics have shape (4,); expected (3,)");
  refused(
      [&] {
        batch_norm(t({4, 3}), no, no, t({4}), no, true);
      },
      "weight has shape (4,); expected (3,) for x (4, 3)");
  refused([&] { batch_norm(t({4}), no, no, no, no, true); }, "x has shape (4,); expected (N, C) or (N, C, spatial...)");
  refused([&] { layer_norm(t({4, 3}), {4}); }, "layer_norm: x has shape (4, 3), normalized_shape is (4,); expected");
  refused([&] { layer_norm(t({3}), {2, 3}); }, "normalized_shape is (2, 3); expected the last sizes of x");
  refused([&] { layer_norm(t({4, 3}), {3}, t({4})); }, "weight has shape (4,); expected (3,)");
  refused([&] { rms_norm(t({4, 3}), {}); }, "normalized_shape is (); expected the last sizes of x");
  refused([&] { group_norm(t({4, 6, 2}), 4); }, "group_norm: groups is 4; expected a divisor of the 6 channels");
  refused([&] { instance_norm(t({4, 6})); }, "instance_norm: x of shape (4, 6) has one position for each channel");
  refused([&] { normalize(t({4, 6}), 0); }, "normalize: p is 0; expected > 0");
  refused([&] { normalize(t({4, 6}), 2, 2); }, "axis 2 is outside shape (4, 6)");
  refused([&] { weight_norm(t({4, 6}), t({4})); }, "weight_norm: g has shape (4,); expected (4, 1) for v (4, 6)");
  refused([&] { local_response_norm(t({4, 6}), 3); }, "x has shape (4, 6); expected (N, C, spatial...)");
  refused([&] { local_response_norm(t({4, 6, 2}), 0); }, "size is 0; expected >= 1");
  refused([&] { dropout2d(t({4, 6})); }, "dropout2d: x has shape (4, 6); expected (N, C, spatial...)");
  refused([&] { alpha_dropout(t({4}), -1); }, "alpha_dropout: p is -1; expected 0 to 1");
}
