// SPDX-License-Identifier: BSD-3-Clause
// Optimizers written in a config: they move as the built-in ones do, every expression means what it says, mistakes have
// places.
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "xgrad/config/parse.hpp"
#include "xgrad/optim/conformance.hpp"
#include "xgrad/random.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

namespace {

const Json kMomentum = {{"type", "expression"},
                        {"hyper", {{"lr", 0.1}, {"b", 0.9}}},
                        {"state", {{"m", 0}}},
                        {"update", {"m = b*m + g", "p = p - lr*m"}}};
const Json kAdam = {
    {"type", "expression"},
    {"hyper", {{"lr", 0.1}, {"b1", 0.9}, {"b2", 0.999}, {"eps", 1e-8}}},
    {"state", {{"m", 0}, {"v", 0}}},
    {"update",
     {"m = b1*m + (1-b1)*g", "v = b2*v + (1-b2)*g^2", "p = p - lr/(1-b1^t) * m / (sqrt(v)/sqrt(1-b2^t) + eps)"}}};
const Json kLion = {{"type", "expression"},
                    {"hyper", {{"lr", 0.1}, {"b1", 0.9}, {"b2", 0.99}}},
                    {"state", {{"m", 0}}},
                    {"update", {"p = p - lr*sign(lerp(g, m, b1))", "m = lerp(g, m, b2)"}}};

template <class T> NamedTensors<T> trained(const Json& config, int steps, std::initializer_list<Shape> shapes) {
  NamedTensors<T> all;
  for (const Shape& shape : shapes) {
    Tensor<T> value = Tensor<T>::empty(shape);
    for (std::size_t k = 0; k < value.size(); ++k)
      value.mutable_data()[k] = static_cast<T>(normal({1, static_cast<std::uint32_t>(all.size()), 0}, k));
    all.push_back({std::string("p").append(std::to_string(all.size())), parameter(value)});
  }
  const auto optimizer = optim::make<T>(config, all);
  for (int t = 0; t < steps; ++t) {
    for (std::size_t p = 0; p < all.size(); ++p) {
      Tensor<T> g = Tensor<T>::empty(all[p].tensor.shape());
      for (std::size_t k = 0; k < g.size(); ++k)
        g.mutable_data()[k] =
            static_cast<T>(normal({2, static_cast<std::uint32_t>(p), static_cast<std::uint32_t>(t)}, k));
      all[p].tensor.set_grad(g);
    }
    optimizer->step();
  }
  return all;
}

template <class T> double distance(const NamedTensors<T>& a, const NamedTensors<T>& b) {
  double worst = 0;
  for (std::size_t p = 0; p < a.size(); ++p)
    for (std::size_t k = 0; k < a[p].tensor.size(); ++k) {
      const double x = a[p].tensor.data()[k], y = b[p].tensor.data()[k];
      worst = std::max(worst, std::abs(x - y) / (1 + std::abs(y)));
    }
  return worst;
}

Json with(Json config, const Json& more) {
  config.update(more);
  return config;
}

std::string problems_of(const std::string& text) {
  config::Problems problems;
  const config::Value value = config::parse(text, "o.json", problems);
  if (problems.ok()) optim::make<float>(value, NamedTensors<float>{}, problems);
  return problems.text();
}
std::string with_update(const std::string& update) {
  return R"({"type": "expression", "hyper": {"lr": 0.1, "b": 0.9}, "state": {"m": 0}, "update": [")" + update + "\"]}";
}

