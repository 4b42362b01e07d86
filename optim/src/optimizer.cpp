// SPDX-License-Identifier: BSD-3-Clause
// The driver: everything that all optimizers share. step.cpp has the step itself.
#include "xgrad/optim/optimizer.hpp"

#include <algorithm>

#include "stored_state.hpp"
#include "work.hpp"
#include "xgrad/random.hpp"

namespace xgrad::optim {
namespace {

constexpr const char* kModes[] = {"coupled", "decoupled", "independent", "corrected", "proximal", "after", "within"};

}  // namespace

void SharedOptions::describe(config::Fields& f) {
  f("weight_decay", weight_decay, config::range::nonnegative, "pulls parameters towards 0");
  f("weight_decay_mode", weight_decay_mode,
    config::OneOf{"coupled|decoupled|independent|corrected|proximal|after|within"},
    "on the gradient (L2); on the parameter times lr, lr / initial lr, or lr^2 / initial lr; after the step, "
    "implicitly "
    "or explicitly; or within the optimizer");
  f("maximize", maximize, "climb instead of descend");
  f("cautious", cautious, "leave out what a step does against the gradient, and scale up the rest (arXiv:2411.16085)");
  f("cautious_weight_decay", cautious_weight_decay,
    "decoupled decay only where the step goes towards 0 too (arXiv:2510.12402)");
  f("state_format", state_format, config::OneOf{"full|bfloat16|8bit"},
    "how the state is kept: as the parameters; in 2 bytes, rounded at random (arXiv:2010.06192); or in 1, by blocks of "
    "256, tensors below 4096 elements full (arXiv:2110.02861)");
}

template <class T>
Hyperparameters::Hyperparameters(const Rule<T>& rule)
    : describe_(rule.describe), check_(rule.check), decays_within_(rule.shared.can_decay_within()),
      minimizes_(rule.minimize != nullptr), by_rows_(rule.rows != nullptr), has_slots_(static_cast<bool>(rule.step)) {
  rule.construct(rule_.data(), rule.context);
  shared.weight_decay = rule.shared.weight_decay;
  shared.weight_decay_mode = kModes[static_cast<int>(rule.shared.decay)];
  lr_place_ = place_of("lr");
}
template Hyperparameters::Hyperparameters(const Rule<float>&);
template Hyperparameters::Hyperparameters(const Rule<double>&);

config::Fields Hyperparameters::fields() {
  config::Fields fields;
  describe_(rule_.data(), fields);
  shared.describe(fields);
  return fields;
}

const char* Hyperparameters::check() const {
  if (shared.weight_decay_mode == kModes[static_cast<int>(Decay::within)] && !decays_within_)
    return "has no weight decay of its own: weight_decay_mode cannot be \"within\"";
  if (minimizes_ && (shared.weight_decay != 0 || shared.maximize || shared.cautious || shared.cautious_weight_decay))
    return "minimises the closure's loss as it is, without cautious steps: write weight decay and sign into the loss";
  if (by_rows_ && (shared.weight_decay != 0 || shared.cautious || shared.cautious_weight_decay))
    return "moves the rows that a gradient lists and no others: there is no weight decay and no caution";
  if (!has_slots_ && shared.state_format != "full")
    return "moves whole tensors: state_format is for optimizers that move element by element";
  return check_(rule_.data());
}

double* Hyperparameters::find_number(const std::string& name, std::string& known) {
  const config::Fields described = fields();
  for (const config::Field& field : described.list()) {
    if (field.kind == config::Field::Kind::number) {
      if (name == field.name) return static_cast<double*>(field.place);
      known += std::string(known.empty() ? "" : ", ") + field.name;
    }
    for (std::size_t i = 0; i < field.count; ++i) {
      const std::string element = std::string(field.name) + "[" + std::to_string(i) + "]";
      if (name == element) return static_cast<double*>(field.place) + i;
      known += (known.empty() ? "" : ", ") + element;
    }
  }
  return nullptr;
}

std::size_t Hyperparameters::place_of(const std::string& name) {
  std::string known;
  const double* const number = find_number(name, known);
  return number ? static_cast<std::size_t>(reinterpret_cast<const std::byte*>(number) -
                                           reinterpret_cast<const std::byte*>(this))
                : kNowhere;
}

double& Hyperparameters::number(const std::string& name) {
  std::string known;
  if (double* place = find_number(name, known)) return *place;
  fail("optimizer: no numeric hyperparameter \"", name, "\"; known: ", known);
}

void Hyperparameters::check_number(const std::string& name, double value) {
  number(name);  // throws for an unknown one
  const config::Fields described = fields();
  const config::Range range = described.find(name.substr(0, name.find('[')))->range;
  XGRAD_CHECK(range.contains(value), "optimizer: \"", name, "\": ", value, " is out of range; must be ", range.text());
}

template <class T>
Optimizer<T>::Optimizer(const OptimizerRow& row, NamedTensors<T> parameters)
    : rule_(row.rule<T>()), parameters_(std::move(parameters)), steps_(parameters_.size(), 0),
      rounding_seed_(random_state().seed), work_(std::make_shared<Work>()) {
  for (const NamedTensor<T>& parameter : parameters_)
    XGRAD_CHECK(parameter.tensor.defined() && parameter.tensor.requires_grad(), "optimizer: parameter \"",
                parameter.name, "\" does not require a gradient; make it with parameter()");
  born_.assign(parameters_.size(), 0);
  Group all{"all", Hyperparameters(rule_), rule_};
  for (std::size_t i = 0; i < parameters_.size(); ++i) all.members.push_back(i);
  std::vector<Group> groups;
  groups.push_back(std::move(all));
  set_groups(std::move(groups));
}

template <class T> void Optimizer<T>::set_groups(std::vector<Group> groups) {
  groups_.clear();
  for (Group& group : groups) {
    const char* wrong = group.hyperparameters.check();
    XGRAD_CHECK(!wrong, "optimizer \"", rule_.name, "\": ", wrong);
    if (group.lr_scale != 1) group.hyperparameters.number("lr") *= group.lr_scale;
    std::optional<Group> others = take_unfit(group);
    groups_.push_back(std::move(group));
    if (others) groups_.push_back(std::move(*others));
  }
  allocate_state();
}

/// The parameters that the rule cannot take, in a group of its fallback.
template <class T> std::optional<typename Optimizer<T>::Group> Optimizer<T>::take_unfit(Group& group) const {
  if (!group.rule.fits) return std::nullopt;
  const auto fits = [&](std::size_t i) {
    return !group.by_fallback && group.rule.fits(group.hyperparameters.rule_data(), parameters_[i].tensor.shape());
  };
  const auto unfit = std::stable_partition(group.members.begin(), group.members.end(), fits);
  if (unfit == group.members.end()) return std::nullopt;
  const OptimizerRow* row = optimizers().find(group.rule.fallback);
  XGRAD_CHECK(group.fallback || row, "optimizer \"", rule_.name, "\": its fallback \"", group.rule.fallback,
              "\" is not registered");
  Group others = group.fallback ? *group.fallback : fallback_of(group, *row);
  if (group.fallback && group.lr_scale != 1) others.hyperparameters.number("lr") *= group.lr_scale;
  others.label = group.label + ", by " + others.rule.name;
  others.freeze = group.freeze;
  others.members.assign(unfit, group.members.end());
  group.members.erase(unfit, group.members.end());
  return others;
}

template <class T> typename Optimizer<T>::Group Optimizer<T>::fallback_of(Group& group, const OptimizerRow& row) {
  Group others{"", Hyperparameters(row.rule<T>()), row.rule<T>()};
  others.hyperparameters.shared = group.hyperparameters.shared;
  others.hyperparameters.number("lr") =
      group.hyperparameters.number("lr") * group.rule.fallback_lr_scale(group.hyperparameters.rule_data());
  return others;
}

template <class T> void Optimizer<T>::reset_state() {
  steps_.assign(parameters_.size(), 0);
  born_.assign(parameters_.size(), 0);
  allocate_state();
}

/// Whether a slot is kept.
template <class T> bool Optimizer<T>::keeps(Group& group, const Slot& slot) const {
  using Kind = config::Field::Kind;
  if (!slot.when || is_scheduled(slot.when)) return true;
  const std::string when = slot.when;
  const std::size_t bracket = when.find('[');
  const config::Fields fields = group.hyperparameters.fields();
  const config::Field* field = fields.find(when.substr(0, bracket));
  if (bracket != std::string::npos) return std::stoul(when.substr(bracket + 1)) < field->count;
  if (field->kind == Kind::boolean) return *static_cast<bool*>(field->place);
  if (field->kind == Kind::variant) return *static_cast<int*>(field->place) != 0;
  return *static_cast<double*>(field->place) != 0;
}

/// Slots lie in one block of memory, each parameter's piece on a cache line of its own. Those that there are keep what
/// they hold.
template <class T> void Optimizer<T>::allocate_slots() {
  const auto before = std::exchange(slots_, std::vector<std::array<SlotPlace, kMaxSlots>>(parameters_.size()));
  const Storage<std::byte> old = std::move(arena_);
  for (const bool counting : {true, false}) {
    std::size_t at = 0;
    const auto take = [&](std::size_t bytes) {
      std::byte* const place = counting ? nullptr : arena_.data() + at;
      at += (bytes + 63) / 64 * 64;
      return place;
    };
    for (std::size_t s = 0; s < kMaxSlots; ++s) {
      for (Group& group : groups_) {
        if (s >= group.rule.slot_count || !keeps(group, group.rule.slots[s])) continue;
        const char* field = group.rule.slots[s].initial;
        const T initial = field ? static_cast<T>(group.hyperparameters.number(field)) : T{0};
        for (const std::size_t member : group.members) {
          const std::size_t size = parameters_[member].tensor.size();
          SlotPlace place;
          place.format = format_of(group.rule.slots[s], group.hyperparameters.shared, size);
          place.numbers = take(size * bytes_of<T>(place.format));
          if (place.format == StateFormat::eight_bit)
            place.scales = reinterpret_cast<float*>(take(scale_count(size) * sizeof(float)));
          if (counting) continue;
          slots_[member][s] = place;
          const SlotPlace held = before.empty() ? SlotPlace{} : before[member][s];
          if (!held) {
            fill_state(place, size, initial);
            continue;
          }
          std::copy_n(static_cast<const std::byte*>(held.numbers), size * bytes_of<T>(place.format),
                      static_cast<std::byte*>(place.numbers));
          if (held.scales) std::copy_n(held.scales, scale_count(size), place.scales);
        }
      }
    }
    if (counting) arena_ = Storage<std::byte>(at);
  }
}

/// Slots that were not needed and are now: a momentum was 0.
template <class T> void Optimizer<T>::keep_new_slots() {
  std::vector<std::size_t> fresh;
  for (Group& group : groups_)
    for (std::size_t s = 0; s < group.rule.slot_count; ++s)
      if (!group.members.empty() && !slots_[group.members[0]][s] && keeps(group, group.rule.slots[s]))
        fresh.insert(fresh.end(), group.members.begin(), group.members.end());
  if (fresh.empty()) return;
  allocate_slots();
  for (const std::size_t member : fresh) born_[member] = steps_[member];
}

template <class T> void Optimizer<T>::allocate_state() {
  slots_.clear();
  arena_.reset();  // so that its memory may be taken again
  allocate_slots();
  arrays_.assign(parameters_.size() + 1, {});
  numbers_.assign(parameters_.size() + 1, {});
  for (Group& group : groups_) {
    std::vector<double> initial;
    for (std::size_t k = 0; k < group.rule.number_count; ++k) {
      const char* field = group.rule.numbers[k].initial;
      initial.push_back(field ? group.hyperparameters.number(field) : 0);
    }
    const auto allocate = [&](std::size_t unit, const Shape& shape) {
      std::vector<StateArray> wanted;
      group.rule.arrays(group.hyperparameters.rule_data(), shape, wanted);
      arrays_[unit] = {};
      for (StateArray& array : wanted) {
        arrays_[unit].names.push_back(std::move(array.name));
        arrays_[unit].tensors.push_back(Tensor<T>::zeros(array.shape));
      }
    };
    const std::size_t all = parameters_.size();
    if (group.rule.scope == Scope::all && numbers_[all].empty()) numbers_[all] = initial;
    for (const std::size_t member : group.members) {
      if (group.rule.scope == Scope::tensor) numbers_[member] = initial;
      if (group.rule.tensor || group.rule.rows) allocate(member, parameters_[member].tensor.shape());
    }
    if (group.rule.minimize && !group.freeze && !group.members.empty()) {
      std::int64_t elements = 0;
      for (const std::size_t member : group.members)
        elements += static_cast<std::int64_t>(parameters_[member].tensor.size());
      allocate(all, {elements});
    }
  }
}

/// What the optimizer keeps in full of the parameter's momentum, "momentum_buffer" or "exp_avg"; nothing if it does
/// not.
template <class T> std::span<T> Optimizer<T>::momentum_of(const Group& group, std::size_t parameter) {
  const auto is_momentum = [](std::string_view name) { return name == "momentum_buffer" || name == "exp_avg"; };
  const std::size_t size = parameters_[parameter].tensor.size();
  for (std::size_t s = 0; s < group.rule.slot_count; ++s)
    if (const SlotPlace& place = slots_[parameter][s];
        place && place.format == StateFormat::full && is_momentum(group.rule.slots[s].name))
      return {static_cast<T*>(place.numbers), size};
  Arrays& arrays = arrays_[parameter];
  for (std::size_t k = 0; k < arrays.names.size(); ++k)
    if (is_momentum(arrays.names[k]) && arrays.tensors[k].size() == size)
      return {arrays.tensors[k].mutable_data(), size};
  return {};
}

template <class T> void Optimizer<T>::move_momenta(Transform<T>& transform) {
  for (const Group& group : groups_)
    for (const std::size_t i : group.members) transform.move_momentum(i, momentum_of(group, i));
}

/// What one of the transforms needs that there is not, or "".
template <class T> std::string Optimizer<T>::unmet(const std::vector<std::unique_ptr<Transform<T>>>& transforms) {
  if (std::none_of(transforms.begin(), transforms.end(), [](const auto& t) { return t->moves_momentum(); })) return "";
  for (const Group& group : groups_)
    for (const std::size_t i : group.members)
      if (!group.freeze && parameters_[i].tensor.size() > 0 && momentum_of(group, i).empty())
        return "\"" + parameters_[i].name +
               "\" has no momentum in full precision for lookahead's pullback: let that be "
               "\"none\", or take another optimizer, or \"state_format\": \"full\"";
  return "";
}

template <class T> void Optimizer<T>::set_transforms(std::vector<std::unique_ptr<Transform<T>>> transforms) {
  XGRAD_CHECK(transforms.empty() || !rule_.minimize, "optimizer \"", rule_.name,
              "\" evaluates the loss itself: it takes no transforms");
  const std::string wrong = unmet(transforms);
  XGRAD_CHECK(wrong.empty(), wrong);
  transforms_ = std::move(transforms);
  for (const auto& transform : transforms_) transform->attach(parameters_);
}

template <class T> bool Optimizer<T>::needs_closure() const {
  return rule_.minimize ||
         std::any_of(transforms_.begin(), transforms_.end(), [](const auto& t) { return t->ascends(); });
}

template <class T> void Optimizer<T>::zero_grad() {
  for (NamedTensor<T>& parameter : parameters_) parameter.tensor.zero_grad();
}

template <class T> double Optimizer<T>::get(const std::string& hyperparameter, std::size_t group) {
  XGRAD_CHECK(group < groups_.size(), "optimizer: group ", group, " of ", groups_.size());
  return groups_[group].hyperparameters.number(hyperparameter);
}

template <class T> void Optimizer<T>::set(const std::string& hyperparameter, double value) {
  groups_.front().hyperparameters.check_number(hyperparameter, value);
  for (Group& group : groups_) {
    if (!group.hyperparameters.has_number(hyperparameter)) continue;  // a fallback's group
    bool scheduled = false;
    for (std::size_t i = 0; i < schedules_.size(); ++i)
      if (schedules_[i].parameter == hyperparameter) {
        group.scheduled[i] = value;
        scheduled = true;
      }
    if (!scheduled) group.hyperparameters.number(hyperparameter) = value;
  }
  for (std::size_t s = 0; s < rule_.slot_count; ++s)
    if (rule_.slots[s].when && hyperparameter == rule_.slots[s].when) keep_new_slots();
  apply_schedules();
}

template <class T> std::vector<typename Optimizer<T>::State> Optimizer<T>::state() {
  XGRAD_CHECK(trained_.empty(), "optimizer: the parameters are those of eval(); call train() before saving or loading");
  std::vector<State> result;
  for (std::size_t s = 0; s < kMaxSlots; ++s)
    for (const Group& group : groups_)
      for (const std::size_t i : group.members) {
        const SlotPlace& place = slots_[i][s];
        if (!place) continue;
        const Tensor<T>& parameter = parameters_[i].tensor;
        const std::string slot = group.rule.slots[s].name;
        result.push_back({slot + "." + parameters_[i].name, parameter.shape(), dtype_of<T>(place.format), place.numbers,
                          parameter.size() * bytes_of<T>(place.format)});
        const std::size_t scales = scale_count(parameter.size());
        if (place.scales)
          result.push_back({slot + ".scales." + parameters_[i].name, Shape{static_cast<std::int64_t>(scales)},
                            dtype_of<float>(StateFormat::full), place.scales, scales * sizeof(float)});
      }
  const auto add = [&result](const std::string& name, Tensor<T>& tensor) {
    result.push_back(
        {name, tensor.shape(), dtype_of<T>(StateFormat::full), tensor.mutable_data(), tensor.size() * sizeof(T)});
  };
  for (std::size_t i = 0; i < arrays_.size(); ++i)
    for (std::size_t k = 0; k < arrays_[i].tensors.size(); ++k)
      add(arrays_[i].names[k] + (i < parameters_.size() ? "." + parameters_[i].name : ""), arrays_[i].tensors[k]);
  for (std::size_t t = 0; t < transforms_.size(); ++t)
    for (auto& array : transforms_[t]->arrays)
      for (std::size_t i = 0; i < array.tensors.size(); ++i)
        add("transforms." + std::to_string(t) + "." + array.name + "." + parameters_[i].name, array.tensors[i]);
  return result;
}

template <class T> std::vector<typename Optimizer<T>::StateNumbers> Optimizer<T>::state_numbers() {
  std::vector<StateNumbers> result;
  for (std::size_t i = 0; i < numbers_.size(); ++i)
    if (!numbers_[i].empty()) result.push_back({i < parameters_.size() ? parameters_[i].name : "", numbers_[i]});
  for (std::size_t t = 0; t < transforms_.size(); ++t)
    if (!transforms_[t]->numbers.empty())
      result.push_back({"transforms." + std::to_string(t), transforms_[t]->numbers});
  return result;
}

template <class T> void Optimizer<T>::load_steps(std::vector<std::int64_t> steps, std::int64_t step_count) {
  XGRAD_CHECK(steps.size() == parameters_.size(), "optimizer: ", steps.size(), " step counts for ", parameters_.size(),
              " parameters");
  steps_ = std::move(steps);
  step_count_ = step_count;
  apply_schedules();
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace xgrad::optim
