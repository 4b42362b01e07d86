// SPDX-License-Identifier: BSD-3-Clause
// Rules on whole tensors, their fallbacks, and rules that call the closure.
#include <map>

#include "optim/golden.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/linalg.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

using namespace golden;

TEST_CASE("SOAP does not move at its first step") {
  const Tensor<double> theta = run({{"type", "soap"}}, {3, 3}, 1);
  for (std::size_t k = 0; k < 9; ++k) CHECK(theta.data()[k] == std::cos(static_cast<double>(k)));
}

TEST_CASE("SOAP's first step that moves is its first for the bias correction: each element of the basis moves by lr") {
  const Tensor<double> theta = run({{"type", "soap"}, {"lr", 0.1}, {"weight_decay", 0}}, {3, 3}, 2);
  double squares = 0;
  for (std::size_t k = 0; k < 9; ++k) squares += std::pow(theta.data()[k] - std::cos(static_cast<double>(k)), 2);
  CHECK(std::sqrt(squares) == doctest::Approx(0.1 * 3).epsilon(1e-6));  // counted as the second: 0.7 times as long
}

TEST_CASE("SOAP with merged axes is SOAP of the merged shape") {
  const Json config = {{"type", "soap"}, {"max_precond_dim", 4}, {"precondition_frequency", 2}};
  Json merging = config;
  merging["merge_dims"] = true;
  const Tensor<double> merged = run(merging, {2, 2, 3}), whole = run(config, {4, 3}), apart = run(config, {2, 2, 3});
  for (std::size_t k = 0; k < 12; ++k) {
    CHECK(merged.data()[k] == whole.data()[k]);
    CHECK(merged.data()[k] != apart.data()[k]);
  }
}

TEST_CASE("Shampoo's exponent is -1 / (2 axes): the widespread -1 / axes gives other numbers") {
  // One step from H = epsilon I + G G^T with G a multiple of the identity: the paper's step is G (epsilon +
  // g^2)^(-1/2).
  NamedTensors<double> all = {{"w", parameter(Tensor<double>::zeros({2, 2}))}};
  const auto optimizer = optim::make<double>({{"type", "shampoo"}, {"lr", 1.0}}, all);
  all[0].tensor.set_grad(Tensor<double>({2, 2}, {3.0, 0.0, 0.0, 3.0}));
  optimizer->step();
  CHECK(all[0].tensor.data()[0] == doctest::Approx(-3 / std::sqrt(9 + 1e-4)).epsilon(1e-12));
  CHECK(std::abs(all[0].tensor.data()[0] + 3 / (9 + 1e-4)) > 0.5);
}

namespace {

/// A state array of the only parameter.
std::vector<double> state_of(optim::Optimizer<double>& optimizer, const std::string& name) {
  for (const auto& state : optimizer.state())
    if (state.name == name) {
      const auto* data = static_cast<const double*>(state.data);
      return {data, data + state.shape.size()};
    }
  FAIL("no state " << name);
  return {};
}

}  // namespace

TEST_CASE("all of Shampoo's statistics see the raw gradient, not what the axes before have made of it") {
  NamedTensors<double> all = {{"w", parameter(Tensor<double>::zeros({2, 2}))}};
  const auto optimizer = optim::make<double>({{"type", "shampoo"}}, all);
  all[0].tensor.set_grad(Tensor<double>({2, 2}, {3.0, 1.0, 0.0, 2.0}));
  optimizer->step();
  CHECK(state_of(*optimizer, "statistics_0.w") == std::vector<double>{10 + 1e-4, 2, 2, 4 + 1e-4});
  CHECK(state_of(*optimizer, "statistics_1.w") == std::vector<double>{9 + 1e-4, 3, 3, 5 + 1e-4});
}

