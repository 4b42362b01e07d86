// SPDX-License-Identifier: BSD-3-Clause
// Forms that published implementations have by mistake. Each is evaluated here beside the right one, for one element:
// the right one must be ours, and the wrong one must be far from it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "optim/trajectory.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using namespace xgrad::test;
using Json = nlohmann::json;

namespace {

/// A step of one element with its state, which begins at 0.
using Step = void (*)(double& p, double g, double t, double* state, bool wrong);

struct Form {
  const char* where;
  Json config;
  Step step;
  double apart;  ///< the wrong form's least distance somewhere after ten steps
};

auto bind(Step step, bool wrong) {
  return [=](double& p, double g, double t, double* state) { step(p, g, t, state, wrong); };
}

const Form kForms[] = {
    {"torch 1.13's NAdam, one tensor at a time: a factor mu too many in mu_product_next (pytorch's pull request 92699)",
     {{"type", "nadam"}, {"lr", 0.1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       adam_means(g, s);
       const auto mu = [](double at) { return 0.9 * (1 - 0.5 * std::pow(0.96, at * 4e-3)); };
       double& product = s[2];
       product = (t == 1 ? 1 : product) * mu(t);
       const double next = product * mu(t + 1) * (wrong ? mu(t) : 1);
       p -= 0.1 * ((1 - mu(t)) / (1 - product) * g + mu(t + 1) / (1 - next) * s[0]) /
            (std::sqrt(s[1] / correction(0.999, t)) + 1e-8);
     },
     1e-3},
    {"optax's rprop: the update of the step before (optax's pull request 1725)",
     {{"type", "rprop"}, {"lr", 0.1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       double &previous = s[0], &size = s[1], &update = s[2];
       const double same = g * previous, late = update;
       size = t == 1 ? 0.1 : std::clamp(size * (same > 0 ? 1.2 : same < 0 ? 0.5 : 1.0), 1e-6, 50.0);
       previous = same < 0 ? 0 : g;
       update = size * sign(previous);
       p -= wrong ? late : update;
     },
     0.05},
    {"optax's adan: 1 - b2 where the authors have b2",
     {{"type", "adan"}, {"lr", 0.1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       const double d = t == 1 ? 0 : g - s[3], weight = wrong ? 1 - 0.92 : 0.92, ahead = g + weight * d;
       average(s[0], 0.98, g);
       average(s[1], 0.92, d);
       average(s[2], 0.99, ahead * ahead);
       p -= 0.1 * (s[0] / correction(0.98, t) + weight * s[1] / correction(0.92, t)) /
            (std::sqrt(s[2] / correction(0.99, t)) + 1e-8);
       s[3] = g;
     },
     0.05},
    {"pytorch_optimizer's QHAdam: 1 - b2 g^2 for (1 - b2) g^2",
     {{"type", "qhadam"}, {"lr", 0.1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       average(s[0], 0.9, g);
       s[1] = 0.999 * s[1] + (wrong ? 1 - 0.999 * g * g : (1 - 0.999) * g * g);
       p -= 0.1 * s[0] / correction(0.9, t) / (std::sqrt(s[1] / correction(0.999, t)) + 1e-8);
     },
     0.05},
    {"pytorch_optimizer's SignSGD: the momentum forgotten at every step",
     {{"type", "signum"}, {"lr", 0.1}},
     [](double& p, double g, double, double* s, bool wrong) {
       if (wrong) s[0] = 0;
       average(s[0], 0.9, g);
       p -= 0.1 * sign(s[0]);
     },
     0.15},
    {"pytorch_optimizer's SGDW: a momentum that begins as a copy of the parameter",
     {{"type", "sgdw"}, {"lr", 0.1}, {"momentum", 0.9}, {"weight_decay", 0.01}},
     [](double& p, double g, double t, double* s, bool wrong) {
       if (t == 1 && wrong) s[0] = p;
       s[0] = t == 1 && !wrong ? g : 0.9 * s[0] + g;
       p = p * (1 - 0.1 * 0.01) - 0.1 * s[0];
     },
     0.1},
    {"pytorch_optimizer's AdEMAMix: the slow mean bias-corrected too",
     {{"type", "ademamix"}, {"lr", 0.1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       adam_means(g, s);
       average(s[2], 0.9999, g);
       p -= 0.1 * (s[0] / correction(0.9, t) + 5 * s[2] / (wrong ? correction(0.9, t) : 1)) /
            (std::sqrt(s[1] / correction(0.999, t)) + 1e-8);
     },
     1e-3},
    {"pytorch_optimizer's ADOPT: limits by t, not by t - 1",
     {{"type", "adopt"}, {"lr", 0.1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       if (t == 1) return void(s[1] = g * g);
       const double limit = std::pow(wrong ? t : t - 1, 0.25), n = g / std::max(std::sqrt(s[1]), 1e-6);
       average(s[0], 0.9, std::clamp(n, -limit, limit));
       p -= 0.1 * s[0];
       average(s[1], 0.9999, g * g);
     },
     1e-3},
    {"pytorch_optimizer's DiffGrad: without its friction",
     {{"type", "diffgrad"}, {"lr", 0.1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       adam_means(g, s);
       const double friction = wrong ? 1 : 1 / (1 + std::exp(-std::abs(s[2] - g)));
       p -= 0.1 * std::sqrt(correction(0.999, t)) / correction(0.9, t) * friction * s[0] / (std::sqrt(s[1]) + 1e-8);
       s[2] = g;
     },
     0.1},
    {"pytorch_optimizer's AdaBelief, all tensors at once: the mean not bias-corrected",
     {{"type", "adabelief"}, {"lr", 0.1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       average(s[0], 0.9, g);
       s[1] = 0.999 * s[1] + (1 - 0.999) * (g - s[0]) * (g - s[0]) + 1e-16;
       p -= 0.1 * s[0] / (wrong ? 1 : correction(0.9, t)) / (std::sqrt(s[1] / correction(0.999, t)) + 1e-16);
     },
     0.1},
    {"MARS' reference: the previous gradient is a reference to what zero_grad() clears",
     {{"type", "mars"}, {"lr", 0.1}, {"gamma", 1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       const auto corrected = [&](double k) {
         const double previous = t == 1 || wrong ? 0 : gradient(t - 1, 0, k);
         return gradient(t, 0, k) + 0.95 / (1 - 0.95) * (gradient(t, 0, k) - previous);
       };
       double norm = 0, c = 0;
       for (int k = 0; k < 6; ++k) {
         norm += corrected(k) * corrected(k);
         if (gradient(t, 0, k) == g) c = corrected(k);
       }
       c /= std::max(1.0, std::sqrt(norm));
       average(s[0], 0.95, c);
       average(s[1], 0.99, c * c);
       p -= 0.1 * s[0] / correction(0.95, t) / (std::sqrt(s[1] / correction(0.99, t)) + 1e-8);
     },
     0.1},
    {"MLX's Adam: no bias correction unless asked for",
     {{"type", "adam"}, {"lr", 0.1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       adam_means(g, s);
       const double bc1 = wrong ? 1 : correction(0.9, t), bc2 = wrong ? 1 : correction(0.999, t);
       p -= 0.1 * s[0] / bc1 / (std::sqrt(s[1] / bc2) + 1e-8);
     },
     0.1},
    {"optax's amsgrad is another one: the largest of the bias-corrected mean squares",
     {{"type", "amsgrad"}, {"lr", 0.1}},
     [](double& p, double g, double t, double* s, bool wrong) {
       adam_means(g, s);
       s[2] = std::max(s[2], s[1] / (wrong ? correction(0.999, t) : 1));
       p -= 0.1 * s[0] / correction(0.9, t) / (std::sqrt(s[2] / (wrong ? 1 : correction(0.999, t))) + 1e-8);
     },
     0.01},
};

using Numbers = std::vector<double>;

/// A step of the six elements together, with arrays and numbers that begin at 0.
struct Whole {
  const char* where;
  Json config;
  void (*step)(Numbers& p, const Numbers& g, double t, Numbers (&s)[3], double (&n)[2], bool wrong);
  double apart;
};

double dot(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}
double norm(const Numbers& a) { return std::sqrt(dot(a, a)); }
double rms(const Numbers& a) { return norm(a) / std::sqrt(static_cast<double>(a.size())); }

/// Muon's iteration on a matrix of 2 rows.
Numbers orthogonal(Numbers x) {
  const std::size_t n = x.size() / 2;
  const double length = norm(x);
  for (double& value : x) value /= length;
  for (int i = 0; i < 5; ++i) {
    double a[2][2] = {}, b[2][2] = {};
    for (int r = 0; r < 2; ++r)
      for (int c = 0; c < 2; ++c)
        for (std::size_t k = 0; k < n; ++k)
          a[r][c] += x[static_cast<std::size_t>(r) * n + k] * x[static_cast<std::size_t>(c) * n + k];
    for (int r = 0; r < 2; ++r)
      for (int c = 0; c < 2; ++c) b[r][c] = -4.7750 * a[r][c] + 2.0315 * (a[r][0] * a[0][c] + a[r][1] * a[1][c]);
    for (std::size_t k = 0; k < n; ++k) {
      const double u = x[k], v = x[n + k];
      x[k] = 3.4445 * u + b[0][0] * u + b[0][1] * v;
      x[n + k] = 3.4445 * v + b[1][0] * u + b[1][1] * v;
    }
  }
  return x;
}

const Whole kWholes[] = {
    {"pytorch_optimizer's DAdaptAdam: times the 1-norm instead of over it",
     {{"type", "dadapt_adam"}},
     [](Numbers& p, const Numbers& g, double t, Numbers (&a)[3], double (&n)[2], bool wrong) {
       const double root = std::sqrt(0.999);
       double &d = n[0], &numerator = n[1], along = 0, size = 0;
       if (t == 1) d = 1e-6;
       for (std::size_t k = 0; k < p.size(); ++k) {
         double &s = a[0][k], &m = a[1][k], &v = a[2][k];
         along += d * g[k] * s / (std::sqrt(v) + 1e-8);
         m = 0.9 * m + d * 0.1 * g[k];
         average(v, 0.999, g[k] * g[k]);
         s = root * s + d * (1 - root) * g[k];
         size += std::abs(s);
       }
       numerator = root * numerator + (1 - root) * along;
       d = std::max(d, wrong ? numerator / (1 - root) * size : numerator / ((1 - root) * size));
       for (std::size_t k = 0; k < p.size(); ++k) p[k] -= a[1][k] / (std::sqrt(a[2][k]) + 1e-8);
     },
     0.05},
    {"pytorch_optimizer's NovoGrad: the first step counts twice",
     {{"type", "novograd"}, {"lr", 0.1}},
     [](Numbers& p, const Numbers& g, double t, Numbers (&a)[3], double (&n)[2], bool wrong) {
       double& v = n[0];
       v = t == 1 ? dot(g, g) : 0.25 * v + (1 - 0.25) * dot(g, g);
       for (std::size_t k = 0; k < p.size(); ++k) {
         const double u = g[k] / (std::sqrt(v) + 1e-6);
         if (t == 1 && wrong) a[0][k] = u;
         a[0][k] = 0.9 * a[0][k] + u;
         p[k] -= 0.1 * a[0][k];
       }
     },
     0.05},
    {"the formula in the documentation of torch's Muon: B = mu B + g, where the program averages",
     {{"type", "muon"}, {"lr", 0.1}, {"weight_decay", 0}},
     [](Numbers& p, const Numbers& g, double, Numbers (&a)[3], double (&)[2], bool wrong) {
       Numbers u(p.size());
       for (std::size_t k = 0; k < p.size(); ++k) {
         double& b = a[0][k];
         b = wrong ? 0.95 * b + g[k] : 0.95 * b + (1 - 0.95) * g[k];
         u[k] = g[k] + 0.95 * (b - g[k]);
       }
       u = orthogonal(std::move(u));
       for (std::size_t k = 0; k < p.size(); ++k) p[k] -= 0.1 * u[k];
     },
     0.02},
    {"timm's AdafactorBigVision: small updates grow where large ones should shrink",
     {{"type", "adafactor"}, {"variant", "optax"}, {"lr", 0.1}},
     [](Numbers& p, const Numbers& g, double t, Numbers (&a)[3], double (&)[2], bool wrong) {
       Numbers u(p.size());
       for (std::size_t k = 0; k < p.size(); ++k) {
         average(a[0][k], 1 - std::pow(t, -0.8), g[k] * g[k] + 1e-30);
         u[k] = g[k] / std::sqrt(a[0][k]);
       }
       const double rate = 0.1 * std::max(1e-3, rms(p)) / (wrong ? std::min(1.0, rms(u)) : std::max(1.0, rms(u)));
       for (std::size_t k = 0; k < p.size(); ++k) p[k] -= rate * u[k];
     },
     0.02},
};

Numbers evaluate(const Whole& whole, bool wrong) {
  Numbers p, states[3];
  double numbers[2] = {};
  for (std::size_t k = 0; k < kElements; ++k) p.push_back(std::cos(static_cast<double>(k)));
  for (Numbers& state : states) state.assign(kElements, 0);
  for (int t = 1; t <= kSteps; ++t) {
    Numbers g;
    for (std::size_t k = 0; k < kElements; ++k) g.push_back(gradient(t, 0, static_cast<double>(k)));
    whole.step(p, g, t, states, numbers, wrong);
  }
  return p;
}

}  // namespace

TEST_CASE("forms of whole tensors that are known to be wrong do not come out") {
  for (const Whole& whole : kWholes) {
    CAPTURE(whole.where);
    const Numbers result = ours(whole.config);
    CHECK(distance(result, evaluate(whole, false)) <= 1e-11);
    CHECK(distance(result, evaluate(whole, true)) > whole.apart);
  }
}

TEST_CASE("forms known to be wrong do not come out") {
  for (const Form& form : kForms) {
    CAPTURE(form.where);
    const std::vector<double> result = ours(form.config);
    CHECK(distance(result, evaluate(bind(form.step, false))) <= 1e-11);
    CHECK(distance(result, evaluate(bind(form.step, true))) > form.apart);
  }
}

TEST_CASE("the wrong forms of adan and nadam are those that were observed") {
  const auto form_of = [](const char* type) {
    return *std::find_if(std::begin(kForms), std::end(kForms),
                         [&](const Form& form) { return form.config["type"] == type; });
  };
  const Numbers optax = {0.5827520197525,  0.8120070282237,  0.3200555580201,
                         -0.5250580868974, -0.6734176219235, -0.4971535322269};
  CHECK(distance(evaluate(bind(form_of("adan").step, true)), optax) <= 2e-8);  // optax also adds 1e-8 under the root
  const Numbers torch = {1.043685206124,  0.8643106151782,  -0.104089597611,
                         -1.008361808624, -0.8638769211534, -0.05786087585321};
  const Step nadam = form_of("nadam").step;
  CHECK(distance(evaluate([&](double& p, double g, double t, double* s) { nadam(p, g + 0.01 * p, t, s, true); }),
                 torch) <= 1e-11);
}
