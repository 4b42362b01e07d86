// SPDX-License-Identifier: BSD-3-Clause
// What can be put around any optimizer.
#include "optim/golden.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/optim/transform.hpp"

using namespace golden;

namespace {

/// What plain gradient descent with lr 1 from `start` does with one gradient after the transforms: minus the gradient.
std::vector<double> through(const Json& transforms, const Shape& shape, std::vector<double> gradient,
                            std::vector<double> start = {}) {
  start.resize(gradient.size(), 0);
  NamedTensors<double> all = {{"w", parameter(Tensor<double>(shape, start))}};
  const auto optimizer = optim::make<double>({{"type", "sgd"}, {"lr", 1.0}, {"transforms", transforms}}, all);
  all[0].tensor.set_grad(Tensor<double>(shape, gradient));
  optimizer->step();
  for (std::size_t k = 0; k < start.size(); ++k) start[k] -= all[0].tensor.data()[k];
  return start;
}
void check_close(const std::vector<double>& found, const std::vector<double>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t k = 0; k < found.size(); ++k) CHECK(found[k] == doctest::Approx(expected[k]).epsilon(1e-12));
}

}  // namespace

TEST_CASE("transforms of a gradient by their definitions") {
  check_close(through({{{"type", "clip_by_value"}, {"limit", 2.0}}}, {3}, {3, -5, 1}), {2, -2, 1});
  check_close(through({{{"type", "clip_by_norm"}, {"max_norm", 1.0}}}, {2}, {3, 4}), {0.6, 0.8});
  check_close(through({{{"type", "clip_by_norm"}, {"max_norm", 6.0}}}, {2}, {3, 4}), {3, 4});
  check_close(through({{{"type", "clip_by_global_norm"}, {"max_norm", 1.0}}}, {2}, {3, 4}),
              {3 / (5 + 1e-6), 4 / (5 + 1e-6)});
  check_close(through({{{"type", "clip_by_rms"}, {"threshold", 1.0}}}, {2}, {3, 4}),
              {3 / std::sqrt(12.5), 4 / std::sqrt(12.5)});
  check_close(through({{{"type", "centralize"}}}, {2, 2}, {1, 3, 5, 9}), {-1, 1, -2, 2});
  check_close(through({{{"type", "centralize"}}}, {2}, {1, 3}), {1, 3});
  check_close(through({{{"type", "normalize"}}}, {2}, {3, 4}), {0.6, 0.8});
  check_close(through({{{"type", "trust_ratio"}}}, {2}, {3, 4}, {6, 8}), {6, 8});
  check_close(through({{{"type", "trust_ratio"}, {"coefficient", 0.1}}}, {2}, {0, 0}, {6, 8}), {0, 0});
  check_close(through({{{"type", "trust_ratio"}, {"coefficient", 0.1}}}, {2}, {3, 4}), {3, 4});
  check_close(through({{{"type", "zero_nonfinite"}}}, {3}, {1, std::nan(""), INFINITY}), {1, 0, 0});
  // Unit norms 5 and 13 of the gradient, 1 and 0 (hence eps) of the parameter.
  check_close(through({{{"type", "adaptive_clip"}, {"clip", 0.1}}}, {2, 2}, {3, 4, 5, 12}, {0, 1, 0, 0}),
              {0.06, 0.08, 5 * 1e-4 / 13, 12 * 1e-4 / 13});
  // At right angles to (1, 0), as long as before.
  check_close(through({{{"type", "orthograd"}}}, {2}, {3, 4}, {1, 0}), {0, 5});
  // In the order written.
  check_close(through({{{"type", "clip_by_value"}, {"limit", 3.0}}, {{"type", "normalize"}}}, {2}, {3, 4}),
              {std::sqrt(0.5), std::sqrt(0.5)});
}

TEST_CASE("grokfast amplifies the mean of gradients, whose first value is the first gradient") {
  NamedTensors<double> all = {{"w", parameter(Tensor<double>({1}, {0.0}))}};
  const auto optimizer = optim::make<double>(
      {{"type", "sgd"}, {"lr", 1.0}, {"transforms", {{{"type", "grokfast"}, {"alpha", 0.5}, {"lambda", 2.0}}}}}, all);
  all[0].tensor.set_grad(Tensor<double>({1}, {1.0}));
  optimizer->step();
  CHECK(all[0].tensor.item() == -3);
  all[0].tensor.set_grad(Tensor<double>({1}, {2.0}));
  optimizer->step();
  CHECK(all[0].tensor.item() == -3 - (2 + 2 * 1.5));
}