/// A random expression as text and as a function of p, g, m, lr.
struct Random {
  using Values = std::array<double, 4>;
  std::string text;
  std::function<double(const Values&)> value;
};
class Generator {
 public:
  explicit Generator(std::uint32_t seed) : seed_(seed) {}
  Random make(int depth) {
    const std::uint32_t kind = draw() % (depth == 0 ? 2 : 12);
    if (kind == 0) {
      static constexpr const char* kNames[] = {"p", "g", "m", "lr"};
      const std::size_t which = draw() % 4;
      return {kNames[which], [which](const auto& v) { return v[which]; }};
    }
    if (kind == 1) {
      const double c = static_cast<double>(draw() % 9) / 4;
      std::string text;
      xgrad::detail::append_text(text, c);
      return {text, [c](const auto&) { return c; }};
    }
    const Random a = make(depth - 1), b = make(depth - 1), c = make(depth - 1);
    const auto two = [&](const std::string& op, auto f) {
      return Random{"(" + a.text + op + b.text + ")", [=](const auto& v) { return f(a.value(v), b.value(v)); }};
    };
    const auto call = [&](const std::string& name, auto f) {
      return Random{name + "(" + a.text + ", " + b.text + ")",
                    [=](const auto& v) { return f(a.value(v), b.value(v)); }};
    };
    switch (kind) {
      case 2: return two(" + ", [](double x, double y) { return x + y; });
      case 3: return two(" - ", [](double x, double y) { return x - y; });
      case 4:
      case 5: return two("*", [](double x, double y) { return x * y; });
      case 6: return two(" < ", [](double x, double y) { return x < y ? 1.0 : 0.0; });
      case 7: return call("max", [](double x, double y) { return std::max(x, y); });
      case 8: return {"-" + a.text, [=](const auto& v) { return -a.value(v); }};
      case 9: return {"tanh(" + a.text + ")", [=](const auto& v) { return std::tanh(a.value(v)); }};
      case 10:
        return {"(" + a.text + " / (1 + abs(" + b.text + ")))",
                [=](const auto& v) { return a.value(v) / (1 + std::abs(b.value(v))); }};
      default:
        return {"where(" + a.text + " > " + b.text + ", " + c.text + ", " + b.text + ")",
                [=](const auto& v) { return a.value(v) > b.value(v) ? c.value(v) : b.value(v); }};
    }
  }

 private:
  std::uint32_t draw() { return random_bits({seed_, 5, 0}, count_++); }
  std::uint32_t seed_;
  std::uint64_t count_ = 0;
};

}  // namespace

