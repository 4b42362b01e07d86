// SPDX-License-Identifier: BSD-3-Clause
// An optimizer from its config: hyperparameters, and groups of parameters with their own.
#include <regex.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "xgrad/optim/optimizer.hpp"

namespace xgrad::optim {
namespace {

using config::Problems;
using config::Value;
using Type = Value::Type;

/// Whether a POSIX extended regular expression, with \d for a digit, fits the whole name. Throws Error.
bool matches_expression(std::string_view expression, const std::string& name) {
  bool listed = false;  // within brackets
  std::string posix = "^(";
  for (std::size_t at = 0; at < expression.size(); ++at) {
    const bool escape = expression[at] == '\\' && at + 1 < expression.size();
    if (escape && expression[at + 1] == 'd') {
      posix += listed ? "0-9" : "[0-9]";
      ++at;
      continue;
    }
    if (!escape) listed = listed ? expression[at] != ']' : expression[at] == '[';
    posix += expression[at];
    if (escape) posix += expression[++at];
  }
  regex_t compiled;
  if (const int wrong = regcomp(&compiled, (posix + ")$").c_str(), REG_EXTENDED | REG_NOSUB)) {
    char reason[128];
    regerror(wrong, &compiled, reason, sizeof reason);
    fail(reason);
  }
  const bool fits = regexec(&compiled, name.c_str(), 0, nullptr, 0) == 0;
  regfree(&compiled);
  return fits;
}

/// "*" and "?" as in file names; "re:..." is a regular expression.
bool matches(const std::string& pattern, const std::string& name) {
  if (pattern.starts_with("re:")) return matches_expression(std::string_view(pattern).substr(3), name);
  const char* p = pattern.c_str();
  const char* n = name.c_str();
  const char* star = nullptr;
  const char* resume = nullptr;
  while (*n) {
    if (*p == '*') {
      star = p++;
      resume = n;
    } else if (*p == '?' || *p == *n) {
      ++p, ++n;
    } else if (star) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (*p == '*') ++p;
  return *p == '\0';
}

/// What only groups have.
struct GroupOptions {
  Value match, rank;
  double lr_scale = 1;
  bool freeze = false, by_fallback = false;
  void describe(config::Fields& f) {
    f("match", match, "", "parameter names, or a list of them: \"*.bias\", \"re:.*norm.*\"");
    f("rank", rank, "", "parameters with this number of axes");
    f("lr_scale", lr_scale, config::range::nonnegative, "multiplies lr");
    f("freeze", freeze, "leave these parameters as they are");
    f("by_fallback", by_fallback, "give them to the fallback, though they fit (muon: embeddings, heads)");
  }
};

/// How groups are cut further.
struct Cuts {
  std::string no_decay = "none";
  std::optional<double> layer_decay;
  void describe(config::Fields& f) {
    f("no_decay", no_decay, config::OneOf{"none|auto"},
      "auto: no weight decay of biases, norms and scalars (rank 0, 1)");
    f("layer_decay", layer_decay, config::Range{0, 1, true, false},
      "lr of each layer relative to the one behind it; the last one keeps its lr");
  }
};

template <class T> class Grouping {
 public:
  Grouping(const NamedTensors<T>& parameters, Problems& problems)
      : parameters_(parameters), problems_(problems), owner_(parameters.size(), 0) {}

  /// The parameters that group number `which` takes.
  std::vector<std::size_t> take(const GroupOptions& options, const Value& group, std::size_t which,
                                std::string& label) {
    std::vector<std::string> patterns;
    if (options.match.is(Type::string)) patterns.push_back(options.match.string);
    for (const Value& item : options.match.items)
      if (item.is(Type::string))
        patterns.push_back(item.string);
      else
        problems_.add("XG103", item, "\"match\": expected a parameter name or pattern, found " + item.describe());
    const bool by_rank = options.rank.is(Type::integer);
    if (!options.rank.is(Type::null) && !by_rank)
      problems_.add("XG103", options.rank, "\"rank\": expected an integer, found " + options.rank.describe());
    if (patterns.empty() && !by_rank) {
      problems_.add("XG106", group, "a group needs \"match\" or \"rank\" to say which parameters it takes");
      return {};
    }
    label = config::joined(patterns) +
            (by_rank ? std::string(patterns.empty() ? "" : " ") + "rank " + std::to_string(options.rank.integer) : "");
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const NamedTensor<T>& parameter = parameters_[i];
      if (by_rank && static_cast<std::int64_t>(parameter.tensor.rank()) != options.rank.integer) continue;
      bool hit = patterns.empty();
      for (const std::string& pattern : patterns) hit |= match_one(pattern, parameter.name, options.match);
      if (!hit) continue;
      if (owner_[i] != 0)
        problems_.add("XG107", group,
                      "parameter \"" + parameter.name + "\" is in groups " + std::to_string(owner_[i]) + " and " +
                          std::to_string(which));
      owner_[i] = which;
      members.push_back(i);
    }
    if (members.empty() && !parameters_.empty() && problems_.ok()) nothing_matched(group, which, patterns, label);
    return members;
  }
  std::vector<std::size_t> rest() const {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < owner_.size(); ++i)
      if (owner_[i] == 0) members.push_back(i);
    return members;
  }

