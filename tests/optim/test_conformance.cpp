// SPDX-License-Identifier: BSD-3-Clause
// The conformance kit over everything registered, and proof that it sees what is wrong.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "xgrad/optim/conformance.hpp"
#include "xgrad/optim/kernel.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

TEST_CASE("every registered optimizer conforms") {
  for (const optim::OptimizerRow& row : optim::optimizers().rows())
    for (const auto& failure : optim::conformance::run(row))
      FAIL_CHECK(std::string(row.name) << ": " << std::string(failure.check) << ": " << failure.reason << "\n  "
                                       << failure.config);
}

TEST_CASE("optimizers from C++ keep their promises on hyperparameters by name") {
  NamedTensors<double> all = {{"p", parameter(Tensor<double>({3}, {1.0, 2.0, 3.0}))}};
  const auto optimizer = optim::make<double>({{"type", "adam"}}, all);
  config::Problems problems;
  optimizer->set_schedules(
      optim::make_schedules(config::Value::from_json({{"type", "constant"}, {"factor", 0.5}}), {10, 10}, problems));
  CHECK(problems.ok());
  optimizer->set("lr", 3.0);  // what the schedule multiplies
  CHECK(optimizer->get("lr") == 1.5);
  CHECK_THROWS_WITH_AS(optimizer->get("learning_rate"),
                       doctest::Contains("no numeric hyperparameter \"learning_rate\""), Error);
}

// Optimizers with one thing wrong each. They stay registered, hence behind the test of all that is registered.
namespace {

struct Broken {
  double lr = 0.01;
  static constexpr optim::About about{"gradient descent with something wrong", "nowhere"};
  void describe(optim::Fields& f) { f("lr", lr, optim::range::nonnegative, "step size"); }
};
struct Climber : Broken {
  static constexpr const char* name = "broken_climber";
  auto step(optim::Now) const {
    return [rate = lr](auto& p, auto g) { p += rate * g; };
  }
};
struct Forgetful : Broken {  // its memory is in no slot
  static constexpr const char* name = "broken_forgetful";
  static inline double calls = 0;
  auto step(optim::Now) const {
    calls += 1;
    return [rate = lr / calls](auto& p, auto g) { p -= rate * g; };
  }
};
struct Nameless : Broken {
  static constexpr const char* name = "broken_nameless";
  static constexpr optim::About about{""};
  auto step(optim::Now) const {
    return [rate = lr](auto& p, auto g) { p -= rate * g; };
  }
};
struct Coarse : Broken {  // what it adds and takes away again is larger than a float's precision
  static constexpr const char* name = "broken_coarse";
  auto step(optim::Now) const {
    return [rate = lr](auto& p, auto g) { p = (p - rate * g + 1e7) - 1e7; };
  }
};
struct Hiding : Broken {
  static constexpr const char* name = "broken_hiding";
  auto step(optim::Now) const {
    return [rate = lr](auto& p, auto g) { p -= rate * select(g == g, g, decltype(p - g)(0)); };
  }
};

template <class Rule> std::vector<std::string> failed_checks() {
  optim::optimizers().add({Rule::name, optim::make_rule<float, Rule>(), optim::make_rule<double, Rule>()});
  std::vector<std::string> result;
  for (const auto& failure : optim::conformance::run(*optim::optimizers().find(Rule::name)))
    if (std::find(result.begin(), result.end(), failure.check) == result.end()) result.emplace_back(failure.check);
  return result;
}
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("the kit finds what is wrong with a rule, and nothing else") {
  CHECK(failed_checks<Climber>() == Names{"descent"});
  CHECK(failed_checks<Nameless>() == Names{"declaration"});
  CHECK(failed_checks<Coarse>() == Names{"precision"});
  CHECK(failed_checks<Hiding>() == Names{"nonfinite"});
  const Names forgetful = failed_checks<Forgetful>();
  CHECK(std::find(forgetful.begin(), forgetful.end(), "checkpoint") != forgetful.end());
  CHECK_THROWS_WITH_AS(optim::conformance::run(Json{{"type", "adm"}}), doctest::Contains("did you mean \"adam\"?"),
                       config::ConfigError);
}

namespace {

NamedTensors<double> layers() {
  NamedTensors<double> result;
  for (const Shape& shape : {Shape{5, 7}, Shape{3}, Shape{}, Shape{0}, Shape{17, 1, 2}})
    result.push_back({std::string("layer").append(std::to_string(result.size())).append(".weight"),
                      parameter(Tensor<double>::ones(shape))});
  return result;
}

}  // namespace

TEST_CASE("a group that matches nothing, or one parameter in two groups, is refused") {
  const auto problems_of = [](const Json& groups) {
    config::Problems problems;
    optim::make<double>(config::Value::from_json({{"type", "adam"}, {"groups", groups}}, "optimizer"), layers(),
                        problems);
    return problems.text();
  };
  CHECK(problems_of({{{"match", "*.weigth"}, {"lr", 0.1}}}).find("matches no parameter") != std::string::npos);
  CHECK(problems_of({{{"match", "*.weigth"}, {"lr", 0.1}}}).find("closest: \"*.weight\" (5)") != std::string::npos);
  CHECK(problems_of({{{"match", "layer0*"}}, {{"rank", 2}}}).find("\"layer0.weight\" is in groups 1 and 2") !=
        std::string::npos);
  CHECK(problems_of({{{"lr", 0.1}}}).find("needs \"match\" or \"rank\"") != std::string::npos);
  for (const char* whole : {"re:layer0\\.(weight|bias)", "re:layer\\d\\..*", "re:.*[\\d]\\.weight"})
    CHECK_MESSAGE(problems_of({{{"match", whole}, {"lr", 0.1}}}).empty(), whole);
  CHECK(problems_of({{{"match", "re:layer\\d"}, {"lr", 0.1}}}).find("matches no parameter") != std::string::npos);
  CHECK(problems_of({{{"match", "re:["}}}).find("not a regular expression") != std::string::npos);
}
