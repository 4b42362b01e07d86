// SPDX-License-Identifier: BSD-3-Clause
// Optimizers that ask for the loss's curvature, and those that take gradients kept as rows.
#include "optim/golden.hpp"
#include "xgrad/ops/embedding.hpp"

using namespace golden;

namespace {

/// (2 x^2 + 2 x y + 3 y^2) / 2
Tensor<double> coupled(const Tensor<double>& p) {
  return 0.5 * sum(square(p) * Tensor<double>({2}, {1.0, 2.0})) + 0.5 * square(sum(p));
}

const double* state_of(optim::Optimizer<double>& optimizer, const std::string& name) {
  for (const auto& state : optimizer.state())
    if (state.name == name) return static_cast<const double*>(state.data);
  return nullptr;
}

}  // namespace

TEST_CASE("an estimate of the curvature is asked for every few steps, and a step without it is refused") {
  for (const char* type : {"sophia_g", "sophia_h"}) {
    CAPTURE(type);
    NamedTensors<double> all = start({2});
    const auto optimizer = optim::make<double>({{"type", type}, {"update_interval", 3}}, all);
    all[0].tensor.set_grad(Tensor<double>({2}, {1.0, -2.0}));
    for (int t = 0; t < 7; ++t) {
      CHECK(optimizer->wants_curvature() == (t % 3 == 0));
      if (t % 3 == 0) {
        CHECK_THROWS_WITH_AS(optimizer->step(),
                             doctest::Contains("wants an estimate of the loss's curvature for this step: call "
                                               "estimate_curvature(loss) before it"),
                             Error);
        optimizer->estimate_curvature([&] { return coupled(all[0].tensor); });
        CHECK(!optimizer->wants_curvature());
        CHECK(all[0].tensor.grad().data()[1] == -2);  // nobody's gradient is touched
      }
      optimizer->step();
    }
  }
  NamedTensors<double> all = start({2});
  const auto adam = optim::make<double>({{"type", "adam"}}, all);
  CHECK(!adam->wants_curvature());
  CHECK_THROWS_WITH_AS(adam->estimate_curvature([&] { return coupled(all[0].tensor); }),
                       "optimizer \"adam\" has no use for the curvature", Error);
}

TEST_CASE("Hutchinson's estimate has the Hessian's diagonal as its mean") {
  for (const bool maximize : {false, true}) {
    NamedTensors<double> all = start({2});
    const auto optimizer = optim::make<double>(
        {{"type", "sophia_h"}, {"update_interval", 1}, {"betas", {0.9, 0.0}}, {"maximize", maximize}}, all);
    double low = 0;
    constexpr int kSteps = 400;
    const double sign = maximize ? -1 : 1;
    for (int t = 0; t < kSteps; ++t) {
      all[0].tensor.set_grad(Tensor<double>::zeros({2}));
      optimizer->estimate_curvature([&] { return coupled(all[0].tensor); });
      optimizer->step();
      const double* h = state_of(*optimizer, "hessian.p0");  // 2 + z1 z2, 3 + z1 z2
      const double off = sign * h[0] - 2;
      CHECK(std::abs(off) == doctest::Approx(1));
      CHECK(sign * h[1] - 3 == doctest::Approx(off));
      low += off < 0;
    }
    CHECK(std::abs(low / kSteps - 0.5) < 5 * 0.5 / std::sqrt(kSteps));
  }
}

TEST_CASE("the curvature of a loss that does not bend is 0, of a parameter that it does not reach, too") {
  NamedTensors<double> all = start({2});
  all.push_back({"unused", parameter(Tensor<double>({1}, {1.0}))});
  const auto optimizer = optim::make<double>({{"type", "sophia_h"}, {"betas", {0.9, 0.0}}}, all);
  for (auto& p : all) p.tensor.set_grad(Tensor<double>::zeros(p.tensor.shape()));
  optimizer->estimate_curvature([&] { return sum(all[0].tensor); });
  optimizer->step();
  CHECK(state_of(*optimizer, "hessian.p0")[0] == 0);
  CHECK(state_of(*optimizer, "hessian.unused")[0] == 0);
}

namespace {

void list_rows(Tensor<double>& table, std::initializer_list<std::int64_t> rows) {
  EmbeddingOptions options;
  options.sparse = true;
  sum(embedding(table, Indices(Shape{static_cast<std::int64_t>(rows.size())}, rows), options)).backward();
}

}  // namespace

TEST_CASE("sparse_adam moves the listed rows, refuses dense gradients, and leaves vectors to its fallback") {
  NamedTensors<double> all = start({4, 2});
  all.push_back({"bias", parameter(Tensor<double>({2}, {1.0, 1.0}))});
  const auto optimizer = optim::make<double>({{"type", "sparse_adam"}, {"lr", 0.5}}, all);
  REQUIRE(optimizer->groups().size() == 2);
  CHECK(optimizer->groups()[1].label == "all, by adam");
  list_rows(all[0].tensor, {1, 3, 1});
  CHECK(optimizer->gradient_norm() == doctest::Approx(std::sqrt(2 * 4.0 + 2 * 1.0)));
  REQUIRE(all[0].tensor.has_sparse_grad());  // the norm has not made it dense
  optimizer->step();
  for (std::size_t k = 0; k < 8; ++k) {
    const bool listed = k / 2 == 1 || k / 2 == 3;
    CHECK(all[0].tensor.data()[k] == doctest::Approx(std::cos(static_cast<double>(k)) - (listed ? 0.5 : 0)));
  }
  CHECK(state_of(*optimizer, "exp_avg.p0")[0] == 0);

  optimizer->zero_grad();
  list_rows(all[0].tensor, {0});
  optimizer->clip_grad_norm(1.0);
  optimizer->step();
  CHECK(state_of(*optimizer, "exp_avg.p0")[0] == doctest::Approx(0.1 / std::sqrt(2.0)).epsilon(1e-5));

  all[0].tensor.set_grad(Tensor<double>::ones({4, 2}));
  CHECK_THROWS_WITH_AS(optimizer->step(), doctest::Contains("the gradient of \"p0\" (4, 2) is dense"), Error);

  config::Problems problems;
  optim::make<double>(config::Value::from_json({{"type", "sparse_adam"}, {"weight_decay", 0.1}}), all, problems);
  CHECK(problems.text().find("moves the rows that a gradient lists and no others") != std::string::npos);
}

TEST_CASE("a group may go to the fallback although it fits") {
  NamedTensors<double> all = start({4, 2});
  all.push_back({"head", parameter(Tensor<double>::ones({3, 2}))});
  const auto optimizer = optim::make<double>({{"type", "sparse_adam"},
                                              {"fallback", {{"type", "sgd"}, {"lr", 0.1}}},
                                              {"groups", {{{"match", "head"}, {"by_fallback", true}}}}},
                                             all);
  list_rows(all[0].tensor, {2});
  all[1].tensor.set_grad(Tensor<double>::ones({3, 2}));
  optimizer->step();
  CHECK(all[1].tensor.data()[0] == doctest::Approx(0.9));
  config::Problems problems;
  const Json config = {{"type", "adam"}, {"groups", {{{"match", "head"}, {"by_fallback", true}}}}};
  optim::make<double>(config::Value::from_json(config), all, problems);
  CHECK(problems.text().find("\"adam\" takes parameters of every shape: it has no fallback") != std::string::npos);
}
