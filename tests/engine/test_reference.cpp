// SPDX-License-Identifier: BSD-3-Clause
// Against PyTorch 1.13.1 in float64: values made by tests/reference/engine/generate.py from the torch column of the
// table of operations.
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/operations.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

namespace {

/// As generate.py: what turns a result into a scalar.
double weight(std::size_t i) { return std::cos(1.3 * static_cast<double>(i) + 0.5); }

void compare(const Tensor<double>& ours, const Json& theirs, double tolerance) {
  REQUIRE(ours.size() == theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double a = ours.data()[i];
    if (theirs[i].is_string()) {  // nan, inf, -inf
      CHECK((std::isnan(a) ? "nan" : std::isinf(a) ? (a > 0 ? "inf" : "-inf") : "a number") == theirs[i]);
      continue;
    }
    const double b = theirs[i];
    CHECK_MESSAGE(std::abs(a - b) <= tolerance * std::max(1.0, std::abs(b)),
                  "element " << i << ": " << a << ", PyTorch " << b);
  }
}

}  // namespace

TEST_CASE("values and gradients equal PyTorch's") {
  std::ifstream file(XGRAD_SOURCE_DIR "/tests/reference/engine/values.json");
  REQUIRE(file);
  const Json reference = Json::parse(file).at("cases");
  std::size_t cases = 0;
  for (const OperationRow& operation : operations()) {
    if (operation.torch.empty()) continue;
    for (const Sample& sample : operation.samples) {
      const std::string key = reference_key(operation, sample);
      CAPTURE(key);
      CHECK_MESSAGE(reference.contains(key), "no value of PyTorch's: run tests/reference/engine/generate.py");
      if (!reference.contains(key)) continue;
      ++cases;
      const Json& expected = reference.at(key);
      const auto inputs = make_inputs<double>(sample);
      const Tensor<double> y = operation.in_double(inputs);
      CHECK(std::vector<std::int64_t>(y.shape().begin(), y.shape().end()) ==
            expected.at("shape").get<std::vector<std::int64_t>>());
      compare(y, expected.at("value"), operation.tolerance);
      if (!operation.differentiable) continue;
      Tensor<double> weights = Tensor<double>::empty(y.shape());
      for (std::size_t i = 0; i < y.size(); ++i) weights.mutable_data()[i] = weight(i);
      y.backward(weights);
      for (std::size_t k = 0; k < inputs.size(); ++k) {
        CAPTURE(k);
        const Json& gradient = expected.at("gradients")[k];
        const bool none = gradient.is_null();  // PyTorch's way of saying 0
        compare(inputs[k].has_grad() ? inputs[k].grad() : Tensor<double>::zeros(inputs[k].shape()),
                none ? Json(std::vector<double>(inputs[k].size(), 0.0)) : gradient, operation.tolerance);
      }
    }
  }
  MESSAGE(cases << " cases");
  CHECK(cases == reference.size());  // none left over from a row that changed
}