TEST_CASE("noise has its variance and depends on nothing but seed, step and place") {
  const std::size_t n = 20'000;
  const Json noise = {{{"type", "add_noise"}, {"eta", 0.04}, {"gamma", 0.5}, {"seed", 3}}};
  const auto sample = through(noise, {static_cast<std::int64_t>(n)}, std::vector<double>(n, 0.0));
  double total = 0, squares = 0;
  for (const double x : sample) total += x, squares += x * x;
  CHECK(std::abs(total / n) < 0.2 * 4 / std::sqrt(n));
  CHECK(squares / n == doctest::Approx(0.04).epsilon(0.05));
  CHECK(through(noise, {static_cast<std::int64_t>(n)}, std::vector<double>(n, 0.0)) == sample);
}

TEST_CASE("non-finite gradients are skipped without a trace, up to a number in a row") {
  NamedTensors<double> all = {{"w", parameter(Tensor<double>({1}, {1.0}))}};
  const auto optimizer = optim::make<double>(
      {{"type", "adam"}, {"transforms", {{{"type", "skip_nonfinite"}, {"max_consecutive", 2}}}}}, all);
  for (int failure = 0; failure < 2; ++failure) {
    all[0].tensor.set_grad(Tensor<double>({1}, {std::nan("")}));
    optimizer->step();
    CHECK(all[0].tensor.item() == 1);
    CHECK(optimizer->steps()[0] == 0);
  }
  all[0].tensor.set_grad(Tensor<double>({1}, {1.0}));
  optimizer->step();
  CHECK(all[0].tensor.item() == doctest::Approx(1 - 1e-3));
  for (int failure = 0; failure < 3; ++failure) {
    all[0].tensor.set_grad(Tensor<double>({1}, {std::nan("")}));
    optimizer->step();
  }
  CHECK(std::isnan(all[0].tensor.item()));
}

TEST_CASE("accumulated gradients step as their mean, or as their sum") {
  for (const bool mean : {true, false}) {
    NamedTensors<double> many = start({2, 3}), few = start({2, 3});
    const Json config = {{"type", "sgd"}, {"lr", 0.1}, {"momentum", 0.9}};
    Json with = config;
    with["transforms"] = {{{"type", "accumulate"}, {"every", 3}, {"mean", mean}}};
    const auto accumulating = optim::make<double>(with, many), plain = optim::make<double>(config, few);
    for (int t = 1; t <= 9; ++t) {
      many[0].tensor.set_grad(gradient(t, {2, 3}));
      accumulating->step();
      if (t % 3 != 0) continue;
      const Tensor<double> total = gradient(t - 2, {2, 3}) + gradient(t - 1, {2, 3}) + gradient(t, {2, 3});
      few[0].tensor.set_grad(total / (mean ? 3.0 : 1.0));
      plain->step();
    }
    CHECK(accumulating->steps()[0] == 3);
    for (std::size_t k = 0; k < 6; ++k)
      CHECK(many[0].tensor.data()[k] == doctest::Approx(few[0].tensor.data()[k]).epsilon(1e-12));
  }
}

TEST_CASE("lookahead's first synchronisation already goes back") {
  NamedTensors<double> all = {{"w", parameter(Tensor<double>({1}, {0.0}))}};
  const auto optimizer = optim::make<double>(
      {{"type", "sgd"}, {"lr", 1.0}, {"transforms", {{{"type", "lookahead"}, {"k", 2}, {"alpha", 0.25}}}}}, all);
  const double expected[] = {-1, -0.5, -1.5, -1};
  for (const double value : expected) {
    all[0].tensor.set_grad(Tensor<double>({1}, {1.0}));
    optimizer->step();
    CHECK(all[0].tensor.item() == value);
  }
}