 private:
  bool match_one(const std::string& pattern, const std::string& name, const Value& at) {
    try {
      return matches(pattern, name);
    } catch (const Error& error) {
      if (problems_.ok())
        problems_.add("XG103", at, "\"" + pattern + "\" is not a regular expression: " + error.what());
      return false;
    }
  }
  void nothing_matched(const Value& group, std::size_t which, const std::vector<std::string>& patterns,
                       const std::string& label) {
    // The nearest thing that would have matched: a name, or "*." and a name's last part.
    std::vector<std::string> candidates;
    for (const NamedTensor<T>& parameter : parameters_) {
      candidates.push_back(parameter.name);
      candidates.push_back("*." + parameter.name.substr(parameter.name.rfind('.') + 1));
    }
    const std::string close = patterns.empty() ? "" : config::nearest(patterns[0], candidates);
    std::size_t count = 0;
    for (const NamedTensor<T>& parameter : parameters_) count += !close.empty() && matches(close, parameter.name);
    problems_.add("XG107", group, "group " + std::to_string(which) + " \"" + label + "\" matches no parameter",
                  close.empty() ? "parameters: " + config::joined(names())
                                : "closest: \"" + close + "\" (" + std::to_string(count) + ")");
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const NamedTensor<T>& parameter : parameters_) result.push_back(parameter.name);
    return result;
  }

  const NamedTensors<T>& parameters_;
  Problems& problems_;
  std::vector<std::size_t> owner_;
};

/// Each group in pieces: the members of one piece have the same `key`, and `change` makes its settings.
template <class Group, class Key, class Change>
std::vector<Group> cut(const std::vector<Group>& groups, const Key& key, const Change& change) {
  std::vector<Group> result;
  for (const Group& group : groups) {
    std::map<decltype(key(std::size_t{})), std::vector<std::size_t>> pieces;
    for (const std::size_t member : group.members) pieces[key(member)].push_back(member);
    if (pieces.empty()) result.push_back(group);
    for (auto& [which, members] : pieces) {
      Group piece = group;
      piece.members = std::move(members);
      change(piece, which);
      result.push_back(std::move(piece));
    }
  }
  return result;
}

template <class T, class Group>
void apply_cuts(const Cuts& cuts, const NamedTensors<T>& parameters, std::vector<Group>& groups) {
  if (cuts.no_decay == "auto")
    groups = cut(
        groups, [&](std::size_t i) { return parameters[i].tensor.rank() < 2; },
        [](Group& group, bool free) {
          if (!free) return;
          group.hyperparameters.shared.weight_decay = 0;
          group.label += ", no decay";
        });
  if (!cuts.layer_decay) return;
  std::vector<std::string> layers;  // "encoder.0" of "encoder.0.weight", in the order of the model
  const auto layer_of = [&](std::size_t i) {
    const std::string& name = parameters[i].name;
    const std::size_t dot = name.rfind('.');
    return dot == std::string::npos ? std::string() : name.substr(0, dot);
  };
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (std::find(layers.begin(), layers.end(), layer_of(i)) == layers.end()) layers.push_back(layer_of(i));
  const auto behind = [&](std::size_t i) {
    return layers.end() - std::find(layers.begin(), layers.end(), layer_of(i)) - 1;
  };
  groups = cut(groups, behind, [&](Group& group, std::ptrdiff_t depth) {
    group.lr_scale *= std::pow(*cuts.layer_decay, static_cast<double>(depth));
    group.label += ", layer \"" + layers[layers.size() - 1 - static_cast<std::size_t>(depth)] + "\"";
  });
}

/// "fallback": the optimizer of the parameters that do not fit the rule, with its own hyperparameters.
template <class T>
void read_fallback(std::vector<typename Optimizer<T>::Group>& groups, const Value& value, Problems& problems) {
  using Group = typename Optimizer<T>::Group;
  const Rule<T>& rule = groups.front().rule;
  if (!rule.fits)
    return problems.add("XG107", value,
                        std::string("optimizer \"") + rule.name +
                            "\" takes parameters of every shape: it has no fallback");
  Value named = value;  // {"lr": ...} alone is for the rule's own
  if (named.is(Type::object) && !named.find("type")) {
    Value::Member type{"type", {}, {}};
    type.value.type = Type::string;
    type.value.string = rule.fallback;
    named.members.push_back(std::move(type));
  }
  const OptimizerRow* row = optimizers().resolve(named, problems);
  if (!row) return;
  if (const Rule<T>& other = row->rule<T>(); !other.step || other.scope == Scope::all)
    return problems.add("XG107", value,
                        std::string("optimizer \"") + row->name + "\" cannot be a fallback: it is not element-wise");
  for (Group& group : groups) {
    auto others = std::make_shared<Group>(Optimizer<T>::fallback_of(group, *row));
    if (named.is(Type::object))
      config::read(named, others->hyperparameters.fields(), problems, std::string("fallback \"") + row->name + "\"",
                   {"type"});
    if (const char* wrong = others->hyperparameters.check())
      problems.add("XG107", value, std::string("fallback \"") + row->name + "\": " + wrong);
    group.fallback = std::move(others);
  }
}

}  // namespace

