// SPDX-License-Identifier: BSD-3-Clause
// The schedules of timm (pytorch-image-models), with its names.
#include "define.hpp"
#include "xgrad/random.hpp"

namespace xgrad::optim::detail {
namespace {

/// timm's noise: a share of the value, drawn anew every noise_every; a pure function of the seed and the time.
struct TimmNoise {
  std::optional<Duration> noise_from, noise_until;
  Duration noise_every{1, Duration::Unit::epochs};
  std::string noise_type = "normal";
  double noise_pct = 0.67;
  std::int64_t noise_seed = 42;
  void describe_noise(Fields& f) {
    f("noise_from", noise_from, "where noise on the value begins; default: there is none");
    f("noise_until", noise_until, "where it ends; default: at the end");
    f("noise_every", noise_every, "how long each draw acts").range = range::count;
    f("noise_type", noise_type, OneOf{"normal|uniform"}, "standard normal, drawn again beyond noise_pct; or uniform");
    f("noise_pct", noise_pct, range::positive, "the largest share of the value");
    f("noise_seed", noise_seed, range::nonnegative, "of the draws");
  }
  double noise(double t, const Span& span) const {
    if (!noise_from || t < span.steps(*noise_from) || (noise_until && t >= span.steps(*noise_until))) return 0;
    const RandomKey key{static_cast<std::uint64_t>(noise_seed), RandomStream::noise,
                        static_cast<std::uint32_t>(t / span.steps(noise_every))};
    if (noise_type == "uniform") return noise_pct * (2 * uniform(key, 0) - 1);
    std::uint64_t draw = 0;
    while (std::abs(normal(key, draw)) >= noise_pct) ++draw;
    return normal(key, draw);
  }
};

/// timm's own warm-up: from warmup_lr_init to the base; with warmup_prefix the rest begins when it is over.
struct TimmWarmup : TimmNoise {
  Duration warmup_t;
  double warmup_lr_init = 0;
  bool warmup_prefix = false;
  void describe_warmup(Fields& f) {
    f("warmup_t", warmup_t, "length of the warm-up");
    f("warmup_lr_init", warmup_lr_init, range::nonnegative, "its first value");
    f("warmup_prefix", warmup_prefix, "count the rest from its end");
    describe_noise(f);
  }
  /// `rest(t)` behind the warm-up, which leads to `peak`.
  template <class Rest> double with_warmup(double t, double peak, const Span& span, const Rest& rest) const {
    const double w = span.steps(warmup_t),
                 value = t < w ? between(warmup_lr_init, peak, t / w) : rest(warmup_prefix ? t - w : t);
    return value * (1 + noise(t, span));
  }
};

/// Cycles: number i is t_initial cycle_mul^i long and begins at base cycle_decay^i.
struct TimmCycles : TimmWarmup {
  std::optional<Duration> t_initial;
  double lr_min = 0, cycle_mul = 1, cycle_decay = 1;
  std::int64_t cycle_limit = 1;
  void describe_cycles(Fields& f) {
    f("t_initial", t_initial, "length of the first cycle; default: the time in force").range = range::count;
    f("lr_min", lr_min, range::nonnegative, "the least value");
    f("cycle_mul", cycle_mul, config::Range{1, range::kInfinity, false, false},
      "how much longer each cycle is than the one before");
    f("cycle_decay", cycle_decay, range::nonnegative, "how much of its height each cycle keeps");
    f("cycle_limit", cycle_limit, range::count, "how many cycles; then lr_min");
    describe_warmup(f);
  }
  /// shape(t in the cycle, its length), from 1 to 0, between lr_min and the cycle's height.
  template <class Form> double in_cycle(double t, double base, const Span& span, const Form& form) const {
    double length = span.steps(t_initial), height = base;
    for (std::int64_t i = 0; i < cycle_limit; ++i) {
      if (t < length) return between(lr_min, height, form(t, length));
      t -= length;
      length *= cycle_mul;
      height *= cycle_decay;
    }
    return lr_min;
  }
};

struct TimmCosine : TimmCycles {
  double k_decay = 1;
  static constexpr const char* name = "timm_cosine";
  static constexpr About about{"half cosines in cycles", "timm; k-decay: arXiv:2004.05909"};
  void describe(Fields& f) {
    describe_cycles(f);
    f("k_decay", k_decay, range::positive, "power of the time");
  }
  double at(double t, double base, const Span& span) const {
    return with_warmup(t, base, span, [&](double s) {
      return in_cycle(s, base, span, [k = k_decay](double x, double n) { return half_cosine(std::pow(x / n, k)); });
    });
  }
};
struct TimmPoly : TimmCycles {
  double power = 0.5, k_decay = 1;
  static constexpr const char* name = "timm_poly";
  static constexpr About about{"a power of the time left, in cycles", "timm; k-decay: arXiv:2004.05909"};
  void describe(Fields& f) {
    describe_cycles(f);
    f("power", power, range::positive, "of the time left");
    f("k_decay", k_decay, range::positive, "power of the time");
  }
  double at(double t, double base, const Span& span) const {
    return with_warmup(t, base, span, [&](double s) {
      return in_cycle(s, base, span,
                      [this](double x, double n) { return std::pow(1 - std::pow(x / n, k_decay), power); });
    });
  }
};
struct TimmTanh : TimmCycles {
  double lb = -7, ub = 3;
  static constexpr const char* name = "timm_tanh";
  static constexpr About about{"down along a hyperbolic tangent, in cycles",
                               "timm; Hsueh et al. 2018, arXiv:1806.01593"};
  void describe(Fields& f) {
    describe_cycles(f);
    f("lb", lb, range::any, "the tangent's argument at the start of a cycle");
    f("ub", ub, range::any, "and at its end");
  }
  std::string wrong(const Span&) const { return lb < ub ? "" : "\"lb\" must be less than \"ub\""; }
  double at(double t, double base, const Span& span) const {
    const auto rest = [&](double s) {
      return in_cycle(s, base, span,
                      [this](double x, double n) { return (1 - std::tanh(between(lb, ub, x / n))) / 2; });
    };
    return with_warmup(t, warmup_prefix ? base : rest(span.steps(warmup_t)), span, rest);
  }
};

struct TimmStep : TimmWarmup {
  Duration decay_t{30, Duration::Unit::epochs};
  double decay_rate = 1;
  static constexpr const char* name = "timm_step";
  static constexpr About about{"multiplied by decay_rate at the end of each period", "timm"};
  void describe(Fields& f) {
    f("decay_t", decay_t, "the period").range = range::count;
    f("decay_rate", decay_rate, range::positive, "factor for each period");
    describe_warmup(f);
  }
  double at(double t, double base, const Span& span) const {
    return with_warmup(t, base, span,
                       [&](double s) { return base * std::pow(decay_rate, std::floor(s / span.steps(decay_t))); });
  }
};
struct TimmMultistep : TimmWarmup {
  std::vector<double> decay_t;
  double decay_rate = 1;
  static constexpr const char* name = "timm_multistep";
  static constexpr About about{"multiplied by decay_rate one step before each milestone", "timm"};
  void describe(Fields& f) {
    f("decay_t", decay_t, range::nonnegative, "steps").required();
    f("decay_rate", decay_rate, range::positive, "factor for each milestone");
    describe_warmup(f);
  }
  std::string wrong(const Span&) const {
    return std::is_sorted(decay_t.begin(), decay_t.end()) ? "" : "\"decay_t\" must not decrease";
  }
  double at(double t, double base, const Span& span) const {
    return with_warmup(t, base, span, [&](double s) {
      const auto passed = std::upper_bound(decay_t.begin(), decay_t.end(), s + 1) - decay_t.begin();
      return base * std::pow(decay_rate, static_cast<double>(passed));
    });
  }
};

}  // namespace

void add_timm(Registry& registry) { add_rows<TimmCosine, TimmPoly, TimmTanh, TimmStep, TimmMultistep>(registry); }

}  // namespace xgrad::optim::detail
