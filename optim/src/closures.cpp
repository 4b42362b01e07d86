// SPDX-License-Identifier: BSD-3-Clause
// What leads to a step and away from it: the loss's value, a closure that is evaluated once or often, and the point to
// evaluate.
#include <algorithm>

#include "stored_state.hpp"
#include "work.hpp"

namespace xgrad::optim {

template <class T> void Optimizer<T>::step() {
  XGRAD_CHECK(!needs_loss(), "optimizer \"", rule_.name, "\" needs the loss: call step(loss)");
  XGRAD_CHECK(!needs_closure(), "optimizer \"", rule_.name,
              "\" evaluates the loss more than once: call step(closure) with zero_grad, forward and backward in it");
  advance(0);
}

template <class T> void Optimizer<T>::step(double loss) {
  XGRAD_CHECK(!needs_closure(), "optimizer \"", rule_.name,
              "\" evaluates the loss more than once: call step(closure) with zero_grad, forward and backward in it");
  advance(loss);
}

template <class T> double Optimizer<T>::step(const Closure& closure) {
  if (rule_.minimize) return minimize(closure);
  const double loss = closure();
  for (const auto& transform : transforms_) {
    if (!transform->ascends()) continue;
    const std::vector<std::size_t> places = moving();
    const auto without_recording = [&](auto act) {
      const NoGrad no_grad;
      act();
    };
    without_recording([&] { transform->ascend(parameters_, places); });
    closure();
    without_recording([&] { transform->descend(parameters_, places); });
  }
  advance(loss);
  return loss;
}

/// The parameters of one group, one after the other.
template <class T> class Optimizer<T>::GroupVector : public Flat<T> {
 public:
  GroupVector(NamedTensors<T>& parameters, const Group& group) : parameters_(parameters), group_(group) {
    std::int64_t elements = 0;
    for (const std::size_t i : group.members) elements += static_cast<std::int64_t>(parameters[i].tensor.size());
    shape_ = {elements};
  }
  Tensor<T> parameters() const override {
    return joined([](const Tensor<T>& parameter) { return parameter; });
  }
  Tensor<T> gradient() const override {
    return joined([](const Tensor<T>& parameter) { return parameter.grad(); });
  }
  void set_parameters(const Tensor<T>& value) override {
    const T* from = value.data();
    for (const std::size_t i : group_.members) {
      Tensor<T>& parameter = parameters_[i].tensor;
      std::copy_n(from, parameter.size(), parameter.mutable_data());
      from += parameter.size();
    }
  }

 private:
  template <class Part> Tensor<T> joined(const Part& part) const {
    Tensor<T> result = Tensor<T>::zeros(shape_);
    T* to = result.mutable_data();
    for (const std::size_t i : group_.members) {
      if (const Tensor<T> from = part(parameters_[i].tensor); from.defined()) std::copy_n(from.data(), from.size(), to);
      to += parameters_[i].tensor.size();
    }
    return result;
  }

  NamedTensors<T>& parameters_;
  const Group& group_;
  Shape shape_;
};

template <class T> double Optimizer<T>::minimize(const Closure& closure) {
  XGRAD_CHECK(trained_.empty(), "optimizer: step() between eval() and train(); call train() before going on");
  XGRAD_CHECK(pending_scale_ == 1 && pending_clip_ == std::numeric_limits<double>::infinity(), "optimizer \"",
              rule_.name, "\" compares gradients with losses: they cannot be clipped");
  Group* all = nullptr;
  for (Group& group : groups_) {
    if (group.freeze || group.members.empty()) continue;
    XGRAD_CHECK(!all, "optimizer \"", rule_.name, "\" moves all parameters together: groups \"", all->label,
                "\" and \"", group.label, "\" cannot have their own settings, only \"freeze\"");
    all = &group;
  }
  if (!all) return closure();
  for (const std::size_t i : all->members) ++steps_[i];
  GroupVector vector(parameters_, *all);
  Arrays& state = arrays_.back();
  const auto outside = [&] {  // the closure records its operations, the optimizer does not
    const EnableGrad recording;
    return closure();
  };
  double loss = 0;
  {
    const NoGrad no_grad;
    loss =
        rule_.minimize(all->hyperparameters.rule_data(), vector, outside, state.tensors.data(), numbers_.back().data());
  }
  ++step_count_;
  apply_schedules();
  return loss;
}

template <class T> bool Optimizer<T>::trains_elsewhere() const {
  return std::any_of(groups_.begin(), groups_.end(), [](const Group& g) { return bool(g.rule.evaluate); }) ||
         std::any_of(transforms_.begin(), transforms_.end(), [](const auto& t) { return t->has_evaluation(); });
}

template <class T> void Optimizer<T>::eval() {
  if (!trained_.empty()) return;
  trained_.resize(parameters_.size());
  for (Group& group : groups_) {
    if (!group.rule.evaluate) continue;
    for (const std::size_t i : group.members) {
      Tensor<T>& parameter = parameters_[i].tensor;
      if (steps_[i] == 0 || parameter.size() == 0) continue;
      trained_[i] = Storage<T>(parameter.storage());
      Now now;
      now.t = static_cast<double>(steps_[i]);
      now.numbers = numbers_[group.rule.scope == Scope::all ? parameters_.size() : i].data();
      alignas(16) std::array<std::byte, kKernelBytes> kernel;
      group.rule.evaluate.prepare(group.hyperparameters.rule_data(), now, kernel.data());
      T* data = parameter.mutable_data();
      Block<T> block{data, data, {}, parameter.size(), 1, 0, 1, 1, std::numeric_limits<T>::infinity()};
      run_on_stored_state(group.rule.evaluate, kernel.data(), block, slots_[i], {}, nullptr);
    }
  }
  for (const auto& transform : transforms_)
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const Tensor<T> average = transform->evaluation(i);
      if (!average.defined() || average.size() == 0) continue;
      if (!trained_[i]) trained_[i] = Storage<T>(parameters_[i].tensor.storage());
      std::copy_n(average.data(), average.size(), parameters_[i].tensor.mutable_data());
    }
}

template <class T> void Optimizer<T>::train() {
  for (std::size_t i = 0; i < trained_.size(); ++i)
    if (trained_[i]) std::copy_n(trained_[i].data(), trained_[i].size(), parameters_[i].tensor.mutable_data());
  trained_.clear();
}

#define XGRAD_INSTANTIATE(T)                              \
  template void Optimizer<T>::step();                     \
  template void Optimizer<T>::step(double);               \
  template double Optimizer<T>::step(const Closure&);     \
  template double Optimizer<T>::minimize(const Closure&); \
  template bool Optimizer<T>::trains_elsewhere() const;   \
  template void Optimizer<T>::eval();                     \
  template void Optimizer<T>::train();
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::optim
