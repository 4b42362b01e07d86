// SPDX-License-Identifier: BSD-3-Clause
// What the command line changes in a config: path=value, path+=value, ~path.
#include <algorithm>
#include <functional>

#include "xgrad/config/parse.hpp"

namespace xgrad::config {
namespace {

/// "model.layers[0].out" as steps: keys and indices.
std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> steps(1);
  for (const char c : path)
    if (c == '.' || c == '[')
      steps.emplace_back();
    else if (c != ']')
      steps.back() += c;
  return steps;
}

}  // namespace

void apply_override(Value& config, const std::string& assignment, Problems& problems) {
  const auto source = std::make_shared<const Source>(Source{"command line", assignment});
  const auto refuse = [&](std::string message, std::string help = "") {
    problems.add("XG111", Place{source, 0, assignment.size()}, "", std::move(message), std::move(help));
  };
  const bool removes = assignment.starts_with("~");
  const std::size_t equals = assignment.find('=');
  if (!removes && equals == std::string::npos)
    return refuse("\"" + assignment + "\" is no override", "write path=value, path+=value or ~path");
  const bool appends = !removes && equals > 0 && assignment[equals - 1] == '+';
  const std::string path = removes ? assignment.substr(1) : assignment.substr(0, equals - (appends ? 1 : 0));
  const Place whole{source, 0, assignment.size()};

  Value* at = &config;
  const std::vector<std::string> steps = split_path(path);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const bool last = i + 1 == steps.size();
    const std::string where = at->path.empty() ? "the config" : at->path;
    if (at->is(Value::Type::list)) {
      const bool digits = !steps[i].empty() && steps[i].find_first_not_of("0123456789") == std::string::npos;
      const std::size_t index = digits && steps[i].size() < 10 ? std::stoul(steps[i]) : at->items.size();
      if (index >= at->items.size())
        return refuse(where + " has " + std::to_string(at->items.size()) + " entries" +
                      (at->items.empty() ? "" : " (0..." + std::to_string(at->items.size() - 1) + ")") +
                      "; there is no [" + steps[i] + "]");
      if (last && removes) return void(at->items.erase(at->items.begin() + static_cast<std::ptrdiff_t>(index)));
      at = &at->items[index];
      continue;
    }
    if (at->is(Value::Type::string)) {  // a short form: "mse" is {"type": "mse"}
      Value type = *at;
      at->type = Value::Type::object;
      at->members.push_back({"type", at->place, std::move(type)});
    }
    if (at->is(Value::Type::null)) at->type = Value::Type::object;
    if (!at->is(Value::Type::object))
      return refuse(where + " is " + at->describe() + "; it has no \"" + steps[i] + "\"");
    auto member =
        std::find_if(at->members.begin(), at->members.end(), [&](const Value::Member& m) { return m.key == steps[i]; });
    if (last && removes) {
      if (member == at->members.end()) return refuse(where + " has no \"" + steps[i] + "\" to remove");
      return void(at->members.erase(member));
    }
    const bool index_next =
        !last && !steps[i + 1].empty() && steps[i + 1].find_first_not_of("0123456789") == std::string::npos;
    if (index_next && (member == at->members.end() || member->value.is(Value::Type::null)))
      return refuse((at->path.empty() ? "" : at->path + ".") + steps[i] + " is not in the file: there is no [" +
                        steps[i + 1] + "] to change",
                    "give the whole list: " + (at->path.empty() ? "" : at->path + ".") + steps[i] + "=[...]");
    if (member == at->members.end()) {
      at->members.push_back({steps[i], whole, {}});
      member = at->members.end() - 1;
      member->value.path = at->path.empty() ? steps[i] : at->path + "." + steps[i];
      member->value.place = whole;
    }
    at = &member->value;
  }

  const std::string text = assignment.substr(equals + 1);
  Problems not_json;
  Value value = parse(text, "command line", not_json);
  if (!not_json.ok()) {
    value = Value{};
    value.type = Value::Type::string;
    value.string = text;
  }
  const std::function<void(Value&, const std::string&)> settle = [&](Value& v, const std::string& p) {
    v.path = p;
    v.place = {source, equals + 1, assignment.size()};
    for (std::size_t i = 0; i < v.items.size(); ++i) settle(v.items[i], p + "[" + std::to_string(i) + "]");
    for (auto& m : v.members) {
      m.key_place = v.place;
      settle(m.value, p + "." + m.key);
    }
  };
  if (appends) {
    if (!at->is(Value::Type::list)) return refuse(path + " is " + at->describe() + "; only a list can be appended to");
    settle(value, at->path + "[" + std::to_string(at->items.size()) + "]");
    at->items.push_back(std::move(value));
  } else {
    settle(value, at->path);
    *at = std::move(value);
  }
}

}  // namespace xgrad::config
