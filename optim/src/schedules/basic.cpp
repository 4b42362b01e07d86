// SPDX-License-Identifier: BSD-3-Clause
// Factors of the hyperparameter's own value. Without a length of their own they last as long as they are in force.
#include "define.hpp"

namespace xgrad::optim::detail {
namespace {

struct Constant {
  double factor = 1;
  std::optional<Duration> total_iters;
  static constexpr const char* name = "constant";
  static constexpr About about{"the same factor throughout, or for a while"};
  void describe(Fields& f) {
    f("factor", factor, range::nonnegative, "multiplies the hyperparameter");
    f("total_iters", total_iters, "how long; then the factor is 1").range = range::count;
  }
  double at(double t, double base, const Span& span) const {
    return total_iters && t >= span.steps(total_iters) ? base : base * factor;
  }
};

struct Linear {
  double from = 1, to = 0;
  std::optional<Duration> total_iters;
  static constexpr const char* name = "linear";
  static constexpr About about{"a straight line between two factors: warm-up, or decay"};
  void describe(Fields& f) {
    f("from", from, range::nonnegative, "factor at the first step");
    f("to", to, range::nonnegative, "factor at the end");
    f("total_iters", total_iters, "where the end is; default: of the time in force").range = range::count;
  }
  double at(double t, double base, const Span& span) const {
    return base * between(from, to, progress(t, span.steps(total_iters)));
  }
};

struct Cosine {
  double from = 1, to = 0;
  static constexpr const char* name = "cosine";
  static constexpr About about{"half a cosine between two factors", "Loshchilov, Hutter 2016, arXiv:1608.03983"};
  void describe(Fields& f) {
    f("from", from, range::nonnegative, "factor at the first step");
    f("to", to, range::nonnegative, "factor at the end");
  }
  double at(double t, double base, const Span& span) const {
    return base * (to + (from - to) * half_cosine(progress(t, span.length)));
  }
};

struct Polynomial {
  double power = 1;
  std::optional<Duration> total_iters;
  static constexpr const char* name = "polynomial";
  static constexpr About about{"(1 - t / T)^power, then 0"};
  void describe(Fields& f) {
    f("power", power, range::positive, "1 is a straight line");
    f("total_iters", total_iters, "T; default: the time in force").range = range::count;
  }
  double at(double t, double base, const Span& span) const {
    return base * std::pow(1 - progress(t, span.steps(total_iters)), power);
  }
};

struct Exponential {
  double gamma = 0.95;
  Duration every{1, Duration::Unit::epochs};
  static constexpr const char* name = "exponential";
  static constexpr About about{"multiplied by gamma again and again, smoothly"};
  void describe(Fields& f) {
    f("gamma", gamma, range::positive, "factor for each period");
    f("every", every, "the period").range = range::count;
  }
  double at(double t, double base, const Span& span) const { return base * std::pow(gamma, t / span.steps(every)); }
};

struct Step {
  double gamma = 0.1;
  Duration every{10, Duration::Unit::epochs};
  static constexpr const char* name = "step";
  static constexpr About about{"multiplied by gamma at the end of each period"};
  void describe(Fields& f) {
    f("gamma", gamma, range::positive, "factor for each period");
    f("every", every, "the period").range = range::count;
  }
  double at(double t, double base, const Span& span) const {
    return base * std::pow(gamma, std::floor(t / span.steps(every)));
  }
};

struct MultiStep {
  double gamma = 0.1;
  std::vector<double> milestones;
  static constexpr const char* name = "multi_step";
  static constexpr About about{"multiplied by gamma at each milestone"};
  void describe(Fields& f) {
    f("gamma", gamma, range::positive, "factor for each milestone");
    f("milestones", milestones, range::nonnegative, "steps").required();
  }
  std::string wrong(const Span&) const {
    return std::is_sorted(milestones.begin(), milestones.end()) ? "" : "\"milestones\" must not decrease";
  }
  double at(double t, double base, const Span&) const {
    const auto passed = std::upper_bound(milestones.begin(), milestones.end(), t) - milestones.begin();
    return base * std::pow(gamma, static_cast<double>(passed));
  }
};

struct Inverse {
  double gamma = 1e-4, power = 0.75;
  static constexpr const char* name = "inverse";
  static constexpr About about{"(1 + gamma t)^-power: Caffe's \"inv\""};
  void describe(Fields& f) {
    f("gamma", gamma, range::nonnegative, "how soon");
    f("power", power, range::positive, "how steeply");
  }
  double at(double t, double base, const Span&) const { return base * std::pow(1 + gamma * t, -power); }
};

struct Sigmoid {
  double gamma = 0.01;
  Duration center{50, Duration::Unit::percent};
  static constexpr const char* name = "sigmoid";
  static constexpr About about{"from 1 to 0 along 1 / (1 + exp(gamma (t - center)))"};
  void describe(Fields& f) {
    f("gamma", gamma, range::positive, "how steeply");
    f("center", center, "where the factor is a half");
  }
  double at(double t, double base, const Span& span) const {
    return base / (1 + std::exp(gamma * (t - span.steps(center))));
  }
};

struct Rex {
  std::optional<Duration> total;
  double to = 0;
  static constexpr const char* name = "rex";
  static constexpr About about{"(1 - p) / (1 - p / 2): slow at first",
                               "Chen, Wolfe, Kyrillidis 2021, arXiv:2107.04197"};
  void describe(Fields& f) {
    f("total", total, "where the end is; default: of the time in force").range = range::count;
    f("to", to, range::nonnegative, "factor at the end");
  }
  double at(double t, double base, const Span& span) const {
    const double p = progress(t, span.steps(total));
    return base * between(to, 1, (1 - p) / (1 - p / 2));
  }
};

struct Demon {
  std::optional<Duration> total;
  static constexpr const char* name = "demon";
  static constexpr About about{"decaying momentum: for \"param\": \"momentum\" or \"betas[0]\"",
                               "Chen et al. 2019, arXiv:1910.04952"};
  void describe(Fields& f) {
    f("total", total, "where it reaches 0; default: at the end of the time in force").range = range::count;
  }
  double at(double t, double base, const Span& span) const {
    const double left = 1 - progress(t, span.steps(total));
    return base * left / ((1 - base) + base * left);
  }
};

struct Chebyshev {
  Duration every{1, Duration::Unit::epochs};
  std::int64_t count = 8;
  double small = 0.05, big = 1;
  static constexpr const char* name = "chebyshev";
  static constexpr About about{"inverse Chebyshev nodes in fractal order", "Agarwal et al. 2021, arXiv:2103.01338"};
  void describe(Fields& f) {
    f("every", every, "how long each factor acts").range = range::count;
    f("count", count, range::count, "how many factors, a power of 2; then from the start");
    f("small", small, range::positive, "the smallest curvature");
    f("big", big, range::positive, "the largest curvature");
  }
  std::string wrong(const Span&) const {
    if ((count & (count - 1)) != 0) return "\"count\" must be a power of 2, found " + std::to_string(count);
    return small <= big ? "" : "\"small\" must not be more than \"big\"";
  }
  /// Element i of the permutation in which each half of every block mirrors the other.
  static std::int64_t fractal(std::int64_t i, std::int64_t size) {
    if (size == 1) return 0;
    const std::int64_t half = fractal(i / 2, size / 2);
    return i % 2 == 0 ? half : size - 1 - half;
  }
  double at(double t, double base, const Span& span) const {
    const auto i = static_cast<std::int64_t>(t / span.steps(every)) % count;
    const auto place = static_cast<double>(fractal(i, count));
    const double angle = std::numbers::pi * (place + 0.5) / static_cast<double>(count);
    return base / ((big + small) / 2 - (big - small) / 2 * std::cos(angle));
  }
};

}  // namespace

void add_basic(Registry& registry) {
  add_rows<Constant, Linear, Cosine, Polynomial, Exponential, Step, MultiStep, Inverse, Sigmoid, Rex, Demon, Chebyshev>(
      registry);
}

}  // namespace xgrad::optim::detail
