// SPDX-License-Identifier: BSD-3-Clause
// What holds for every registered optimizer, present and future: nothing here names one.
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/optim/optimizer.hpp"
#include "xgrad/random.hpp"
#include "xgrad/threads.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

namespace {

/// Every optimizer by itself, and with each of its options switched on.
std::vector<Json> configurations() {
  std::vector<Json> result;
  for (const optim::OptimizerRow& row : optim::optimizers().rows()) {
    result.push_back({{"type", row.name}});
    optim::Hyperparameters defaults(row.double_rule);
    const config::Fields fields = defaults.fields();
    for (const config::Field& field : fields.list()) {
      Json with = {{"type", row.name}};
      if (field.kind == config::Field::Kind::variant) {
        const Json choices = config::schema(fields)["properties"][field.name]["enum"];
        for (const Json& choice : choices) {
          with[field.name] = choice;
          result.push_back(with);
        }
        continue;
      }
      if (field.kind == config::Field::Kind::boolean)
        with[field.name] = true;
      else if (field.kind == config::Field::Kind::number && *static_cast<double*>(field.place) == 0)
        with[field.name] = 0.1;
      else
        continue;
      config::Problems problems;  // an option may need another one first (nesterov a momentum)
      if (optim::make<double>(config::Value::from_json(with), NamedTensors<double>{}, problems)) result.push_back(with);
    }
  }
  return result;
}

template <class T> NamedTensors<T> parameters(const std::vector<Shape>& shapes) {
  NamedTensors<T> result;
  for (std::size_t p = 0; p < shapes.size(); ++p) {
    Tensor<T> value = Tensor<T>::empty(shapes[p]);
    for (std::size_t k = 0; k < value.size(); ++k)
      value.mutable_data()[k] = static_cast<T>(normal({7, static_cast<std::uint32_t>(p), 0}, k));
    result.push_back({"layer" + std::to_string(p) + ".weight", parameter(value)});
  }
  return result;
}

template <class T> void set_gradients(NamedTensors<T>& all, int t) {
  for (std::size_t p = 0; p < all.size(); ++p) {
    Tensor<T> g = Tensor<T>::empty(all[p].tensor.shape());
    for (std::size_t k = 0; k < g.size(); ++k)
      g.mutable_data()[k] =
          static_cast<T>(normal({8, static_cast<std::uint32_t>(p), static_cast<std::uint32_t>(t)}, k));
    all[p].tensor.set_grad(g);
  }
}

template <class T> bool same_bits(const NamedTensors<T>& a, const NamedTensors<T>& b) {
  for (std::size_t p = 0; p < a.size(); ++p)
    if (std::memcmp(a[p].tensor.data(), b[p].tensor.data(), a[p].tensor.size() * sizeof(T)) != 0) return false;
  return true;
}

const std::vector<Shape> kShapes = {{5, 7}, {3}, {}, {0}, {17, 1, 2}};

template <class T> NamedTensors<T> trained(const Json& config, const std::vector<Shape>& shapes, int steps) {
  NamedTensors<T> all = parameters<T>(shapes);
  const auto optimizer = optim::make<T>(config, all);
  for (int t = 0; t < steps; ++t) {
    set_gradients(all, t);
    optimizer->step();
  }
  return all;
}

}  // namespace

TEST_CASE("fields go through JSON and back") {
  for (const optim::OptimizerRow& row : optim::optimizers().rows()) {
    CAPTURE(row.name);
    optim::Hyperparameters defaults(row.float_rule);
    Json json = Json::parse(config::dump(defaults.fields()).dump());
    json["type"] = row.name;
    config::Problems problems;
    const auto optimizer = optim::make<float>(config::Value::from_json(json), parameters<float>(kShapes), problems);
    REQUIRE_MESSAGE(optimizer, problems.text());
    const config::Fields fields = defaults.fields();
    for (const config::Field& field : fields.list())
      if (field.kind == config::Field::Kind::number)
        CHECK(optimizer->get(field.name) == *static_cast<double*>(field.place));
    CHECK(config::schema(defaults.fields())["properties"].size() == fields.list().size());
    CHECK(std::strlen(row.float_rule.about.doc) > 5);
    CHECK(std::strlen(row.float_rule.about.source) > 5);
  }
}

TEST_CASE("values out of range are refused by name") {
  for (const optim::OptimizerRow& row : optim::optimizers().rows()) {
    optim::Hyperparameters defaults(row.float_rule);
    const config::Fields fields = defaults.fields();
    for (const config::Field& field : fields.list()) {
      if (field.kind != config::Field::Kind::number && field.kind != config::Field::Kind::numbers) continue;
      std::vector<double> wrong;
      if (std::isfinite(field.range.low)) wrong.push_back(field.range.low - 1);
      if (std::isfinite(field.range.high)) wrong.push_back(field.range.high + 1);
      if (field.range.open_low) wrong.push_back(field.range.low);
      if (field.range.open_high) wrong.push_back(field.range.high);
      CHECK_MESSAGE(!wrong.empty(), row.name << "." << field.name << " accepts any number");
      for (const double value : wrong) {
        CAPTURE(row.name);
        CAPTURE(field.name);
        CAPTURE(value);
        Json config = {{"type", row.name}};
        config[field.name] = field.count > 0 ? Json(std::vector<double>(field.count, value)) : Json(value);
        config::Problems problems;
        CHECK(optim::make<float>(config::Value::from_json(config, "optimizer"), NamedTensors<float>{}, problems) ==
              nullptr);
        CHECK(problems.text().find(field.name) != std::string::npos);
        CHECK(problems.text().find("out of range") != std::string::npos);
      }
    }
  }
}

