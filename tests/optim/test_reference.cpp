// SPDX-License-Identifier: BSD-3-Clause
// Against PyTorch 1.13.1 and published algorithms in float64: values made by tests/reference/optim/generate.py.
#include "optim/golden.hpp"
#include "xgrad/ops/embedding.hpp"

using namespace golden;

namespace {

const std::vector<Shape> kShapes = {{2, 3}, {4}, {}};

Json reference(const char* list) { return test::reference("trajectories.json")[list]; }

NamedTensors<double> start_all() {
  NamedTensors<double> parameters;
  for (std::size_t p = 0; p < kShapes.size(); ++p)
    parameters.push_back({std::string("p").append(std::to_string(p)), parameter(test::filled(kShapes[p], [&](double k) {
                            return std::cos(k + 0.7 * static_cast<double>(p));
                          }))});
  return parameters;
}

/// How many elements there are, each compared.
std::size_t compare(const NamedTensors<double>& parameters, const Json& values, double tolerance, int t) {
  std::size_t compared = 0;
  for (std::size_t p = 0; p < parameters.size(); ++p)
    for (std::size_t k = 0; k < parameters[p].tensor.size(); ++k, ++compared) {
      const double found = parameters[p].tensor.data()[k], expected = values[p][k];
      CHECK_MESSAGE(std::abs(found - expected) <= tolerance * std::max(1.0, std::abs(expected)),
                    "step " << t << " parameter " << p << " element " << k << ": " << found << " against " << expected);
    }
  return compared;
}

/// Repeats 30 steps and compares every value that the reference kept.
void compare(const Json& entry, double tolerance) {
  CAPTURE(entry["config"].dump());
  NamedTensors<double> parameters = start_all();
  const auto optimizer = optim::make<double>(entry["config"], parameters);
  std::size_t compared = 0;
  for (int t = 1; t <= 30; ++t) {
    for (std::size_t p = 0; p < parameters.size(); ++p)
      parameters[p].tensor.set_grad(test::gradient(t, static_cast<double>(p), kShapes[p]));
    if (entry.contains("clip")) {
      if (entry["clip"][0] == "norm") optimizer->clip_grad_norm(entry["clip"][1]);
      if (entry["clip"][0] == "value") optimizer->clip_grad_value(entry["clip"][1]);
    }
    if (entry.contains("set") && entry["at"] == t)
      for (const auto& [name, value] : entry["set"].items()) optimizer->set(name, value);
    give_curvature(*optimizer);
    if (optimizer->needs_loss())
      optimizer->step(2 + std::cos(0.3 * t));
    else
      optimizer->step();
    if (const auto values = entry["values"].find(std::to_string(t)); values != entry["values"].end())
      compared += compare(parameters, *values, tolerance, t);
  }
  CHECK(compared == 5 * 11);
  if (!entry.contains("evaluated")) return;
  optimizer->eval();
  CHECK(compare(parameters, entry["evaluated"], tolerance, 30) == 11);
}

}  // namespace

TEST_CASE("every option of the torch optimizers gives torch's trajectory") {
  for (const Json& entry : reference("optimizers")) compare(entry, tolerance_of(entry["config"], 1e-10));
}

TEST_CASE("algorithms that torch lacks, and their options, follow their papers") {
  for (const Json& entry : reference("published")) compare(entry, 1e-10);
}

TEST_CASE("sparse gradients give torch's SparseAdam") {
  for (const Json& entry : reference("sparse")) {
    CAPTURE(entry["config"].dump());
    NamedTensors<double> all = {{"table", parameter(test::filled({5, 3}, [](double k) { return std::cos(k); }))}};
    const auto optimizer = optim::make<double>(entry["config"], all);
    for (std::int64_t k = 0; k < 12; ++k) {
      optimizer->zero_grad();
      EmbeddingOptions options;
      options.sparse = true;
      const Tensor<double> rows = embedding(all[0].tensor, Indices(Shape{3}, {k % 5, (2 * k + 1) % 5, k % 5}), options);
      sum(rows * test::filled({3, 3}, [&](double j) { return std::sin(j + static_cast<double>(k)); })).backward();
      REQUIRE(all[0].tensor.has_sparse_grad());
      optimizer->step();
    }
    for (std::size_t k = 0; k < 15; ++k)
      CHECK(all[0].tensor.data()[k] == doctest::Approx(entry["values"][k].get<double>()).epsilon(1e-13));
  }
}

TEST_CASE("a momentum set on the way begins as torch's does") {
  for (const Json& entry : reference("changed")) compare(entry, 1e-10);
}

TEST_CASE("clipping by norm and by value gives torch's trajectory") {
  for (const Json& entry : reference("clipped")) compare(entry, 1e-10);
}

TEST_CASE("groups by name and by rank give torch's trajectory") {
  for (const Json& entry : reference("groups")) compare(entry, 1e-10);
}

TEST_CASE("schedules give torch's learning rates") {
  for (const Json& entry : reference("schedules")) {
    CAPTURE(entry["config"].dump());
    config::Problems problems;
    NamedTensors<double> parameters = start_all();
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
