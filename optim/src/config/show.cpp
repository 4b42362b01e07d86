// SPDX-License-Identifier: BSD-3-Clause
// What fields say of themselves: their values as JSON, their JSON Schema, a table of them.
#include <cmath>
#include <nlohmann/json.hpp>

#include "xgrad/config/read.hpp"

namespace xgrad::config {
namespace {

using Kind = Field::Kind;

nlohmann::ordered_json number_json(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

}  // namespace

nlohmann::ordered_json dump(const Fields& fields) {
  auto json = nlohmann::ordered_json::object();
  for (const Field& field : fields.list()) {
    auto& target = json[field.name];
    switch (field.kind) {
      case Kind::number: target = *static_cast<double*>(field.place); break;
      case Kind::integer: target = *static_cast<std::int64_t*>(field.place); break;
      case Kind::boolean: target = *static_cast<bool*>(field.place); break;
      case Kind::text:
      case Kind::choice: target = *static_cast<std::string*>(field.place); break;
      case Kind::variant:
        target = alternatives(field.choices)[static_cast<std::size_t>(*static_cast<int*>(field.place))];
        break;
      case Kind::numbers:
      case Kind::few_numbers:
        target =
            std::vector<double>(static_cast<double*>(field.place), static_cast<double*>(field.place) + field.count);
        break;
      case Kind::number_list: target = *static_cast<std::vector<double>*>(field.place); break;
      case Kind::optional_number:
        if (const auto& value = *static_cast<std::optional<double>*>(field.place)) target = *value;
        break;
      case Kind::optional_integer:
        if (const auto& value = *static_cast<std::optional<std::int64_t>*>(field.place)) target = *value;
        break;
      case Kind::duration: target = static_cast<Duration*>(field.place)->text(); break;
      case Kind::optional_duration:
        if (const auto& value = *static_cast<std::optional<Duration>*>(field.place)) target = value->text();
        break;
      case Kind::object: {
        Fields inner;
        field.describe(field.place, inner);
        target = dump(inner);
        break;
      }
      case Kind::value: target = static_cast<Value*>(field.place)->to_json(); break;
    }
    if (target.is_null()) json.erase(field.name);
  }
  return json;
}

nlohmann::ordered_json schema(const Fields& fields) {
  auto properties = nlohmann::ordered_json::object();
  auto required = nlohmann::ordered_json::array();
  const nlohmann::ordered_json defaults = dump(fields);
  for (const Field& field : fields.list()) {
    auto& entry = properties[field.name] = nlohmann::ordered_json::object();
    const auto number = [&field](nlohmann::ordered_json& target, const char* type) {
      target["type"] = type;
      if (std::isfinite(field.range.low))
        target[field.range.open_low ? "exclusiveMinimum" : "minimum"] = number_json(field.range.low);
      if (std::isfinite(field.range.high))
        target[field.range.open_high ? "exclusiveMaximum" : "maximum"] = number_json(field.range.high);
    };
    switch (field.kind) {
      case Kind::number:
      case Kind::optional_number: number(entry, "number"); break;
      case Kind::integer:
      case Kind::optional_integer: number(entry, "integer"); break;
      case Kind::boolean: entry["type"] = "boolean"; break;
      case Kind::text: entry["type"] = "string"; break;
      case Kind::choice:
      case Kind::variant: entry["enum"] = alternatives(field.choices); break;
      case Kind::numbers:
      case Kind::few_numbers:
      case Kind::number_list:
        if (field.kind == Kind::numbers) entry["minItems"] = entry["maxItems"] = field.count;
        if (field.kind == Kind::few_numbers) entry["minItems"] = 1, entry["maxItems"] = FewNumbers::kMost;
        entry["type"] = "array";
        number(entry["items"], "number");
        break;
      case Kind::duration:
      case Kind::optional_duration:
        entry["type"] = {"integer", "string"};
        entry["pattern"] = "^[0-9.]+ *(steps?|st|epochs?|ep|%|s|m|h)$";
        break;
      case Kind::object: {
        Fields inner;
        field.describe(field.place, inner);
        entry = schema(inner);
        break;
      }
      case Kind::value:
        if (*field.registry) {
          const nlohmann::ordered_json one = {{"$ref", std::string("#/definitions/") + field.registry}};
          entry = field.list ? nlohmann::ordered_json{{"anyOf", {one, {{"type", "array"}, {"items", one}}}}} : one;
        }
        break;
    }
    entry["description"] = field.doc;
    if (defaults.contains(field.name) && field.kind != Kind::object && !defaults[field.name].empty())
      entry["default"] = defaults[field.name];
    if (field.is_required) required.push_back(field.name);
  }
  nlohmann::ordered_json result = {{"type", "object"},
                                   {"properties", properties},
                                   {"additionalProperties", false},
                                   {"patternProperties", {{"^x-", nlohmann::ordered_json::object()}}}};
  if (!required.empty()) result["required"] = required;
  return result;
}

std::string table(const Fields& fields) {
  const nlohmann::ordered_json defaults = dump(fields);
  std::string text;
  for (const Field& field : fields.list()) {
    std::string name = "  " + std::string(field.name), value = defaults.contains(field.name)
                                                                   ? defaults[field.name].dump()
                                                               : field.is_required ? "required"
                                                                                   : "-";
    if (value == "null" || value == "{}" || value == "[]") value = "-";
    name.resize(std::max<std::size_t>(name.size() + 1, 24), ' ');
    value.resize(std::max<std::size_t>(value.size() + 1, 16), ' ');
    const bool numeric = field.kind == Kind::number || field.kind == Kind::integer || field.kind == Kind::numbers ||
                         field.kind == Kind::optional_number || field.kind == Kind::optional_integer ||
                         field.kind == Kind::few_numbers || field.kind == Kind::number_list;
    const bool named = field.kind == Kind::choice || field.kind == Kind::variant;
    std::string range = numeric ? field.range.text() : named ? joined(alternatives(field.choices)) : "";
    range.resize(std::max<std::size_t>(range.size() + 1, 14), ' ');
    text.append(name).append(value).append(range).append(field.doc).append("\n");
  }
  return text;
}

}  // namespace xgrad::config
