// SPDX-License-Identifier: BSD-3-Clause
// Against PyTorch 1.13.1 in float64: values made by tests/reference/optim/generate.py.
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "xgrad/optim/optimizer.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

namespace {

const std::vector<Shape> kShapes = {{2, 3}, {4}, {}};

Json reference() {
  std::ifstream file(std::string(XGRAD_SOURCE_DIR) + "/tests/reference/optim/trajectories.json");
  REQUIRE(file);
  return Json::parse(file);
}

// The formulas of generate.py.
Tensor<double> filled(const Shape& shape, auto value) {
  Tensor<double> result = Tensor<double>::empty(shape);
  for (std::size_t k = 0; k < result.size(); ++k) result.mutable_data()[k] = value(static_cast<double>(k));
  return result;
}
NamedTensors<double> start() {
  NamedTensors<double> parameters;
  for (std::size_t p = 0; p < kShapes.size(); ++p)
    parameters.push_back({std::string("p").append(std::to_string(p)), parameter(filled(kShapes[p], [&](double k) {
                            return std::cos(k + 0.7 * static_cast<double>(p));
                          }))});
  return parameters;
}
Tensor<double> gradient(double t, double p, const Shape& shape) {
  return filled(shape, [&](double k) { return std::sin(1 + 0.5 * t + k + p) + 0.3 * std::cos(1.3 * t + 0.7 * k * k); });
}

/// Repeats 30 steps and compares every value that the reference kept.
void compare(const Json& entry, double tolerance) {
  CAPTURE(entry["config"].dump());
  NamedTensors<double> parameters = start();
  const auto optimizer = optim::make<double>(entry["config"], parameters);
  std::size_t compared = 0;
  for (int t = 1; t <= 30; ++t) {
    for (std::size_t p = 0; p < parameters.size(); ++p)
      parameters[p].tensor.set_grad(gradient(t, static_cast<double>(p), kShapes[p]));
    if (entry.contains("clip")) {
      if (entry["clip"][0] == "norm") optimizer->clip_grad_norm(entry["clip"][1]);
      if (entry["clip"][0] == "value") optimizer->clip_grad_value(entry["clip"][1]);
    }
    optimizer->step();
    if (!entry["values"].contains(std::to_string(t))) continue;
    for (std::size_t p = 0; p < parameters.size(); ++p)
      for (std::size_t k = 0; k < parameters[p].tensor.size(); ++k, ++compared) {
        const double expected = entry["values"][std::to_string(t)][p][k];
        CHECK_MESSAGE(std::abs(parameters[p].tensor.data()[k] - expected) <=
                          tolerance * std::max(1.0, std::abs(expected)),
                      "step " << t << " parameter " << p << " element " << k << ": " << parameters[p].tensor.data()[k]
                              << " against " << expected);
      }
  }
  CHECK(compared == 5 * 11);
}

}  // namespace

TEST_CASE("every option of the torch optimizers gives torch's trajectory") {
  for (const Json& entry : reference()["optimizers"]) {
    // v - mean^2 cancels: two correct orders of evaluation differ by 6.5e-11 there
    compare(entry, entry["config"].contains("centered") ? 1e-8 : 1e-10);
  }
}

TEST_CASE("clipping by norm and by value gives torch's trajectory") {
  for (const Json& entry : reference()["clipped"]) compare(entry, 1e-10);
}

TEST_CASE("groups by name and by rank give torch's trajectory") {
  for (const Json& entry : reference()["groups"]) compare(entry, 1e-10);
}

TEST_CASE("schedules give torch's learning rates") {
  for (const Json& entry : reference()["schedules"]) {
    CAPTURE(entry["config"].dump());
    config::Problems problems;
    NamedTensors<double> parameters = start();
    const auto optimizer = optim::make<double>({{"type", "sgd"}, {"lr", 0.1}}, parameters);
    optimizer->set_schedules(optim::make_schedules(config::Value::from_json(entry["config"]), {30, 5}, problems));
    REQUIRE_MESSAGE(problems.ok(), problems.text());
    for (int t = 0; t < 30; ++t) {
      CHECK(optimizer->get("lr") ==
            doctest::Approx(entry["values"][static_cast<std::size_t>(t)].get<double>()).epsilon(1e-12));
      optimizer->step();
    }
  }
}

