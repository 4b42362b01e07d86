// SPDX-License-Identifier: BSD-3-Clause
// Against PyTorch 1.13.1 in float64: values made by tests/reference/optim/generate.py.
#include <fstream>
#include <nlohmann/json.hpp>

#include "optim/trajectory.hpp"

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

NamedTensors<double> start() {
  NamedTensors<double> parameters;
  for (std::size_t p = 0; p < kShapes.size(); ++p)
    parameters.push_back({std::string("p").append(std::to_string(p)), parameter(test::filled(kShapes[p], [&](double k) {
                            return std::cos(k + 0.7 * static_cast<double>(p));
                          }))});
  return parameters;
}

/// Repeats 30 steps and compares every value that the reference kept.
void compare(const Json& entry, double tolerance) {
  CAPTURE(entry["config"].dump());
  NamedTensors<double> parameters = start();
  const auto optimizer = optim::make<double>(entry["config"], parameters);
  std::size_t compared = 0;
  for (int t = 1; t <= 30; ++t) {
    for (std::size_t p = 0; p < parameters.size(); ++p)
      parameters[p].tensor.set_grad(test::gradient(t, static_cast<double>(p), kShapes[p]));
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
