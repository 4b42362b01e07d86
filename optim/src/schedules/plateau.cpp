// SPDX-License-Identifier: BSD-3-Clause
#include "define.hpp"

namespace xgrad::optim {

void Plateau::Options::describe(config::Fields& f) {
  namespace range = config::range;
  f("monitor", monitor, "which metric");
  f("mode", mode, config::OneOf{"min|max"}, "whether less or more of it is better");
  f("factor", factor, config::Range{0, 1, true, true}, "of each reduction");
  f("patience", patience, range::nonnegative, "measurements without an improvement before a reduction");
  f("threshold", threshold, range::nonnegative, "what counts as an improvement");
  f("threshold_mode", threshold_mode, config::OneOf{"rel|abs"}, "a share of the best measurement, or a difference");
  f("cooldown", cooldown, range::nonnegative, "measurements after a reduction that do not count");
  f("min_lr", min_lr, range::nonnegative, "the least value");
  f("eps", eps, range::nonnegative, "a smaller reduction is left out");
}

void Plateau::observe(double metric) {
  const bool least = options_.mode == "min";
  const double margin = options_.threshold_mode == "rel" ? options_.threshold * state.best : options_.threshold;
  const bool better =
      state.has_best ? (least ? metric < state.best - margin : metric > state.best + margin) : !std::isnan(metric);
  if (better) {
    state.best = metric;
    state.has_best = true;
    state.bad = 0;
  } else {
    ++state.bad;
  }
  if (state.cooling > 0) {
    --state.cooling;
    state.bad = 0;
  }
  if (state.bad > options_.patience) {
    ++state.reductions;
    state.cooling = options_.cooldown;
    state.bad = 0;
  }
}

double Plateau::value(double base) const {
  for (std::int64_t i = 0; i < state.reductions; ++i) {
    const double reduced = std::max(base * options_.factor, options_.min_lr);
    if (base - reduced <= options_.eps) return base;  // and so for all that follow
    base = reduced;
  }
  return base;
}

namespace detail {
namespace {

struct PlateauItem : Plateau::Options {
  static constexpr const char* name = "plateau";
  static constexpr About about{"lower each time that a metric has stopped improving", "ReduceLROnPlateau"};
};
struct ReduceOnPlateau : PlateauItem {
  static constexpr const char* name = "reduce_on_plateau";
};

template <class S> ScheduleRow plateau_row() {
  return row_with<S>([](const Value& value, RunLength run, double length, Problems& problems) {
    const auto plateau = std::make_shared<Plateau>(read_schedule<S>(value, Span{run, length}, problems));
    return Course{Schedule([plateau](double, double base) { return plateau->value(base); }), {}, false, {plateau}};
  });
}

}  // namespace

void add_plateau(Registry& registry) {
  registry.add(plateau_row<PlateauItem>());
  registry.add(plateau_row<ReduceOnPlateau>());
}

}  // namespace detail
}  // namespace xgrad::optim
