// SPDX-License-Identifier: BSD-3-Clause
// Rules that sum over a tensor or over all of them before they step.
#include "optim/golden.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"

using namespace golden;

TEST_CASE("sums over all parameters do not see how they are cut into tensors and groups") {
  const auto moved = [](const std::vector<Shape>& shapes, const Json& config) {
    NamedTensors<double> all;
    double first = 0;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      all.push_back({std::string("p").append(std::to_string(i)),
                     parameter(filled(shapes[i], [&](double k) { return std::cos(first + k); }))});
      first += static_cast<double>(shapes[i].size());
    }
    const auto optimizer = optim::make<double>(config, all);
    for (int t = 1; t <= 10; ++t) {
      first = 0;
      for (auto& p : all) {
        p.tensor.set_grad(filled(p.tensor.shape(), [&](double k) { return std::sin(1 + 0.5 * t + first + k); }));
        first += static_cast<double>(p.tensor.size());
      }
      optimizer->step();
    }
    std::vector<double> values;
    for (auto& p : all) values.insert(values.end(), p.tensor.data(), p.tensor.data() + p.tensor.size());
    return values;
  };
  for (const char* type : {"dog", "dowg", "prodigy", "dadapt_adam", "adai"}) {
    CAPTURE(type);
    const auto whole = moved({{12}}, {{"type", type}});
    const auto pieces = moved({{3}, {2, 4}, {}}, {{"type", type}, {"groups", {{{"rank", 0}}, {{"match", "p0"}}}}});
    for (std::size_t k = 0; k < whole.size(); ++k) CHECK(pieces[k] == doctest::Approx(whole[k]).epsilon(1e-12));
  }
}

TEST_CASE("schedule-free rules: eval() moves to the mean and train() back, bit for bit; a step in between is refused") {
  for (const char* type : {"schedule_free_sgd", "schedule_free_adamw", "schedule_free_radam"}) {
    CAPTURE(type);
    NamedTensors<double> all = start({2, 3});
    const auto optimizer = optim::make<double>({{"type", type}, {"lr", 0.1}}, all);
    // x as the weighted mean of z, recomputed from the optimizer's own z: with lr constant all weights are equal.
    std::vector<double> mean(6, 0);
    int averaged = 0;
    for (int t = 1; t <= 10; ++t) {
      const double before = all[0].tensor.data()[0];
      all[0].tensor.set_grad(gradient(t, {2, 3}));
      optimizer->step();
      if (all[0].tensor.data()[0] == before) continue;  // silent phase of RAdam
      const auto* z = static_cast<const double*>(optimizer->state()[0].data);
      ++averaged;
      for (std::size_t k = 0; k < 6; ++k) mean[k] += z[k];
    }
    const std::vector<double> y(all[0].tensor.data(), all[0].tensor.data() + 6);
    optimizer->eval();
    if (std::string(type) != "schedule_free_radam") {  // whose weights differ
      const double beta = 0.9;
      const double* z = nullptr;
      optimizer->train();
      z = static_cast<const double*>(optimizer->state()[0].data);
      optimizer->eval();
      for (std::size_t k = 0; k < 6; ++k) {
        const double x = all[0].tensor.data()[k];
        CHECK(y[k] == doctest::Approx((1 - beta) * z[k] + beta * x).epsilon(1e-12));
      }
    }
    CHECK(averaged > 4);
    CHECK(all[0].tensor.data()[0] != y[0]);
    all[0].tensor.set_grad(gradient(11, {2, 3}));
    CHECK_THROWS_WITH_AS(optimizer->step(), doctest::Contains("step() between eval() and train()"), Error);
    CHECK_THROWS_WITH_AS(optimizer->state(), doctest::Contains("call train() before saving"), Error);
    optimizer->train();
    for (std::size_t k = 0; k < 6; ++k) CHECK(all[0].tensor.data()[k] == y[k]);
    optimizer->step();
  }
}

TEST_CASE("rules that look at the loss say so, and find the minimum where the step size is known") {
  for (const char* type : {"polyak_sgd", "momo", "momo_adam"}) {
    CAPTURE(type);
    NamedTensors<double> all = {{"x", parameter(Tensor<double>({2}, {1.5, -2.0}))}};
    const auto optimizer = optim::make<double>({{"type", type}}, all);
    all[0].tensor.set_grad(Tensor<double>({2}, {1.0, 1.0}));
    CHECK_THROWS_WITH_AS(optimizer->step(), doctest::Contains("needs the loss: call step(loss)"), Error);
    double first = 0, last = 0;
    for (int t = 0; t < 400; ++t) {
      last = optimizer->step([&] {
        optimizer->zero_grad();
        const Tensor<double> loss = sum(square(all[0].tensor) * Tensor<double>({2}, {1.0, 3.0}));
        loss.backward();
        return loss.item();
      });
      if (t == 0) first = last;
    }
    CHECK(last < 1e-3 * first);
  }
  // |x|^2 with f_min = 0: Polyak's step is half of Newton's, exactly.
  NamedTensors<double> all = {{"x", parameter(Tensor<double>({2}, {3.0, 4.0}))}};
  const auto optimizer = optim::make<double>({{"type", "polyak_sgd"}}, all);
  all[0].tensor.set_grad(Tensor<double>({2}, {6.0, 8.0}));
  optimizer->step(25.0);
  CHECK(all[0].tensor.data()[0] == doctest::Approx(1.5));
  CHECK(all[0].tensor.data()[1] == doctest::Approx(2.0));
}

TEST_CASE("norms of zero give finite steps") {
  for (const char* type : {"lamb", "lars", "fromage", "novograd", "stable_adamw", "adai", "dog", "prodigy"}) {
    CAPTURE(type);
    for (const bool parameter_zero : {true, false}) {
      NamedTensors<double> all = {{"x", parameter(Tensor<double>({3}, {0.0, 0.0, 0.0}))}};
      if (!parameter_zero) all[0].tensor.mutable_data()[1] = 2;
      const auto optimizer = optim::make<double>({{"type", type}}, all);
      all[0].tensor.set_grad(parameter_zero ? Tensor<double>({3}, {1.0, 2.0, 3.0}) : Tensor<double>::zeros({3}));
      optimizer->step();
      for (std::size_t k = 0; k < 3; ++k) CHECK(std::isfinite(all[0].tensor.data()[k]));
    }
  }
}

TEST_CASE(
    "weight_decay_mode: corrected decays by lr squared over the initial lr, within only where a rule decays itself") {
  NamedTensors<double> all = {{"x", parameter(Tensor<double>({1}, {1.0}))}};
  const auto optimizer = optim::make<double>(
      {{"type", "sgd"}, {"lr", 0.1}, {"weight_decay", 0.5}, {"weight_decay_mode", "corrected"}}, all);
  config::Problems problems;
  optimizer->set_schedules(
      optim::make_schedules(config::Value::from_json({{"type", "constant"}, {"factor", 0.5}}), {10, 10}, problems));
  REQUIRE(problems.ok());
  all[0].tensor.set_grad(Tensor<double>({1}, {0.0}));
  optimizer->step();
  CHECK(all[0].tensor.data()[0] == doctest::Approx(1 - 0.05 * 0.05 / 0.1 * 0.5));
  optim::make<double>(config::Value::from_json({{"type", "sgd"}, {"weight_decay_mode", "within"}}), all, problems);
  CHECK(problems.text().find("has no weight decay of its own") != std::string::npos);
}