TEST_CASE("Shampoo in blocks is Shampoo of every block by itself, but for the graft, which is the whole tensor's") {
  const Shape shape{5, 4};
  const std::pair<std::int64_t, std::int64_t> rows[] = {{0, 3}, {3, 2}}, columns[] = {{0, 3}, {3, 1}};
  const auto trained = [&](Json options, NamedTensors<double>& all, bool in_blocks) {
    options.update({{"type", "shampoo"}, {"lr", 0.1}, {"momentum", 0.5}, {"update_freq", 2}});
    const auto optimizer = optim::make<double>(options, all);
    for (int t = 1; t <= 5; ++t) {
      const Tensor<double> g = gradient(t, shape);
      std::size_t i = 0;
      if (!in_blocks) all[0].tensor.set_grad(g);
      for (const auto& [row, height] : rows)
        for (const auto& [column, width] : columns)
          if (in_blocks) all[i++].tensor.set_grad(narrow(narrow(g, 0, row, height), 1, column, width));
      optimizer->step();
    }
  };
  NamedTensors<double> whole = start(shape), blocks, grafted = start(shape);
  for (const auto& [row, height] : rows)
    for (const auto& [column, width] : columns)
      blocks.push_back({std::string("b").append(std::to_string(blocks.size())),
                        parameter(narrow(narrow(start(shape)[0].tensor.detach(), 0, row, height), 1, column, width))});
  trained({{"block_size", 3}}, whole, false);
  trained(Json::object(), blocks, true);
  trained({{"block_size", 3}, {"graft", "sgd"}}, grafted, false);
  std::size_t i = 0;
  for (const auto& [row, height] : rows)
    for (const auto& [column, width] : columns) {
      const Tensor<double> piece = narrow(narrow(whole[0].tensor.detach(), 0, row, height), 1, column, width);
      for (std::size_t k = 0; k < piece.size(); ++k)
        CHECK(piece.data()[k] == doctest::Approx(blocks[i].tensor.data()[k]).epsilon(1e-12));
      ++i;
    }
  CHECK(grafted[0].tensor.data()[0] != whole[0].tensor.data()[0]);
}

TEST_CASE("a grafted Shampoo keeps its direction and takes another's length") {
  const auto moved = [](const char* graft, int steps) {
    const Tensor<double> theta = run({{"type", "shampoo"}, {"lr", 1}, {"graft", graft}}, {2, 3}, steps);
    return theta.detach() - test::filled({2, 3}, [](double k) { return std::cos(k); });
  };
  const auto length = [](const Tensor<double>& x) { return std::sqrt(sum(square(x)).item()); };
  const Tensor<double> plain = moved("none", 1), sgd = moved("sgd", 1), adagrad = moved("adagrad", 1);
  CHECK(length(sgd) == doctest::Approx(length(gradient(1, {2, 3}))));
  CHECK(length(adagrad) == doctest::Approx(std::sqrt(6.0)));  // each element g / |g|
  for (const Tensor<double>& other : {sgd, adagrad})
    for (std::size_t k = 0; k < 6; ++k)
      CHECK(other.data()[k] / length(other) == doctest::Approx(plain.data()[k] / length(plain)));
  const Tensor<double> second = moved("adagrad", 2) - adagrad, g1 = gradient(1, {2, 3}), g2 = gradient(2, {2, 3});
  CHECK(length(second) == doctest::Approx(length(g2 / sqrt(square(g1) + square(g2)))));
}

TEST_CASE("Muon's steps are nearly orthogonal; zero gradients give no step") {
  NamedTensors<double> all = {{"w", parameter(Tensor<double>::zeros({4, 6}))}};
  const auto optimizer = optim::make<double>({{"type", "muon"}, {"lr", 1.0}, {"weight_decay", 0}}, all);
  all[0].tensor.set_grad(Tensor<double>::zeros({4, 6}));
  optimizer->step();
  for (const double value : all[0].tensor.values()) CHECK(value == 0);
  all[0].tensor.set_grad(gradient(1, {4, 6}) + Tensor<double>({4, 6}, {1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,  //
                                                                       0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0}));
  optimizer->step();
  const Tensor<double> square = matmul(all[0].tensor.detach(), transpose(all[0].tensor.detach()));
  for (std::size_t i = 0; i < 4; ++i) CHECK(square.data()[i * 5] == doctest::Approx(1).epsilon(0.6));
}

