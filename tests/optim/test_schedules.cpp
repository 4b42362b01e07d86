// SPDX-License-Identifier: BSD-3-Clause
// Schedules against PyTorch's, against the definitions of the papers and libraries, and what is refused: values made by
// tests/reference/optim/schedules.py.
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "xgrad/optim/optimizer.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

namespace {

constexpr optim::RunLength kRun{30, 5};

const Json& reference() {
  static const Json json = [] {
    std::ifstream file(std::string(XGRAD_SOURCE_DIR) + "/tests/reference/optim/schedules.json");
    REQUIRE(file);
    return Json::parse(file);
  }();
  return json;
}

struct Scheduled {
  NamedTensors<double> parameters = {{"p", parameter(Tensor<double>({2}, {1.0, 2.0}))}};
  std::unique_ptr<optim::Optimizer<double>> optimizer;

  explicit Scheduled(const Json& schedule, const Json& config = {{"type", "sgd"}, {"lr", 0.1}, {"momentum", 0.9}}) {
    optimizer = optim::make<double>(config, parameters);
    config::Problems problems;
    auto schedules = optim::make_schedules(config::Value::from_json(schedule, "schedule"), kRun, problems);
    REQUIRE_MESSAGE(problems.ok(), problems.text());
    optimizer->set_schedules(std::move(schedules));
  }
  void step() {
    parameters[0].tensor.set_grad(Tensor<double>({2}, {0.1, -0.2}));
    optimizer->step();
  }
};

void compare(const Json& entry, double tolerance) {
  CAPTURE(entry["config"].dump());
  Scheduled run(entry["config"]);
  for (std::size_t t = 0; t < 30; ++t) {
    CAPTURE(t);
    const double expected = entry["values"][t].get<double>();
    CHECK(std::abs(run.optimizer->get("lr") - expected) <= tolerance * std::max(1e-3, std::abs(expected)));
    if (entry.contains("momentum"))
      CHECK(std::abs(run.optimizer->get("momentum") - entry["momentum"][t].get<double>()) <= tolerance);
    run.step();
  }
}

std::string problems_of(const Json& schedule) {
  config::Problems problems;
  optim::make_schedules(config::Value::from_json(schedule, "schedule"), kRun, problems);
  return problems.text();
}

void collect_types(const Json& json, std::set<std::string>& types) {
  if (json.is_object() && json.contains("type")) types.insert(json["type"].get<std::string>());
  if (json.is_structured())
    for (const Json& inner : json) collect_types(inner, types);
}

}  // namespace

TEST_CASE("torch's schedules, learning rate and momentum") {
  for (const Json& entry : reference()["torch"]) compare(entry, 1e-12);
}

TEST_CASE("schedules of optax, Keras, Hugging Face, timm and papers") {
  for (const Json& entry : reference()["formula"]) compare(entry, 1e-12);
}

TEST_CASE("every registered schedule is compared with something") {
  std::set<std::string> compared{"demon"};  // below
  collect_types(reference(), compared);
  for (const optim::ScheduleRow& row : optim::schedules().rows())
    if (std::string_view(row.name) != "reduce_on_plateau") CHECK_MESSAGE(compared.contains(row.name), row.name);
}

TEST_CASE("demon lets the momentum decay") {
  Scheduled run(Json{{"type", "demon"}, {"param", "momentum"}});
  for (int t = 0; t <= 30; ++t) {
    const double left = 1 - t / 30.0;
    CHECK(run.optimizer->get("momentum") == doctest::Approx(0.9 * left / (0.1 + 0.9 * left)).epsilon(1e-12));
    run.step();
  }
}

TEST_CASE("plateau lowers the learning rate as torch does, also when it is saved and resumed in between") {
  for (const Json& entry : reference()["plateau"]) {
    CAPTURE(entry["config"].dump());
    const Json sgd = {{"type", "sgd"}, {"lr", 1.0}};
    Scheduled run(entry["config"], sgd);
    CHECK(run.optimizer->observed_metrics() == std::vector<std::string>{"val/loss"});
    for (std::size_t i = 0; i < entry["metrics"].size(); ++i) {
      Scheduled resumed(entry["config"], sgd);
      resumed.optimizer->load_schedule_state(run.optimizer->schedule_state());
      for (Scheduled* each : {&run, &resumed}) {
        each->optimizer->observe("train/loss", 1e9);  // not the metric that it waits for
        each->optimizer->observe("val/loss", entry["metrics"][i].get<double>());
        CHECK(each->optimizer->get("lr") == doctest::Approx(entry["values"][i].get<double>()).epsilon(1e-14));
      }
    }
  }
  Scheduled run(Json{{"type", "plateau"}});
  CHECK_THROWS_WITH_AS(run.optimizer->load_schedule_state({}), "optimizer: the state of 0 schedules for 1", Error);
}

