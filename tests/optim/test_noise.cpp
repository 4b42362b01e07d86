// SPDX-License-Identifier: BSD-3-Clause
// An optimizer that draws random numbers, by their statistics.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "xgrad/optim/optimizer.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

TEST_CASE("noisy_sgd adds normal noise of the declared deviation, by seed, parameter, step and element") {
  constexpr std::int64_t kCount = 100'001;
  const auto noise = [](int steps, Json config) {  // of the last step, of both parameters
    config.update({{"type", "noisy_sgd"}, {"lr", 1}});
    NamedTensors<double> all;
    for (const char* name : {"a", "b"}) all.push_back({name, parameter(Tensor<double>::zeros({kCount}))});
    const auto optimizer = optim::make<double>(config, all);
    for (int t = 1; t <= steps; ++t) {
      for (auto& [name, tensor] : all) {
        std::fill_n(tensor.mutable_data(), kCount, 0.0);
        tensor.set_grad(Tensor<double>::full({kCount}, 0.5));
      }
      optimizer->step();
    }
    std::vector<std::vector<double>> result;
    for (const auto& [name, tensor] : all) result.emplace_back(tensor.values().begin(), tensor.values().end());
    return result;
  };
  const auto moment = [](const std::vector<double>& x, auto f) {
    double sum = 0;
    for (const double value : x) sum += f((value + 0.5) / 0.1);
    return sum / static_cast<double>(x.size());
  };
  const auto first = noise(1, Json::object());
  // Five standard errors of each moment.
  const double root = std::sqrt(static_cast<double>(kCount));
  CHECK(std::abs(moment(first[0], [](double z) { return z; })) < 5 / root);
  CHECK(std::abs(moment(first[0], [](double z) { return z * z; }) - 1) < 5 * std::sqrt(2.0) / root);
  CHECK(std::abs(moment(first[0], [](double z) { return z * z * z; })) < 5 * std::sqrt(15.0) / root);
  CHECK(std::abs(moment(first[0], [](double z) { return z * z * z * z; }) - 3) < 5 * std::sqrt(96.0) / root);
  double neighbours = 0, parameters = 0;  // correlations
  for (std::size_t k = 0; k + 1 < first[0].size(); ++k) {
    neighbours += (first[0][k] + 0.5) * (first[0][k + 1] + 0.5) / 0.01 / kCount;
    parameters += (first[0][k] + 0.5) * (first[1][k] + 0.5) / 0.01 / kCount;
  }
  CHECK(std::abs(neighbours) < 5 / root);
  CHECK(std::abs(parameters) < 5 / root);
  CHECK(noise(1, Json::object()) == first);
  CHECK(noise(1, {{"seed", 1}}) != first);
  const auto third = noise(3, Json::object());
  CHECK(third != first);
  CHECK(moment(third[0], [](double z) { return z * z; }) == doctest::Approx(std::pow(3, -0.55)).epsilon(0.03));
  CHECK(noise(1, {{"eta", 0}})[0] == std::vector<double>(kCount, -0.5));
}
