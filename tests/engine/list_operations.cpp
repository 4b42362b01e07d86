// SPDX-License-Identifier: BSD-3-Clause
// Prints the table of operations with its inputs, for tests/reference/engine/generate.py.
#include <iostream>
#include <nlohmann/json.hpp>

#include "engine/operations.hpp"

int main() {
  nlohmann::json rows = nlohmann::json::array();
  for (const OperationRow& operation : operations()) {
    if (operation.torch.empty()) continue;
    for (const Sample& sample : operation.samples) {
      nlohmann::json inputs = nlohmann::json::array();
      for (const auto& x : make_inputs<double>(sample))
        inputs.push_back(
            {{"shape", std::vector<std::int64_t>(x.shape().begin(), x.shape().end())}, {"values", x.values()}});
      rows.push_back({{"key", reference_key(operation, sample)},
                      {"torch", operation.torch},
                      {"differentiable", operation.differentiable},
                      {"inputs", inputs}});
    }
  }
  std::cout << rows.dump() << "\n";
}
