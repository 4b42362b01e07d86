// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "optimizers/moments.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// What the three of them share: the sequence z takes plain steps; the parameter of evaluation x is its weighted mean;
/// the stored parameter y, where gradients are taken, lies between them. eval() turns y into x.
struct ScheduleFree {
  std::int64_t warmup_steps = 0;
  double r = 0, weight_lr_power = 2;
  static constexpr Shared shared{0, Decay::within};
  static constexpr Number numbers[] = {{"weight_sum"}, {"lr_max"}, {"c"}};
  void describe(Fields& f) {
    f("warmup_steps", warmup_steps, range::nonnegative, "steps over which lr grows from 0");
    f("r", r, range::nonnegative, "power of the step in the mean's weights");
    f("weight_lr_power", weight_lr_power, range::nonnegative, "power of the largest lr in the mean's weights");
  }
  double warmed(double lr, Now now) const {
    const auto warmup = static_cast<double>(warmup_steps);
    return now.t < warmup ? lr * now.t / warmup : lr;
  }
  void weigh(double rate, Now now) const {
    double &sum = now.numbers[0], &lr_max = now.numbers[1], &c = now.numbers[2];
    if (rate > lr_max) lr_max = rate;
    const double weight = std::pow(now.t, r) * std::pow(lr_max, weight_lr_power);
    sum += weight;
    c = sum > 0 ? weight / sum : 0;
  }
  /// y and z one step of `rate` along u.
  static auto advance(double rate, double beta, Now now) {
    return [rate, c = now.numbers[2], y_rate = rate * (beta * (1 - now.numbers[2]) - 1),
            decay = now.weight_decay](auto& y, auto& z, auto u) {
      u = u + decay * y;
      y = y + c * (z - y) + y_rate * u;
      z = z - rate * u;
    };
  }
  static auto average(double beta) {
    return [back = 1 - 1 / beta](auto& y, auto& z) { y = y + back * (z - y); };
  }
};

struct ScheduleFreeSgd : ScheduleFree {
  double lr = 1, momentum = 0.9;
  static constexpr const char* name = "schedule_free_sgd";
  static constexpr About about{"SGD that averages in place of a schedule", "Defazio et al. 2024, arXiv:2405.15682"};
  static constexpr Slot slots[] = {{"z", nullptr, nullptr, true}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("momentum", momentum, Range{0, 1, true, true}, "where gradients are taken: 1 at the mean, 0 at the last step");
    ScheduleFree::describe(f);
  }
  void gather(Now now) const { weigh(warmed(lr, now), now); }
  auto step(Now now) const {
    return [advance = advance(warmed(lr, now), momentum, now)](auto& y, auto g, auto& z) { advance(y, z, g); };
  }
  auto evaluate(Now) const {
    return [average = average(momentum)](auto& y, auto, auto& z) { average(y, z); };
  }
};

struct ScheduleFreeAdamW : ScheduleFree {
  double lr = 2.5e-3;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8;
  static constexpr const char* name = "schedule_free_adamw";
  static constexpr About about{"AdamW that averages in place of a schedule", "Defazio et al. 2024, arXiv:2405.15682"};
  static constexpr Slot slots[] = {{"z", nullptr, nullptr, true}, {"exp_avg_sq"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, Range{0, 1, true, true}, "where gradients are taken, and decay of their mean square");
    f("eps", eps, range::nonnegative, "added to the root of the mean square");
    ScheduleFree::describe(f);
  }
  void gather(Now now) const { weigh(warmed(lr, now), now); }
  auto step(Now now) const {
    return [*this, root = 1 / std::sqrt(1 - std::pow(betas[1], now.t)),
            advance = advance(warmed(lr, now), betas[0], now)](auto& y, auto g, auto& z, auto& v) {
      v = betas[1] * v + (1 - betas[1]) * g * g;
      advance(y, z, g / (root * sqrt(v) + eps));
    };
  }
  auto evaluate(Now) const {
    return [average = average(betas[0])](auto& y, auto, auto& z, auto&) { average(y, z); };
  }
};

/// lr times RAdam's rectification in place of a warm-up. While that is undefined (the first steps) nothing moves, or
/// plain gradients do.
struct ScheduleFreeRAdam : ScheduleFreeAdamW {
  bool silent_sgd_phase = true;
  static constexpr const char* name = "schedule_free_radam";
  static constexpr Shared shared{.decay = Decay::within, .first_move = 5};
  static constexpr About about{"RAdam that averages in place of a schedule", "Defazio et al. 2024, arXiv:2405.15682"};
  void describe(Fields& f) {
    ScheduleFreeAdamW::describe(f);
    f("silent_sgd_phase", silent_sgd_phase, "stand still while the rectification is undefined");
  }
  double rate(Now now) const {
    const double rectified = Rectification(betas[1], now.t).factor;  // 0 while it is undefined
    return warmed(lr, now) * (rectified > 0 ? rectified : silent_sgd_phase ? 0 : 1);
  }
  void gather(Now now) const { weigh(rate(now), now); }
  auto step(Now now) const {
    return
        [*this, plain = Rectification(betas[1], now.t).factor == 0, root = 1 / std::sqrt(1 - std::pow(betas[1], now.t)),
         advance = advance(rate(now), betas[0], now)](auto& y, auto g, auto& z, auto& v) {
          v = betas[1] * v + (1 - betas[1]) * g * g;
          advance(y, z, plain ? g : g / (root * sqrt(v) + eps));
        };
  }
};

using schedule_free = Family<ScheduleFreeSgd, ScheduleFreeAdamW, ScheduleFreeRAdam>;

}  // namespace xgrad::optim::inline XGRAD_ISA
