// SPDX-License-Identifier: BSD-3-Clause
// State in 2 bytes and in 1: what is stored, how much of it, and where it leads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "xgrad/optim/optimizer.hpp"
#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

namespace {

/// Numbers from 1e-9 to 1 of both signs, or of one, in an order without order.
Tensor<float> spread(std::int64_t size, bool both_signs) {
  Tensor<float> result = Tensor<float>::empty({size});
  for (std::int64_t k = 0; k < size; ++k) {
    const auto place = static_cast<double>((k * 7919) % size) / static_cast<double>(size);
    const double value = std::pow(10, -9 * place);
    result.mutable_data()[k] = static_cast<float>(both_signs && k % 2 == 0 ? -value : value);
  }
  return result;
}

/// What is left of `values` after they were stored: an optimizer whose state is the last gradient, and whose parameter
/// becomes the state before.
Tensor<float> stored(const Tensor<float>& values, const char* format, Json* details = nullptr) {
  NamedTensors<float> all = {{"p", parameter(Tensor<float>::zeros(values.shape()))}};
  const auto optimizer = optim::make<float>({{"type", "expression"},
                                             {"hyper", {{"lr", 1}}},
                                             {"state", {{"m", 0}}},
                                             {"update", {"p = m", "m = g"}},
                                             {"state_format", format}},
                                            all);
  all[0].tensor.set_grad(values);
  optimizer->step();
  if (details)
    for (const auto& state : optimizer->state()) (*details)[state.name] = {state.dtype, state.bytes};
  optimizer->step();
  return all[0].tensor.detach();
}

/// The dynamic map as it is published: midpoints of equal parts of each decade, 0 and 1, and, signed, their negatives
/// but for -1.
std::vector<double> dynamic_map(bool is_signed) {
  std::vector<double> map = {0, 1};
  for (int e = 0; e < 7; ++e) {
    const int parts = is_signed ? 1 << e : 2 << e;
    for (int k = 0; k < parts; ++k) {
      const double value = (0.1 + 0.9 * (k + 0.5) / parts) * std::pow(10, e - 6);
      map.push_back(value);
      if (is_signed) map.push_back(-value);
    }
  }
  std::sort(map.begin(), map.end());
  REQUIRE(map.size() == 256);
  return map;
}

double loss_of_network(const Json& optimizer_config) {
  // Ten classes of 64 numbers, each a pattern and noise.
  constexpr std::int64_t kRows = 400, kInputs = 64, kClasses = 10;
  Tensor<float> x = Tensor<float>::empty({kRows, kInputs});
  Indices labels(Shape{kRows});
  for (std::int64_t r = 0; r < kRows; ++r) {
    const std::int64_t label = r % kClasses;
    labels.data()[r] = label;
    for (std::int64_t c = 0; c < kInputs; ++c)
      x.mutable_data()[r * kInputs + c] =
          static_cast<float>(std::sin(static_cast<double>(c * (label + 1))) +
                             1.5 * normal({11, 0, static_cast<std::uint32_t>(r)}, static_cast<std::uint64_t>(c)));
  }
  manual_seed(5);
  nn::Sequential<float> model(nn::Linear<float>(kInputs, 128), nn::ReLU<float>(), nn::Linear<float>(128, kClasses));
  const auto optimizer = optim::make<float>(optimizer_config, model.named_parameters());
  double loss = 0;
  for (int step = 0; step < 60; ++step) {
    optimizer->zero_grad();
    const auto value = cross_entropy(model(x), labels);
    value.backward();
    optimizer->step();
    loss = value.item();
  }
  return loss;
}

}  // namespace

TEST_CASE("8 bits hold the nearest entry of the dynamic map") {
  for (const bool both_signs : {true, false}) {
    CAPTURE(both_signs);
    const std::vector<double> map = dynamic_map(both_signs);
    const Tensor<float> values = spread(5000, both_signs), result = stored(values, "8bit");
    for (std::size_t first = 0; first < values.size(); first += 256) {
      const std::size_t end = std::min(first + 256, values.size());
      double scale = 0;
      for (std::size_t k = first; k < end; ++k) scale = std::max(scale, std::abs(double{values.data()[k]}));
      for (std::size_t k = first; k < end; ++k) {
        const double value = values.data()[k], found = result.data()[k];
        double best = 2;
        for (const double entry : map)
          if (std::abs(entry * scale - value) < std::abs(best * scale - value)) best = entry;
        if (!both_signs && best == 0) best = map[1];  // only 0 becomes 0: roots of such numbers divide
        CAPTURE(value / scale);
        CHECK(std::abs(found - value) <= std::abs(best * scale - value) + 1e-6 * std::abs(value) + 5.1e-9 * scale);
        // Whatever is stored is an entry.
        double off = 1;
        for (const double entry : map) off = std::min(off, std::abs(entry * scale - found));
        CHECK(off <= 1e-6 * std::abs(found));
      }
    }
  }
}

TEST_CASE("8 bits: zeros stay, a NaN and an infinity are seen, tiny numbers count as 0") {
  Tensor<float> values = Tensor<float>::zeros({4096});
  float* const v = values.mutable_data();
  v[0] = 3;
  v[300] = std::nanf("");
  v[600] = -INFINITY;
  v[800] = 1e-39f;
  const Tensor<float> result = stored(values, "8bit");
  CHECK(result.data()[0] == 3);
  CHECK(result.data()[1] == 0);
  CHECK(std::isnan(result.data()[300]));
  CHECK(!std::isfinite(result.data()[600]));
  CHECK(result.data()[800] == 0);
  for (std::size_t k = 1024; k < 4096; ++k) CHECK(result.data()[k] == 0);
}