TEST_CASE("a NaN is no improvement") {
  Scheduled run(Json{{"type", "plateau"}, {"patience", 1}, {"factor", 0.5}});
  for (int i = 0; i < 2; ++i) run.optimizer->observe("val/loss", std::nan(""));
  CHECK(run.optimizer->get("lr") == 0.05);
  run.optimizer->observe("val/loss", 3.0);
  run.optimizer->observe("val/loss", std::nan(""));
  CHECK(run.optimizer->get("lr") == 0.05);
}

TEST_CASE("what moves the momentum finds it by either name, and keeps its state from the first step") {
  Scheduled adam(Json{{"type", "one_cycle"}, {"max_lr", 0.5}}, {{"type", "adam"}});
  CHECK(adam.optimizer->get("betas[0]") == 0.95);
  // sgd keeps no buffer while its momentum is 0; under a schedule it does.
  const Json cyclic = {{"type", "cyclic"}, {"max_lr", 0.1}, {"step_size_up", 2}};
  Scheduled plain(cyclic, {{"type", "sgd"}, {"lr", 0.1}}),
      moving(cyclic, {{"type", "sgd"}, {"lr", 0.1}, {"momentum", 0.5}});
  REQUIRE(plain.optimizer->state().size() == 1);
  for (int t = 0; t < 5; ++t) {
    plain.step();
    moving.step();
    CHECK(plain.parameters[0].tensor.data()[0] == moving.parameters[0].tensor.data()[0]);
  }
  // Attached later, it begins then.
  Scheduled late(Json{{"type", "constant"}}, {{"type", "sgd"}, {"lr", 0.1}});
  late.step();
  CHECK(late.optimizer->state().empty());
  config::Problems problems;
  late.optimizer->set_schedules(optim::make_schedules(config::Value::from_json(cyclic), kRun, problems));
  CHECK(late.optimizer->state().size() == 1);
  late.step();
  NamedTensors<double> parameters = {{"p", parameter(Tensor<double>({1}, {1.0}))}};
  const auto adagrad = optim::make<double>({{"type", "adagrad"}}, parameters);
  CHECK_THROWS_WITH_AS(
      adagrad->set_schedules(optim::make_schedules(config::Value::from_json(cyclic), kRun, problems)),
      "optimizer: the schedule moves the momentum, too, but there is no momentum|betas[0]; switch that off: "
      "\"cycle_momentum\": false",
      Error);
}

TEST_CASE("a group's lr_scale acts on schedules that give values, too") {
  NamedTensors<double> parameters = {{"a", parameter(Tensor<double>({1}, {1.0}))},
                                     {"b", parameter(Tensor<double>({1}, {1.0}))}};
  const auto optimizer = optim::make<double>(
      {{"type", "sgd"}, {"lr", 0.1}, {"groups", {{{"match", "b"}, {"lr_scale", 0.5}}}}}, parameters);
  config::Problems problems;
  optimizer->set_schedules(
      optim::make_schedules(config::Value::from_json({{"type", "constant_schedule"}, {"value", 0.3}}), kRun, problems));
  CHECK(optimizer->get("lr", 0) == 0.3);
  CHECK(optimizer->get("lr", 1) == 0.15);
}

TEST_CASE("schedules in C++") {
  const optim::Schedule half([](double t) { return t < 3 ? 1.0 : 0.5; });
  CHECK(half.at(4, 0.2) == 0.1);
  const optim::Schedule shrinking = optim::multiplicative([](double t) { return t > 2 ? 0.5 : 1.0; });
  CHECK(shrinking.at(2) == 1.0);
  CHECK(shrinking.at(4, 8.0) == 2.0);
  CHECK(optim::product({half, shrinking}).at(4, 8.0) == 1.0);
  CHECK(optim::product({half, shrinking}).at(4, 0.0) == 0.0);
  CHECK(optim::sequence({half, optim::Schedule()}, {4}).at(5, 7.0) == 7.0);
}

