// SPDX-License-Identifier: BSD-3-Clause
// A training step in steady state asks the system for no memory, whatever the optimizer.
#include <nlohmann/json.hpp>
#include <string>

#include "xgrad/optim/optimizer.hpp"
#include "xgrad/xgrad.hpp"
#include "steady_state.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

namespace {

void check_optimizer(const Json& config, const Json& schedule = nullptr) {
  manual_seed(0);
  nn::Sequential<float> model(nn::Linear<float>(10, 16), nn::Tanh<float>(), nn::Linear<float>(16, 4));
  const auto x = Tensor<float>::ones({8, 10});
  const Indices labels{0, 1, 2, 3, 0, 1, 2, 3};
  const auto optimizer = optim::make<float>(config, model.named_parameters());
  if (optimizer->needs_closure() || optimizer->curvature() != optim::Curvature::none) return;
  if (!schedule.is_null()) {
    config::Problems problems;
    optimizer->set_schedules(
        optim::make_schedules(config::Value::from_json(schedule, "schedule"), {100, 10}, problems));
    REQUIRE(problems.ok());
  }
  check_steady_state([&] {
    optimizer->zero_grad();
    const auto loss = cross_entropy(model(x), labels);
    loss.backward();
    optimizer->clip_grad_norm(1);
    optimizer->step(loss.item());
  });
}

}  // namespace

TEST_CASE("optimizers in steady state") {
  for (const optim::OptimizerRow& row : optim::optimizers().rows()) {
    if (row.rule<float>().rows) continue;  // takes an embedding's gradients only
    CAPTURE(std::string(row.name));
    check_optimizer(row.example ? Json::parse(row.example) : Json{{"type", row.name}});
  }
}

TEST_CASE("schedules, groups and options in steady state") {
  check_optimizer({{"type", "adamw"},
                   {"cautious", true},
                   {"state_format", "bfloat16"},
                   {"groups", {{{"match", "*.bias"}, {"weight_decay", 0}}}}},
                  {{{"type", "linear"}, {"from", 0.1}, {"to", 1}, {"until", "10%"}}, {{"type", "cosine"}, {"to", 0}}});
}