namespace {

struct Golden {
  Json config;
  double values[6];
};

}  // namespace

// Values of an independent transcription of the papers: shape (2, 3), theta_0[k] = cos(k), ten steps of
// g_t[k] = sin(1 + 0.5 t + k) + 0.3 cos(1.3 t + 0.7 k^2).
TEST_CASE("golden values") {
  const Golden golden[] = {
      {{{"type", "sgd"}, {"lr", 0.1}},
       {1.131358894874, 0.7819895665599, -0.28396725083, -1.105623107014, -0.9035985091466, 0.1230957433912}},
      {{{"type", "sgd"}, {"lr", 0.1}, {"momentum", 0.9}, {"dampening", 0.3}, {"weight_decay", 0.01}},
       {0.5616861945218, 1.356764081454, 0.8190699627745, -0.2986760492959, -1.317923909357, -1.064418657916}},
      {{{"type", "sgd"}, {"lr", 0.1}, {"momentum", 0.9}, {"nesterov", true}, {"weight_decay", 0.01}},
       {0.8415216592797, 1.937283336721, 1.156894613209, -0.4517623066961, -1.849260549993, -1.462861762585}},
      {{{"type", "adam"}, {"lr", 0.1}},
       {0.6643691094152, 0.8466962346341, 0.2832351720715, -0.6040859510557, -0.7239863709623, -0.4623496494357}},
      {{{"type", "adam"}, {"lr", 0.1}, {"weight_decay", 0.01}, {"amsgrad", true}},
       {0.6588315845927, 0.8402221451349, 0.2830700720773, -0.5992434777273, -0.7178981525965, -0.461486042686}},
      {{{"type", "adamw"}, {"lr", 0.1}, {"weight_decay", 0.01}},
       {0.6574919924025, 0.8410748616287, 0.2832257796735, -0.597457838037, -0.7187615942519, -0.4609158261201}},
      {{{"type", "adagrad"},
        {"lr", 0.1},
        {"weight_decay", 0.01},
        {"lr_decay", 0.05},
        {"initial_accumulator_value", 0.1}},
       {0.9509865058409, 0.695906783542, -0.1809921526292, -0.9130711272176, -0.7300740634111, 0.03672146688408}},
      {{{"type", "rmsprop"}, {"lr", 0.1}, {"weight_decay", 0.01}, {"momentum", 0.9}},
       {-4.662065679962, 9.980190033493, 17.58479338391, 7.268845160949, -3.474647201198, -18.36849615987}},
      {{{"type", "rmsprop"}, {"lr", 0.01}, {"centered", true}},
       {0.9865477214417, 0.7404930388046, -0.1584057145545, -0.9495893345578, -0.7530252465754, 0.01128406038848}},
      {{{"type", "adamax"}, {"lr", 0.1}, {"weight_decay", 0.01}},
       {0.7264262602498, 0.685863983339, 0.1616956973125, -0.6507060581406, -0.6131234652663, -0.3480396045172}},
      {{{"type", "lion"}, {"lr", 0.1}, {"weight_decay", 0.01}},
       {0.9925349001848, 0.9324283274903, -0.2152928657138, -1.181629020681, -0.8474315342968, -0.1152734845982}},
  };
  for (const Golden& entry : golden) {
    CAPTURE(entry.config.dump());
    NamedTensors<double> parameters = {{"p0", parameter(filled({2, 3}, [](double k) { return std::cos(k); }))}};
    const auto optimizer = optim::make<double>(entry.config, parameters);
    for (int t = 1; t <= 10; ++t) {
      parameters[0].tensor.set_grad(gradient(t, 0, {2, 3}));
      optimizer->step();
    }
    for (std::size_t k = 0; k < 6; ++k)
      CHECK(parameters[0].tensor.data()[k] ==
            doctest::Approx(entry.values[k]).epsilon(entry.config.contains("centered") ? 1e-8 : 1e-11));
  }
}
