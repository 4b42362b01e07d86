// SPDX-License-Identifier: BSD-3-Clause
// xgrad conformance: the kit of xgrad/optim/conformance.hpp on optimizers by name.
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "xgrad/optim/conformance.hpp"

namespace xgrad::cli {

namespace kit = optim::conformance;

int conformance(const Common& common, const std::vector<std::string>& names) {
  std::vector<const optim::OptimizerRow*> rows;
  config::Problems problems;
  for (const std::string& name : names)
    if (const auto* row = optim::optimizers().resolve(config::Value::from_json(name, "optimizer"), problems))
      rows.push_back(row);
  if (!problems.ok()) throw config::ConfigError(problems);
  if (names.empty())
    for (const optim::OptimizerRow& row : optim::optimizers().rows()) rows.push_back(&row);

  struct Finding {
    std::string optimizer;
    kit::Failure failure;
  };
  std::vector<Finding> findings;
  for (const optim::OptimizerRow* row : rows)
    for (kit::Failure& failure : kit::run(*row)) findings.push_back({row->name, std::move(failure)});

  nlohmann::ordered_json json = {{"optimizers", rows.size()}, {"failures", nlohmann::ordered_json::array()}};
  for (const kit::Check& check : kit::checks()) {
    std::string reasons;
    std::size_t count = 0;
    for (const Finding& finding : findings) {
      if (std::string_view(finding.failure.check) != check.name) continue;
      ++count;
      reasons +=
          "    " + finding.optimizer + ": " + finding.failure.reason + "\n      in " + finding.failure.config + "\n";
      json["failures"].push_back({{"check", check.name},
                                  {"optimizer", finding.optimizer},
                                  {"config", nlohmann::ordered_json::parse(finding.failure.config)},
                                  {"reason", finding.failure.reason}});
    }
    if (common.json || (common.quiet && count == 0)) continue;
    std::string name = check.name;
    name.resize(12, ' ');
    std::cout << name << (count == 0 ? "ok      " : "FAILED  ") << check.doc << "\n" << reasons;
  }
  if (common.json)
    std::cout << json.dump(2) << "\n";
  else if (!common.quiet)
    std::cout << rows.size() << (rows.size() == 1 ? " optimizer, " : " optimizers, ") << findings.size()
              << " failures\n";
  return findings.empty() ? 0 : 1;
}

}  // namespace xgrad::cli
