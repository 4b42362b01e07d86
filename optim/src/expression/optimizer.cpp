// SPDX-License-Identifier: BSD-3-Clause
// The optimizer "expression": a rule that a config writes down. Each text becomes a row of its own, with the hyper-
// parameters as fields and the states as slots, so that all that holds for built-in rules holds for it.
#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>

#include "../registry.hpp"
#include "parse.hpp"
#include "xgrad/config/parse.hpp"

namespace xgrad::optim {
namespace {

using config::Problems;
using config::Value;
using Type = Value::Type;
namespace lang = expression;

struct ExpressionConfig {
  Value hyper, state, update;
  void describe(Fields& f) {
    f("hyper", hyper, "", "names and values of the hyperparameters: {\"lr\": 0.001, \"b\": 0.9}").required();
    f("state", state, "", "names and initial values of what is kept for each element: {\"m\": 0}");
    f("update", update, "",
      "assignments in order: [\"m = b*m + (1-b)*g\", \"p = p - lr*sign(m)\"]; p is the parameter, g its gradient, t "
      "the "
      "step from 1; norm(x), sum(x), mean(x) are over the tensor")
        .required();
  }
};

/// A compiled optimizer. Rows point into it, so it lives as long as the program.
struct Definition {
  std::string text;
  std::deque<std::string> names;  // of fields and slots; addresses stay
  std::vector<const char*> hypers;
  std::vector<double> defaults;
  std::vector<Slot> slots;
  lang::Program step, sums;  // the pass that measures is empty if the updates have no sums
  OptimizerRow row;
};

/// What a rule's row keeps for a group: the definition and the group's own hyperparameters.
struct Instance {
  const Definition* definition;
  double values[lang::kMaxHypers];

  void describe(Fields& f) {
    for (std::size_t i = 0; i < definition->hypers.size(); ++i) {
      const bool lr = std::strcmp(definition->hypers[i], "lr") == 0;
      f(definition->hypers[i], values[i], lr ? range::nonnegative : range::any,
        lr ? "step size" : "a number of the update expressions");
    }
  }
};
static_assert(sizeof(Instance) <= kRuleBytes && sizeof(lang::Prepared) <= kKernelBytes);

void prepare(const Instance& instance, const lang::Program& program, const Now& now, lang::Prepared& kernel) {
  double values[lang::kMaxScalarOps];
  for (std::size_t i = 0; i < program.scalar_op_count; ++i) {
    const lang::ScalarOp& op = program.scalar_ops[i];
    values[i] = op.op == lang::Op::number  ? op.value
                : op.op == lang::Op::hyper ? instance.values[op.a]
                : op.op == lang::Op::step  ? now.t
                : op.op == lang::Op::size  ? now.size
                : op.op == lang::Op::sum   ? now.sums[op.a]
                                           : lang::evaluate(op.op, values[op.a], values[op.b], values[op.c]);
  }
  kernel.program = &program;
  for (std::size_t i = 0; i < program.scalar_count; ++i) kernel.scalars[i] = values[program.scalars[i]];
}

template <class T> Rule<T> make_rule(const Definition& definition) {
  Rule<T> rule{};
  rule.name = "expression";
  rule.about = {"update rules written in the config itself", "docs/write-an-optimizer.md"};
  rule.slots = definition.slots.data();
  rule.slot_count = definition.slots.size();
  rule.size = sizeof(Instance);
  rule.context = &definition;
  rule.construct = [](void* place, const void* context) {
    auto* const instance = new (place) Instance{static_cast<const Definition*>(context), {}};
    std::copy(instance->definition->defaults.begin(), instance->definition->defaults.end(), instance->values);
  };
  rule.describe = [](void* place, Fields& fields) { static_cast<Instance*>(place)->describe(fields); };
  rule.check = [](const void*) -> const char* { return nullptr; };
  rule.step = {[](const void* place, const Now& now, void* kernel) {
                 const auto& instance = *static_cast<const Instance*>(place);
                 prepare(instance, instance.definition->step, now, *new (kernel) lang::Prepared);
               },
               expression_machine<T>()};
  if (definition.sums.sum_count == 0) return rule;
  rule.sum_count = definition.sums.sum_count;
  rule.traits.reach = Reach::tensor;
  rule.measure = {[](const void* place, const Now& now, void* kernel) {
                    const auto& instance = *static_cast<const Instance*>(place);
                    prepare(instance, instance.definition->sums, now, *new (kernel) lang::Prepared);
                  },
                  expression_machine<T>(), true};
  return rule;
}

/// From {"hyper", "state", "update"} to a definition; everything wrong becomes a problem.
class Reader {
 public:
  Reader(const ExpressionConfig& config, Problems& problems)
      : config_(config), problems_(problems), definition_(std::make_unique<Definition>()) {}

