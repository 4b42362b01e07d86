// SPDX-License-Identifier: BSD-3-Clause
// The driver: everything that all optimizers share.
#include "xgrad/optim/optimizer.hpp"

#include <algorithm>
#include <cmath>

#include "registry.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::optim {
namespace {

constexpr std::size_t kChunk = 16384;  // elements; fixed, so that threads do not show in the result

}  // namespace

void SharedOptions::describe(config::Fields& f) {
  f("weight_decay", weight_decay, config::range::nonnegative, "pulls parameters towards 0");
  f("weight_decay_mode", weight_decay_mode, config::OneOf{"coupled|decoupled|independent|proximal|after"},
    "on the gradient (L2); on the parameter, times lr; times lr / initial lr; after the step, implicitly; or "
    "explicitly");
  f("maximize", maximize, "climb instead of descend");
}

template <class T> Hyperparameters::Hyperparameters(const Rule<T>& rule) : describe_(rule.describe) {
  static constexpr const char* kModes[] = {"coupled", "decoupled", "independent", "proximal", "after"};
  rule.construct(rule_.data(), rule.context);
  shared.weight_decay = rule.shared.weight_decay;
  shared.weight_decay_mode = kModes[static_cast<int>(rule.shared.decay)];
}
template Hyperparameters::Hyperparameters(const Rule<float>&);
template Hyperparameters::Hyperparameters(const Rule<double>&);

config::Fields Hyperparameters::fields() {
  config::Fields fields;
  describe_(rule_.data(), fields);
  shared.describe(fields);
  return fields;
}

double& Hyperparameters::number(const std::string& name) {
  std::string known;
  const config::Fields described = fields();
  for (const config::Field& field : described.list()) {
    if (field.kind == config::Field::Kind::number) {
      if (name == field.name) return *static_cast<double*>(field.place);
      known += std::string(known.empty() ? "" : ", ") + field.name;
    }
    for (std::size_t i = 0; i < field.count; ++i) {
      const std::string element = std::string(field.name) + "[" + std::to_string(i) + "]";
      if (name == element) return static_cast<double*>(field.place)[i];
      known += (known.empty() ? "" : ", ") + element;
    }
  }
  fail("optimizer: no numeric hyperparameter \"", name, "\"; known: ", known);
}

/// One chunk of one parameter, and the kernels prepared for this step.
template <class T> struct Optimizer<T>::Work {
  struct Prepared {
    alignas(16) std::array<std::byte, kKernelBytes> kernel;
    std::int64_t t;
    T gradient_scale, gradient_decay, parameter_decay, result_decay;
  };
  struct Chunk {
    std::size_t parameter, offset, size, prepared;
  };
  std::vector<Prepared> prepared;
  std::vector<Chunk> chunks;
  std::vector<std::size_t> shares;                // bounds into chunks
  std::vector<std::pair<T*, const T*>> pointers;  // parameter and gradient
};

template <class T>
Optimizer<T>::Optimizer(const OptimizerRow& row, NamedTensors<T> parameters)
    : rule_(row.rule<T>()), parameters_(std::move(parameters)), steps_(parameters_.size(), 0),
      work_(std::make_shared<Work>()) {
  for (const NamedTensor<T>& parameter : parameters_)
    XGRAD_CHECK(parameter.tensor.defined() && parameter.tensor.requires_grad(), "optimizer: parameter \"",
                parameter.name, "\" does not require a gradient; make it with parameter()");
  Group all{"all", Hyperparameters(rule_), 1, false, {}, {}};
  for (std::size_t i = 0; i < parameters_.size(); ++i) all.members.push_back(i);
  std::vector<Group> groups;
  groups.push_back(std::move(all));
  set_groups(std::move(groups));
}

template <class T> void Optimizer<T>::set_groups(std::vector<Group> groups) {
  groups_ = std::move(groups);
  for (Group& group : groups_) {
    const char* wrong = rule_.check(group.hyperparameters.rule_data());
    XGRAD_CHECK(!wrong, "optimizer \"", rule_.name, "\": ", wrong);
    group.hyperparameters.number("lr") *= group.lr_scale;
  }
  allocate_state();
}

