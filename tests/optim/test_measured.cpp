// SPDX-License-Identifier: BSD-3-Clause
// Rules that sum over a tensor or over all of them before they step.
#include "golden.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"

using namespace golden;

TEST_CASE("golden values of rules with norms of each tensor") {
  compare({{"type", "lamb"}, {"lr", 0.1}, {"weight_decay", 0.01}},
          {0.867410507205, 0.8702873669614, 0.08219658573165, -0.8080116770022, -0.8290672258407, -0.262226112519});
  compare({{"type", "lars"}, {"lr", 1.0}, {"weight_decay", 0.01}},
          {0.994417491912, 0.5522120582983, -0.3986594756317, -0.9799940685046, -0.6625186662794, 0.2651514382948});
  compare({{"type", "novograd"}, {"lr", 0.1}, {"weight_decay", 0.01}},
          {0.6692857629709, 1.234294862664, 0.6120125885024, -0.4173337108067, -1.180661783479, -0.802857206975});
  compare({{"type", "fromage"}, {"lr", 0.1}},
          {1.021419894613, 0.6411799193887, -0.3199322004357, -1.018546317067, -0.7602150607962, 0.1856800321462});
  compare({{"type", "stable_adamw"}, {"lr", 0.1}},
          {0.6795574739443, 0.8006062547394, 0.2308597605161, -0.6194537924086, -0.6882719336865, -0.4062538355625});
}

TEST_CASE("golden values of rules with sums over all parameters") {
  compare({{"type", "adai"}, {"lr", 0.1}},
          {0.6121086979754, 0.7526127310148, 0.07717623398802, -0.5665373516758, -0.8977002263189, -0.2360514441735});
  compare({{"type", "dog"}},
          {1.000007553734, 0.5403082102679, -0.4161475926253, -0.9900005958926, -0.6536506544073, 0.2836621902599});
  compare({{"type", "dowg"}},
          {1.1769434738, 0.5157040579373, -0.5923198218955, -1.244785554207, -0.6899651879903, 0.4673012873342});
  compare({{"type", "prodigy"}, {"weight_decay", 0.01}},
          {1.000202196809, 0.5405808476455, -0.4161000376097, -0.9902658627709, -0.6539245632896, 0.2835436184063});
  compare({{"type", "dadapt_adam"}},
          {1.095448495969, 0.4291296876455, -0.5934804662648, -1.168664936259, -0.6082761577074, 0.4786617108937});
}

TEST_CASE("golden values of the schedule-free rules, at the point of training") {
  compare({{"type", "schedule_free_sgd"}, {"lr", 0.1}, {"weight_decay", 0.01}, {"warmup_steps", 4}},
          {1.074191679474, 0.7749811190389, -0.2340409135907, -1.028443983231, -0.8726647698016, 0.0853128574344});
  compare({{"type", "schedule_free_adamw"}, {"lr", 0.1}, {"weight_decay", 0.01}, {"warmup_steps", 4}},
          {1.123459103665, 1.003346072161, -0.1404253748346, -1.08047297192, -1.028610266531, -0.01260966659633});
}

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
      const double* z = optimizer->state()[0].data;
      ++averaged;
      for (std::size_t k = 0; k < 6; ++k) mean[k] += z[k];
    }
    const std::vector<double> y(all[0].tensor.data(), all[0].tensor.data() + 6);
    optimizer->eval();
    if (std::string(type) != "schedule_free_radam") {  // whose weights differ
      const double beta = 0.9;
      const double* z = nullptr;
      optimizer->train();
      z = optimizer->state()[0].data;
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