TEST_CASE("saved, loaded and continued equals uninterrupted, bit for bit, at any step") {
  for (const Json& config : configurations())
    for (const int stop : {0, 1, 3}) {
      CAPTURE(config.dump());
      const NamedTensors<float> whole = trained<float>(config, kShapes, 6);
      NamedTensors<float> first = parameters<float>(kShapes), second = parameters<float>(kShapes);
      const auto before = optim::make<float>(config, first);
      for (int t = 0; t < stop; ++t) {
        set_gradients(first, t);
        before->step();
      }
      const auto after = optim::make<float>(config, second);
      auto from = before->state(), to = after->state();
      REQUIRE(from.size() == to.size());
      for (std::size_t i = 0; i < from.size(); ++i) {
        CHECK(from[i].name == to[i].name);
        if (from[i].shape.size() > 0) std::memcpy(to[i].data, from[i].data, from[i].shape.size() * sizeof(float));
      }
      for (std::size_t p = 0; p < first.size(); ++p)
        std::memcpy(second[p].tensor.mutable_data(), first[p].tensor.data(), first[p].tensor.size() * sizeof(float));
      after->load_steps(before->steps(), before->step_count());
      for (int t = stop; t < 6; ++t) {
        set_gradients(second, t);
        after->step();
      }
      CHECK(same_bits(whole, second));
    }
}

TEST_CASE("one thread and several agree bit for bit, also on a large tensor") {
  const int before = num_threads();
  const std::vector<Shape> shapes = {{100'003}, {50, 50}, {1}, {40'000}};
  for (const Json& config : configurations()) {
    CAPTURE(config.dump());
    set_num_threads(1);
    const auto one = trained<float>(config, shapes, 3);
    for (const int threads : {2, 4}) {
      set_num_threads(threads);
      CHECK(same_bits(one, trained<float>(config, shapes, 3)));
    }
  }
  set_num_threads(before);
}

TEST_CASE("float follows double") {
  for (const Json& config : configurations()) {
    CAPTURE(config.dump());
    const auto narrow = trained<float>(config, kShapes, 5);
    const auto wide = trained<double>(config, kShapes, 5);
    for (std::size_t p = 0; p < wide.size(); ++p)
      for (std::size_t k = 0; k < wide[p].tensor.size(); ++k)
        CHECK(narrow[p].tensor.data()[k] == doctest::Approx(wide[p].tensor.data()[k]).epsilon(2e-3));
  }
}

TEST_CASE("a parameter in a group of its own moves as in one group") {
  for (const Json& config : configurations()) {
    CAPTURE(config.dump());
    Json split = config;
    split["groups"] = {{{"match", "layer1.*"}}, {{"rank", 3}}};
    CHECK(same_bits(trained<double>(config, kShapes, 4), trained<double>(split, kShapes, 4)));
  }
}

TEST_CASE("missing gradients are skipped, frozen groups stand still, zero gradients are ordinary") {
  for (const Json& config : configurations()) {
    CAPTURE(config.dump());
    NamedTensors<double> all = parameters<double>({{3}, {3}});
    const auto optimizer = optim::make<double>(config, all);
    set_gradients(all, 0);
    all[1].tensor.zero_grad();
    const double before = all[1].tensor.data()[0], moved = all[0].tensor.data()[0];
    optimizer->step();
    CHECK(all[1].tensor.data()[0] == before);
    CHECK(optimizer->steps()[1] == 0);
    CHECK(optimizer->steps()[0] == 1);
    CHECK(all[0].tensor.data()[0] != moved);

    Json frozen = config;
    frozen["groups"] = {{{"match", "layer1.weight"}, {"freeze", true}}};
    NamedTensors<double> others = parameters<double>({{3}, {3}});
    const double still = others[1].tensor.data()[0];
    const auto partial = optim::make<double>(frozen, others);
    set_gradients(others, 0);
    partial->step();
    CHECK(others[1].tensor.data()[0] == still);

    all[0].tensor.set_grad(Tensor<double>::zeros({3}));
    optimizer->step();
    CHECK(optimizer->steps()[0] == 2);
    CHECK(std::isfinite(all[0].tensor.data()[0]));
  }
}

