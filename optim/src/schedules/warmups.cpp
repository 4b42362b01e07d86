// SPDX-License-Identifier: BSD-3-Clause
// Schedules that begin with a warm-up of their own: Hugging Face's (transformers/optimization.py), noam, and warm-up,
// stable, decay. Before any other a warm-up is an item of its own: {"type": "linear", "from": 0, "to": 1, "until":
// "5%"}.
#include "define.hpp"

namespace xgrad::optim::detail {
namespace {

/// Straight up from 0 in `warmup` steps; the rest of `total` is for what follows.
struct Warmed {
  Duration warmup;
  std::optional<Duration> total;
  void describe_warmup(Fields& f) {
    f("warmup", warmup, "length of the straight line up from 0").required();
    f("total", total, "length of all; default: the time in force").range = range::count;
  }
  std::string wrong(const Span& span) const {
    return span.steps(warmup) < span.steps(total)
               ? ""
               : "a warm-up of " + std::to_string(std::llround(span.steps(warmup))) + " steps leaves nothing of " +
                     std::to_string(std::llround(span.steps(total)));
  }
  bool warming(double t, const Span& span) const { return t < span.steps(warmup); }
  double rise(double t, const Span& span) const { return progress(t, span.steps(warmup)); }
  /// Of what follows the warm-up.
  double p(double t, const Span& span) const {
    const double w = span.steps(warmup);
    return progress(t - w, span.steps(total) - w);
  }
};
struct LinearWarmup : Warmed {
  static constexpr const char* name = "linear_warmup";
  static constexpr About about{"straight up, straight down to 0", "Hugging Face"};
  void describe(Fields& f) { describe_warmup(f); }
  double at(double t, double base, const Span& span) const {
    return base * (warming(t, span) ? rise(t, span) : 1 - p(t, span));
  }
};
struct CosineWarmup : Warmed {
  double num_cycles = 0.5;
  static constexpr const char* name = "cosine_warmup";
  static constexpr About about{"straight up, then along cosines; half of one leads to 0", "Hugging Face"};
  void describe(Fields& f) {
    describe_warmup(f);
    f("num_cycles", num_cycles, range::positive, "how many cosines");
  }
  double at(double t, double base, const Span& span) const {
    return base * (warming(t, span) ? rise(t, span) : std::max(0., half_cosine(2 * num_cycles * p(t, span))));
  }
};
struct CosineHardRestarts : Warmed {
  double num_cycles = 1;
  static constexpr const char* name = "cosine_hard_restarts";
  static constexpr About about{"straight up, then half cosines down, one after the other", "Hugging Face"};
  void describe(Fields& f) {
    describe_warmup(f);
    f("num_cycles", num_cycles, range::positive, "how many");
  }
  double at(double t, double base, const Span& span) const {
    if (warming(t, span)) return base * rise(t, span);
    const double done = p(t, span);
    return done >= 1 ? 0 : base * half_cosine(std::fmod(num_cycles * done, 1));
  }
};
struct PolynomialWarmup : Warmed {
  double lr_end = 1e-7, power = 1;
  static constexpr const char* name = "polynomial_warmup";
  static constexpr About about{"straight up, then a power of the time down to lr_end", "Hugging Face"};
  void describe(Fields& f) {
    describe_warmup(f);
    f("lr_end", lr_end, range::nonnegative, "the last value");
    f("power", power, range::positive, "1 is a straight line");
  }
  double at(double t, double base, const Span& span) const {
    return warming(t, span) ? base * rise(t, span) : between(lr_end, base, std::pow(1 - p(t, span), power));
  }
};

struct InverseSqrt {
  Duration warmup;
  std::optional<Duration> timescale;
  static constexpr const char* name = "inverse_sqrt";
  static constexpr About about{"straight up, then one over the root of the time",
                               "Hugging Face; Zhai et al. 2021, arXiv:2106.04560"};
  void describe(Fields& f) {
    f("warmup", warmup, "length of the straight line up from 0").required();
    f("timescale", timescale, "how soon it falls; default: the warm-up, or 10000 steps").range = range::count;
  }
  double at(double t, double base, const Span& span) const {
    const double w = span.steps(warmup), s = timescale ? span.steps(*timescale) : w > 0 ? w : 10'000;
    return base * (t < w ? t / w : 1 / std::sqrt((t + s - w) / s));
  }
};

struct Noam {
  std::int64_t d_model = 512;
  Duration warmup{4000};
  double factor = 1;
  static constexpr const char* name = "noam";
  static constexpr About about{"factor d_model^-1/2 min(n^-1/2, n warmup^-3/2), n = t + 1",
                               "Vaswani et al. 2017, arXiv:1706.03762"};
  void describe(Fields& f) {
    f("d_model", d_model, range::count, "width of the model");
    f("warmup", warmup, "length of the straight line up").range = range::count;
    f("factor", factor, range::positive, "multiplies the value; the optimizer's own lr does not act");
  }
  double at(double t, double, const Span& span) const {
    const double n = t + 1, w = span.steps(warmup);
    return factor / std::sqrt(static_cast<double>(d_model)) * std::min(1 / std::sqrt(n), n / (w * std::sqrt(w)));
  }
};

struct Wsd {
  Duration warmup, decay;
  std::optional<Duration> stable;
  std::string warmup_type = "linear", decay_type = "cosine";
  double min_ratio = 0, num_cycles = 0.5;
  static constexpr const char* name = "wsd";
  static constexpr About about{"warm-up, stable, decay",
                               "Hu et al. 2024, arXiv:2404.06395; Haegele et al. 2024, arXiv:2405.18392"};
  void describe(Fields& f) {
    f("warmup", warmup, "length of the way up").required();
    f("stable", stable, "length of the plain; default: what the others leave of the time in force");
    f("decay", decay, "length of the way down").required();
    f("warmup_type", warmup_type, OneOf{"linear|cosine|1-sqrt"}, "the way up");
    f("decay_type", decay_type, OneOf{"cosine|linear|1-sqrt|1-square"}, "the way down");
    f("min_ratio", min_ratio, range::unit, "the least factor: where the way up begins and the way down ends");
    f("num_cycles", num_cycles, range::positive, "cosines of the way down");
  }
  double plain(const Span& span) const {
    return stable ? span.steps(*stable) : span.length - span.steps(warmup) - span.steps(decay);
  }
  std::string wrong(const Span& span) const {
    return plain(span) >= 0 ? "" : "\"warmup\" and \"decay\" are longer than the time in force together";
  }
  double at(double t, double base, const Span& span) const { return base * between(min_ratio, 1, height(t, span)); }
  double height(double t, const Span& span) const {
    const double w = span.steps(warmup), d = span.steps(decay), end = w + plain(span);
    if (t < w) {
      const double p = t / w;
      return warmup_type == "linear" ? p : warmup_type == "cosine" ? 1 - half_cosine(p) : 1 - std::sqrt(1 - p);
    }
    if (t < end) return 1;
    if (t >= end + d) return 0;
    const double p = (t - end) / d;
    return decay_type == "cosine"   ? half_cosine(2 * num_cycles * p)
           : decay_type == "linear" ? 1 - p
           : decay_type == "1-sqrt" ? 1 - std::sqrt(p)
                                    : 1 - p * p;
  }
};

}  // namespace

void add_warmups(Registry& registry) {
  add_rows<LinearWarmup, CosineWarmup, CosineHardRestarts, PolynomialWarmup, InverseSqrt, Noam, Wsd>(registry);
}

}  // namespace xgrad::optim::detail