TEST_CASE("past its end a schedule keeps its last value") {
  Scheduled run(Json{{"type", "one_cycle"}, {"max_lr", 0.5}, {"anneal_strategy", "linear"}, {"total_steps", 10}});
  for (int t = 0; t < 30; ++t) run.step();  // torch gives a negative rate here
  CHECK(run.optimizer->get("lr") == doctest::Approx(0.5 / 25 / 1e4));
  CHECK(run.optimizer->get("momentum") == 0.95);
}

TEST_CASE("what is wrong with a schedule is said with its place") {
  const auto says = [](const Json& schedule, const std::string& text) {
    const std::string found = problems_of(schedule);
    CHECK_MESSAGE(found.find(text) != std::string::npos, found);
  };
  says({{"type", "cosin"}}, "did you mean \"cosine\"?");
  says({{"type", "step"}, {"every", 0}}, "\"every\": 0 steps is out of range; must be >= 1 steps");
  says({{"type", "step"}, {"every", "10s"}}, "a schedule cannot depend on the clock");
  says({{"type", "cosine"}, {"until", "10s"}}, "a schedule cannot depend on the clock");
  says({{"type", "exponential"}, {"gamma", 0}}, "\"gamma\": 0 is out of range; must be > 0");
  says({{"type", "one_cycle"}}, "schedule \"one_cycle\" needs \"max_lr\"");
  says("one_cycle", "schedule \"one_cycle\" needs \"max_lr\"");
  says({{"type", "one_cycle"}, {"max_lr", 1}, {"pct_start", 1.5}},
       "\"pct_start\": 1.5 is out of range; must be in [0, 1]");
  says({{"type", "cosine_annealing"}, {"T_max", 0}}, "\"T_max\": 0 steps is out of range");
  says({{"type", "cosine_warm_restarts"}, {"T_0", 5}, {"T_mult", 1.5}}, "\"T_mult\": expected an integer");
  says({{"type", "multi_step"}, {"milestones", {5, 3}}}, "\"milestones\" must not decrease");
  says({{"type", "plateau"}, {"factor", 1}}, "\"factor\": 1 is out of range; must be in (0, 1)");
  says({{"type", "piecewise_constant"}, {"boundaries", {5, 9}}, {"scales", {1}}},
       "2 \"boundaries\" need 2 \"scales\", found 1");
  says({{"type", "linear_warmup"}, {"warmup", 500}}, "a warm-up of 500 steps leaves nothing of 30");
  says({{"type", "linear"}, {"until", 500}}, "schedule item 1 lasts until step 500 but the run has 30 steps");
  says(Json::array({{{"type", "linear"}, {"until", 10}}, {{"type", "cosine"}, {"until", 5}}}),
       "schedule item 2 ends (step 5) before item 1 (step 10)");
  says({{"type", "wsd"}, {"warmup", 20}, {"decay", 20}}, "are longer than the time in force together");
  says({{"type", "sequence"}, {"schedules", Json::array()}}, "expected a list of schedules, found");
  says({{"type", "product"}, {"schedules", {{{"type", "cosine"}, {"param", "eps"}}}}},
       "\"param\" belongs to the whole");
  says({{"type", "join"}, {"schedules", {"constant", "cosine"}}, {"boundaries", {3, 5}}},
       "2 schedules need 1 boundaries, found 2");
  says({{"type", "sequential"}, {"schedules", {"constant", "cosine", "linear"}}, {"milestones", {5, 5}}},
       "boundaries must increase");
  says({{"type", "sequence"}, {"schedules", {{{"type", "linear"}, {"until", 10}}, {{"type", "stp"}}}}},
       "did you mean \"step\"?");
  says({{"type", "sequence"}, {"until", 10}, {"schedules", {{{"type", "linear"}, {"until", 12}}, "cosine"}}},
       "schedule 1 of the sequence lasts until step 12 but its sequence has 10 steps");
  says({{"type", "sgdr"}, {"cycles", 3}}, "\"cycles\": expected a list of objects");
}
