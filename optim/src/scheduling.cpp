// SPDX-License-Identifier: BSD-3-Clause
// How an optimizer's hyperparameters follow schedules.
#include "work.hpp"

namespace xgrad::optim {
namespace {

/// The first of "momentum|betas[0]" that there is.
std::string first_known(const std::string& names, Hyperparameters& hyperparameters) {
  if (names.find('|') == std::string::npos) return names;
  const config::Fields fields = hyperparameters.fields();
  for (const std::string& name : config::alternatives(names.c_str()))
    if (fields.find(name.substr(0, name.find('[')))) return name;
  fail("optimizer: the schedule moves the momentum, too, but there is no ", names,
       "; switch that off: \"cycle_momentum\": false");
}

}  // namespace

template <class T> bool Optimizer<T>::is_scheduled(const char* hyperparameter) const {
  for (const ScheduledParameter& scheduled : schedules_)
    if (scheduled.parameter == hyperparameter) return true;
  return false;
}

template <class T> void Optimizer<T>::set_schedules(std::vector<ScheduledParameter> schedules) {
  for (ScheduledParameter& scheduled : schedules)
    scheduled.parameter = first_known(scheduled.parameter, groups_[0].hyperparameters);
  for (Group& group : groups_) {
    group.scheduled.clear();
    group.scheduled_places.clear();
    for (const ScheduledParameter& scheduled : schedules) {
      // The first group says what is unknown; a fallback's may lack others.
      if (&group == &groups_.front()) group.hyperparameters.number(scheduled.parameter);
      const std::size_t place = group.hyperparameters.place_of(scheduled.parameter);
      group.scheduled_places.push_back(place);
      group.scheduled.push_back(place == Hyperparameters::kNowhere ? 0 : group.hyperparameters.at(place));
    }
    group.initial_lr = group.hyperparameters.step_size();
  }
  schedules_ = std::move(schedules);
  keep_new_slots();  // a state that is kept while its field is not 0 must be there when a schedule moves the field
  apply_schedules();
}

template <class T> void Optimizer<T>::apply_schedules() {
  for (Group& group : groups_)
    for (std::size_t i = 0; i < schedules_.size(); ++i) {
      const std::size_t place = group.scheduled_places[i];
      if (place == Hyperparameters::kNowhere) continue;
      // A schedule that gives values, not factors, is scaled like the lr that it replaces.
      const double scale = schedules_[i].parameter == "lr" ? group.lr_scale : 1;
      const double base = group.scheduled[i], step = static_cast<double>(step_count_);
      group.hyperparameters.at(place) = scale == 0 ? 0 : scale * schedules_[i].schedule.at(step, base / scale);
    }
}

template <class T> template <class Visit> void Optimizer<T>::visit_plateaus(const Visit& visit) const {
  for (const ScheduledParameter& scheduled : schedules_)
    for (const std::shared_ptr<Plateau>& plateau : scheduled.plateaus) visit(*plateau);
}

template <class T> void Optimizer<T>::observe(const std::string& metric, double value) {
  visit_plateaus([&](Plateau& plateau) {
    if (plateau.monitor() == metric) plateau.observe(value);
  });
  apply_schedules();
}

template <class T> std::vector<std::string> Optimizer<T>::observed_metrics() const {
  std::vector<std::string> result;
  visit_plateaus([&](const Plateau& plateau) { result.push_back(plateau.monitor()); });
  return result;
}

template <class T> std::vector<Plateau::State> Optimizer<T>::schedule_state() const {
  std::vector<Plateau::State> result;
  visit_plateaus([&](const Plateau& plateau) { result.push_back(plateau.state); });
  return result;
}

template <class T> void Optimizer<T>::load_schedule_state(const std::vector<Plateau::State>& states) {
  const std::size_t expected = schedule_state().size();
  XGRAD_CHECK(states.size() == expected, "optimizer: the state of ", states.size(), " schedules for ", expected);
  std::size_t next = 0;
  visit_plateaus([&](Plateau& plateau) { plateau.state = states[next++]; });
  apply_schedules();
}

#define XGRAD_INSTANTIATE(T)                                                  \
  template bool Optimizer<T>::is_scheduled(const char*) const;                \
  template void Optimizer<T>::set_schedules(std::vector<ScheduledParameter>); \
  template void Optimizer<T>::apply_schedules();                              \
  template void Optimizer<T>::observe(const std::string&, double);            \
  template std::vector<std::string> Optimizer<T>::observed_metrics() const;   \
  template std::vector<Plateau::State> Optimizer<T>::schedule_state() const;  \
  template void Optimizer<T>::load_schedule_state(const std::vector<Plateau::State>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::optim