TEST_CASE("bfloat16 is one of the two neighbours, and right on average") {
  constexpr std::int64_t kSize = 40'000;
  const double value = 1 + 0x1p-7 * 0.3;  // three tenths of the way
  const Tensor<float> result = stored(Tensor<float>::full({kSize}, static_cast<float>(value)), "bfloat16");
  double up = 0;
  for (std::int64_t k = 0; k < kSize; ++k) {
    const bool is_neighbour = result.data()[k] == 1 || result.data()[k] == 1 + 0x1p-7f;
    CHECK(is_neighbour);
    up += result.data()[k] > 1;
  }
  CHECK(std::abs(up / kSize - 0.3) < 5 * std::sqrt(0.21 / kSize));
  const Tensor<float> values = spread(5000, true), near = stored(values, "bfloat16");
  for (std::size_t k = 0; k < values.size(); ++k)
    CHECK(std::abs(near.data()[k] - values.data()[k]) <= 0x1p-7 * std::abs(values.data()[k]));
  Tensor<float> odd({3}, {std::nanf(""), INFINITY, -INFINITY});
  const Tensor<float> kept = stored(odd, "bfloat16");
  CHECK(std::isnan(kept.data()[0]));
  CHECK(kept.data()[1] == INFINITY);
  CHECK(kept.data()[2] == -INFINITY);
}

TEST_CASE("the state is 2 and nearly 4 times smaller; small tensors stay full in 8 bits") {
  const auto bytes = [](const char* format, std::int64_t size) {
    NamedTensors<float> all = {{"p", parameter(Tensor<float>::zeros({size}))}};
    std::size_t sum = 0;
    for (const auto& state : optim::make<float>({{"type", "adam"}, {"state_format", format}}, all)->state())
      sum += state.bytes;
    return sum;
  };
  CHECK(bytes("full", 10'000) == 80'000);
  CHECK(bytes("bfloat16", 10'000) == 40'000);
  CHECK(bytes("8bit", 10'000) == 20'000 + 2 * 40 * 4);
  CHECK(bytes("8bit", 4096) == 8192 + 2 * 16 * 4);
  CHECK(bytes("8bit", 4095) == 8 * 4095);
  Json details;
  stored(spread(4100, true), "8bit", &details);
  CHECK(details == Json{{"m.p", {"U8", 4100}}, {"m.scales.p", {"F32", 68}}});
  details = {};
  stored(spread(10, true), "bfloat16", &details);
  CHECK(details == Json{{"m.p", {"BF16", 20}}});
}

TEST_CASE("sums and copies of parameters stay exact") {
  NamedTensors<float> all = {{"p", parameter(Tensor<float>::zeros({5000}))}};
  for (const auto& state : optim::make<float>({{"type", "madgrad"}, {"state_format", "8bit"}}, all)->state())
    CHECK(std::string(state.dtype) == "F32");
}

TEST_CASE("rounding knows neither threads nor groups, but the seed") {
  const auto trained = [](const Json& change, int threads, std::uint64_t seed) {
    const int before = num_threads();
    set_num_threads(threads);
    manual_seed(seed);
    NamedTensors<float> all;
    for (const char* name : {"a", "b"}) all.push_back({name, parameter(spread(50'001, true))});
    Json config = {{"type", "adam"}, {"state_format", "bfloat16"}};
    config.update(change);
    const auto optimizer = optim::make<float>(config, all);
    for (int t = 0; t < 3; ++t) {
      for (auto& [name, tensor] : all) tensor.set_grad(spread(50'001, t % 2 == 0));
      optimizer->step();
    }
    set_num_threads(before);
    std::vector<float> result;
    for (const auto& [name, tensor] : all) result.insert(result.end(), tensor.data(), tensor.data() + tensor.size());
    return result;
  };
  const auto one = trained(Json::object(), 1, 0);
  CHECK(trained(Json::object(), 2, 0) == one);
  CHECK(trained({{"groups", {{{"match", "a"}}}}}, 2, 0) == one);
  CHECK(trained(Json::object(), 1, 1) != one);
}

TEST_CASE("a network trains as well on small state") {
  for (const char* type : {"adam", "lion", "sgd"}) {
    CAPTURE(type);
    Json config = {{"type", type},
                   {"lr", std::string(type) == "lion"  ? 3e-4
                          : std::string(type) == "sgd" ? 0.05
                                                       : 1e-3}};
    if (std::string(type) == "sgd") config["momentum"] = 0.9;
    const double full = loss_of_network(config);
    for (const char* format : {"bfloat16", "8bit"}) {
      config["state_format"] = format;
      const double small = loss_of_network(config);
      CAPTURE(format);
      CAPTURE(full);
      CHECK(full < 1.5);
      CHECK(std::abs(small - full) <= 0.03 * full);
    }
  }
}

TEST_CASE("state formats are for optimizers that move element by element") {
  config::Problems problems;
  CHECK(optim::make<double>(config::Value::from_json({{"type", "muon"}, {"state_format", "8bit"}}),
                            NamedTensors<double>{}, problems) == nullptr);
  CHECK(problems.text().find("moves whole tensors: state_format is for") != std::string::npos);
  config::Problems others;
  CHECK(optim::make<double>(config::Value::from_json({{"type", "adam"}, {"state_format", "8bits"}}),
                            NamedTensors<double>{}, others) == nullptr);
  CHECK(others.text().find("did you mean \"8bit\"?") != std::string::npos);
}