TEST_CASE("lookahead's pullback needs a momentum in full precision, and keeps its own when it is saved") {
  const Json pullback = Json::array({{{"type", "lookahead"}, {"k", 2}, {"pullback", "pullback"}}});
  const auto problems_of = [&](Json config) {
    config["transforms"] = pullback;
    NamedTensors<double> all = start({64, 64});
    config::Problems problems;
    const bool made = optim::make<double>(config::Value::from_json(config, "optimizer"), all, problems) != nullptr;
    CHECK(made == problems.ok());
    return problems.text();
  };
  const char* refusal = "\"p0\" has no momentum in full precision for lookahead's pullback";
  CHECK(problems_of({{"type", "adagrad"}}).find(refusal) != std::string::npos);
  CHECK(problems_of({{"type", "sgd"}}).find(refusal) != std::string::npos);
  CHECK(problems_of({{"type", "adam"}, {"state_format", "8bit"}}).find(refusal) != std::string::npos);
  for (const char* type : {"adam", "muon", "lion", "novograd"}) CHECK(problems_of({{"type", type}}) == "");
  CHECK(problems_of({{"type", "sgd"}, {"momentum", 0.5}}) == "");
  NamedTensors<double> all = start({2, 3});
  const auto optimizer = optim::make<double>({{"type", "muon"}, {"transforms", pullback}}, all);
  double slow = 0;
  for (int t = 1; t <= 4; ++t) {
    all[0].tensor.set_grad(Tensor<double>::ones({2, 3}));
    optimizer->step();
    const double momentum = *static_cast<const double*>(optimizer->state()[0].data);
    const double before = t % 2 == 1 ? 0 : slow;  // 1 - 0.95^2 = 0.0975 behind two steps from 0
    if (t == 2) CHECK(momentum == doctest::Approx(0.0975 / 2));
    if (t == 4) CHECK(momentum == doctest::Approx((1 - 0.9025 * (1 - before) + before) / 2));
    if (t % 2 == 0) slow = momentum;
  }
  CHECK(optimizer->state()[2].name == "transforms.0.slow_momentum.p0");
  CHECK(*static_cast<const double*>(optimizer->state()[2].data) == slow);
}

TEST_CASE("averages are what eval() shows; train() puts the parameters back") {
  const auto trained = [](const Json& transform) {
    NamedTensors<double> all = {{"w", parameter(Tensor<double>({1}, {0.0}))}};
    const auto optimizer = optim::make<double>({{"type", "sgd"}, {"lr", 1.0}, {"transforms", {transform}}}, all);
    for (int t = 1; t <= 4; ++t) {
      all[0].tensor.set_grad(Tensor<double>({1}, {-1.0}));
      optimizer->step();
    }
    CHECK(optimizer->trains_elsewhere());
    optimizer->eval();
    const double average = all[0].tensor.item();
    optimizer->train();
    CHECK(all[0].tensor.item() == 4);
    return average;
  };
  CHECK(trained({{"type", "ema"}, {"decay", 0.5}}) == 1 / 8.0 + 2 / 8.0 + 3 / 4.0 + 4 / 2.0);
  CHECK(trained({{"type", "swa"}}) == doctest::Approx(2.5));
  CHECK(trained({{"type", "swa"}, {"start", 1}, {"every", 2}}) == doctest::Approx(3));  // 2 and 4
}

TEST_CASE("SAM steps by the gradient at the worst place nearby and needs a closure") {
  const auto step = [](const Json& sam, auto gradient_at) {
    NamedTensors<double> all = {{"w", parameter(Tensor<double>({2}, {3.0, 4.0}))}};
    const auto optimizer = optim::make<double>({{"type", "sgd"}, {"lr", 1.0}, {"transforms", {sam}}}, all);
    CHECK(optimizer->needs_closure());
    CHECK_THROWS_WITH_AS(optimizer->step(), doctest::Contains("call step(closure)"), Error);
    int calls = 0;
    optimizer->step([&] {
      ++calls;
      optimizer->zero_grad();
      all[0].tensor.set_grad(gradient_at(all[0].tensor.data()[0], all[0].tensor.data()[1]));
      return 0.0;
    });
    CHECK(calls == 2);
    return std::vector<double>{3 - all[0].tensor.data()[0], 4 - all[0].tensor.data()[1]};
  };
  // Of |w|^2 / 2 the gradient is w: at w + 0.5 w / |w| it is 1.1 w.
  const auto bowl = [](double x, double y) { return Tensor<double>({2}, {x, y}); };
  check_close(step({{"type", "sam"}, {"rho", 0.5}}, bowl), {3.3, 4.4});
  const double adaptive = 0.5 / std::sqrt(81 + 256);
  check_close(step({{"type", "sam"}, {"rho", 0.5}, {"adaptive", true}}, bowl), {3 + adaptive * 27, 4 + adaptive * 64});
  // Both gradients of the bowl have one direction: nothing is at right angles, and GSAM is SAM.
  check_close(step({{"type", "sam"}, {"rho", 0.5}, {"alpha", 0.4}}, bowl), {3.3, 4.4});
}

