// SPDX-License-Identifier: BSD-3-Clause
// Losses at kinks and ends, against a second way to compute them, and their refusals.
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "engine/at.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
const Tensor<double> kOne({1}, {1.0}), kZero({1}, {0.0});

/// The probability of `labels` by adding up all paths: what CTC computes cleverly.
double probability_of(const std::vector<int>& labels, const Tensor<double>& log_probs) {
  const auto times = static_cast<std::size_t>(log_probs.size(0)), classes = static_cast<std::size_t>(log_probs.size(2));
  double total = 0;
  std::size_t paths = 1;
  for (std::size_t t = 0; t < times; ++t) paths *= classes;
  for (std::size_t path = 0; path < paths; ++path) {
    std::vector<int> seen;
    int before = 0;
    double log_probability = 0;
    for (std::size_t t = 0, rest = path; t < times; ++t, rest /= classes) {
      const int label = static_cast<int>(rest % classes);
      log_probability += log_probs.data()[t * classes + rest % classes];
      if (label != 0 && label != before) seen.push_back(label);
      before = label;
    }
    if (seen == labels) total += std::exp(log_probability);
  }
  return total;
}

}  // namespace

#define F(...) [](const auto& x) { return __VA_ARGS__; }

TEST_CASE("losses at their kinks") {
  CHECK(at(F(hinge_loss(x, kOne)), 1) == std::pair(0.0, 0.0));
  CHECK(at(F(hinge_embedding_loss(x, -kOne)), 1) == std::pair(0.0, 0.0));
  CHECK(at(F(quantile_loss(x, kOne, 0.3)), 1) == std::pair(0.0, 0.0));
  CHECK(at(F(l1_loss(x, kOne)), 1) == std::pair(0.0, 0.0));
  CHECK(at(F(log_cosh_loss(x, kZero)), 1000).first == doctest::Approx(1000 - std::log(2)));
  CHECK(at(F(log_cosh_loss(x, kZero)), -1000).second == -1);
  CHECK(second_derivative_at(F(log_cosh_loss(x, kZero)), 0) == doctest::Approx(1));  // smooth at 0
  CHECK(at(F(bce_loss(x, kOne)), 0).first == 100);
  CHECK(std::isfinite(at(F(bce_loss(x, kOne)), 0).second));
  CHECK(std::isfinite(second_derivative_at(F(bce_loss(x, kOne)), 0)));
  CHECK(at(F(bce_loss(x, kOne)), 1).first == 0);
  CHECK(at(F(bce_loss(kOne, x)), 1).second == doctest::Approx(-100));  // the target's gradient
  CHECK(at(F(kl_div(x, kZero)), -inf) == std::pair(0.0, 0.0));
  CHECK(at(F(soft_margin_loss(x, kOne)), -1000) == std::pair(1000.0, -1.0));
  CHECK(at(F(focal_loss(x, kOne, {.alpha = -1})), 1000).first == 0);
  CHECK(at(F(gaussian_nll_loss(kOne, kZero, x, {.eps = 0.5})), 0).second ==
        doctest::Approx(0.5 * (1 / 0.5 - 1 / 0.25)));  // the gradient goes on where the variance is limited
  CHECK(at(F(poisson_nll_loss(kZero, x, {.full = true})), 0).first == 1);
  const auto same = parameter(Tensor<double>::ones({1, 3}));
  triplet_margin_loss(same, same.detach(), same.detach() * 0, {.margin = 5, .eps = 0}).backward();
  for (const double g : same.grad().values()) CHECK(std::isfinite(g));
  const auto zero = parameter(Tensor<double>::zeros({1, 3}));
  cosine_embedding_loss(zero, Tensor<double>::ones({1, 3}), Tensor<double>::ones({1})).backward();
  for (const double g : zero.grad().values()) CHECK(std::isfinite(g));
}

TEST_CASE("ctc_loss equals the sum over all paths") {
  const auto log_probs = log_softmax(normal<double>({4, 1, 3}, 0, 1, RandomKey{1, 2, 3}));
  const auto loss = [&](const std::vector<std::int64_t>& labels, std::int64_t times = 4) {
    const auto size = static_cast<std::int64_t>(labels.size());
    return ctc_loss(slice(log_probs, 0, 0, times), Indices(Shape{1, size}, labels), Indices{times}, Indices{size},
                    {.reduction = Reduction::sum})
        .item();
  };
  CHECK(loss({1, 2}) == doctest::Approx(-std::log(probability_of({1, 2}, log_probs))).epsilon(1e-12));
  CHECK(loss({2, 2}) == doctest::Approx(-std::log(probability_of({2, 2}, log_probs))).epsilon(1e-12));
  CHECK(loss({}) == doctest::Approx(-std::log(probability_of({}, log_probs))).epsilon(1e-12));
  CHECK(loss({1, 2, 1, 2}) == doctest::Approx(-std::log(probability_of({1, 2, 1, 2}, log_probs))).epsilon(1e-12));
  CHECK(loss({1, 1, 1}) == inf);  // needs five times
  CHECK(loss({}, 0) == 0);
  CHECK(loss({1}, 0) == inf);
}