  /// Null if something is wrong.
  std::unique_ptr<Definition> run() {
    names_ = {{"p", update_.graph.lane(0)}, {"g", update_.graph.lane(1)}, {"t", update_.graph.step()}};
    fixed_ = {"t"};
    hypers();
    states();
    updates();
    if (!problems_.ok()) return nullptr;
    try {
      definition_->step = lang::compile(update_);
      definition_->sums = lang::compile_sums(update_);
    } catch (const Error& error) {
      problems_.add("XG107", config_.update, error.what());
      return nullptr;
    }
    return std::move(definition_);
  }

 private:
  const char* own(const std::string& name) { return definition_->names.emplace_back(name).c_str(); }

  bool new_name(const Value::Member& member) {
    const auto functions = lang::function_names();
    const char* wrong = !lang::is_name(member.key)    ? "is not a name: letters, digits and _"
                        : names_.contains(member.key) ? "is taken"
                        : std::find(functions.begin(), functions.end(), member.key) != functions.end() ? "is a function"
                                                                                                       : nullptr;
    if (wrong) problems_.add("XG107", member.key_place, member.value.path, "\"" + member.key + "\" " + wrong);
    return !wrong;
  }
  void add_hyper(const std::string& name, double value, const Value& at) {
    if (definition_->hypers.size() == lang::kMaxHypers)
      return problems_.add("XG107", at, "more than " + std::to_string(lang::kMaxHypers) + " hyperparameters");
    names_[name] = update_.graph.hyper(static_cast<int>(definition_->hypers.size()));
    fixed_.push_back(name);
    definition_->hypers.push_back(own(name));
    definition_->defaults.push_back(value);
  }
  void hypers() {
    if (!config_.hyper.is(Type::object))
      return problems_.add("XG103", config_.hyper,
                           "\"hyper\": expected an object of numbers, found " + config_.hyper.describe());
    for (const Value::Member& member : config_.hyper.members)
      if (!member.value.is_number())
        problems_.add("XG103", member.value,
                      "\"" + member.key + "\": expected a number, found " + member.value.describe());
      else if (new_name(member))
        add_hyper(member.key, member.value.number, member.value);
    if (!names_.contains("lr"))
      problems_.add("XG106", config_.hyper, "\"hyper\" needs \"lr\", the step size that groups and schedules scale");
  }
  void states() {
    if (!config_.state.is(Type::object) && !config_.state.is(Type::null))
      problems_.add("XG103", config_.state,
                    "\"state\": expected an object of numbers, found " + config_.state.describe());
    for (const Value::Member& member : config_.state.members) {
      if (!member.value.is_number()) {
        problems_.add("XG103", member.value,
                      "\"" + member.key + "\": expected a number, found " + member.value.describe());
        continue;
      }
      if (!new_name(member)) continue;
      if (definition_->slots.size() == kMaxSlots) {
        problems_.add("XG107", member.value, "more than " + std::to_string(kMaxSlots) + " states");
        return;
      }
      names_[member.key] = update_.graph.lane(2 + static_cast<int>(definition_->slots.size()));
      Slot slot{own(member.key)};
      if (member.value.number != 0) {  // a slot's first value is a field's
        const std::string initial = "initial_" + member.key;
        add_hyper(initial, member.value.number, member.value);
        slot.initial = definition_->names.back().c_str();
      }
      definition_->slots.push_back(slot);
    }
    update_.slot_count = definition_->slots.size();
  }
  void updates() {
    if (!config_.update.is(Type::list) || config_.update.items.empty())
      return problems_.add("XG103", config_.update,
                           "\"update\": expected a list of assignments, found " + config_.update.describe());
    std::vector<std::string> order;  // parameter and states by their last assignment
    for (const Value& item : config_.update.items) {
      if (!item.is(Type::string)) {
        problems_.add("XG103", item, "expected an assignment like \"p = p - lr*g\", found " + item.describe());
        continue;
      }
      try {
        const std::string name = lang::parse_assignment(item.string, update_.graph, names_, fixed_);
        order.erase(std::remove(order.begin(), order.end(), name), order.end());
        order.push_back(name);
      } catch (const lang::SyntaxError& error) { refuse(item, error); }
    }
    if (std::find(order.begin(), order.end(), "p") == order.end() && problems_.ok())
      problems_.add("XG106", config_.update, "no update assigns to p, the parameter");
    for (const std::string& name : order) {
      if (name == "p") update_.results.push_back({0, names_["p"]});
      for (std::size_t i = 0; i < definition_->slots.size(); ++i)
        if (name == definition_->slots[i].name) update_.results.push_back({2 + static_cast<int>(i), names_[name]});
    }
  }
  /// With the place inside the string, unless escapes make it another one.
  void refuse(const Value& item, const lang::SyntaxError& error) {
    config::Place place = item.place;
    if (place && place.source->text.substr(place.begin, place.end - place.begin) == "\"" + item.string + "\"") {
      place.begin += 1 + error.at;
      place.end = std::min(place.begin + 1, place.end);
    }
    problems_.add("XG108", place, item.path,
                  std::string(error.what()) + " at character " + std::to_string(error.at + 1) + " of \"" + item.string +
                      "\"",
                  error.help);
  }

