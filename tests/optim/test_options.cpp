// SPDX-License-Identifier: BSD-3-Clause
// Options that no golden value and no PyTorch trajectory covers, against the formulas written out for one element.
#include <nlohmann/json.hpp>

#include "optim/trajectory.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using namespace xgrad::test;
using Json = nlohmann::json;

namespace {

using Step = void (*)(double& p, double g, double t, double* state);

struct Option {
  Json config;
  Step step;
};

/// RAdam's length and factor at beta2 = 0.999.
double length(double t) {
  const double power = std::pow(0.999, t);
  return 1999 - 2 * t * power / (1 - power);
}
double factor(double t) {
  const double l = length(t);
  return std::sqrt((l - 4) * (l - 2) * 1999 / (1995.0 * 1997.0 * l));
}

const Option kOptions[] = {
    {{{"type", "adam"}, {"lr", 0.1}, {"eps_root", 1e-3}},
     [](double& p, double g, double t, double* s) {
       adam_means(g, s);
       p -= 0.1 * s[0] / correction(0.9, t) / (std::sqrt(s[1] / correction(0.999, t) + 1e-3) + 1e-8);
     }},
    {{{"type", "adam"}, {"lr", 0.1}, {"bias_correction_mu", false}},
     [](double& p, double g, double t, double* s) {
       adam_means(g, s);
       p -= 0.1 * s[0] / (std::sqrt(s[1] / correction(0.999, t)) + 1e-8);
     }},
    {{{"type", "adam"}, {"lr", 0.1}, {"bias_correction_nu", false}, {"amsgrad", true}},
     [](double& p, double g, double t, double* s) {
       adam_means(g, s);
       s[2] = std::max(s[2], s[1]);
       p -= 0.1 * s[0] / correction(0.9, t) / (std::sqrt(s[2]) + 1e-8);
     }},
    {{{"type", "adam"}, {"lr", 0.1}, {"eps", 1e-3}, {"eps_hat", true}},  // Keras' order, of the paper's last remark
     [](double& p, double g, double t, double* s) {
       adam_means(g, s);
       p -= 0.1 * std::sqrt(correction(0.999, t)) / correction(0.9, t) * s[0] / (std::sqrt(s[1]) + 1e-3);
     }},
    {{{"type", "amsgrad"}, {"lr", 0.1}, {"betas", {0.9, 0.5}}, {"eps", 1e-3}, {"eps_hat", true}},
     [](double& p, double g, double t, double* s) {
       average(s[0], 0.9, g);
       average(s[1], 0.5, g * g);
       s[2] = std::max(s[2], s[1]);
       p -= 0.1 * std::sqrt(correction(0.5, t)) / correction(0.9, t) * s[0] / (std::sqrt(s[2]) + 1e-3);
     }},
    {{{"type", "adamax"}, {"lr", 0.1}, {"betas", {0.9, 0.7}}, {"eps", 1e-2}, {"variant", "keras"}},
     [](double& p, double g, double t, double* s) {
       average(s[0], 0.9, g);
       s[1] = std::max(0.7 * s[1], std::abs(g));
       p -= 0.1 * s[0] / (correction(0.9, t) * (s[1] + 1e-2));
     }},
    {{{"type", "adamw"}, {"lr", 0.1}, {"weight_decay", 0.5}, {"weight_decay_mode", "proximal"}},
     [](double& p, double g, double t, double* s) {
       adam_means(g, s);
       p -= 0.1 * s[0] / correction(0.9, t) / (std::sqrt(s[1] / correction(0.999, t)) + 1e-8);
       p /= 1 + 0.1 * 0.5;
     }},
    {{{"type", "adan"}, {"lr", 0.1}, {"weight_decay", 0.5}, {"weight_decay_mode", "decoupled"}},
     [](double& p, double g, double t, double* s) {
       const double d = t == 1 ? 0 : g - s[3], ahead = g + 0.92 * d;
       average(s[0], 0.98, g);
       average(s[1], 0.92, d);
       average(s[2], 0.99, ahead * ahead);
       const double root = std::sqrt(s[2] / correction(0.99, t)) + 1e-8;
       p = p * (1 - 0.1 * 0.5) - 0.1 * (s[0] / correction(0.98, t) + 0.92 * s[1] / correction(0.92, t)) / root;
       s[3] = g;
     }},
    {{{"type", "mars"}, {"lr", 0.1}, {"weight_decay", 0.5}, {"gamma", 0}, {"mars_type", "lion"}},
     [](double& p, double g, double t, double* s) {
       double norm = 0;  // of the whole tensor
       for (int k = 0; k < 6; ++k) norm += gradient(t, 0, k) * gradient(t, 0, k);
       average(s[0], 0.95, g / std::max(1.0, std::sqrt(norm)));
       p = p * (1 - 0.1 * 0.5) - 0.1 * sign(s[0]);
     }},
    {{{"type", "laprop"}, {"lr", 0.1}, {"weight_decay", 0.5}},
     [](double& p, double g, double t, double* s) {
       average(s[1], 0.999, g * g);
       average(s[0], 0.9, g / (std::sqrt(s[1] / correction(0.999, t)) + 1e-15));
       p = (p - 0.1 * s[0] / correction(0.9, t)) * (1 - 0.1 * 0.5);
     }},
    {{{"type", "adopt"}, {"lr", 0.1}, {"clip_exp", nullptr}, {"weight_decay", 0.5}, {"weight_decay_mode", "decoupled"}},
     [](double& p, double g, double t, double* s) {
       if (t == 1) return void(s[1] = g * g);  // no decay either
       average(s[0], 0.9, g / std::max(std::sqrt(s[1]), 1e-6));
       p = p * (1 - 0.1 * 0.5) - 0.1 * s[0];
       average(s[1], 0.9999, g * g);
     }},
    {{{"type", "adopt"}, {"lr", 0.1}, {"clip_exp", 0.333}, {"weight_decay", 0.5}},
     [](double& p, double g, double t, double* s) {
       g += 0.5 * p;
       if (t == 1) return void(s[1] = g * g);
       const double limit = std::pow(t - 1, 0.333);
       average(s[0], 0.9, std::clamp(g / std::max(std::sqrt(s[1]), 1e-6), -limit, limit));
       p -= 0.1 * s[0];
       average(s[1], 0.9999, g * g);
     }},
    {{{"type", "rmsprop"}, {"lr", 0.1}, {"initial_scale", 1}, {"eps_in_sqrt", true}, {"eps", 1e-3}, {"alpha", 0.9}},
     [](double& p, double g, double t, double* s) {
       if (t == 1) s[0] = 1;
       average(s[0], 0.9, g * g);
       p -= 0.1 * g / std::sqrt(s[0] + 1e-3);
     }},
    {{{"type", "rmsprop"}, {"lr", 0.1}, {"bias_correction", true}},
     [](double& p, double g, double t, double* s) {
       average(s[0], 0.99, g * g);
       p -= 0.1 * g / (std::sqrt(s[0] / correction(0.99, t)) + 1e-8);
     }},
    {{{"type", "rmsprop"},
      {"lr", 0.1},
      {"bias_correction", true},
      {"centered", true},
      {"eps", 0.1},
      {"eps_in_sqrt", true}},  // 0 under the root at first
     [](double& p, double g, double t, double* s) {
       average(s[0], 0.99, g * g);
       average(s[1], 0.99, g);
       const double mean = s[1] / correction(0.99, t);
       p -= 0.1 * g / std::sqrt(std::max(0.0, s[0] / correction(0.99, t) - mean * mean) + 0.1);
     }},
    {{{"type", "lion"}, {"lr", 0.1}, {"mode", "smooth"}, {"smooth_beta", 2}},
     [](double& p, double g, double, double* s) {
       p -= 0.1 * std::tanh(2 * (0.9 * s[0] + 0.1 * g));
       average(s[0], 0.99, g);
     }},
    {{{"type", "lion"}, {"lr", 0.1}, {"mode", "refined"}, {"betas", {0.1, 0.5}}},
     [](double& p, double g, double, double* s) {
       const double u = 0.1 * s[0] + 0.9 * g;
       p -= 0.1 * (std::abs(u) < 1 ? u : sign(u));
       average(s[0], 0.5, g);
     }},
    {{{"type", "adabelief"}, {"lr", 0.1}, {"rectify", true}, {"eps", 1e-3}, {"eps_root", 1e-3}},
     [](double& p, double g, double t, double* s) {
       average(s[0], 0.9, g);
       s[1] = 0.999 * s[1] + (1 - 0.999) * (g - s[0]) * (g - s[0]) + 1e-3;
       const double bc1 = correction(0.9, t), bc2 = correction(0.999, t);
       p -= length(t) < 5 ? 0.1 * s[0] / bc1 : 0.1 * std::sqrt(bc2) * factor(t) / bc1 * s[0] / (std::sqrt(s[1]) + 1e-3);
     }},
    {{{"type", "radam"}, {"lr", 0.1}, {"variant", "optax"}, {"eps_root", 1e-3}, {"threshold", 4.5}},
     [](double& p, double g, double t, double* s) {
       adam_means(g, s);
       const double step = 0.1 * s[0] / correction(0.9, t);
       p -= length(t) < 4.5 ? step : step * factor(t) / (std::sqrt(s[1] / correction(0.999, t) + 1e-3) + 1e-8);
     }},
    {{{"type", "nadamw"}, {"lr", 0.1}, {"weight_decay", 0.5}, {"eps_root", 1e-3}},
     [](double& p, double g, double t, double* s) {
       adam_means(g, s);
       const double ahead = 0.9 * s[0] / correction(0.9, t + 1) + 0.1 * g / correction(0.9, t);
       p -= 0.1 * (ahead / (std::sqrt(s[1] / correction(0.999, t) + 1e-3) + 1e-8) + 0.5 * p);
     }},
    {{{"type", "optimistic_adam"}, {"lr", 0.1}, {"nesterov", false}, {"alpha", 0.7}, {"beta", 0.4}},
     [](double& p, double g, double t, double* s) {
       adam_means(g, s);
       const double u = s[0] / correction(0.9, t) / (std::sqrt(s[1] / correction(0.999, t)) + 1e-8);
       p -= 0.1 * ((0.7 + 0.4) * u - 0.4 * (t == 1 ? u : s[2]));
       s[2] = u;
     }},
    {{{"type", "ademamix"}, {"lr", 0.1}, {"alpha_warmup", 6}, {"beta3_warmup", 4}},
     [](double& p, double g, double t, double* s) {
       adam_means(g, s);
       const auto h = [](double b) { return std::log(0.5) / std::log(b + 1e-8) - 1; };
       const double x = (1 - t / 4) * h(0.9) + t / 4 * h(0.9999);
       average(s[2], t < 4 ? std::pow(0.5, 1 / (x + 1)) : 0.9999, g);
       p -= 0.1 * (s[0] / correction(0.9, t) + (t < 6 ? 5 * t / 6 : 5) * s[2]) /
            (std::sqrt(s[1] / correction(0.999, t)) + 1e-8);
     }},
    {{{"type", "padam"}, {"lr", 0.1}, {"partial", 0.125}, {"amsgrad", true}, {"betas", {0.9, 0.5}}},
     [](double& p, double g, double t, double* s) {
       average(s[0], 0.9, g);
       average(s[1], 0.5, g * g);
       s[2] = std::max(s[2], s[1]);
       p -= 0.1 * std::sqrt(correction(0.5, t)) / correction(0.9, t) * s[0] / std::pow(std::sqrt(s[2]) + 1e-8, 0.25);
     }},
    {{{"type", "padam"}, {"lr", 0.1}, {"partial", 0.5}},  // Adam, with eps before the bias correction
     [](double& p, double g, double t, double* s) {
       adam_means(g, s);
       p -= 0.1 * std::sqrt(correction(0.999, t)) / correction(0.9, t) * s[0] / (std::sqrt(s[1]) + 1e-8);
     }},
    {{{"type", "amsbound"}, {"lr", 0.1}, {"final_lr", 0.02}, {"gamma", 0.5}, {"betas", {0.9, 0.5}}},
     [](double& p, double g, double t, double* s) {
       average(s[0], 0.9, g);
       average(s[1], 0.5, g * g);
       s[2] = std::max(s[2], s[1]);
       const double size = 0.1 * std::sqrt(correction(0.5, t)) / correction(0.9, t) / (std::sqrt(s[2]) + 1e-8);
       p -= std::clamp(size, 0.02 * (1 - 1 / (0.5 * t + 1)), 0.02 * (1 + 1 / (0.5 * t))) * s[0];
     }},
    {{{"type", "ftrl"},
      {"lr", 0.1},
      {"learning_rate_power", -0.7},
      {"l1", 0.3},
      {"l2", 0.2},
      {"l2_shrinkage", 0.1},
      {"beta", 0.5}},
     [](double& p, double g, double t, double* s) {
       double &n = s[0], &z = s[1];
       if (t == 1) n = 0.1;
       const double old = std::pow(n, 0.7);
       n += g * g;
       z += g + 2 * 0.1 * p - (std::pow(n, 0.7) - old) / 0.1 * p;
       p = (std::clamp(z, -0.3, 0.3) - z) / (std::pow(n, 0.7) / 0.1 + 2 * (0.2 + 0.5 / (2 * 0.1)));
     }},
    {{{"type", "tiger"}, {"lr", 0.1}},
     [](double& p, double g, double, double* s) {
       average(s[0], 0.965, g);
       p = p * (1 - 0.1 * 0.01) - 0.1 * sign(s[0]);
     }},
    {{{"type", "adamaxw"}, {"lr", 0.1}, {"weight_decay", 0.5}},
     [](double& p, double g, double t, double* s) {
       average(s[0], 0.9, g);
       s[1] = std::max(0.999 * s[1], std::abs(g) + 1e-8);
       p = p * (1 - 0.1 * 0.5) - 0.1 / correction(0.9, t) * s[0] / s[1];
     }},
    {{{"type", "simplified_ademamix"}, {"lr", 0.1}, {"eps_root", 1e-3}},
     [](double& p, double g, double t, double* s) {
       s[0] = 0.99 * s[0] + g;
       average(s[1], 0.95, g * g);
       p -= 0.1 * s[0] / (std::sqrt(s[1] / correction(0.95, t) + 1e-3) + 1e-8);
     }},
};

}  // namespace