TEST_CASE("Muon's presets and the shapes that it leaves to its fallback are options") {
  const auto moved = [](Json options, const Shape& shape) {
    options.update({{"type", "muon"}, {"lr", 0.1}});
    const Tensor<double> theta = run(options, shape, 3);
    return std::vector<double>(theta.values().begin(), theta.values().end());
  };
  const Shape shape{3, 5};
  CHECK(moved({{"ns_preset", "standard"}, {"ns_steps", 1}}, shape) == moved(Json::object(), shape));
  const auto express = moved({{"ns_preset", "polar_express"}}, shape);
  CHECK(express != moved(Json::object(), shape));
  CHECK(express == moved({{"ns_preset", "polar_express"}, {"ns_steps", 2}}, shape));  // it has its own iterations
  CHECK(express == moved({{"ns_coefficients",
                           {4.0848, -6.8946, 2.9270, 3.9505, -6.3029, 2.6377, 3.7418, -5.5913, 2.3037, 2.8769, -3.1427,
                            1.2046, 2.8366, -3.0525, 1.2012}}},
                         shape));

  const auto takes = [](const Json& options, const Shape& of) {
    Json config{{"type", "muon"}};
    config.update(options);
    NamedTensors<double> all = start(of);
    return optim::make<double>(config, all)->groups().size() == 1;
  };
  CHECK(takes({{"min_size", 4}}, {4, 5}));
  CHECK(!takes({{"min_size", 4}}, {3, 5}));
  CHECK(!takes({{"min_size", 4}}, {5, 3}));
  CHECK(takes({{"max_aspect", 2}}, {2, 4}));
  CHECK(!takes({{"max_aspect", 2}}, {2, 5}));
  CHECK(!takes({{"max_aspect", 2}}, {5, 2}));
  CHECK(!takes({{"max_aspect", 2}}, {2, 5, 1}));
}

TEST_CASE("the polar express polynomial brings singular values nearer to 1 than Muon's own") {
  const auto spread = [](const char* preset) {
    NamedTensors<double> all = {{"w", parameter(Tensor<double>::zeros({3, 3}))}};
    const auto optimizer = optim::make<double>({{"type", "muon"}, {"lr", 1}, {"ns_preset", preset}}, all);
    all[0].tensor.set_grad(Tensor<double>({3, 3}, {1.0, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0, 0.0, 0.05}));
    optimizer->step();
    double worst = 0;
    for (const std::size_t i : {0, 4, 8}) worst = std::max(worst, std::abs(-all[0].tensor.data()[i] - 1));
    return worst;
  };
  CHECK(spread("polar_express") < 0.03);
  CHECK(spread("standard") > 0.1);
}

TEST_CASE("parameters that Muon cannot take go to its fallback, as if that were alone") {
  const std::vector<Shape> shapes = {{4, 3}, {4}, {}, {1, 5}, {3, 2, 2}};
  const auto parameters = [&] {
    NamedTensors<double> all;
    for (const Shape& shape : shapes)
      all.push_back({std::string("p").append(std::to_string(all.size())),
                     parameter(filled(shape, [](double k) { return std::cos(k); }))});
    return all;
  };
  const auto train = [&](const Json& config, NamedTensors<double>& all) {
    auto optimizer = optim::make<double>(config, all);
    for (int t = 1; t <= 3; ++t) {
      for (auto& p : all) p.tensor.set_grad(gradient(t, p.tensor.shape()));
      optimizer->step();
    }
    return optimizer;
  };
  NamedTensors<double> mixed = parameters(), alone = parameters();
  const auto optimizer =
      train({{"type", "muon"}, {"lr", 0.02}, {"fallback_lr_scale", 0.5}, {"weight_decay", 0.1}}, mixed);
  train({{"type", "adamw"}, {"lr", 0.01}, {"weight_decay", 0.1}}, alone);
  for (const std::size_t i : {1, 2, 3})
    for (std::size_t k = 0; k < mixed[i].tensor.size(); ++k)
      CHECK(mixed[i].tensor.data()[k] == alone[i].tensor.data()[k]);
  for (const std::size_t i : {0, 4}) CHECK(mixed[i].tensor.data()[0] != alone[i].tensor.data()[0]);
  REQUIRE(optimizer->groups().size() == 2);
  CHECK(optimizer->groups()[1].label == "all, by adamw");
  CHECK(optimizer->get("lr", 1) == 0.01);
  bool adam_state = false, momentum = false;
  for (const auto& state : optimizer->state()) {
    adam_state |= state.name == "exp_avg_sq.p1";
    momentum |= state.name == "momentum_buffer.p0";
  }
  CHECK(adam_state);
  CHECK(momentum);

  NamedTensors<double> chosen = parameters();
  const auto own =
      optim::make<double>({{"type", "muon"}, {"lr", 0.02}, {"fallback", {{"type", "lion"}, {"lr", 0.003}}}}, chosen);
  CHECK(own->groups()[1].label == "all, by lion");
  CHECK(own->get("lr", 1) == 0.003);
  config::Problems problems;
  optim::make<double>(config::Value::from_json({{"type", "adam"}, {"fallback", "lion"}}), chosen, problems);
  CHECK(problems.text().find("\"adam\" takes parameters of every shape: it has no fallback") != std::string::npos);
}