template <class T> void Optimizer<T>::allocate_state() {
  constexpr std::size_t kLine = 64 / sizeof(T);
  const auto padded = [](std::size_t n) { return (n + kLine - 1) / kLine * kLine; };
  slots_.assign(parameters_.size(), {});
  for (const bool counting : {true, false}) {
    std::size_t at = 0;
    for (std::size_t s = 0; s < rule_.slot_count; ++s) {
      const Slot& slot = rule_.slots[s];
      for (Group& group : groups_) {
        const config::Fields fields = group.hyperparameters.fields();
        bool kept = true;
        if (slot.when) {
          const config::Field* field = fields.find(slot.when);
          kept = field->kind == config::Field::Kind::boolean   ? *static_cast<bool*>(field->place)
                 : field->kind == config::Field::Kind::variant ? *static_cast<int*>(field->place) != 0
                                                               : *static_cast<double*>(field->place) != 0;
        }
        if (!kept) continue;
        const T initial = slot.initial ? static_cast<T>(*static_cast<double*>(fields.find(slot.initial)->place)) : T{0};
        for (const std::size_t member : group.members) {
          const std::size_t size = parameters_[member].tensor.size();
          if (!counting) {
            slots_[member][s] = arena_.data() + at;
            std::fill_n(slots_[member][s], size, initial);
          }
          at += padded(size);
        }
      }
    }
    if (counting) arena_ = Storage<T>(at);
  }
}

template <class T> void Optimizer<T>::zero_grad() {
  for (NamedTensor<T>& parameter : parameters_) parameter.tensor.zero_grad();
}

template <class T> double Optimizer<T>::gradient_norm() const {
  double total = 0;
  std::vector<double> parts;
  for (const NamedTensor<T>& parameter : parameters_) {
    if (!parameter.tensor.has_grad()) continue;
    const Tensor<T> gradient = parameter.tensor.grad();
    const std::size_t size = gradient.size();
    parts.assign((size + kChunk - 1) / kChunk, 0);
    parallel_for(parts.size(), [&](std::size_t i) {
      parts[i] = sum_of_squares(gradient.data() + i * kChunk, std::min(kChunk, size - i * kChunk));
    });
    for (const double part : parts) total += part;
  }
  return std::sqrt(total);
}

template <class T> double Optimizer<T>::clip_grad_norm(double max_norm) {
  XGRAD_CHECK(max_norm > 0, "clip_grad_norm: max_norm is ", max_norm, "; expected > 0");
  const double norm = gradient_norm();
  pending_scale_ = std::min(1.0, max_norm / (norm + 1e-6));
  return norm;
}

template <class T> void Optimizer<T>::clip_grad_value(double limit) {
  XGRAD_CHECK(limit > 0, "clip_grad_value: limit is ", limit, "; expected > 0");
  pending_clip_ = limit;
}

