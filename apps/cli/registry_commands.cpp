// SPDX-License-Identifier: BSD-3-Clause
// The commands that tell what there is: list, info, schema. All of it comes from the declarations.
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "xgrad/train/run.hpp"

namespace xgrad::cli {
namespace {

using config::Fields;
using Json = nlohmann::ordered_json;

/// A registered thing of any kind.
struct Entry {
  std::string name;
  config::About about;
  std::function<void(const std::function<void(const Fields&)>&)> describe;
};
struct Kind {
  const char* plural;
  const char* singular;
  std::vector<Entry> entries;
};

template <class Row> std::vector<Entry> entries(const config::Registry<Row>& registry) {
  std::vector<Entry> result;
  for (const Row& row : registry.rows()) {
    Entry entry{row.name, {}, {}};
    if constexpr (requires { row.float_rule; }) {
      entry.about = row.float_rule.about;
      entry.describe = [&row](const auto& visit) {
        if (row.describe_config)
          return row.describe_config([&visit](const Fields& own) {
            Fields all = own;
            optim::SharedOptions shared;
            shared.describe(all);
            visit(all);
          });
        optim::Hyperparameters defaults(row.float_rule);
        visit(defaults.fields());
      };
    } else {
      entry.about = row.about;
      if constexpr (requires { row.describe; }) entry.describe = [&row](const auto& visit) { row.describe(visit); };
    }
    result.push_back(std::move(entry));
  }
  return result;
}

std::vector<Kind> kinds() {
  return {{"optimizers", "optimizer", entries(optim::optimizers())},
          {"optimizer-transforms", "optimizer-transform", entries(optim::transforms())},
          {"schedules", "schedule", entries(optim::schedules())},
          {"layers", "layer", entries(train::layers())},
          {"losses", "loss", entries(train::losses())},
          {"metrics", "metric", entries(train::metrics())},
          {"data", "data", entries(train::data_sources())},
          {"transforms", "transform", entries(train::transforms())},
          {"stops", "stop", entries(train::stop_rules())}};
}

Kind find_kind(const std::string& name) {
  std::vector<std::string> names;
  for (Kind& kind : kinds()) {
    if (name == kind.plural || name == kind.singular) return kind;
    names.emplace_back(kind.plural);
  }
  const std::string close = config::nearest(name, names);
  throw config::ConfigError("unknown kind \"" + name + "\"" +
                            (close.empty() ? "" : "; did you mean \"" + close + "\"?") +
                            "   kinds: " + config::joined(names) + "\n");
}

Json schema_of(const Entry& entry) {
  Json json = {{"type", "object"}, {"properties", Json::object()}};
  if (entry.describe) entry.describe([&json](const Fields& fields) { json = config::schema(fields); });
  Json properties = {{"type", {{"const", entry.name}}}};
  properties.update(json["properties"]);
  json["properties"] = properties;
  json["description"] = entry.about.doc;
  if (!json.contains("required")) json["required"] = Json::array();
  json["required"].push_back("type");
  return json;
}

}  // namespace

int list(const Common& common, const std::string& wanted) {
  std::vector<Kind> shown = wanted.empty() ? kinds() : std::vector<Kind>{find_kind(wanted)};
  Json json = Json::object();
  for (const Kind& kind : shown) {
    if (!common.json) std::cout << kind.plural << " (" << kind.entries.size() << ")\n";
    for (const Entry& entry : kind.entries) {
      json[kind.plural][entry.name] = entry.about.doc;
      std::string name = entry.name;
      name.resize(std::max<std::size_t>(name.size(), 20), ' ');
      if (!common.json) std::cout << "  " << name << " " << entry.about.doc << "\n";
    }
  }
  if (common.json) std::cout << json.dump(2) << "\n";
  return 0;
}

int info(const Common& common, const std::string& wanted, const std::string& name) {
  const Kind kind = find_kind(wanted);
  std::vector<std::string> names;
  for (const Entry& entry : kind.entries) {
    names.push_back(entry.name);
    if (entry.name != name) continue;
    if (common.json) {
      std::cout << schema_of(entry).dump(2) << "\n";
      return 0;
    }
    std::cout << kind.singular << " \"" << entry.name << "\": " << entry.about.doc << "\n";
    if (*entry.about.source) std::cout << "source: " << entry.about.source << "\n";
    if (entry.describe) entry.describe([](const Fields& fields) { std::cout << config::table(fields); });
    return 0;
  }
  const std::string close = config::nearest(name, names);
  throw config::ConfigError(std::string("unknown ") + kind.singular + " \"" + name + "\"" +
                            (close.empty() ? "" : "; did you mean \"" + close + "\"?") +
                            "   known: " + config::joined(names) + "\n");
}

int schema(const std::string& output) {
  train::Config config;
  Json json = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "xgrad config"}};
  json.update(config::schema(config::fields_of(config)));
  json["properties"]["$schema"] = {{"type", "string"}};
  Json definitions = Json::object();
  train::DataOptions shared;
  for (const Kind& kind : kinds()) {
    Json one_of = Json::array(), names = Json::array();
    for (const Entry& entry : kind.entries) {
      Json entry_schema = schema_of(entry);
      if (std::string(kind.singular) == "data")
        entry_schema["properties"].update(config::schema(config::fields_of(shared))["properties"]);
      if (std::string(kind.singular) == "optimizer") {
        entry_schema["properties"]["groups"] = {{"type", "array"}, {"items", {{"type", "object"}}}};
        entry_schema["properties"]["transforms"] = {{"type", "array"},
                                                    {"items", {{"$ref", "#/definitions/optimizer-transform"}}}};
        entry_schema["properties"]["no_decay"] = {{"enum", {"none", "auto"}}};
        entry_schema["properties"]["layer_decay"] = {{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", 1}};
        entry_schema["properties"]["fallback"] = {{"type", {"string", "object"}}};
      }
      if (std::string(kind.singular) == "schedule") {
        entry_schema["properties"]["param"] = {{"type", "string"}, {"default", "lr"}};
        entry_schema["properties"]["until"] = {{"type", {"integer", "string"}}};
      }
      one_of.push_back(entry_schema);
      names.push_back(entry.name);
    }
    one_of.push_back({{"enum", names}});
    definitions[kind.singular] = {{"anyOf", one_of}};
  }
  definitions["model"] = {{"type", "object"},
                          {"properties",
                           {{"type", {{"const", "sequential"}}},
                            {"layers", {{"type", "array"}, {"items", {{"$ref", "#/definitions/layer"}}}}},
                            {"init", Json::object()}}},
                          {"required", {"type", "layers"}},
                          {"additionalProperties", false}};
  json["definitions"] = definitions;
  if (output.empty()) {
    std::cout << json.dump(2) << "\n";
    return 0;
  }
  std::ofstream file(output);
  file << json.dump(2) << "\n";
  if (!file.flush()) throw train::OutputError("cannot write \"" + output + "\"");
  return 0;
}

}  // namespace xgrad::cli