TEST_CASE("options do what their formulas say") {
  for (const Option& option : kOptions) {
    CAPTURE(option.config.dump());
    CHECK(distance(ours(option.config), evaluate(option.step)) <= 1e-11);
  }
}

TEST_CASE("a changed lr reaches what it should") {
  const auto halves_at_6 = [](optim::Optimizer<double>& o, int t) {
    if (t == 6) o.set("lr", 0.05);
  };
  const auto lr = [](double t) { return t < 6 ? 0.1 : 0.05; };
  SUBCASE("in RMSprop's momentum or outside of it") {
    CHECK(distance(ours({{"type", "rmsprop"}, {"lr", 0.1}, {"momentum", 0.9}, {"lr_in_momentum", true}}, halves_at_6),
                   evaluate([&](double& p, double g, double t, double* s) {
                     average(s[0], 0.99, g * g);
                     s[1] = 0.9 * s[1] + lr(t) * g / (std::sqrt(s[0]) + 1e-8);
                     p -= s[1];
                   })) <= 1e-11);
    CHECK(distance(ours({{"type", "rmsprop"}, {"lr", 0.1}, {"momentum", 0.9}}, halves_at_6),
                   evaluate([&](double& p, double g, double t, double* s) {
                     average(s[0], 0.99, g * g);
                     s[1] = 0.9 * s[1] + g / (std::sqrt(s[0]) + 1e-8);
                     p -= lr(t) * s[1];
                   })) <= 1e-11);
  }
  SUBCASE("in SGD's momentum or outside of it") {
    for (const bool nesterov : {false, true}) {
      const Json config = {{"type", "sgd"}, {"lr", 0.1}, {"momentum", 0.9}, {"nesterov", nesterov}};
      Json inside = config;
      inside["lr_in_momentum"] = true;
      CHECK(distance(ours(inside, halves_at_6), evaluate([&](double& p, double g, double t, double* s) {
                       s[0] = 0.9 * s[0] - lr(t) * g;  // as Keras writes it
                       p += nesterov ? 0.9 * s[0] - lr(t) * g : s[0];
                     })) <= 1e-11);
      CHECK(distance(ours(inside, halves_at_6), ours(config, halves_at_6)) > 0.1);
      CHECK(distance(ours(inside), ours(config)) <= 1e-12);
    }
    const Json plain = {{"type", "sgd"}, {"lr", 0.1}, {"lr_in_momentum", true}};
    CHECK(distance(ours(plain, halves_at_6),
                   evaluate([&](double& p, double g, double t, double*) { p -= lr(t) * g; })) <= 1e-12);
  }
  SUBCASE("the average of LaProp's steps") {
    CHECK(distance(ours({{"type", "laprop"}, {"lr", 0.1}}, halves_at_6),
                   evaluate([&](double& p, double g, double t, double* s) {
                     average(s[1], 0.999, g * g);
                     average(s[0], 0.9, lr(t) * g / (std::sqrt(s[1] / correction(0.999, t)) + 1e-15));
                     average(s[2], 0.9, lr(t));
                     p -= lr(t) * s[0] / s[2];
                   })) <= 1e-11);
  }
  SUBCASE("not Rprop's steps, which begin at the first lr") {
    CHECK(ours({{"type", "rprop"}, {"lr", 0.1}}, halves_at_6) == ours({{"type", "rprop"}, {"lr", 0.1}}));
  }
}