TEST_CASE("ctc_loss without an alignment") {
  const auto log_probs = parameter(log_softmax(normal<double>({2, 1, 3}, 0, 1, RandomKey{1, 2, 3})));
  const Indices labels(Shape{1, 2}, {1, 1}), times{2}, count{2};
  CHECK(ctc_loss(log_probs, labels, times, count).item() == inf);
  const auto quiet = ctc_loss(log_probs, labels, times, count, {.zero_infinity = true});
  CHECK(quiet.item() == 0);
  quiet.backward();
  for (const double g : log_probs.grad().values()) CHECK(g == 0);
}

TEST_CASE("losses refuse what does not fit") {
  const auto t = [](const Shape& shape) { return Tensor<float>::ones(shape); };
  const std::pair<std::function<void()>, const char*> cases[] = {
      {[&] {
         log_cosh_loss(t({4, 1}), t({4}));
       },
       "log_cosh_loss: predictions have shape (4, 1), targets (4,)"},
      {[&] { quantile_loss(t({2}), t({2}), 1.5); }, "quantile_loss: quantile is 1.5; expected 0 to 1"},
      {[&] { bce_loss(t({2}) * 2, t({2})); }, "bce_loss: probability 2 at position 0; expected 0 to 1"},
      {[&] {
         bce_loss<float>(t({2}), t({2}), {.weight = t({3, 2})});
       },
       "bce_loss: weight of shape (3, 2); it must broadcast to the shape of the losses, (2,)"},
      {[&] {
         bce_with_logits_loss<float>(t({2}), t({2}), {.pos_weight = t({3, 2})});
       },
       "bce_with_logits_loss: pos_weight of shape (3, 2); it must broadcast to the shape of the predictions, (2,)"},
      {[&] { hinge_loss(t({2}), t({2}) * 0); }, "hinge_loss: target 0 at position 0; expected 1 or -1"},
      {[&] { focal_loss(t({2}), t({2}), {.gamma = -1}); }, "focal_loss: gamma is -1; expected >= 0"},
      {[&] { gaussian_nll_loss(t({2}), t({2}), -t({2})); }, "variance -1 at position 0; expected >= 0"},
      {[&] {
         gaussian_nll_loss(t({2, 3}), t({2, 3}), t({4, 2, 3}));
       },
       "variance of shape (4, 2, 3) for predictions"},
      {[&] {
         multi_margin_loss<float>(t({2, 3}), Indices{0, 1}, {.p = 3});
       },
       "p is 3; expected 1 or 2"},
      {[&] {
         multi_margin_loss(t({2, 3}), Indices{0, 5});
       },
       "target 5 at position 1; expected a class in [0, 3)"},
      {[&] {
         cosine_embedding_loss(t({2, 3}), t({2, 3}), t({3}));
       },
       "targets of shape (3,) for vectors of shape (2, 3)"},
      {[&] { triplet_margin_loss(t({2}), t({2}), t({2}), {.p = 0}); }, "triplet_margin_loss: p is 0; expected > 0"},
      {[&] {
         ctc_loss(t({2, 3}), Indices(), Indices{}, Indices{});
       },
       "log_probs have shape (2, 3); expected (T, N, C)"},
      {[&] {
         ctc_loss(t({2, 1, 3}), Indices(Shape{1, 1}, {0}), Indices{2}, Indices{1});
       },
       "target 0 at position 0 of sample 0; expected a class in [0, 3) that is not the blank, 0"},
      {[&] {
         ctc_loss(t({2, 1, 3}), Indices(Shape{1, 1}, {1}), Indices{3}, Indices{1});
       },
       "input length 3 of sample 0; expected 0 to 2"},
  };
  for (const auto& refused : cases) {
    const char* words = refused.second;
    CAPTURE(words);
    CHECK_THROWS_WITH_AS(refused.first(), doctest::Contains(words), Error);
  }
}
