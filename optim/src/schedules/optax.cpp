// SPDX-License-Identifier: BSD-3-Clause
// Schedules of optax and Keras, with their names. They give values, not factors; where they begin with an "init_value"
// of their own, the hyperparameter's own value is the default.
#include "define.hpp"

namespace xgrad::optim::detail {
namespace {

struct PolynomialSchedule {
  std::optional<double> init_value;
  double end_value = 0, power = 1;
  std::optional<Duration> transition_steps;
  Duration transition_begin;
  static constexpr const char* name = "polynomial_schedule";
  static constexpr About about{"from init_value to end_value along a power of the time", "optax"};
  void describe_line(Fields& f) {
    f("init_value", init_value, range::any, "the first value; default: the hyperparameter's own");
    f("end_value", end_value, range::any, "the last value");
    f("transition_steps", transition_steps, "how long it takes; default: the time in force").range = range::count;
    f("transition_begin", transition_begin, "when it starts");
  }
  void describe(Fields& f) {
    describe_line(f);
    f("power", power, range::positive, "1 is a straight line");
  }
  double at(double t, double base, const Span& span) const {
    const double p = progress(std::max(t - span.steps(transition_begin), 0.), span.steps(transition_steps));
    return between(end_value, init_value.value_or(base), std::pow(1 - p, power));
  }
};
struct LinearSchedule : PolynomialSchedule {
  static constexpr const char* name = "linear_schedule";
  static constexpr About about{"from init_value to end_value along a straight line", "optax"};
  void describe(Fields& f) { describe_line(f); }
};
struct ConstantSchedule {
  double value = 0;
  static constexpr const char* name = "constant_schedule";
  static constexpr About about{"this value", "optax"};
  void describe(Fields& f) { f("value", value, range::any, "the value").required(); }
  double at(double, double, const Span&) const { return value; }
};

std::string boundaries_problem(const std::vector<double>& boundaries, const std::vector<double>& values,
                               const char* what, std::size_t more) {
  if (!std::is_sorted(boundaries.begin(), boundaries.end())) return "\"boundaries\" must not decrease";
  if (values.size() == boundaries.size() + more) return "";
  return std::to_string(boundaries.size()) + " \"boundaries\" need " + std::to_string(boundaries.size() + more) +
         " \"" + what + "\", found " + std::to_string(values.size());
}

struct PiecewiseConstant {
  std::optional<double> init_value;
  std::vector<double> boundaries, scales;
  static constexpr const char* name = "piecewise_constant";
  static constexpr About about{"multiplied by another scale at each boundary", "optax"};
  void describe(Fields& f) {
    f("init_value", init_value, range::any, "the first value; default: the hyperparameter's own");
    f("boundaries", boundaries, range::nonnegative, "steps").required();
    f("scales", scales, range::nonnegative, "one for each boundary").required();
  }
  std::string wrong(const Span&) const { return boundaries_problem(boundaries, scales, "scales", 0); }
  double at(double t, double base, const Span&) const {
    double value = init_value.value_or(base);
    for (std::size_t i = 0; i < boundaries.size() && boundaries[i] <= t; ++i) value *= scales[i];
    return value;
  }
};

struct PiecewiseConstantDecay {
  std::vector<double> boundaries, values;
  static constexpr const char* name = "piecewise_constant_decay";
  static constexpr About about{"the next of the values behind each boundary", "Keras"};
  void describe(Fields& f) {
    f("boundaries", boundaries, range::nonnegative, "steps; each is the last of a value").required();
    f("values", values, range::any, "one more than boundaries").required();
  }
  std::string wrong(const Span&) const { return boundaries_problem(boundaries, values, "values", 1); }
  double at(double t, double, const Span&) const {
    return values[static_cast<std::size_t>(std::lower_bound(boundaries.begin(), boundaries.end(), t) -
                                           boundaries.begin())];
  }
};

struct ExponentialDecay {
  std::optional<double> init_value;
  Duration transition_steps{1, Duration::Unit::epochs}, transition_begin;
  double decay_rate = 0;
  bool staircase = false;
  std::optional<double> end_value;
  static constexpr const char* name = "exponential_decay";
  static constexpr About about{"multiplied by decay_rate each transition_steps", "optax, Keras"};
  void describe_decay(Fields& f) {
    f("transition_steps", transition_steps, "how long one decay_rate takes").range = range::count;
    f("decay_rate", decay_rate, range::positive, "the factor").required();
    f("transition_begin", transition_begin, "when it starts");
    f("staircase", staircase, "in steps instead of smoothly");
    f("end_value", end_value, range::any, "no further than this");
  }
  void describe(Fields& f) {
    f("init_value", init_value, range::any, "the first value; default: the hyperparameter's own");
    describe_decay(f);
  }
  double at(double t, double base, const Span& span) const {
    const double first = init_value.value_or(base);
    t -= span.steps(transition_begin);
    if (t <= 0) return first;
    const double p = t / span.steps(transition_steps);
    const double value = first * std::pow(decay_rate, staircase ? std::floor(p) : p);
    if (!end_value) return value;
    return decay_rate < 1 ? std::max(value, *end_value) : std::min(value, *end_value);
  }
};

struct InverseTimeDecay {
  Duration decay_steps{1, Duration::Unit::epochs};
  double decay_rate = 0;
  bool staircase = false;
  static constexpr const char* name = "inverse_time_decay";
  static constexpr About about{"1 / (1 + decay_rate t / decay_steps)", "Keras"};
  void describe(Fields& f) {
    f("decay_steps", decay_steps, "how long one decay_rate takes").range = range::count;
    f("decay_rate", decay_rate, range::nonnegative, "how steeply").required();
    f("staircase", staircase, "in steps instead of smoothly");
  }
  double at(double t, double base, const Span& span) const {
    const double p = t / span.steps(decay_steps);
    return base / (1 + decay_rate * (staircase ? std::floor(p) : p));
  }
};

struct CosineDecay {
  std::optional<double> init_value;
  std::optional<Duration> decay_steps;
  double alpha = 0, exponent = 1;
  static constexpr const char* name = "cosine_decay";
  static constexpr About about{"a power of half a cosine, down to a share alpha", "optax, Keras; arXiv:1608.03983"};
  void describe(Fields& f) {
    f("init_value", init_value, range::any, "the first value; default: the hyperparameter's own");
    f("decay_steps", decay_steps, "how long it takes; default: the time in force").range = range::count;
    f("alpha", alpha, range::nonnegative, "the share of the first value at the end");
    f("exponent", exponent, range::positive, "of the cosine");
  }
  double at(double t, double base, const Span& span) const {
    const double p = progress(t, span.steps(decay_steps));
    return init_value.value_or(base) * ((1 - alpha) * std::pow(half_cosine(p), exponent) + alpha);
  }
};

/// Between the products of the first i scales at boundary i, from 1 at step 0; then the last.
double interpolated(double t, const std::vector<double>& boundaries, const std::vector<double>& scales, bool cosine) {
  double start = 0, value = 1;
  for (std::size_t i = 0; i < boundaries.size(); ++i) {
    const double next = value * scales[i];
    if (t < boundaries[i]) {
      const double p = (t - start) / (boundaries[i] - start);
      return between(value, next, cosine ? 1 - half_cosine(p) : p);
    }
    start = boundaries[i];
    value = next;
  }
  return value;
}

struct PiecewiseInterpolate {
  std::optional<double> init_value;
  std::string interpolate_type = "linear";
  std::vector<double> boundaries, scales;
  static constexpr const char* name = "piecewise_interpolate";
  static constexpr About about{"as piecewise_constant, with ways between the values", "optax"};
  void describe(Fields& f) {
    f("init_value", init_value, range::any, "the first value; default: the hyperparameter's own");
    f("interpolate_type", interpolate_type, OneOf{"linear|cosine"}, "straight lines, or half cosines");
    f("boundaries", boundaries, range::nonnegative, "steps").required();
    f("scales", scales, range::nonnegative, "one for each boundary").required();
  }
  std::string wrong(const Span&) const { return boundaries_problem(boundaries, scales, "scales", 0); }
  double at(double t, double base, const Span&) const {
    return init_value.value_or(base) * interpolated(t, boundaries, scales, interpolate_type == "cosine");
  }
};

struct LinearOnecycle {
  std::optional<Duration> transition_steps;
  double peak_value = 0, pct_start = 0.3, pct_final = 0.85, div_factor = 25, final_div_factor = 1e4;
  static constexpr const char* name = "linear_onecycle";
  static constexpr About about{"straight lines up, down, and far down", "optax; arXiv:1708.07120"};
  void describe_cycle(Fields& f) {
    f("transition_steps", transition_steps, "length; default: the time in force").range = range::count;
    f("peak_value", peak_value, range::any, "the largest value").required();
    f("pct_start", pct_start, range::unit, "where the peak is");
    f("div_factor", div_factor, range::positive, "it begins with peak_value / div_factor");
    f("final_div_factor", final_div_factor, range::positive, "it ends with the first value / final_div_factor");
  }
  void describe(Fields& f) {
    describe_cycle(f);
    f("pct_final", pct_final, range::unit, "where the first value is reached again");
  }
  std::string wrong(const Span&) const {
    return pct_start <= pct_final ? "" : "\"pct_start\" must not be more than \"pct_final\"";
  }
  double at(double t, double, const Span& span) const {
    const double n = span.steps(transition_steps);
    return peak_value / div_factor *
           interpolated(t, {std::floor(pct_start * n), std::floor(pct_final * n), n},
                        {div_factor, 1 / div_factor, 1 / final_div_factor}, false);
  }
};
struct CosineOnecycle : LinearOnecycle {
  static constexpr const char* name = "cosine_onecycle";
  static constexpr About about{"half cosines up and far down", "optax; arXiv:1708.07120"};
  void describe(Fields& f) { describe_cycle(f); }
  std::string wrong(const Span&) const { return ""; }
  double at(double t, double, const Span& span) const {
    const double n = span.steps(transition_steps);
    return peak_value / div_factor *
           interpolated(t, {std::floor(pct_start * n), n}, {div_factor, 1 / (div_factor * final_div_factor)}, true);
  }
};

/// A straight line from init_value to peak_value.
struct WarmUp {
  double init_value = 0;
  std::optional<double> peak_value;
  Duration warmup_steps;
  void describe_warmup(Fields& f) {
    f("init_value", init_value, range::any, "the first value");
    f("peak_value", peak_value, range::any, "behind the warm-up; default: the hyperparameter's own value");
    f("warmup_steps", warmup_steps, "length of the warm-up").required();
  }
  bool warming(double t, const Span& span) const { return t < span.steps(warmup_steps); }
  double warmup(double t, double peak, const Span& span) const {
    return between(init_value, peak, progress(t, span.steps(warmup_steps)));
  }
};
struct WarmupConstant : WarmUp {
  static constexpr const char* name = "warmup_constant";
  static constexpr About about{"a straight line up, then the peak", "optax"};
  void describe(Fields& f) { describe_warmup(f); }
  double at(double t, double base, const Span& span) const { return warmup(t, peak_value.value_or(base), span); }
};
struct WarmupCosineDecay : WarmUp {
  std::optional<Duration> decay_steps;
  double end_value = 0, exponent = 1;
  static constexpr const char* name = "warmup_cosine_decay";
  static constexpr About about{"a straight line up, half a cosine down", "optax; arXiv:1608.03983"};
  void describe(Fields& f) {
    describe_warmup(f);
    f("decay_steps", decay_steps, "length of both; default: the time in force").range = range::count;
    f("end_value", end_value, range::any, "the last value");
    f("exponent", exponent, range::positive, "of the cosine");
  }
  std::string wrong(const Span& span) const {
    return span.steps(warmup_steps) < span.steps(decay_steps) ? ""
                                                              : "\"warmup_steps\" must be less than \"decay_steps\"";
  }
  double at(double t, double base, const Span& span) const {
    const double peak = peak_value.value_or(base), w = span.steps(warmup_steps);
    if (warming(t, span)) return warmup(t, peak, span);
    const double down = std::pow(half_cosine(progress(t - w, span.steps(decay_steps) - w)), exponent);
    return peak == 0 ? 0 : between(end_value, peak, down);
  }
};
struct WarmupExponentialDecay : WarmUp {
  ExponentialDecay decay;
  static constexpr const char* name = "warmup_exponential_decay";
  static constexpr About about{"a straight line up, then exponential_decay", "optax"};
  void describe(Fields& f) {
    describe_warmup(f);
    decay.describe_decay(f);
  }
  double at(double t, double base, const Span& span) const {
    const double peak = peak_value.value_or(base);
    return warming(t, span) ? warmup(t, peak, span) : decay.at(t - span.steps(warmup_steps), peak, span);
  }
};

struct Sgdr {
  Value cycles;
  static constexpr const char* name = "sgdr";
  static constexpr About about{"several warmup_cosine_decay, one after the other", "optax; arXiv:1608.03983"};
  void describe(Fields& f) {
    f("cycles", cycles, "", "a list of warmup_cosine_decay's settings, each with \"decay_steps\"").required();
  }
};
Course make_sgdr(const Value& value, RunLength run, double length, Problems& problems) {
  const Span span{run, length};
  const Sgdr sgdr = read_schedule<Sgdr>(value, span, problems);
  std::vector<Schedule> parts;
  std::vector<double> ends;
  if (!sgdr.cycles.is(Value::Type::list) || sgdr.cycles.items.empty())
    problems.add("XG103", sgdr.cycles, "\"cycles\": expected a list of objects, found " + sgdr.cycles.describe());
  for (const Value& item : sgdr.cycles.items) {
    const auto part = read_schedule<WarmupCosineDecay>(item, span, problems);
    parts.emplace_back([part, span](double t, double base) { return part.at(t, base, span); });
    ends.push_back((ends.empty() ? 0 : ends.back()) + span.steps(part.decay_steps));
  }
  return {sequence(std::move(parts), std::move(ends)), {}, false, {}};
}

}  // namespace

void add_optax(Registry& registry) {
  add_rows<ConstantSchedule, LinearSchedule, PolynomialSchedule, PiecewiseConstant, PiecewiseConstantDecay,
           ExponentialDecay, InverseTimeDecay, CosineDecay, PiecewiseInterpolate, LinearOnecycle, CosineOnecycle,
           WarmupConstant, WarmupCosineDecay, WarmupExponentialDecay>(registry);
  registry.add(row_with<Sgdr>(make_sgdr));
}

}  // namespace xgrad::optim::detail