TEST_CASE("AdaBound's bounds follow a schedule of lr") {
  const auto scheduled = [](optim::Optimizer<double>& o, int t) {
    if (t > 1) return;
    config::Problems problems;
    o.set_schedules(optim::make_schedules(config::Value::from_json({{"type", "linear"}, {"from", 1.0}, {"to", 0.0}}),
                                          {kSteps, kSteps}, problems));
    REQUIRE_MESSAGE(problems.ok(), problems.text());
  };
  const Json config = {{"type", "adabound"}, {"lr", 0.1}, {"final_lr", 0.02}, {"gamma", 0.5}};
  CHECK(distance(ours(config, scheduled), evaluate([](double& p, double g, double t, double* s) {
                   adam_means(g, s);
                   const double part = 1 - (t - 1) / kSteps, bound = 0.02 * part;
                   const double size =
                       0.1 * part * std::sqrt(correction(0.999, t)) / correction(0.9, t) / (std::sqrt(s[1]) + 1e-8);
                   p -= std::clamp(size, bound * (1 - 1 / (0.5 * t + 1)), bound * (1 + 1 / (0.5 * t))) * s[0];
                 })) <= 1e-11);
}

TEST_CASE("MARS takes vectors by AdamW") {
  NamedTensors<double> all, others;
  for (NamedTensors<double>* tensors : {&all, &others})
    tensors->push_back({"p", parameter(filled({6}, [](double k) { return std::cos(k); }))});
  const auto mars = optim::make<double>({{"type", "mars"}}, all);
  const auto adamw =
      optim::make<double>({{"type", "adamw"}, {"lr", 3e-3}, {"betas", {0.9, 0.95}}, {"weight_decay", 0.1}}, others);
  for (int t = 1; t <= kSteps; ++t) {
    all[0].tensor.set_grad(gradient(t, 0, Shape{6}));
    others[0].tensor.set_grad(gradient(t, 0, Shape{6}));
    mars->step();
    adamw->step();
  }
  for (std::size_t k = 0; k < 6; ++k)
    CHECK(all[0].tensor.data()[k] == doctest::Approx(others[0].tensor.data()[k]).epsilon(1e-13));
}

