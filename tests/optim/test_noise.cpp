// SPDX-License-Identifier: BSD-3-Clause
// What draws random numbers, by their statistics.
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

TEST_CASE(
    "timm's noise on the learning rate stays within its limits, has its deviation, and knows seed and time alone") {
  constexpr std::int64_t kEpochs = 4000, kPerEpoch = 2;
  const auto shares = [](Json config) {  // one for each step
    config.update({{"type", "timm_step"}});
    config::Problems problems;
    const auto made =
        optim::make_schedules(config::Value::from_json(config, "schedule"), {kEpochs * kPerEpoch, kPerEpoch}, problems);
    REQUIRE_MESSAGE(problems.ok(), problems.text());
    std::vector<double> result;
    for (int t = 0; t < kEpochs * kPerEpoch; ++t) result.push_back(made[0].schedule.at(t, 0.1) / 0.1 - 1);
    return result;
  };
  const auto check = [&](const char* type, double pct, double variance) {
    const std::vector<double> found = shares({{"noise_from", 0}, {"noise_type", type}, {"noise_pct", pct}});
    double sum = 0, squares = 0;
    for (std::size_t t = 0; t < found.size(); t += 2) {
      CHECK(std::abs(found[t]) < pct + 1e-12);
      CHECK(found[t] == found[t + 1]);  // one draw for an epoch
      sum += found[t] / kEpochs;
      squares += found[t] * found[t] / kEpochs;
    }
    CHECK(std::abs(sum) < 5 * std::sqrt(variance / kEpochs));
    CHECK(squares == doctest::Approx(variance).epsilon(0.1));
    return found;
  };
  check("uniform", 0.3, 0.09 / 3);
  // Of a normal number within +-a the variance is 1 - 2 a phi(a) / (2 Phi(a) - 1).
  const double a = 0.67, density = std::exp(-a * a / 2) / std::sqrt(2 * std::acos(-1.0));
  const auto normal = check("normal", a, 1 - 2 * a * density / std::erf(a / std::sqrt(2.0)));
  CHECK(shares({{"noise_from", 0}}) == normal);
  CHECK(shares({{"noise_from", 0}, {"noise_seed", 1}}) != normal);
  const auto some = shares({{"noise_from", 10}, {"noise_until", "10 epochs"}, {"noise_every", 1}});
  for (std::size_t t = 0; t < 40; ++t) CHECK((some[t] != 0) == (t >= 10 && t < 20));
  CHECK(some[10] != some[11]);
}
