// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <memory>
#include <string>

#include "xgrad/tensor.hpp"

namespace xgrad::nn {

/// A part of a model: named parameters, buffers and sub-modules, and a forward pass.
///
///     struct Net : nn::Module<float> {
///       nn::Linear<float> hidden{784, 256}, output{256, 10};
///       Net() { register_module("hidden", hidden); register_module("output", output); }
///       Tensor<float> forward(const Tensor<float>& x) override { return output(relu(hidden(x))); }
///     };
///
/// A module is a handle: a copy shares parameters, buffers and the training flag with the original.
template <class T> class Module {
 public:
  Module() : state_(std::make_shared<State>()) {}
  virtual ~Module() = default;

  virtual Tensor<T> forward(const Tensor<T>& x) = 0;
  /// forward(), inside a scope that names this module in reports of DetectAnomaly.
  Tensor<T> operator()(const Tensor<T>& x);

  /// In the order of registration, sub-modules' names joined by dots: "hidden.weight".
  NamedTensors<T> named_parameters() const;
  /// State that is saved but not trained.
  NamedTensors<T> named_buffers() const;
  /// Switches this module and all in it to training (dropout acts) or evaluation.
  void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const { return state_->training; }
  /// As registered in the module that it is part of; "" if in none.
  const char* name() const { return state_->name.c_str(); }
  void zero_grad();

 protected:
  Module(const Module&) = default;
  Module(Module&&) noexcept = default;
  Module& operator=(const Module&) = default;
  Module& operator=(Module&&) noexcept = default;

  /// Makes `value` a leaf that requires a gradient and returns it. Throws Error for a name used before.
  Tensor<T> register_parameter(const std::string& name, const Tensor<T>& value);
  Tensor<T> register_buffer(const std::string& name, const Tensor<T>& value);
  /// Throws Error for a name used before, or a module that is part of another: share its parameters by calling it
  /// twice.
  void register_module(const std::string& name, const Module& child);

 private:
  struct State {
    std::string name;  // in the module it was registered with
    NamedTensors<T> parameters, buffers;
    std::vector<std::shared_ptr<State>> children;
    bool training = true;
  };
  static void collect(const State& state, const std::string& prefix, NamedTensors<T> State::*which,
                      NamedTensors<T>& result);
  static void set_training(State& state, bool on);
  void check_name(const std::string& name) const;

  std::shared_ptr<State> state_;
};

extern template class Module<float>;
extern template class Module<double>;

}  // namespace xgrad::nn
