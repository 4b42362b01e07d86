// SPDX-License-Identifier: BSD-3-Clause
// Puts an optimizer through the checks, by itself and with each of its options.
#include "conformance/trial.hpp"

namespace xgrad::optim::conformance {
namespace {

using config::Field;
using Kind = Field::Kind;

bool makes_an_optimizer(const Json& config) {
  config::Problems problems;
  return make<double>(config::Value::from_json(config), NamedTensors<double>{}, problems) != nullptr;
}

std::vector<Json> variants_of(const Json& config, Hyperparameters hyperparameters) {
  std::vector<Json> result{config};
  const config::Fields fields = hyperparameters.fields();
  const auto add = [&](const char* name, Json value) {
    Json with = config;
    with[name] = std::move(value);
    // Refused where an option needs another one first: Nesterov's a momentum.
    if (makes_an_optimizer(with)) result.push_back(std::move(with));
  };
  for (const Field& field : fields.list())
    if (field.kind == Kind::boolean)
      add(field.name, !*static_cast<bool*>(field.place));
    else if (field.kind == Kind::number && *static_cast<double*>(field.place) == 0)
      add(field.name, 0.1);
    else if (field.kind == Kind::optional_number && !*static_cast<std::optional<double>*>(field.place))
      add(field.name, 0.1);
    else if (field.kind == Kind::choice || field.kind == Kind::variant)
      for (const std::string& name : config::alternatives(field.choices)) add(field.name, name);
  return result;
}

}  // namespace

const std::vector<Check>& checks() {
  static const std::vector<Check> all = [] {
    std::vector<Check> result;
    for (const Entry& entry : entries()) result.push_back(entry.check);
    return result;
  }();
  return all;
}

std::vector<Failure> run(const Json& config) {
  const auto optimizer = make<double>(config, NamedTensors<double>{});
  const OptimizerRow* row = optimizers().find(optimizer->name());
  XGRAD_CHECK(row, "conformance: \"", optimizer->name(), "\" is not registered");
  config::Problems none;  // it made an optimizer
  if (row->specialize) row = row->specialize(config::Value::from_json(config), none);
  const Subject subject{*row, config, variants_of(config, optimizer->groups()[0].hyperparameters)};
  std::vector<Failure> failures;
  for (const Entry& entry : entries()) {
    Findings findings(entry.check.name, failures);
    try {
      entry.run(subject, findings);
    } catch (const Error& error) { findings.expect(false, config, "it throws: ", error.what()); }
  }
  return failures;
}

std::vector<Failure> run(const OptimizerRow& row) {
  return run(row.example ? Json::parse(row.example) : Json{{"type", row.name}});
}

}  // namespace xgrad::optim::conformance
