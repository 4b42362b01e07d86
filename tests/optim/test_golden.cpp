// SPDX-License-Identifier: BSD-3-Clause
// Golden values: ten steps of every optimizer, by a transcription of its paper that was compared with the code it comes
// from. And that no built-in optimizer is without such a reference.
#include <set>

#include "optim/golden.hpp"

using namespace golden;

namespace {

/// What is registered before any test adds its own.
const std::vector<std::string> kBuiltIn = [] {
  std::vector<std::string> names;
  for (const optim::OptimizerRow& row : optim::optimizers().rows()) names.emplace_back(row.name);
  return names;
}();

Json entries() { return test::reference("golden.json")["entries"]; }

}  // namespace

TEST_CASE("golden values") {
  for (const Json& entry : entries())
    compare(entry["config"], entry["values"], entry.value("tolerance", tolerance_of(entry["config"], 1e-11)),
            test::shape_of(entry.value("shape", Json{2, 3})));
}

TEST_CASE("every built-in optimizer is compared with numbers that do not come from its code") {
  std::set<std::string> covered{
      "expression",  // test_expressions.cpp: as the built-in ones that it spells out
      "lbfgs",       // test_tensor_rules.cpp: torch's path, evaluation for evaluation
      "noisy_sgd",   // test_noise.cpp: by the statistics of its noise
  };
  for (const Json& entry : entries()) covered.insert(entry["config"]["type"]);
  const Json trajectories = test::reference("trajectories.json");
  for (const char* list : {"optimizers", "published", "sparse"})
    for (const Json& entry : trajectories[list]) covered.insert(entry["config"]["type"]);
  for (const std::string& name : kBuiltIn)
    CHECK_MESSAGE(covered.contains(name), name, " has no reference: add it to tests/reference/optim/published.py");
  CHECK(kBuiltIn.size() >= 71);
}