TEST_CASE("a NaN gradient reaches its own element only") {
  for (const Json& config : configurations()) {
    CAPTURE(config.dump());
    NamedTensors<double> all = parameters<double>({{20}});
    const auto optimizer = optim::make<double>(config, all);
    set_gradients(all, 0);
    all[0].tensor.mutable_grad_data()[3] = std::nan("");
    optimizer->step();
    for (std::size_t k = 0; k < 20; ++k) CHECK(std::isnan(all[0].tensor.data()[k]) == (k == 3));
  }
}

TEST_CASE("maximize climbs as far as minimising falls") {
  for (const optim::OptimizerRow& row : optim::optimizers().rows()) {
    CAPTURE(row.name);
    const Json down = {{"type", row.name}, {"weight_decay", 0}},
               up = {{"type", row.name}, {"weight_decay", 0}, {"maximize", true}};
    const auto start = parameters<double>(kShapes), fallen = trained<double>(down, kShapes, 3),
               climbed = trained<double>(up, kShapes, 3);
    for (std::size_t k = 0; k < 35; ++k)
      CHECK(fallen[0].tensor.data()[k] + climbed[0].tensor.data()[k] ==
            doctest::Approx(2 * start[0].tensor.data()[k]).epsilon(1e-9));
  }
}

TEST_CASE("schedules act on any hyperparameter") {
  for (const optim::OptimizerRow& row : optim::optimizers().rows()) {
    CAPTURE(row.name);
    NamedTensors<double> all = parameters<double>({{3}});
    const auto optimizer = optim::make<double>({{"type", row.name}}, all);
    config::Problems problems;
    const Json schedule = {{{"type", "linear"}, {"from", 1.0}, {"to", 0.0}},
                           {{"type", "constant"}, {"factor", 0.5}, {"param", "weight_decay"}}};
    const double lr = optimizer->get("lr"), decay = optimizer->get("weight_decay");
    optimizer->set_schedules(optim::make_schedules(config::Value::from_json(schedule), {10, 10}, problems));
    CHECK(problems.ok());
    CHECK(optimizer->get("lr") == lr);
    CHECK(optimizer->get("weight_decay") == decay / 2);
    for (int t = 1; t <= 10; ++t) {
      set_gradients(all, t);
      optimizer->step();
      CHECK(optimizer->get("lr") == doctest::Approx(lr * (1 - t / 10.0)));
    }
    optimizer->set("lr", 3.0);  // what the schedule multiplies
    CHECK(optimizer->get("lr") == doctest::Approx(0.0));
    CHECK_THROWS_WITH_AS(optimizer->get("learning_rate"),
                         doctest::Contains("no numeric hyperparameter \"learning_rate\""), Error);
  }
}

TEST_CASE("every optimizer descends on a quadratic and on Rosenbrock's function") {
  for (const optim::OptimizerRow& row : optim::optimizers().rows()) {
    CAPTURE(row.name);
    NamedTensors<double> all = {{"x", parameter(Tensor<double>({2}, {1.5, -2.0}))}};
    const auto quadratic = [&] { return sum(square(all[0].tensor) * Tensor<double>({2}, {1.0, 10.0})); };
    const auto optimizer = optim::make<double>({{"type", row.name}, {"lr", 0.01}, {"weight_decay", 0}}, all);
    const double before = quadratic().item();
    for (int t = 0; t < 300; ++t) {
      optimizer->zero_grad();
      quadratic().backward();
      optimizer->step();
    }
    CHECK(quadratic().item() < 0.9 * before);

    NamedTensors<double> point = {{"x", parameter(Tensor<double>({1}, {-1.5}))},
                                  {"y", parameter(Tensor<double>({1}, {2.0}))}};
    const auto rosenbrock = [&] {
      return sum(square(1 - point[0].tensor) + 100 * square(point[1].tensor - square(point[0].tensor)));
    };
    const auto walker = optim::make<double>({{"type", row.name}, {"lr", 5e-4}, {"weight_decay", 0}}, point);
    const double high = rosenbrock().item();
    for (int t = 0; t < 500; ++t) {
      walker->zero_grad();
      rosenbrock().backward();
      walker->step();
    }
    CHECK(rosenbrock().item() < high);
  }
}

TEST_CASE("a group that matches nothing, or one parameter in two groups, is refused") {
  const auto problems_of = [](const Json& groups) {
    config::Problems problems;
    optim::make<double>(config::Value::from_json({{"type", "adam"}, {"groups", groups}}, "optimizer"),
                        parameters<double>(kShapes), problems);
    return problems.text();
  };
  CHECK(problems_of({{{"match", "*.weigth"}, {"lr", 0.1}}}).find("matches no parameter") != std::string::npos);
  CHECK(problems_of({{{"match", "*.weigth"}, {"lr", 0.1}}}).find("closest: \"*.weight\" (5)") != std::string::npos);
  CHECK(problems_of({{{"match", "layer0*"}}, {{"rank", 2}}}).find("\"layer0.weight\" is in groups 1 and 2") !=
        std::string::npos);
  CHECK(problems_of({{{"lr", 0.1}}}).find("needs \"match\" or \"rank\"") != std::string::npos);
  CHECK(problems_of({{{"match", "re:["}}}).find("not a regular expression") != std::string::npos);
}