template <class T> void Optimizer<T>::step() {
  Work& work = *work_;
  work.prepared.clear();
  work.chunks.clear();
  for (Group& group : groups_) {
    if (group.freeze) continue;
    const double lr = group.hyperparameters.number("lr"), decay = group.hyperparameters.shared.weight_decay;
    const std::string& mode = group.hyperparameters.shared.weight_decay_mode;
    const std::size_t first = work.prepared.size();
    for (const std::size_t member : group.members) {
      if (!parameters_[member].tensor.has_grad()) continue;
      const std::int64_t t = ++steps_[member];
      // Parameters that have taken as many steps share a kernel: nearly always all of a group.
      std::size_t which = first;
      while (which < work.prepared.size() && work.prepared[which].t != t) ++which;
      if (which == work.prepared.size()) {
        auto& prepared = work.prepared.emplace_back();
        const double initial = group.scheduled.empty() ? lr : group.initial_lr;
        rule_.prepare(group.hyperparameters.rule_data(), {static_cast<double>(t), initial}, prepared.kernel.data());
        prepared.t = t;
        prepared.gradient_scale =
            static_cast<T>(group.hyperparameters.shared.maximize ? -pending_scale_ : pending_scale_);
        prepared.gradient_decay = static_cast<T>(mode == "coupled" ? decay : 0);
        double before = 1, after = 1;
        if (t >= rule_.shared.first_move) {
          if (mode == "decoupled") before = 1 - lr * decay;
          if (mode == "independent") before = 1 - (initial > 0 ? lr / initial : 1) * decay;
          if (mode == "proximal") after = 1 / (1 + lr * decay);
          if (mode == "after") after = 1 - lr * decay;
        }
        prepared.parameter_decay = static_cast<T>(before);
        prepared.result_decay = static_cast<T>(after);
      }
      const std::size_t size = parameters_[member].tensor.size();
      for (std::size_t offset = 0; offset < size; offset += kChunk)
        work.chunks.push_back({member, offset, std::min(kChunk, size - offset), which});
    }
  }
  // Handles once, outside of the threads: counts are not atomic.
  work.pointers.resize(parameters_.size());
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (parameters_[i].tensor.has_grad())
      work.pointers[i] = {parameters_[i].tensor.mutable_data(), parameters_[i].tensor.grad().data()};
  const auto run = [&](const typename Work::Chunk& chunk) {
    const auto& prepared = work.prepared[chunk.prepared];
    Block<T> block{};
    block.p = work.pointers[chunk.parameter].first + chunk.offset;
    block.g = work.pointers[chunk.parameter].second + chunk.offset;
    for (std::size_t s = 0; s < rule_.slot_count; ++s)
      if (T* slot = slots_[chunk.parameter][s]) block.slots[s] = slot + chunk.offset;
    block.n = chunk.size;
    block.gradient_scale = prepared.gradient_scale;
    block.gradient_decay = prepared.gradient_decay;
    block.parameter_decay = prepared.parameter_decay;
    block.result_decay = prepared.result_decay;
    block.clip = static_cast<T>(pending_clip_);
    rule_.run(prepared.kernel.data(), block);
  };
  // Shares of about equal size: small parameters are grouped, so that a thousand of them cost no more than one large
  // one.
  work.shares.assign(1, 0);
  std::size_t weight = 0;
  for (std::size_t i = 0; i < work.chunks.size(); ++i) {
    weight += work.chunks[i].size;
    if (weight >= kChunk || i + 1 == work.chunks.size()) {
      work.shares.push_back(i + 1);
      weight = 0;
    }
  }
  parallel_for(work.shares.size() - 1, [&](std::size_t share) {
    for (std::size_t i = work.shares[share]; i < work.shares[share + 1]; ++i) run(work.chunks[i]);
  });
  pending_scale_ = 1;
  pending_clip_ = std::numeric_limits<double>::infinity();
  ++step_count_;
  apply_schedules();
}

template <class T> double Optimizer<T>::get(const std::string& hyperparameter, std::size_t group) {
  XGRAD_CHECK(group < groups_.size(), "optimizer: group ", group, " of ", groups_.size());
  return groups_[group].hyperparameters.number(hyperparameter);
}

template <class T> void Optimizer<T>::set(const std::string& hyperparameter, double value) {
  for (Group& group : groups_) {
    bool scheduled = false;
    for (std::size_t i = 0; i < schedules_.size(); ++i)
      if (schedules_[i].parameter == hyperparameter) {
        group.scheduled[i] = value;
        scheduled = true;
      }
    if (!scheduled) group.hyperparameters.number(hyperparameter) = value;
  }
  apply_schedules();
}

template <class T> void Optimizer<T>::set_schedules(std::vector<ScheduledParameter> schedules) {
  schedules_ = std::move(schedules);
  for (Group& group : groups_) {
    group.initial_lr = group.hyperparameters.number("lr");
    group.scheduled.clear();
    for (const ScheduledParameter& scheduled : schedules_)
      group.scheduled.push_back(group.hyperparameters.number(scheduled.parameter));
  }
  apply_schedules();
}

template <class T> void Optimizer<T>::apply_schedules() {
  for (Group& group : groups_)
    for (std::size_t i = 0; i < schedules_.size(); ++i)
      group.hyperparameters.number(schedules_[i].parameter) =
          group.scheduled[i] * schedules_[i].schedule.at(static_cast<double>(step_count_));
}

template <class T> std::vector<typename Optimizer<T>::State> Optimizer<T>::state() {
  std::vector<State> result;
  for (std::size_t s = 0; s < rule_.slot_count; ++s)
    for (std::size_t i = 0; i < parameters_.size(); ++i)
      if (slots_[i][s])
        result.push_back({std::string(rule_.slots[s].name) + "." + parameters_[i].name, parameters_[i].tensor.shape(),
                          slots_[i][s]});
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