  const ExpressionConfig& config_;
  Problems& problems_;
  std::unique_ptr<Definition> definition_;
  lang::Update update_;
  lang::Names names_;
  std::vector<std::string> fixed_;
};

/// The row of the optimizer that `value` writes down. Equal texts have one definition.
const OptimizerRow* specialize(const Value& value, Problems& problems) {
  ExpressionConfig config;
  const config::Fields fields = config::fields_of(config);
  Problems found;  // unknown keys are left to the caller, who knows the hyperparameters, too
  config::read(value, fields, found, "optimizer \"expression\"");
  const std::size_t before = problems.list().size();
  for (const Problems::Problem& p : found.list())
    if (std::string_view(p.code) != "XG102") problems.add(p.code, p.place, p.path, p.message, p.help);
  if (problems.list().size() != before) return nullptr;

  static std::mutex mutex;
  static std::deque<std::unique_ptr<Definition>> known;
  const std::string text =
      config.hyper.to_json().dump() + config.state.to_json().dump() + config.update.to_json().dump();
  const std::lock_guard lock(mutex);
  for (const auto& definition : known)
    if (definition->text == text) return &definition->row;
  std::unique_ptr<Definition> definition = Reader(config, problems).run();
  if (!definition) return nullptr;
  definition->text = text;
  known.push_back(std::move(definition));
  Definition& kept = *known.back();
  kept.row = {"expression", make_rule<float>(kept), make_rule<double>(kept)};
  return &kept.row;
}

}  // namespace

OptimizerRow expression_row() {
  static constexpr const char* kExample =
      R"json({"type": "expression", "hyper": {"lr": 0.001, "b": 0.9}, "state": {"m": 0},
    "update": ["m = b*m + (1-b)*g", "p = p - lr*sign(m)"]})json";
  Problems problems;
  OptimizerRow row = *specialize(config::parse(kExample, "example", problems), problems);
  row.example = kExample;
  row.describe_config = [](const std::function<void(const Fields&)>& visit) {
    ExpressionConfig config;
    visit(config::fields_of(config));
  };
  row.specialize = specialize;
  return row;
}

}  // namespace xgrad::optim