TEST_CASE("timm's MARS takes tensors of every rank but 0 and 1 as matrices") {
  const auto moved = [](const char* variant, const Shape& shape) {
    NamedTensors<double> all = {{"p", parameter(filled(shape, [](double k) { return std::cos(k); }))}};
    const auto mars = optim::make<double>({{"type", "mars"}, {"gamma", 1}, {"variant", variant}}, all);
    for (int t = 1; t <= kSteps; ++t) {
      all[0].tensor.set_grad(gradient(t, 0, shape));
      mars->step();
    }
    return std::vector<double>(all[0].tensor.values().begin(), all[0].tensor.values().end());
  };
  CHECK(moved("timm", {2, 3, 1}) == moved("timm", {2, 3}));
  CHECK(moved("timm", {2, 3, 1}) != moved("timm", {6}));
  CHECK(moved("authors", {2, 3, 1}) == moved("authors", {6}));
}

TEST_CASE("NAdam's product of momenta in closed form stays exact over a long run") {
  NamedTensors<double> all = {{"p", parameter(Tensor<double>({1}, {1.0}))}};
  const auto optimizer = optim::make<double>({{"type", "nadam"}, {"lr", 1e-3}, {"betas", {0.999, 0.999}}}, all);
  double p = 1, m = 0, v = 0, product = 1;
  const auto mu = [](double t) { return 0.999 * (1 - 0.5 * std::pow(0.96, t * 4e-3)); };
  for (int t = 1; t <= 3000; ++t) {
    const double g = std::sin(0.1 * t);
    all[0].tensor.set_grad(Tensor<double>({1}, {g}));
    optimizer->step();
    average(m, 0.999, g);
    average(v, 0.999, g * g);
    product *= mu(t);
    p -= 1e-3 * ((1 - mu(t)) / (1 - product) * g + mu(t + 1) / (1 - product * mu(t + 1)) * m) /
         (std::sqrt(v / correction(0.999, t)) + 1e-8);
  }
  CHECK(std::abs(all[0].tensor.item() - p) <= 1e-11);
}

