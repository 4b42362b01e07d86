// SPDX-License-Identifier: BSD-3-Clause
// Schedules of schedules, and the "schedule" of a config.
#include "define.hpp"

namespace xgrad::optim {

Schedule sequence(std::vector<Schedule> parts, std::vector<double> boundaries) {
  return Schedule([parts = std::move(parts), boundaries = std::move(boundaries)](double t, double base) {
    std::size_t i = 0;
    while (i < boundaries.size() && i + 1 < parts.size() && t >= boundaries[i]) ++i;
    return parts[i].at(i == 0 ? t : t - boundaries[i - 1], base);
  });
}

Schedule product(std::vector<Schedule> parts) {
  return Schedule([parts = std::move(parts)](double t, double base) {
    double value = base;
    for (const Schedule& part : parts) value = base == 0 ? 0 : value * (part.at(t, base) / base);
    return value;
  });
}

Schedule multiplicative(std::function<double(double)> factor) {
  return Schedule([factor = std::move(factor)](double t) {
    double result = 1;
    for (double i = 1; i <= t; ++i) result *= factor(i);
    return result;
  });
}

namespace detail {

void check_durations(const Fields& fields, const Span& span, const Value& value, Problems& problems) {
  using Kind = config::Field::Kind;
  for (const config::Field& field : fields.list()) {
    std::optional<Duration> duration;
    if (field.kind == Kind::duration) duration = *static_cast<Duration*>(field.place);
    if (field.kind == Kind::optional_duration) duration = *static_cast<std::optional<Duration>*>(field.place);
    if (!duration) continue;
    const auto* member = value.find(field.name);
    const Value& at = member ? member->value : value;
    if (duration->unit == Duration::Unit::seconds)
      problems.add("XG103", at, "a schedule cannot depend on the clock; write steps, epochs or a percentage");
    else if (!field.range.contains(span.steps(*duration)))
      problems.add("XG104", at,
                   std::string("\"") + field.name + "\": " + duration->text() + " is out of range; must be " +
                       field.range.text() + " steps");
  }
}

namespace {

using Type = Value::Type;

/// Schedules one after the other.
class Track {
 public:
  Track(RunLength run, double length, const char* whole) : run_(run), length_(length), whole_(whole) {}

  /// Up to its "until", by default the end.
  void add_item(const Value& item, const std::string& label, Problems& problems) {
    double end = length_;
    if (const auto* until = item.find("until")) {
      const Duration duration = config::parse_duration(until->value, problems);
      if (duration.unit == Duration::Unit::seconds)
        return problems.add("XG103", until->value,
                            "a schedule cannot depend on the clock; write steps, epochs or a percentage");
      end = static_cast<double>(duration.steps(run_.steps_per_epoch, run_.total_steps));
      if (end > length_)
        problems.add("XG107", until->value,
                     label + " lasts until step " + text(end) + " but " + whole_ + " has " + text(length_) + " steps");
      if (!ends_.empty() && end < ends_.back())
        problems.add("XG107", until->value,
                     label + " ends (step " + text(end) + ") before " + last_label_ + " (step " + text(ends_.back()) +
                         ")");
    }
    add(item, end, problems);
    last_label_ = label.starts_with("schedule item") ? label.substr(std::string_view("schedule ").size()) : label;
  }
  void add(const Value& item, double end, Problems& problems) {
    const ScheduleRow* row = schedules().resolve(item, problems);
    if (!row) return;
    const double start = ends_.empty() ? 0 : ends_.back();
    Course course = row->make(item, run_, std::max(end - start, 1.0), problems);
    values_.push_back(std::move(course.value));
    momenta_.push_back(std::move(course.momentum));
    whole_course_.moves_momentum |= course.moves_momentum;
    whole_course_.plateaus.insert(whole_course_.plateaus.end(), course.plateaus.begin(), course.plateaus.end());
    ends_.push_back(end);
  }
  bool empty() const { return values_.empty(); }
  Course finish() {
    if (whole_course_.moves_momentum) whole_course_.momentum = sequence(std::move(momenta_), ends_);
    whole_course_.value = sequence(std::move(values_), std::move(ends_));
    return std::move(whole_course_);
  }

 private:
  static std::string text(double steps) { return std::to_string(std::llround(steps)); }

