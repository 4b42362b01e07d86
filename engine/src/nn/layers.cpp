// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/nn/layers.hpp"

#include <cmath>

#include "xgrad/autograd.hpp"

namespace xgrad::nn {

template <class T> Linear<T>::Linear(std::int64_t in, std::int64_t out, LinearOptions options) {
  XGRAD_CHECK(in > 0 && out > 0, "Linear: sizes in ", in, ", out ", out, "; expected positive sizes");
  weight = this->register_parameter("weight", Tensor<T>::empty({out, in}));
  initialize(weight, Init::uniform, next_init_key());
  if (!options.bias) return;
  bias = this->register_parameter("bias", Tensor<T>::empty({out}));
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  initialize_uniform(bias, -bound, bound, next_init_key());
}

template <class T> void Sequential<T>::append(std::shared_ptr<Module<T>> module) {
  const auto* layer = modules_.empty() ? nullptr : dynamic_cast<ActivatedModule<T>*>(modules_.back().get());
  if (layer && fused_.back() == Activation::none) {
    Activation activation = Activation::none;
    if (dynamic_cast<ReLU<T>*>(module.get())) activation = Activation::relu;
    if (dynamic_cast<Tanh<T>*>(module.get())) activation = Activation::tanh;
    if (dynamic_cast<Sigmoid<T>*>(module.get())) activation = Activation::sigmoid;
    if (const auto* gelu = dynamic_cast<GELU<T>*>(module.get()); gelu && !gelu->tanh_approximation())
      activation = Activation::gelu;
    if (layer->computes(activation)) fused_.back() = activation;
  }
  this->register_module(std::to_string(modules_.size()), *module);
  modules_.push_back(std::move(module));
  fused_.push_back(Activation::none);
}

template <class T> Tensor<T> Sequential<T>::forward(const Tensor<T>& x) {
  Tensor<T> y = x;
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    if (fused_[i] == Activation::none) {
      y = (*modules_[i])(y);
      continue;
    }
    auto& layer = static_cast<ActivatedModule<T>&>(*modules_[i]);
    const Scope scope(layer.name());
    y = layer.forward_with(y, fused_[i]);
    ++i;  // the activation is done
  }
  return y;
}

template class Linear<float>;
template class Linear<double>;
template class Sequential<float>;
template class Sequential<double>;

}  // namespace xgrad::nn
