// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/optim/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace xgrad::optim {
namespace {

using config::Duration;
using config::Fields;
namespace range = config::range;

// Each is described like an optimizer and gives the factor at step t of its own `length`.

struct Constant {
  double factor = 1;
  static constexpr const char* name = "constant";
  static constexpr config::About about{"the same factor throughout"};
  void describe(Fields& f) { f("factor", factor, range::nonnegative, "multiplies the hyperparameter"); }
  double at(double, double, RunLength) const { return factor; }
};

struct Linear {
  double from = 1, to = 0;
  static constexpr const char* name = "linear";
  static constexpr config::About about{"a straight line between two factors: warm-up, or decay"};
  void describe(Fields& f) {
    f("from", from, range::nonnegative, "factor at the first step");
    f("to", to, range::nonnegative, "factor at the end");
  }
  double at(double t, double length, RunLength) const { return from + (to - from) * std::min(t / length, 1.0); }
};

struct Cosine {
  double from = 1, to = 0;
  static constexpr const char* name = "cosine";
  static constexpr config::About about{"half a cosine between two factors",
                                       "Loshchilov, Hutter 2016, arXiv:1608.03983"};
  void describe(Fields& f) {
    f("from", from, range::nonnegative, "factor at the first step");
    f("to", to, range::nonnegative, "factor at the end");
  }
  double at(double t, double length, RunLength) const {
    return to + (from - to) * (1 + std::cos(std::numbers::pi * std::min(t / length, 1.0))) / 2;
  }
};

double steps_of(const Duration& duration, RunLength run) {
  return std::max(1.0, static_cast<double>(duration.steps(run.steps_per_epoch, run.total_steps)));
}

struct Exponential {
  double gamma = 0.95;
  Duration every{1, Duration::Unit::epochs};
  static constexpr const char* name = "exponential";
  static constexpr config::About about{"multiplied by gamma again and again, smoothly"};
  void describe(Fields& f) {
    f("gamma", gamma, range::positive, "factor for each period");
    f("every", every, "the period");
  }
  double at(double t, double, RunLength run) const { return std::pow(gamma, t / steps_of(every, run)); }
};

struct Step {
  double gamma = 0.1;
  Duration every{10, Duration::Unit::epochs};
  static constexpr const char* name = "step";
  static constexpr config::About about{"multiplied by gamma at the end of each period"};
  void describe(Fields& f) {
    f("gamma", gamma, range::positive, "factor for each period");
    f("every", every, "the period");
  }
  double at(double t, double, RunLength run) const { return std::pow(gamma, std::floor(t / steps_of(every, run))); }
};

struct MultiStep {
  double gamma = 0.1;
  std::vector<double> milestones;
  static constexpr const char* name = "multi_step";
  static constexpr config::About about{"multiplied by gamma at each milestone"};
  void describe(Fields& f) {
    f("gamma", gamma, range::positive, "factor for each milestone");
    f("milestones", milestones, range::nonnegative, "steps").required();
  }
  double at(double t, double, RunLength) const {
    return std::pow(gamma, static_cast<double>(
                               std::count_if(milestones.begin(), milestones.end(), [t](double m) { return m <= t; })));
  }
};

template <class S> ScheduleRow row() {
  return {S::name, S::about,
          [](const std::function<void(Fields&)>& visit) {
            S defaults;
            Fields fields = config::fields_of(defaults);
            visit(fields);
          },
          [](const config::Value& value, RunLength run, double length, config::Problems& problems) {
            S schedule;
            if (value.is(config::Value::Type::object))
              config::read_into(schedule, value, problems, std::string("schedule \"") + S::name + "\"",
                                {"type", "param", "until"});
            return Schedule([schedule, run, length](double t) { return schedule.at(t, length, run); });
          }};
}

}  // namespace

Schedule sequence(std::vector<Schedule> parts, std::vector<double> boundaries) {
  return Schedule([parts = std::move(parts), boundaries = std::move(boundaries)](double t) {
    std::size_t i = 0;
    while (i < boundaries.size() && i + 1 < parts.size() && t >= boundaries[i]) ++i;
    return parts[i].at(i == 0 ? t : t - boundaries[i - 1]);
  });
}

Schedule product(Schedule a, Schedule b) {
  return Schedule([a = std::move(a), b = std::move(b)](double t) { return a.at(t) * b.at(t); });
}

const config::Registry<ScheduleRow>& schedules() {
  static const config::Registry<ScheduleRow> registry = [] {
    config::Registry<ScheduleRow> r("schedule");
    r.add(row<Constant>());
    r.add(row<Linear>());
    r.add(row<Cosine>());
    r.add(row<Exponential>());
    r.add(row<Step>());
    r.add(row<MultiStep>());
    return r;
  }();
  return registry;
}

std::vector<ScheduledParameter> make_schedules(const config::Value& value, RunLength run, config::Problems& problems) {
  using Type = config::Value::Type;
  struct Track {
    std::string parameter;
    std::vector<Schedule> parts;
    std::vector<double> ends;
    double end = 0;
  };
  std::vector<Track> tracks;
  std::vector<const config::Value*> items;
  if (value.is(Type::list))
    for (const config::Value& item : value.items) items.push_back(&item);
  else if (!value.is(Type::null))
    items.push_back(&value);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const config::Value& item = *items[i];
    const ScheduleRow* row = schedules().resolve(item, problems);
    if (!row) continue;
    std::string parameter = "lr";
    if (const auto* param = item.find("param")) {
      if (param->value.is(Type::string))
        parameter = param->value.string;
      else
        problems.add("XG103", param->value,
                     "\"param\": expected the name of a hyperparameter, found " + param->value.describe());
    }
    auto track = std::find_if(tracks.begin(), tracks.end(), [&](const Track& t) { return t.parameter == parameter; });
    if (track == tracks.end()) track = tracks.insert(tracks.end(), Track{parameter, {}, {}, 0});
    double end = static_cast<double>(run.total_steps);
    if (const auto* until = item.find("until")) {
      const Duration duration = config::parse_duration(until->value, problems);
      if (duration.unit == Duration::Unit::seconds) {
        problems.add("XG103", until->value,
                     "a schedule cannot depend on the clock; write steps, epochs or a percentage");
        continue;
      }
      end = static_cast<double>(duration.steps(run.steps_per_epoch, run.total_steps));
      if (end > static_cast<double>(run.total_steps))
        problems.add("XG107", until->value,
                     "schedule item " + std::to_string(i + 1) + " lasts until step " +
                         std::to_string(std::llround(end)) + " but the run has " + std::to_string(run.total_steps) +
                         " steps");
      if (end < track->end)
        problems.add("XG107", until->value,
                     "schedule item " + std::to_string(i + 1) + " ends (step " + std::to_string(std::llround(end)) +
                         ") before item " + std::to_string(i) + " (step " + std::to_string(std::llround(track->end)) +
                         ")");
    }
    track->parts.push_back(row->make(item, run, std::max(end - track->end, 1.0), problems));
    track->end = end;
    track->ends.push_back(end);
  }
  std::vector<ScheduledParameter> result;
  result.reserve(tracks.size());
  for (Track& track : tracks)
    result.push_back({track.parameter, sequence(std::move(track.parts), std::move(track.ends))});
  return result;
}

}  // namespace xgrad::optim