  RunLength run_;
  double length_;
  const char* whole_;  ///< what `length` is of, for messages
  std::vector<Schedule> values_, momenta_;
  std::vector<double> ends_;
  std::string last_label_;
  Course whole_course_;
};

/// The schedules inside of another.
struct Inner {
  Value schedules;
  void describe(Fields& f) { f("schedules", schedules, "schedule", "a list of schedules", true).required(); }
  std::string wrong(const Span&) const {
    if (!schedules.is(Type::list) || schedules.items.empty())
      return "\"schedules\": expected a list of schedules, found " + schedules.describe();
    for (const Value& item : schedules.items)
      if (item.find("param")) return "\"param\" belongs to the whole, not to one of its \"schedules\"";
    return "";
  }
};
struct Sequence : Inner {
  static constexpr const char* name = "sequence";
  static constexpr About about{"schedules one after the other, each to its \"until\", counted from the first's start"};
};
/// With all boundaries in one list, as in torch and optax.
struct Bounded : Inner {
  std::vector<double> boundaries;
  void describe_bounded(Fields& f, const char* word) {
    Inner::describe(f);
    f(word, boundaries, range::nonnegative, "the step at which each schedule but the first starts").required();
  }
  std::string wrong(const Span& span) const {
    if (const std::string inner = Inner::wrong(span); !inner.empty()) return inner;
    if (boundaries.size() + 1 != schedules.items.size())
      return std::to_string(schedules.items.size()) + " schedules need " + std::to_string(schedules.items.size() - 1) +
             " boundaries, found " + std::to_string(boundaries.size());
    for (std::size_t i = 1; i < boundaries.size(); ++i)
      if (boundaries[i] <= boundaries[i - 1]) return "boundaries must increase";
    return "";
  }
};
struct Sequential : Bounded {
  static constexpr const char* name = "sequential";
  static constexpr About about{"schedules one after the other, the next from each milestone", "torch SequentialLR"};
  void describe(Fields& f) { describe_bounded(f, "milestones"); }
};
struct Join : Bounded {
  static constexpr const char* name = "join";
  static constexpr About about{"schedules one after the other, the next from each boundary", "optax"};
  void describe(Fields& f) { describe_bounded(f, "boundaries"); }
};
struct Product : Inner {
  static constexpr const char* name = "product";
  static constexpr About about{"schedules side by side: their factors multiply"};
};
struct Chained : Inner {
  static constexpr const char* name = "chained";
  static constexpr About about{"schedules side by side: their factors multiply", "torch ChainedScheduler"};
};

template <class S> ScheduleRow sequence_row() {
  return row_with<S>([](const Value& value, RunLength run, double length, Problems& problems) {
    const std::size_t before = problems.list().size();
    const S sequence = read_schedule<S>(value, Span{run, length}, problems);
    Track track(run, length, "its sequence");
    for (std::size_t i = 0; i < sequence.schedules.items.size(); ++i) {
      const Value& item = sequence.schedules.items[i];
      if (problems.list().size() != before && std::is_base_of_v<Bounded, S>) break;
      if constexpr (std::is_base_of_v<Bounded, S>)
        track.add(item, i < sequence.boundaries.size() ? sequence.boundaries[i] : length, problems);
      else
        track.add_item(item, "schedule " + std::to_string(i + 1) + " of the sequence", problems);
    }
    return track.empty() ? Course{} : track.finish();
  });
}

template <class S> ScheduleRow product_row() {
  return row_with<S>([](const Value& value, RunLength run, double length, Problems& problems) {
    const S whole = read_schedule<S>(value, Span{run, length}, problems);
    std::vector<Schedule> values, momenta;
    Course result;
    for (const Value& item : whole.schedules.items) {
      const ScheduleRow* row = schedules().resolve(item, problems);
      if (!row) continue;
      Course course = row->make(item, run, length, problems);
      values.push_back(std::move(course.value));
      momenta.push_back(std::move(course.momentum));
      result.moves_momentum |= course.moves_momentum;
      result.plateaus.insert(result.plateaus.end(), course.plateaus.begin(), course.plateaus.end());
    }
    result.value = product(std::move(values));
    if (result.moves_momentum) result.momentum = product(std::move(momenta));
    return result;
  });
}

}  // namespace

void add_compositions(Registry& registry) {
  registry.add(sequence_row<Sequence>());
  registry.add(sequence_row<Sequential>());
  registry.add(sequence_row<Join>());
  registry.add(product_row<Product>());
  registry.add(product_row<Chained>());
}

}  // namespace detail

config::Registry<ScheduleRow>& schedules() {
  static config::Registry<ScheduleRow> registry = [] {
    config::Registry<ScheduleRow> r("schedule");
    detail::add_basic(r);
    detail::add_torch(r);
    detail::add_optax(r);
    detail::add_warmups(r);
    detail::add_timm(r);
    detail::add_plateau(r);
    detail::add_compositions(r);
    return r;
  }();
  return registry;
}

std::vector<ScheduledParameter> make_schedules(const config::Value& value, RunLength run, config::Problems& problems) {
  using Type = config::Value::Type;
  std::vector<std::pair<std::string, detail::Track>> tracks;
  std::vector<const config::Value*> items;
  if (value.is(Type::list))
    for (const config::Value& item : value.items) items.push_back(&item);
  else if (!value.is(Type::null))
    items.push_back(&value);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const config::Value& item = *items[i];
    std::string parameter = "lr";
    if (const auto* param = item.find("param")) {
      if (param->value.is(Type::string))
        parameter = param->value.string;
      else
        problems.add("XG103", param->value,
                     "\"param\": expected the name of a hyperparameter, found " + param->value.describe());
    }
    auto track = std::find_if(tracks.begin(), tracks.end(), [&](const auto& t) { return t.first == parameter; });
    if (track == tracks.end()) {
      tracks.emplace_back(parameter, detail::Track(run, static_cast<double>(run.total_steps), "the run"));
      track = std::prev(tracks.end());
    }
    track->second.add_item(item, "schedule item " + std::to_string(i + 1), problems);
  }
  std::vector<ScheduledParameter> result;
  for (auto& [parameter, track] : tracks) {
    if (track.empty()) continue;
    Course course = track.finish();
    if (course.moves_momentum) result.push_back({"momentum|betas[0]", std::move(course.momentum)});
    result.push_back({parameter, std::move(course.value), std::move(course.plateaus)});
  }
  return result;
}

}  // namespace xgrad::optim
