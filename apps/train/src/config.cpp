// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/train/config.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

namespace xgrad::train {

namespace range = config::range;

void TrainSection::describe(Fields& f) {
  f("epochs", epochs, range::count, "passes over the training data; this or steps");
  f("steps", steps, range::count, "optimizer steps; this or epochs");
  f("clip", clip, "", "{\"type\": \"norm\" or \"value\", \"max\": ...}: limits the gradients");
  f("on_nonfinite", on_nonfinite, config::OneOf{"stop|skip"},
    "NaN or infinity in the loss or gradients: stop the run, or skip the update");
  f("max_skips", max_skips, range::count, "skipped updates after which the run stops all the same");
}
void ClipOptions::describe(Fields& f) {
  f("type", type, config::OneOf{"norm|value"}, "all gradients by their common norm, or each element");
  f("max", max, range::positive, "the largest norm or value").required();
}
void EvalSection::describe(Fields& f) {
  f("every", every, "how often the validation part is measured");
  f("batch_size", batch_size, range::count, "samples at a time; only memory and speed depend on it");
}
void CheckpointSection::describe(Fields& f) {
  f("every", every, "how often the run is saved; it is always saved at the end and on SIGINT and SIGTERM");
  f("keep_last", keep_last, range::count, "checkpoints kept, the newest");
  f("keep_best", keep_best, "", "{\"monitor\", \"mode\", \"count\"}: the best are kept as well");
}
void KeepBest::describe(Fields& f) {
  f("monitor", monitor, "which metric tells the best");
  f("mode", mode, config::OneOf{"min|max"}, "whether less or more of it is better");
  f("count", count, range::count, "how many are kept");
}
void LogSection::describe(Fields& f) {
  f("every", every, "how often a line goes to metrics.jsonl");
  f("progress", progress, config::OneOf{"auto|bar|line|none"},
    "on the terminal: a live line, lines, or nothing; auto: by whether it is one");
}

void Config::describe(Fields& f) {
  f("version", version, config::Range{1, config::range::kInfinity, false, false}, "of this format");
  f("name", name, "of the run; default: the file's name");
  f("description", description, "for people");
  f("tags", tags, "", "for people");
  f("seed", seed, range::nonnegative, "of all random numbers");
  f("dtype", dtype, config::OneOf{"float32|float64"}, "of all arithmetic");
  f("data", data, "data", "what to learn from").required();
  f("model", model, "model", "the layers").required();
  f("loss", loss, "loss", "what is minimised").required();
  f("metrics", metrics, "metric", "measured beside the loss", true);
  f("optimizer", optimizer, "optimizer", "how the parameters move").required();
  f("schedule", schedule, "schedule", "how hyperparameters change with time, one item after the other", true);
  f("train", train, "how long, and what happens to the gradients").required();
  f("stop", stop, "stop", "when to stop early", true);
  f("eval", eval, "measuring");
  f("checkpoint", checkpoint, "saving");
  f("log", log, "writing down");
}

Config load_config(const std::string& path, const std::vector<std::string>& overrides, Problems& problems) {
  namespace fs = std::filesystem;
  Config config =
      read_config(config::parse_file(path, problems), fs::absolute(path).parent_path().string(), overrides, problems);
  if (config.name.empty()) config.name = fs::path(path).stem().string();
  return config;
}

Config read_config(Value document, const std::string& folder, const std::vector<std::string>& overrides,
                   Problems& problems) {
  Config config;
  config.document = std::move(document);
  if (!problems.ok()) return config;
  if (!config.document.is(Value::Type::object)) {
    problems.add("XG103", config.document, "top level must be an object, found " + config.document.describe());
    return config;
  }
  for (const std::string& assignment : overrides) config::apply_override(config.document, assignment, problems);
  if (const auto* version = config.document.find("version");
      version && version->value.is_number() && version->value.number > 1)
    problems.add("XG104", version->value, "made for a newer xgrad; this one knows version 1", "install a newer xgrad");
  config::read_into(config, config.document, problems, "the config", {"$schema"});
  const auto* kept = config.document.find("x-folder");
  config.folder = kept && kept->value.is(Value::Type::string) ? kept->value.string : folder;
  if (config.name.find('/') != std::string::npos)
    problems.add("XG104", config.document.find("name")->value, "\"name\" is a folder's, too: it cannot have \"/\"");
  if (const auto* train = config.document.find("train");
      train && train->value.is(Value::Type::object) && train->value.find("epochs") && train->value.find("steps"))
    problems.add("XG107", train->value.find("steps")->key_place, "train.steps",
                 "\"train\" has both \"epochs\" and \"steps\"; give exactly one");
  else if (train && train->value.is(Value::Type::object) && !train->value.find("epochs") && !train->value.find("steps"))
    problems.add("XG106", train->value, "\"train\" needs \"epochs\" or \"steps\"");
  const auto periodic = [&](const char* section, const Duration& every) {
    if (every.amount > 0) return;
    const auto* at = config.document.find(section);
    const auto* member = at ? at->value.find("every") : nullptr;
    if (member)
      problems.add("XG104", member->value, "\"every\": 0 is no period",
                   "leave it out, or write for example \"10 epochs\"");
  };
  periodic("eval", config.eval.every);
  periodic("checkpoint", config.checkpoint.every);
  periodic("log", config.log.every);
  return config;
}

nlohmann::ordered_json resolved(Config& config) {
  nlohmann::ordered_json json = config::dump(config::fields_of(config));
  for (auto it = json.begin(); it != json.end();)
    it = it->is_null() || (it->is_string() && it->get_ref<const std::string&>().empty()) ? json.erase(it)
                                                                                         : std::next(it);
  json["x-folder"] = config.folder;
  return json;
}

namespace {

struct Target {
  StopRule rule;
  static constexpr const char* name = "target";
  static constexpr config::About about{"a metric reached a value"};
  void describe(Fields& f) {
    f("monitor", rule.monitor, "which metric");
    f("below", rule.below, range::any, "stop when it is less than this");
    f("above", rule.above, range::any, "stop when it is more than this");
  }
  void check(const Value& value, Problems& problems) const {
    if (rule.below.has_value() == rule.above.has_value())
      problems.add("XG106", value, "stop rule \"target\" needs \"below\" or \"above\", one of them");
  }
};
struct EarlyStopping {
  StopRule rule{"", "val/loss", "min", {}, {}, {10, Duration::Unit::epochs}, 0, false, {}};
  static constexpr const char* name = "early_stopping";
  static constexpr config::About about{"a metric has not improved for a while"};
  void check(const Value& value, Problems& problems) const {
    if (rule.patience.unit == Duration::Unit::seconds)
      problems.add("XG104", value.find("patience")->value,
                   "\"patience\" is counted in steps, epochs or %, not in time");
  }
  void describe(Fields& f) {
    f("monitor", rule.monitor, "which metric");
    f("mode", rule.mode, config::OneOf{"min|max"}, "whether less or more of it is better");
    f("patience", rule.patience, "how long to wait for an improvement");
    f("min_delta", rule.min_delta, range::nonnegative, "what counts as one");
    f("restore_best", rule.restore_best, "end with the parameters of the best measurement");
  }
};
struct Divergence {
  StopRule rule;
  static constexpr const char* name = "divergence";
  static constexpr config::About about{"a metric exploded: the run ends as diverged"};
  void describe(Fields& f) {
    f("monitor", rule.monitor, "which metric");
    f("above", rule.above, range::any, "the run has diverged when it is more than this").required();
  }
};

template <class Rule> StopRow row() {
  return {Rule::name, Rule::about, config::visit_defaults<Rule>, [](const Value& value, Problems& problems) {
            Rule rule;
            if (value.is(Value::Type::object))
              config::read_into(rule, value, problems, std::string("stop rule \"") + Rule::name + "\"", {"type"});
            if constexpr (requires { rule.check(value, problems); }) rule.check(value, problems);
            rule.rule.type = Rule::name;
            const auto* monitor = value.find("monitor");
            rule.rule.at = monitor ? monitor->value : value;
            return rule.rule;
          }};
}

}  // namespace

const config::Registry<StopRow>& stop_rules() {
  static const config::Registry<StopRow> registry = [] {
    config::Registry<StopRow> r("stop rule");
    r.add(row<Target>());
    r.add(row<EarlyStopping>());
    r.add(row<Divergence>());
    return r;
  }();
  return registry;
}

std::vector<StopRule> make_stop_rules(const Value& value, Problems& problems) {
  std::vector<StopRule> rules;
  const auto add = [&](const Value& item) {
    if (const StopRow* row = stop_rules().resolve(item, problems)) rules.push_back(row->make(item, problems));
  };
  if (value.is(Value::Type::list))
    for (const Value& item : value.items) add(item);
  else if (!value.is(Value::Type::null))
    add(value);
  return rules;
}

}  // namespace xgrad::train