template <class T>
std::unique_ptr<Optimizer<T>> make(const Value& value, NamedTensors<T> parameters, Problems& problems) {
  const OptimizerRow* row = optimizers().resolve(value, problems);
  if (!row) return nullptr;
  std::vector<std::string> other_keys{"type", "groups", "fallback", "transforms"};
  if (row->describe_config)
    row->describe_config([&other_keys](const config::Fields& fields) {
      for (const config::Field& field : fields.list()) other_keys.emplace_back(field.name);
    });
  if (row->specialize && !(row = row->specialize(value, problems))) return nullptr;
  using Group = typename Optimizer<T>::Group;
  const Rule<T>& rule = row->rule<T>();
  const std::string what = std::string("optimizer \"") + row->name + "\"";
  Hyperparameters common(rule);
  Cuts cuts;
  config::Fields known = common.fields();
  cuts.describe(known);
  if (value.is(Type::object)) config::read(value, known, problems, what, other_keys);
  const auto check = [&](const Hyperparameters& hyperparameters, const Value& at) {
    if (const char* wrong = hyperparameters.check()) problems.add("XG107", at, what + ": " + wrong);
  };
  check(common, value);
  if (common.has_number("momentum") && common.number("momentum") >= 1)
    problems.warn("XG122", value.find("momentum") ? value.find("momentum")->value : value,
                  what + ": a momentum of 1 or more never forgets a gradient; usual are 0.9 to 0.99");

  std::vector<Group> groups;
  Grouping<T> grouping(parameters, problems);
  if (const auto* list = value.find("groups")) {
    if (!list->value.is(Type::list))
      problems.add("XG103", list->value, "\"groups\": expected a list, found " + list->value.describe());
    for (const Value& item : list->value.items) {
      Group group{"", common, rule};
      GroupOptions options;
      config::Fields fields = group.hyperparameters.fields();
      options.describe(fields);
      config::read(item, fields, problems, "group " + std::to_string(groups.size() + 1));
      check(group.hyperparameters, item);
      group.lr_scale = options.lr_scale;
      group.freeze = options.freeze;
      group.by_fallback = options.by_fallback;
      if (options.by_fallback && !rule.fits)
        problems.add("XG107", item, what + " takes parameters of every shape: it has no fallback");
      group.members = grouping.take(options, item, groups.size() + 1, group.label);
      groups.push_back(std::move(group));
    }
  }
  Group rest{groups.empty() ? "all" : "the rest", common, rule, 1, false, false, grouping.rest()};
  groups.insert(groups.begin(), std::move(rest));
  if (const auto* member = value.find("fallback")) read_fallback<T>(groups, member->value, problems);
  const bool frozen =
      std::all_of(groups.begin(), groups.end(), [](const Group& g) { return g.freeze || g.members.empty(); });
  if (frozen && !parameters.empty() && problems.ok())
    problems.add("XG107", value, "all parameters are frozen: nothing to train");
  std::vector<std::unique_ptr<Transform<T>>> around;
  if (const auto* member = value.find("transforms")) around = make_transforms<T>(member->value, problems);
  if (!around.empty() && rule.minimize)
    problems.add("XG107", value, what + " evaluates the loss itself: it takes no transforms");
  if (!problems.ok()) return nullptr;
  apply_cuts<T>(cuts, parameters, groups);
  auto result = std::make_unique<Optimizer<T>>(*row, std::move(parameters));
  result->set_groups(std::move(groups));
  if (const std::string wrong = result->unmet(around); !wrong.empty()) {
    problems.add("XG107", value.find("transforms")->value, wrong);
    return nullptr;
  }
  result->set_transforms(std::move(around));
  return result;
}

template <class T> std::unique_ptr<Optimizer<T>> make(const nlohmann::json& json, NamedTensors<T> parameters) {
  Problems problems;
  auto result = make(Value::from_json(json, "optimizer"), std::move(parameters), problems);
  if (!problems.ok()) throw config::ConfigError(problems);
  return result;
}

template <class T> std::string Optimizer<T>::table() {
  std::string text;
  for (Group& group : groups_) {
    text += "group \"" + group.label + "\"" + (group.freeze ? " (frozen)" : "") + ": " +
            config::dump(group.hyperparameters.fields()).dump() + "\n";
    for (const std::size_t member : group.members)
      text += "  " + parameters_[member].name + " " + parameters_[member].tensor.shape().to_string() + "\n";
  }
  return text;
}

template std::unique_ptr<Optimizer<float>> make(const Value&, NamedTensors<float>, Problems&);
template std::unique_ptr<Optimizer<double>> make(const Value&, NamedTensors<double>, Problems&);
template std::unique_ptr<Optimizer<float>> make(const nlohmann::json&, NamedTensors<float>);
template std::unique_ptr<Optimizer<double>> make(const nlohmann::json&, NamedTensors<double>);
template std::string Optimizer<float>::table();
template std::string Optimizer<double>::table();

}  // namespace xgrad::optim
