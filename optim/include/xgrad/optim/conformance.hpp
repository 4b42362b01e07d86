// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What holds for every optimizer, checked for any one of them: built in, from a plug-in or written as an expression.
// Nothing in here names one; what a rule cannot keep, it declares (Traits in rule.hpp).
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "xgrad/optim/optimizer.hpp"

namespace xgrad::optim::conformance {

/// A family of checks: "checkpoint", "saved, loaded and continued equals uninterrupted, bit for bit, at any step".
struct Check {
  const char* name;
  const char* doc;
};
const std::vector<Check>& checks();

/// A check that failed: for which config, and what was found.
struct Failure {
  const char* check;
  std::string config, reason;
};

/// All checks on the optimizer that `config` describes ({"type": NAME, hyperparameters...}), by itself and with each of
/// its options switched on. Empty: it conforms. Throws config::ConfigError for a config that makes no optimizer.
std::vector<Failure> run(const nlohmann::json& config);
/// The same on a registered optimizer with default hyperparameters.
std::vector<Failure> run(const OptimizerRow& row);

}  // namespace xgrad::optim::conformance
