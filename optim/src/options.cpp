// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/optim/options.hpp"

#include <nlohmann/json.hpp>

namespace xgrad::optim::detail {
namespace {

nlohmann::json to_json(const ParameterGroup& group) {
  nlohmann::json json = group.set;
  if (json.is_null()) json = nlohmann::json::object();
  if (!group.match.empty()) json["match"] = group.match;
  if (group.rank) json["rank"] = *group.rank;
  json["lr_scale"] = group.lr_scale;
  json["freeze"] = group.freeze;
  return json;
}

}  // namespace

template <class T>
Optimizer<T> make_from_options(const char* type, const config::Fields& options, NamedTensors<T> parameters,
                               const std::vector<ParameterGroup>& groups) {
  nlohmann::json json = config::dump(options);
  json["type"] = type;
  for (const ParameterGroup& group : groups) json["groups"].push_back(to_json(group));
  return std::move(*make(json, std::move(parameters)));
}

template Optimizer<float> make_from_options(const char*, const config::Fields&, NamedTensors<float>,
                                            const std::vector<ParameterGroup>&);
template Optimizer<double> make_from_options(const char*, const config::Fields&, NamedTensors<double>,
                                             const std::vector<ParameterGroup>&);

}  // namespace xgrad::optim::detail
