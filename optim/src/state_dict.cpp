// SPDX-License-Identifier: BSD-3-Clause
// An optimizer as a file: its arrays as they are stored, and what else a next step depends on.
#include <nlohmann/json.hpp>

#include "xgrad/optim/optimizer.hpp"

namespace xgrad::optim {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char *kName = "xgrad.optimizer", *kSteps = "xgrad.step_count", *kGroups = "xgrad.groups",
                     *kNumbers = "numbers.", *kCounts = "steps", *kPlateaus = "plateaus";
constexpr std::size_t kPlateauNumbers = 5;

Shape vector_of(std::size_t size) { return {static_cast<std::int64_t>(size)}; }
const std::string& text(const TensorFile& saved, const char* key) {
  const auto found = saved.metadata.find(key);
  XGRAD_CHECK(found != saved.metadata.end(), "load_state_dict: no \"", key, "\"; expected what state_dict() gave");
  return found->second;
}
void check_saved_by(const std::string& name, const TensorFile& saved) {
  XGRAD_CHECK(text(saved, kName) == name, "load_state_dict: saved by optimizer \"", text(saved, kName),
              "\", this is \"", name, "\"");
}

}  // namespace

template <class T> TensorFile Optimizer<T>::state_dict() {
  TensorFile file;
  for (const State& s : state()) file.add(s.name, s.dtype, s.shape, s.data);
  for (const StateNumbers& numbers : state_numbers())
    file.add(kNumbers + numbers.name, vector_of(numbers.values.size()),
             static_cast<const double*>(numbers.values.data()));
  file.add(kCounts, vector_of(steps_.size()), steps_.data());
  std::vector<double> plateaus;
  for (const Plateau::State& p : schedule_state())
    plateaus.insert(plateaus.end(), {p.best, p.has_best ? 1.0 : 0.0, static_cast<double>(p.bad),
                                     static_cast<double>(p.cooling), static_cast<double>(p.reductions)});
  file.add(kPlateaus, vector_of(plateaus.size()), static_cast<const double*>(plateaus.data()));
  Json groups = Json::array();
  for (Group& group : groups_)
    groups.push_back({{"label", group.label},
                      {"optimizer", group.rule.name},
                      {"hyperparameters", config::dump(group.hyperparameters.fields())},
                      {"scheduled", group.scheduled},
                      {"initial_lr", group.initial_lr}});
  file.metadata = {{kName, name()}, {kSteps, std::to_string(step_count_)}, {kGroups, groups.dump()}};
  return file;
}

template <class T> void Optimizer<T>::load_state(const TensorFile& saved) {
  check_saved_by(name(), saved);
  for (const State& s : state()) saved.get(s.name, s.dtype, s.shape, s.data);
  for (const StateNumbers& numbers : state_numbers())
    saved.get(kNumbers + numbers.name, vector_of(numbers.values.size()), numbers.values.data());
  std::vector<std::int64_t> steps(steps_.size());
  saved.get(kCounts, vector_of(steps.size()), steps.data());
  const TensorFile::Entry* const waiting = saved.find(kPlateaus);
  std::vector<double> numbers(waiting ? waiting->shape.size() : 0);
  saved.get(kPlateaus, vector_of(numbers.size()), numbers.data());
  std::vector<Plateau::State> plateaus(numbers.size() / kPlateauNumbers);
  for (std::size_t i = 0; i < plateaus.size(); ++i) {
    const double* const n = numbers.data() + i * kPlateauNumbers;
    plateaus[i] = {n[0], n[1] != 0, static_cast<std::int64_t>(n[2]), static_cast<std::int64_t>(n[3]),
                   static_cast<std::int64_t>(n[4])};
  }
  if (!plateaus.empty()) load_schedule_state(plateaus);  // schedules that the saved one did not have begin now
  load_steps(std::move(steps), std::stoll(text(saved, kSteps)));
}

template <class T> void Optimizer<T>::load_state_dict(const TensorFile& saved) {
  check_saved_by(name(), saved);
  const Json groups = Json::parse(text(saved, kGroups));
  XGRAD_CHECK(groups.size() == groups_.size(), "load_state_dict: ", groups.size(), " groups, the optimizer has ",
              groups_.size());
  std::vector<Hyperparameters> loaded;  // all or none
  config::Problems problems;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    loaded.push_back(groups_[g].hyperparameters);
    Json values = Json::object();
    for (const auto& [name, value] : groups[g].at("hyperparameters").items())
      if (!value.is_null()) values[name] = value;  // JSON lacks infinities: such a default stays
    config::read(config::Value::from_json(values, groups_[g].label), loaded[g].fields(), problems,
                 "group \"" + groups_[g].label + "\"");
  }
  if (!problems.ok()) throw config::ConfigError(problems);
  load_state(saved);
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    groups_[g].hyperparameters = loaded[g];
    groups_[g].scheduled = groups[g].at("scheduled").get<std::vector<double>>();
    groups_[g].scheduled.resize(schedules_.size());
    groups_[g].initial_lr = groups[g].at("initial_lr").get<double>();
  }
  apply_schedules();
}

#define XGRAD_INSTANTIATE(T)                                 \
  template TensorFile Optimizer<T>::state_dict();            \
  template void Optimizer<T>::load_state(const TensorFile&); \
  template void Optimizer<T>::load_state_dict(const TensorFile&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::optim