TEST_CASE("sgd with momentum, adam and lion as expressions move like the built-in ones") {
  const Json pairs[][2] = {{kMomentum, {{"type", "sgd"}, {"lr", 0.1}, {"momentum", 0.9}}},
                           {kAdam, {{"type", "adam"}, {"lr", 0.1}}},
                           {kLion, {{"type", "lion"}, {"lr", 0.1}}}};
  for (const auto& pair : pairs)
    for (const Json& options :
         {Json::object(), Json{{"weight_decay", 0.1}}, Json{{"weight_decay", 0.1}, {"weight_decay_mode", "decoupled"}},
          Json{{"weight_decay", 0.1}, {"weight_decay_mode", "proximal"}}, Json{{"maximize", true}}}) {
      const Json &expression = pair[0], &builtin = pair[1];  // clang captures no structured bindings
      CAPTURE(expression.dump());
      CAPTURE(options.dump());
      // Less than a tile, whole tiles, and tiles with a rest, over several chunks.
      const std::initializer_list<Shape> shapes = {{3}, {}, {0}, {64}, {128}, {129}, {17, 11}, {40'001}};
      const Json ours = with(expression, options);
      const Json theirs = with(with(builtin, {{"weight_decay", 0}, {"weight_decay_mode", "coupled"}}), options);
      CHECK(distance(trained<double>(ours, 5, shapes), trained<double>(theirs, 5, shapes)) < 1e-13);
      CHECK(distance(trained<float>(ours, 5, shapes), trained<float>(theirs, 5, shapes)) < 1e-5);
    }
}

TEST_CASE("expressions conform") {
  const Json normalized = with(kMomentum, {{"update", {"m = b*m + g/(norm(g) + 1e-12)", "p = p - lr*m"}}});
  for (const Json& config : {kMomentum, kAdam, kLion, normalized})
    for (const auto& failure : optim::conformance::run(config))
      FAIL_CHECK(std::string(failure.check) << ": " << failure.reason << "\n  " << failure.config);
}

TEST_CASE("two hundred random expressions mean what they say") {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    Generator generator(seed);
    const Random m = generator.make(3), p = generator.make(4);
    CAPTURE(m.text);
    CAPTURE(p.text);
    const double lr = 0.3;
    const std::size_t n = 45;  // for doubles on 256 bits: a tile and a rest
    Tensor<double> start = Tensor<double>::empty(Shape{45}), gradient = Tensor<double>::empty(Shape{45});
    for (std::size_t k = 0; k < n; ++k) {
      start.mutable_data()[k] = normal({seed, 1, 0}, k);
      gradient.mutable_data()[k] = normal({seed, 2, 0}, k);
    }
    NamedTensors<double> all = {{"p", parameter(start.clone())}};
    const auto optimizer = optim::make<double>({{"type", "expression"},
                                                {"hyper", {{"lr", lr}}},
                                                {"state", {{"m", 0.25}}},
                                                {"update", {"q = " + m.text, "p = " + p.text, "m = q"}}},
                                               all);
    all[0].tensor.set_grad(gradient);
    optimizer->step();
    const auto* state = static_cast<const double*>(optimizer->state()[0].data);
    for (std::size_t k = 0; k < n; ++k) {
      const Random::Values before{start.data()[k], gradient.data()[k], 0.25, lr};
      const double new_p = p.value(before), new_m = m.value(before);
      CHECK(std::abs(all[0].tensor.data()[k] - new_p) <= 1e-12 * (1 + std::abs(new_p)));
      CHECK(std::abs(state[k] - new_m) <= 1e-12 * (1 + std::abs(new_m)));
    }
  }
}

TEST_CASE("updates act in order, and a state is overwritten only when nobody reads it any more") {
  NamedTensors<double> all = {{"p", parameter(Tensor<double>({1}, {1.0}))}};
  const auto optimizer = optim::make<double>(
      {{"type", "expression"},
       {"hyper", {{"lr", 1}}},
       {"state", {{"last", 0}, {"older", 0}, {"count", 5}}},
       {"update",
        {"swap = last", "last = g", "older = swap", "count = count + 1", "p = p + lr*older", "p = p + 100*t"}}},
      all);
  const double gradients[] = {2, 4, 8}, expected[] = {101, 303, 607};
  for (int t = 0; t < 3; ++t) {
    all[0].tensor.set_grad(Tensor<double>({1}, {gradients[t]}));
    optimizer->step();
    CHECK(all[0].tensor.data()[0] == expected[t]);
  }
  for (const auto& state : optimizer->state())
    if (state.name == "count.p") CHECK(*static_cast<const double*>(state.data) == 8);
  CHECK(optimizer->get("initial_count") == 5);
}

TEST_CASE("the old parameter can be read after the new one is written") {
  constexpr std::int64_t kSize = 1000;  // whole tiles and a rest
  NamedTensors<float> all = {{"p", parameter(Tensor<float>::full({kSize}, 3))}};
  const auto optimizer = optim::make<float>({{"type", "expression"},
                                             {"hyper", {{"lr", 0.5}}},
                                             {"state", {{"moved", 0}}},
                                             {"update", {"old = p", "p = p - lr*g", "moved = old - p"}}},
                                            all);
  for (int t = 0; t < 2; ++t) {
    all[0].tensor.set_grad(Tensor<float>::full({kSize}, 0.25f));
    optimizer->step();
  }
  for (const float p : all[0].tensor.values()) CHECK(p == 2.75f);
  for (std::int64_t i = 0; i < kSize; ++i)
    CHECK(static_cast<const float*>(optimizer->state().front().data)[i] == 0.125f);
}

TEST_CASE("sums, means and norms are of each tensor, before the step") {
  // Steps as long as a share of the parameter, less the mean gradient.
  const Json trust = {
      {"type", "expression"},
      {"hyper", {{"lr", 0.1}, {"eps", 1e-9}}},
      {"state", {{"m", 0}}},
      {"update", {"m = lerp(g, m, 0.5)", "p = p - lr*norm(p)/(norm(m) + eps)*(m - mean(g)) + 0*sum(g)"}}};
  for (const std::int64_t n : {1, 3, 64, 100, 40'001}) {
    NamedTensors<double> all = {{"p", parameter(Tensor<double>::empty(Shape{n}))}};
    std::vector<double> p(static_cast<std::size_t>(n)), m(p.size());
    for (std::size_t k = 0; k < p.size(); ++k) p[k] = all[0].tensor.mutable_data()[k] = normal({3, 1, 0}, k);
    const auto optimizer = optim::make<double>(trust, all);
    for (std::uint32_t t = 0; t < 3; ++t) {
      Tensor<double> g = Tensor<double>::empty(Shape{n});
      double mean = 0, norm_p = 0, norm_m = 0;
      for (std::size_t k = 0; k < p.size(); ++k) mean += g.mutable_data()[k] = normal({3, 2, t}, k);
      mean /= static_cast<double>(n);
      for (std::size_t k = 0; k < p.size(); ++k) {
        m[k] = 0.5 * g.data()[k] + 0.5 * m[k];
        norm_p += p[k] * p[k];
        norm_m += m[k] * m[k];
      }
      const double rate = 0.1 * std::sqrt(norm_p) / (std::sqrt(norm_m) + 1e-9);
      for (std::size_t k = 0; k < p.size(); ++k) p[k] -= rate * (m[k] - mean);
      all[0].tensor.set_grad(g);
      optimizer->step();
      for (std::size_t k = 0; k < p.size(); ++k)
        CHECK(std::abs(all[0].tensor.data()[k] - p[k]) <= 1e-11 * (1 + std::abs(p[k])));
    }
  }
}

TEST_CASE("precedence is the usual one") {
  const auto value_of = [](const std::string& text) {
    NamedTensors<double> all = {{"p", parameter(Tensor<double>({1}, {3.0}))}};
    const auto optimizer =
        optim::make<double>({{"type", "expression"}, {"hyper", {{"lr", 2}}}, {"update", {"p = " + text}}}, all);
    all[0].tensor.set_grad(Tensor<double>({1}, {0.5}));
    optimizer->step();
    return all[0].tensor.data()[0];
  };
  CHECK(value_of("2 + p*lr") == 8);
  CHECK(value_of("-p^2") == -9);
  CHECK(value_of("2^p^lr") == doctest::Approx(512).epsilon(1e-14));
  CHECK(value_of("p - 1 - 1") == 1);
  CHECK(value_of("12/p/lr") == 2);
  CHECK(value_of("p**2") == 9);
  CHECK(value_of("1 + 1 < p") == 1);
  CHECK(value_of("(p >= 3)*2 + (p != 3)") == 2);
  CHECK(value_of("clip(p, -1, 1) + square(g)") == 1.25);
  CHECK(value_of("sigmoid(p - 3)") == 0.5);
  CHECK(value_of("1e-1*p + .5") == doctest::Approx(0.8));
}

TEST_CASE("hyperparameters follow groups, overrides and schedules") {
  NamedTensors<double> all = {{"a", parameter(Tensor<double>({1}, {1.0}))},
                              {"b", parameter(Tensor<double>({1}, {1.0}))}};
  const Json config = with(kMomentum, {{"lr", 0.5}, {"groups", {{{"match", "b"}, {"b", 0.2}, {"lr_scale", 0.1}}}}});
  const auto optimizer = optim::make<double>(config, all);
  CHECK(optimizer->get("lr", 0) == 0.5);
  CHECK(optimizer->get("lr", 1) == 0.05);
  CHECK(optimizer->get("b", 0) == 0.9);
  CHECK(optimizer->get("b", 1) == 0.2);
  config::Problems problems;
  optimizer->set_schedules(optim::make_schedules(
      config::Value::from_json({{"type", "linear"}, {"param", "b"}, {"from", 0}, {"to", 1}}), {10, 10}, problems));
  CHECK(optimizer->get("b", 0) == 0);
}

TEST_CASE("mistakes in expressions have their place, their cause and a cure") {
  const auto says = [](const std::string& text, const std::string& place, const std::string& message) {
    const std::string found = problems_of(text);
    CHECK_MESSAGE(found.find("o.json:1:" + place + ": error") != std::string::npos, found);
    CHECK_MESSAGE(found.find(message) != std::string::npos, found);
  };
  // The update's text begins at column 87.
  says(with_update("p = p - lr*mm"), "98", "unknown name \"mm\" at character 12 of \"p = p - lr*mm\"");
  says(with_update("p = p - lr*mm"), "98", "did you mean \"m\"?");
  says(with_update("p = p - lr*sqr(g)"), "98", "unknown function \"sqr\"");
  says(with_update("p = p - lr*sqr(g)"), "98", "did you mean \"sqrt\"?");
  says(with_update("p = p - max(g)"), "95", "\"max\" takes 2 arguments, found 1");
  says(with_update("p = (p - lr*g"), "91", "\"(\" without its \")\"");
  says(with_update("p = p - lr*g)"), "99", "\")\" without its \"(\"");
  says(with_update("p = p - lr g"), "98", "expected an operator, found \"g\"");
  says(with_update("p = p - norm(lr)"), "95", "\"norm\": what is summed is the same for all elements");
  says(with_update("p = p - sum(g/norm(g))"), "95", "\"sum\": what is summed depends on another sum, mean or norm");
  says(with_update("p = p -"), "94", "it ends where a number, a name or \"(\" is expected");
  says(with_update("p = p - lr*$"), "98", "expected a number, a name or \"(\", found \"$\"");
  says(with_update("p = m = g"), "93", "one \"=\" too many");
  says(with_update("p - lr*g"), "87", "expected an assignment");
  says(with_update("lr = 1"), "87", "\"lr\" cannot be assigned to");
  says(with_update("t = 1"), "87", "\"t\" cannot be assigned to");
  says(with_update("m = g"), "85", "no update assigns to p, the parameter");
  says(with_update("p = " + std::string(70, '(')), "155", "nested deeper than 64");
}

TEST_CASE("what cannot be an optimizer is refused") {
  const auto says = [](const Json& config, const std::string& message) {
    config::Problems problems;
    CHECK(optim::make<float>(config::Value::from_json(config, "optimizer"), NamedTensors<float>{}, problems) ==
          nullptr);
    CHECK_MESSAGE(problems.text().find(message) != std::string::npos, problems.text());
  };
  says("expression", "optimizer \"expression\": expected an object");
  says({{"type", "expression"}}, "optimizer \"expression\" needs \"hyper\"");
  says(with(kLion, {{"hyper", {{"b1", 0.9}, {"b2", 0.9}}}}), "\"hyper\" needs \"lr\"");
  says(with(kLion, {{"hyper", 3}}), "\"hyper\": expected an object of numbers");
  says(with(kLion, {{"hyper", {{"lr", "fast"}, {"b1", 0}, {"b2", 0}}}}), "\"lr\": expected a number");
  says(with(kLion, {{"state", {{"g", 0}}}}), "\"g\" is taken");
  says(with(kLion, {{"state", {{"m", 0}, {"sqrt", 0}}}}), "\"sqrt\" is a function");
  says(with(kLion, {{"state", {{"m", 0}, {"a b", 0}}}}), "\"a b\" is not a name");
  says(with(kLion, {{"update", Json::array()}}), "\"update\": expected a list of assignments");
  says(with(kLion, {{"update", {3}}}), "expected an assignment like");
  says(with(kLion, {{"learning_rate", 3}}), "unknown key \"learning_rate\"");
  says(with(kLion, {{"lr", -1}}), "\"lr\": -1 is out of range");
  says(with(kMomentum, {{"update", {"p = p - lr*(sum(g) + mean(p) + norm(g) + norm(p) + norm(m))"}}}),
       "expression: 5 sums, means and norms; at most 4 are possible");
  Json states = Json::object();
  for (int i = 0; i < 9; ++i) states[std::string("s").append(std::to_string(i))] = 0;
  says(with(kLion, {{"state", states}}), "more than 8 states");
  std::string sum = "p";
  for (int i = 1; i < 70; ++i) sum += " + g*" + std::to_string(i) + "*exp(g*" + std::to_string(i) + ")";
  says(with(kMomentum, {{"update", {"p = " + sum}}}), "expression: ");
}