namespace {

struct Rosenbrock {
  NamedTensors<double> point = {{"x", parameter(Tensor<double>({}, {-1.2}))},
                                {"y", parameter(Tensor<double>({}, {1.0}))}};
  int calls = 0;
  std::unique_ptr<optim::Optimizer<double>> optimizer;

  explicit Rosenbrock(const Json& config) : optimizer(optim::make<double>(config, point)) {}
  double step() {
    return optimizer->step([this] {
      ++calls;
      optimizer->zero_grad();
      const Tensor<double>&x = point[0].tensor, &y = point[1].tensor;
      const Tensor<double> loss = square(1 - x) + 100 * square(y - square(x));
      loss.backward();
      return loss.item();
    });
  }
  void check(double x, double y, int evaluations, double iterations) const {
    CHECK(std::abs(point[0].tensor.item() - x) < 1e-9);
    CHECK(std::abs(point[1].tensor.item() - y) < 1e-9);
    CHECK(calls == evaluations);
    CHECK(optimizer->state_numbers()[0].values[0] == iterations);
  }
};

}  // namespace

TEST_CASE("L-BFGS takes torch's path down Rosenbrock's valley, evaluation for evaluation") {
  Rosenbrock search({{"type", "lbfgs"}, {"line_search_fn", "strong_wolfe"}});
  CHECK(search.step() == doctest::Approx(24.2));  // the loss before the step
  search.check(0.3806226433465, 0.1249101318729, 25, 19);
  search.step();
  search.check(0.9999814210791, 0.9999619651811, 44, 35);
  search.step();
  search.check(0.9999814210791, 0.9999619651811, 45, 36);

  Rosenbrock shorter({{"type", "lbfgs"}, {"line_search_fn", "strong_wolfe"}, {"max_iter", 4}, {"history_size", 2}});
  shorter.step();
  shorter.check(-1.028879534832, 1.065502951685, 5, 3);
  shorter.step();
  shorter.check(-0.8881283058479, 0.7410177514999, 10, 7);
  shorter.step();
  shorter.check(-0.5125309076137, 0.2187685957466, 15, 10);

  Rosenbrock plain({{"type", "lbfgs"}, {"lr", 1e-3}, {"max_iter", 5}});
  plain.step();
  plain.check(-1.198736772173, 1.000572589032, 5, 5);
  plain.step();
  plain.check(-1.198083465001, 1.001031864466, 10, 10);
  plain.step();
  plain.check(-1.197470234378, 1.001599619119, 15, 15);
}

TEST_CASE("L-BFGS with the zoom search takes optax's path, evaluation for evaluation") {
  using Loss = Tensor<double> (*)(const Tensor<double>& x, const Tensor<double>& y);
  struct Function {
    double x, y;
    Loss loss;
  };
  const std::map<std::string, Function> functions = {
      {"rosenbrock", {-1.2, 1, [](auto& x, auto& y) { return square(1 - x) + 100 * square(y - square(x)); }}},
      {"barrier", {3, 1, [](auto& x, auto& y) { return x - log(x) + square(square(y)); }}},
      {"cliff", {2, -3, [](auto& x, auto& y) { return log1p(square(x)) + 0.5 * log1p(25 * square(y)); }}}};
  std::size_t compared = 0;
  const Json searches = test::reference("trajectories.json")["searches"];
  for (const Json& entry : searches) {
    CAPTURE(entry["config"].dump());
    const Function& f = functions.at(entry["function"].get<std::string>());
    NamedTensors<double> point = {{"x", parameter(Tensor<double>(f.x))}, {"y", parameter(Tensor<double>(f.y))}};
    const auto optimizer = optim::make<double>(entry["config"], point);
    int calls = 0;
    for (const Json& expected : entry["path"]) {
      optimizer->step([&] {
        ++calls;
        optimizer->zero_grad();
        const Tensor<double> loss = f.loss(point[0].tensor, point[1].tensor);
        loss.backward();
        return loss.item();
      });
      CHECK(std::abs(point[0].tensor.item() - expected[0].get<double>()) < 1e-9);
      CHECK(std::abs(point[1].tensor.item() - expected[1].get<double>()) < 1e-9);
      CHECK(calls == expected[2]);
      ++compared;
    }
  }
  CHECK(compared == 70);
}