TEST_CASE("what does not go together is refused") {
  const auto refused = [](const Json& config, const char* words) {
    config::Problems problems;
    CHECK(optim::make<double>(config::Value::from_json(config, "optimizer"), NamedTensors<double>{}, problems) ==
          nullptr);
    CAPTURE(problems.text());
    CHECK(problems.text().find(words) != std::string::npos);
  };
  refused({{"type", "rprop"}, {"etas", {1.2, 0.5}}}, "etas must be [below 1, above 1]");
  refused({{"type", "rprop"}, {"step_sizes", {1, 0.5}}}, "step_sizes must be [least, greatest]");
  refused({{"type", "radam"}, {"betas", {0.9, 0.6}}}, "betas[1] must be > 0.6");
  refused({{"type", "radam"}, {"threshold", 4}}, "\"threshold\": 4 is out of range");
  refused({{"type", "padam"}, {"partial", 0.6}}, "\"partial\": 0.6 is out of range");
  refused({{"type", "padam"}, {"partial", 0}}, "must be in (0, 0.5]");
  refused({{"type", "adabound"}, {"gamma", 1}}, "must be in (0, 1)");
  refused({{"type", "ftrl"}, {"learning_rate_power", 0.5}}, "must be <= 0");
  refused({{"type", "nadam"}, {"variant", "optx"}}, "did you mean \"optax\"?");
  refused({{"type", "sgdw"}, {"nesterov", true}}, "nesterov needs momentum > 0");
  refused({{"type", "lars"}, {"momentum", 0}, {"nesterov", true}}, "nesterov needs momentum > 0");
  refused({{"type", "adafactor"}, {"variant", "hf"}, {"lr", 1e-3}}, "with relative_step has steps of its own, no lr");
  refused({{"type", "adafactor"}, {"variant", "hf"}, {"relative_step", false}, {"warmup_init", true}},
          "warmup_init needs relative_step");
  refused({{"type", "adafactor"}, {"d", 0.5}}, "d must be at least 1");
  refused({{"type", "muon"}, {"ns_coefficients", {1, 2, 3, 4}}}, "ns_coefficients come in threes");
  refused({{"type", "aggmo"}, {"betas", {0, 0, 0, 0, 0, 0, 0, 0, 0}}}, "takes at most 8 betas");
}