TEST_CASE("cautious weight decay acts where the step goes towards 0 too") {
  NamedTensors<double> all = {{"w", parameter(Tensor<double>({2}, {1.0, 1.0}))}};
  const auto optimizer = optim::make<double>({{"type", "sgd"},
                                              {"lr", 0.1},
                                              {"weight_decay", 0.5},
                                              {"weight_decay_mode", "decoupled"},
                                              {"cautious_weight_decay", true}},
                                             all);
  all[0].tensor.set_grad(Tensor<double>({2}, {1.0, -1.0}));
  optimizer->step();
  CHECK(all[0].tensor.data()[0] == doctest::Approx(0.95 - 0.1));
  CHECK(all[0].tensor.data()[1] == doctest::Approx(1.1));
}

TEST_CASE("with transforms, saved, loaded and continued equals uninterrupted, bit for bit") {
  const Json config = {{"type", "adam"},
                       {"transforms",
                        {{{"type", "grokfast"}},
                         {{"type", "accumulate"}, {"every", 2}},
                         {{"type", "lookahead"}, {"k", 2}, {"pullback", "pullback"}},
                         {{"type", "ema"}, {"overwrite_every", 3}},
                         {{"type", "skip_nonfinite"}}}}};
  const auto train = [](optim::Optimizer<double>& optimizer, NamedTensors<double>& all, int from, int to) {
    for (int t = from; t < to; ++t) {
      all[0].tensor.set_grad(gradient(t, {2, 3}));
      optimizer.step();
    }
  };
  NamedTensors<double> whole = start({2, 3}), first = start({2, 3}), second = start({2, 3});
  const auto a = optim::make<double>(config, whole), b = optim::make<double>(config, first),
             c = optim::make<double>(config, second);
  train(*a, whole, 0, 12);
  train(*b, first, 0, 5);
  auto from = b->state(), to = c->state();
  REQUIRE(from.size() == to.size());
  for (std::size_t i = 0; i < from.size(); ++i) std::memcpy(to[i].data, from[i].data, from[i].bytes);
  auto numbers = b->state_numbers(), places = c->state_numbers();
  for (std::size_t i = 0; i < numbers.size(); ++i)
    std::copy(numbers[i].values.begin(), numbers[i].values.end(), places[i].values.begin());
  std::copy_n(first[0].tensor.data(), 6, second[0].tensor.mutable_data());
  c->load_steps(b->steps(), b->step_count());
  train(*c, second, 5, 12);
  a->eval();
  c->eval();
  for (std::size_t k = 0; k < 6; ++k) CHECK(whole[0].tensor.data()[k] == second[0].tensor.data()[k]);
}

TEST_CASE("mistakes in transforms are named") {
  const auto problems_of = [](const Json& transforms, const char* type = "adam") {
    config::Problems problems;
    optim::make<double>(config::Value::from_json({{"type", type}, {"transforms", transforms}}, "optimizer"),
                        NamedTensors<double>{}, problems);
    return problems.text();
  };
  CHECK(problems_of({{{"type", "clip_by_nrom"}}}).find("did you mean \"clip_by_norm\"?") != std::string::npos);
  CHECK(problems_of({{{"type", "clip_by_norm"}, {"max_norm", -1}}}).find("must be > 0") != std::string::npos);
  CHECK(problems_of(3).find("\"transforms\": expected a list") != std::string::npos);
  CHECK(problems_of({{{"type", "ema"}}}, "lbfgs").find("it takes no transforms") != std::string::npos);
  for (const optim::TransformRow& row : optim::transforms().rows()) {
    CHECK(std::string(row.about.doc).size() > 5);
    row.describe(
        [&](config::Fields& fields) { CHECK(config::schema(fields)["properties"].size() == fields.list().size()); });
  }
}