TEST_CASE("L-BFGS saved, loaded and continued equals uninterrupted, bit for bit") {
  const Json config = {{"type", "lbfgs"}, {"line_search_fn", "strong_wolfe"}, {"max_iter", 3}, {"history_size", 4}};
  Rosenbrock whole(config), first(config), second(config);
  for (int t = 0; t < 6; ++t) whole.step();
  for (int t = 0; t < 3; ++t) first.step();
  auto from = first.optimizer->state(), to = second.optimizer->state();
  for (std::size_t i = 0; i < from.size(); ++i) std::memcpy(to[i].data, from[i].data, from[i].bytes);
  const auto numbers = first.optimizer->state_numbers()[0].values;
  std::copy(numbers.begin(), numbers.end(), second.optimizer->state_numbers()[0].values.begin());
  for (std::size_t i = 0; i < 2; ++i) second.point[i].tensor.mutable_data()[0] = first.point[i].tensor.item();
  second.optimizer->load_steps(first.optimizer->steps(), first.optimizer->step_count());
  for (int t = 3; t < 6; ++t) second.step();
  for (std::size_t i = 0; i < 2; ++i) CHECK(second.point[i].tensor.item() == whole.point[i].tensor.item());
}

TEST_CASE("L-BFGS with nan_to_inf turns back from where the loss is not a number") {
  for (const bool turns : {true, false}) {
    // x - log(x) from 3: the first length that is tried leads to x < 0.
    NamedTensors<double> point = {{"x", parameter(Tensor<double>({}, {3.0}))}};
    const auto optimizer = optim::make<double>(
        {{"type", "lbfgs"}, {"lr", 8.0}, {"line_search_fn", "strong_wolfe"}, {"nan_to_inf", turns}}, point);
    for (int t = 0; t < 3; ++t)
      optimizer->step([&] {
        optimizer->zero_grad();
        const Tensor<double> loss = point[0].tensor - log(point[0].tensor);
        loss.backward();
        return loss.item();
      });
    CAPTURE(turns);
    CHECK((std::abs(point[0].tensor.item() - 1) < 1e-6) == turns);
  }
}

TEST_CASE("L-BFGS refuses what it cannot do") {
  Rosenbrock without(Json{{"type", "lbfgs"}});
  CHECK_THROWS_WITH_AS(without.optimizer->step(),
                       doctest::Contains("evaluates the loss more than once: call step(closure)"), Error);
  CHECK_THROWS_WITH_AS(without.optimizer->step(1.0), doctest::Contains("call step(closure)"), Error);
  for (const Json& option : {Json{{"weight_decay", 0.1}}, Json{{"maximize", true}}}) {
    Json config = {{"type", "lbfgs"}};
    config.update(option);
    CHECK_THROWS_WITH_AS(Rosenbrock{config}, doctest::Contains("write weight decay and sign into the loss"),
                         config::ConfigError);
  }
  Rosenbrock groups({{"type", "lbfgs"}, {"groups", {{{"match", "x"}, {"lr", 0.1}}}}});
  CHECK_THROWS_WITH_AS(groups.step(), doctest::Contains("moves all parameters together"), Error);
  Rosenbrock frozen({{"type", "lbfgs"}, {"groups", {{{"match", "x"}, {"freeze", true}}}}});
  frozen.step();
  CHECK(frozen.point[0].tensor.item() == -1.2);
  CHECK(frozen.point[1].tensor.item() == doctest::Approx(1.44));
  Rosenbrock clipped(Json{{"type", "lbfgs"}});
  clipped.optimizer->clip_grad_value(1.0);
  CHECK_THROWS_WITH_AS(clipped.step(), doctest::Contains("cannot be clipped"), Error);
}
