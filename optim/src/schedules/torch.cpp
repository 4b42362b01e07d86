// SPDX-License-Identifier: BSD-3-Clause
// PyTorch's schedules (torch.optim.lr_scheduler) with its names and defaults, in closed form. Those that are the basic
// ones by another name are not repeated: StepLR(step_size) is "step" with "every", and so on.
#include "define.hpp"

namespace xgrad::optim::detail {
namespace {

struct CosineAnnealing {
  std::optional<Duration> T_max;
  double eta_min = 0;
  bool clamp = false;
  static constexpr const char* name = "cosine_annealing";
  static constexpr About about{"half a cosine down to eta_min, and up again",
                               "Loshchilov, Hutter 2016, arXiv:1608.03983"};
  void describe(Fields& f) {
    f("T_max", T_max, "where eta_min is reached; default: at the end of the time in force").range = range::count;
    f("eta_min", eta_min, range::nonnegative, "the least value");
    f("clamp", clamp, "stay at eta_min instead of rising again");
  }
  double at(double t, double base, const Span& span) const {
    const double whole = span.steps(T_max);
    return between(eta_min, base, half_cosine(clamp ? progress(t, whole) : t / whole));
  }
};

struct CosineWarmRestarts {
  Duration T_0;
  std::int64_t T_mult = 1;
  double eta_min = 0;
  static constexpr const char* name = "cosine_warm_restarts";
  static constexpr About about{"half cosines, one after the other, each T_mult times as long",
                               "Loshchilov, Hutter 2016, arXiv:1608.03983"};
  void describe(Fields& f) {
    f("T_0", T_0, "length of the first").required().range = range::count;
    f("T_mult", T_mult, range::count, "how much longer each is than the one before");
    f("eta_min", eta_min, range::nonnegative, "the least value");
  }
  double at(double t, double base, const Span& span) const {
    double length = span.steps(T_0), start = 0;
    if (T_mult == 1) start = std::floor(t / length) * length;
    while (t >= start + length) {
      start += length;
      length *= static_cast<double>(T_mult);
    }
    return between(eta_min, base, half_cosine((t - start) / length));
  }
};

struct Cyclic {
  std::optional<double> base_lr;
  double max_lr = 0;
  Duration step_size_up{2000};
  std::optional<Duration> step_size_down;
  std::string mode = "triangular";
  double gamma = 1;
  bool cycle_momentum = true;
  double base_momentum = 0.8, max_momentum = 0.9;
  static constexpr const char* name = "cyclic";
  static constexpr About about{"up and down between two values, the momentum down and up",
                               "Smith 2015, arXiv:1506.01186"};
  void describe(Fields& f) {
    f("base_lr", base_lr, range::nonnegative, "the least value; default: the hyperparameter's own");
    f("max_lr", max_lr, range::nonnegative, "the largest value").required();
    f("step_size_up", step_size_up, "length of the way up").range = range::count;
    f("step_size_down", step_size_down, "length of the way down; default: as long").range = range::count;
    f("mode", mode, OneOf{"triangular|triangular2|exp_range"}, "heights stay, halve, or shrink by gamma each step");
    f("gamma", gamma, range::positive, "of exp_range");
    f("cycle_momentum", cycle_momentum, "move momentum, or betas[0], the other way");
    f("base_momentum", base_momentum, range::beta, "the least momentum");
    f("max_momentum", max_momentum, range::beta, "the largest momentum");
  }
  /// From 0 at the bottom to 1 (less in later cycles) at the top.
  double height(double t, const Span& span) const {
    const double up = span.steps(step_size_up), down = step_size_down ? span.steps(*step_size_down) : up;
    const double whole = up + down, cycle = std::floor(1 + t / whole), x = 1 + t / whole - cycle, top = up / whole;
    const double rise = x <= top ? x / top : (x - 1) / (top - 1);
    return rise * (mode == "triangular2" ? std::exp2(1 - cycle) : mode == "exp_range" ? std::pow(gamma, t) : 1);
  }
  double at(double t, double base, const Span& span) const {
    return between(base_lr.value_or(base), max_lr, height(t, span));
  }
  double momentum(double t, double, const Span& span) const {
    return between(max_momentum, base_momentum, height(t, span));
  }
};

struct OneCycle {
  double max_lr = 0;
  std::optional<Duration> total_steps;
  double pct_start = 0.3;
  std::string anneal_strategy = "cos";
  bool cycle_momentum = true;
  double base_momentum = 0.85, max_momentum = 0.95, div_factor = 25, final_div_factor = 1e4;
  bool three_phase = false;
  static constexpr const char* name = "one_cycle";
  static constexpr About about{"up to max_lr and far down, the momentum down and up",
                               "Smith, Topin 2017, arXiv:1708.07120"};
  void describe(Fields& f) {
    f("max_lr", max_lr, range::nonnegative, "the largest value").required();
    f("total_steps", total_steps, "length; default: the time in force. The last value stays").range = range::count;
    f("pct_start", pct_start, range::unit, "the way up's share of it");
    f("anneal_strategy", anneal_strategy, OneOf{"cos|linear"}, "half cosines, or straight lines");
    f("cycle_momentum", cycle_momentum, "move momentum, or betas[0], the other way");
    f("base_momentum", base_momentum, range::beta, "the least momentum");
    f("max_momentum", max_momentum, range::beta, "the largest momentum");
    f("div_factor", div_factor, range::positive, "it begins with max_lr / div_factor");
    f("final_div_factor", final_div_factor, range::positive, "it ends with the first value / final_div_factor");
    f("three_phase", three_phase, "a way down as long as the way up, then the rest");
  }
  /// Along corners[0], corners[1], ...: one for the start and one for the end of each phase. Empty phases are over.
  double along(double t, const double (&corners)[4], const Span& span) const {
    const double n = span.steps(total_steps);
    double ends[3] = {pct_start * n - 1, 2 * pct_start * n - 2, n - 1};
    const std::size_t phases = three_phase ? 3 : 2;
    if (!three_phase) ends[1] = n - 1;
    double start = 0;
    for (std::size_t i = 0; i < phases; ++i) {
      if (t < ends[i] || (t == ends[i] && ends[i] > start)) {
        const double p = (t - start) / (ends[i] - start), a = corners[i], b = corners[i + 1];
        return anneal_strategy == "cos" ? between(b, a, half_cosine(p)) : between(a, b, p);
      }
      start = ends[i];
    }
    return corners[phases];
  }
  double at(double t, double, const Span& span) const {
    const double first = max_lr / div_factor, last = first / final_div_factor;
    const double two[4] = {first, max_lr, last, 0}, three[4] = {first, max_lr, first, last};
    return along(t, three_phase ? three : two, span);
  }
  double momentum(double t, double, const Span& span) const {
    return along(t, {max_momentum, base_momentum, max_momentum, max_momentum}, span);
  }
};

struct SwaLr {
  double swa_lr = 0;
  Duration anneal_epochs{10, Duration::Unit::epochs};
  std::string anneal_strategy = "cos";
  static constexpr const char* name = "swa_lr";
  static constexpr About about{"to the constant value of stochastic weight averaging",
                               "Izmailov et al. 2018, arXiv:1803.05407"};
  void describe(Fields& f) {
    f("swa_lr", swa_lr, range::nonnegative, "the value at the end").required();
    f("anneal_epochs", anneal_epochs, "how long it takes; 0: at once");
    f("anneal_strategy", anneal_strategy, OneOf{"cos|linear"}, "half a cosine, or a straight line");
  }
  double at(double t, double base, const Span& span) const {
    const double p = progress(t, span.steps(anneal_epochs));
    return between(base, swa_lr, anneal_strategy == "cos" ? 1 - half_cosine(p) : p);
  }
};

}  // namespace

void add_torch(Registry& registry) { add_rows<CosineAnnealing, CosineWarmRestarts, Cyclic, OneCycle, SwaLr>(registry); }

}  // namespace xgrad::optim::detail
