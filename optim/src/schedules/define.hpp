// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// From a described struct to a row of the registry of schedules. A struct has a name, what it is about, describe(), and
//
//   double at(double t, double base, const Span& span) const    the value at step t of its own `span`
//   std::string wrong(const Span& span) const                    if need be: what is wrong between fields, or ""
//   double momentum(double t, double base, const Span&) const    if need be: of the momentum, if cycle_momentum is on
#include <algorithm>
#include <cmath>
#include <numbers>

#include "xgrad/optim/schedule.hpp"

namespace xgrad::optim::detail {

using config::About;
using config::Duration;
using config::Fields;
using config::OneOf;
using config::Problems;
using config::Value;
namespace range = config::range;
using Registry = config::Registry<ScheduleRow>;

/// The steps that a schedule is in force for, of a run.
struct Span {
  RunLength run;
  double length;

  double steps(const Duration& duration) const {
    return static_cast<double>(duration.steps(run.steps_per_epoch, run.total_steps));
  }
  /// The duration, if there is one; else the whole span.
  double steps(const std::optional<Duration>& duration) const { return duration ? steps(*duration) : length; }
};

/// Half a cosine from 1 at p = 0 to 0 at p = 1.
inline double half_cosine(double p) { return (1 + std::cos(std::numbers::pi * p)) / 2; }
/// From a to b as p goes from 0 to 1.
inline double between(double a, double b, double p) { return a + (b - a) * p; }
/// The share of `whole` that t has covered, at most 1; 1 of nothing.
inline double progress(double t, double whole) { return t < whole ? t / whole : 1; }

/// Durations must be steps, and as many as their field's range says.
void check_durations(const Fields& fields, const Span& span, const Value& value, Problems& problems);

/// A name alone is an object without fields: required ones are then missing.
inline Value as_object(const Value& value) {
  if (value.is(Value::Type::object)) return value;
  Value object;
  object.type = Value::Type::object;
  object.place = value.place;
  object.path = value.path;
  return object;
}

/// Reads a struct, and says what is wrong with it.
template <class S> S read_schedule(const Value& value, const Span& span, Problems& problems) {
  S schedule;
  const std::string what = std::string("schedule \"") + S::name + "\"";
  const std::size_t before = problems.list().size();
  config::read_into(schedule, as_object(value), problems, what, {"type", "param", "until"});
  if (problems.list().size() == before) check_durations(config::fields_of(schedule), span, value, problems);
  if constexpr (requires { schedule.wrong(span); })
    if (problems.list().size() == before)
      if (const std::string wrong = schedule.wrong(span); !wrong.empty())
        problems.add("XG107", value, what + ": " + wrong);
  return schedule;
}

template <class S> ScheduleRow row_with(decltype(ScheduleRow::make) make) {
  return {S::name, S::about, config::visit_defaults<S>, std::move(make)};
}

template <class S> ScheduleRow row() {
  return row_with<S>([](const Value& value, RunLength run, double length, Problems& problems) {
    const Span span{run, length};
    const S schedule = read_schedule<S>(value, span, problems);
    Course course;
    course.value = Schedule([schedule, span](double t, double base) { return schedule.at(t, base, span); });
    if constexpr (requires { schedule.momentum(0., 0., span); }) {
      course.moves_momentum = schedule.cycle_momentum;
      if (schedule.cycle_momentum)
        course.momentum =
            Schedule([schedule, span](double t, double base) { return schedule.momentum(t, base, span); });
    }
    return course;
  });
}

template <class... S> void add_rows(Registry& registry) { (registry.add(row<S>()), ...); }

// One for each file of this folder.
void add_basic(Registry& registry);
void add_torch(Registry& registry);
void add_optax(Registry& registry);
void add_warmups(Registry& registry);
void add_timm(Registry& registry);
void add_plateau(Registry& registry);
void add_compositions(Registry& registry);

}  // namespace xgrad::optim::detail
