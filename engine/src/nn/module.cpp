// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/nn/module.hpp"

#include "xgrad/autograd.hpp"

namespace xgrad::nn {

template <class T> Tensor<T> Module<T>::operator()(const Tensor<T>& x) {
  const Scope scope(state_->name.c_str());
  return forward(x);
}

template <class T>
void Module<T>::collect(const State& state, const std::string& prefix, NamedTensors<T> State::*which,
                        NamedTensors<T>& result) {
  for (const NamedTensor<T>& entry : state.*which) result.push_back({prefix + entry.name, entry.tensor});
  for (const auto& child : state.children) collect(*child, prefix + child->name + ".", which, result);
}

template <class T> NamedTensors<T> Module<T>::named_parameters() const {
  NamedTensors<T> result;
  collect(*state_, "", &State::parameters, result);
  return result;
}

template <class T> NamedTensors<T> Module<T>::named_buffers() const {
  NamedTensors<T> result;
  collect(*state_, "", &State::buffers, result);
  return result;
}

template <class T> void Module<T>::set_training(State& state, bool on) {
  state.training = on;
  for (const auto& child : state.children) set_training(*child, on);
}

template <class T> void Module<T>::train(bool on) { set_training(*state_, on); }

template <class T> void Module<T>::zero_grad() {
  for (NamedTensor<T>& entry : named_parameters()) entry.tensor.zero_grad();
}

template <class T> void Module<T>::check_name(const std::string& name) const {
  bool taken = name.empty() || name.find('.') != std::string::npos;
  XGRAD_CHECK(!taken, "Module: the name \"", name, "\" is empty or has a dot");
  for (const auto& entry : state_->parameters) taken |= entry.name == name;
  for (const auto& entry : state_->buffers) taken |= entry.name == name;
  for (const auto& child : state_->children) taken |= child->name == name;
  XGRAD_CHECK(!taken, "Module: the name \"", name, "\" is registered twice");
}

template <class T> Tensor<T> Module<T>::register_parameter(const std::string& name, const Tensor<T>& value) {
  check_name(name);
  state_->parameters.push_back({name, parameter(value)});
  return state_->parameters.back().tensor;
}

template <class T> Tensor<T> Module<T>::register_buffer(const std::string& name, const Tensor<T>& value) {
  check_name(name);
  state_->buffers.push_back({name, value.detach()});
  return state_->buffers.back().tensor;
}

template <class T> void Module<T>::register_module(const std::string& name, const Module& child) {
  check_name(name);
  XGRAD_CHECK(child.state_->name.empty(), "Module: the module to be registered as \"", name,
              "\" is already registered as \"", child.state_->name,
              "\"; a shared layer is registered once and called where it is needed");
  child.state_->name = name;
  state_->children.push_back(child.state_);
}

template class Module<float>;
template class Module<double>;

}  // namespace xgrad::nn