TEST_CASE("no_decay spares biases and norms; layer_decay slows layers down towards the input") {
  NamedTensors<double> all;
  for (const char* layer : {"0", "2", "4"}) {
    all.push_back({std::string(layer) + ".weight", parameter(Tensor<double>::ones({2, 2}))});
    all.push_back({std::string(layer) + ".bias", parameter(Tensor<double>::ones({2}))});
  }
  const auto optimizer = optim::make<double>(
      {{"type", "sgd"}, {"lr", 1.0}, {"weight_decay", 0.5}, {"no_decay", "auto"}, {"layer_decay", 0.5}}, all);
  for (auto& p : all) p.tensor.set_grad(Tensor<double>::zeros(p.tensor.shape()));
  optimizer->step();
  const double expected[] = {1 - 0.125, 1, 1 - 0.25, 1, 1 - 0.5, 1};
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].tensor.data()[0] == doctest::Approx(expected[i]));
  CHECK(optimizer->groups().size() == 6);
  config::Problems problems;
  optim::make<double>(config::Value::from_json({{"type", "sgd"}, {"layer_decay", 1.5}}), all, problems);
  CHECK(problems.text().find("must be in (0, 1]") != std::string::npos);
}

TEST_CASE("clip_by_global_norm by other norms, with optax's denominator, and refusing what is not finite") {
  const auto clipped = [](Json options) {
    options.update({{"type", "clip_by_global_norm"}, {"max_norm", 1}});
    NamedTensors<double> all = {{"a", parameter(Tensor<double>::zeros({2}))}, {"b", parameter(Tensor<double>(0.0))}};
    const auto optimizer = optim::make<double>({{"type", "sgd"}, {"lr", 1}, {"transforms", {options}}}, all);
    all[0].tensor.set_grad(Tensor<double>({2}, {3.0, -4.0}));
    all[1].tensor.set_grad(Tensor<double>(12.0));
    optimizer->step();
    return -all[1].tensor.item() / 12;
  };
  CHECK(clipped(Json::object()) == 1 / (13 + 1e-6));
  CHECK(clipped({{"eps", 0}}) == 1 / 13.0);
  CHECK(clipped({{"norm", "l1"}, {"eps", 0}}) == 1 / 19.0);
  CHECK(clipped({{"norm", "max"}, {"eps", 0}}) == 1 / 12.0);
  NamedTensors<double> all = {{"a", parameter(Tensor<double>::zeros({1}))}};
  const auto optimizer = optim::make<double>(
      {{"type", "sgd"}, {"transforms", {{{"type", "clip_by_global_norm"}, {"error_if_nonfinite", true}}}}}, all);
  all[0].tensor.set_grad(Tensor<double>({1}, {std::nan("")}));
  CHECK_THROWS_WITH_AS(optimizer->step(), "clip_by_global_norm: the norm of the gradients is nan", Error);
}

TEST_CASE("skip_large leaves out steps of long gradients; nonnegative keeps parameters from 0 up") {
  NamedTensors<double> all = {{"a", parameter(Tensor<double>({2}, {1.0, 1.0}))}};
  const auto optimizer =
      optim::make<double>({{"type", "sgd"},
                           {"lr", 1},
                           {"transforms", {{{"type", "skip_large"}, {"max_norm", 5}}, {{"type", "nonnegative"}}}}},
                          all);
  for (const double large : {5.1, std::nan("")}) {
    all[0].tensor.set_grad(Tensor<double>({2}, {large, 0.0}));
    optimizer->step();
    CHECK(all[0].tensor.data()[0] == 1);
  }
  all[0].tensor.set_grad(Tensor<double>({2}, {3.0, 0.25}));
  optimizer->step();
  CHECK(all[0].tensor.data()[0] == 0);
  CHECK(all[0].tensor.data()[1] == 0.75);
}

TEST_CASE("lookahead with reset_state begins the optimizer anew after each return") {
  NamedTensors<double> all = {{"a", parameter(Tensor<double>({1}, {1.0}))}};
  const auto optimizer = optim::make<double>(
      {{"type", "adam"}, {"transforms", {{{"type", "lookahead"}, {"k", 3}, {"reset_state", true}}}}}, all);
  for (int t = 1; t <= 7; ++t) {
    all[0].tensor.set_grad(Tensor<double>({1}, {2.0}));
    optimizer->step();
    CHECK(optimizer->steps()[0] == t % 3);
    const auto* mean = static_cast<const double*>(optimizer->state()[0].data);
    CHECK((mean[0] == 0) == (t % 3 == 0));
  }
}

TEST_CASE("a momentum of 1 is accepted with a warning") {
  config::Problems problems;
  optim::make<double>(config::Value::from_json({{"type", "sgd"}, {"momentum", 1}}), NamedTensors<double>{}, problems);
  CHECK(problems.ok());
  CHECK(problems.text().find("warning[XG122]: optimizer \"sgd\": a momentum of 1 or more never forgets") !=
        std::string::npos);
}
