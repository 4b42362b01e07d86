// SPDX-License-Identifier: BSD-3-Clause
// Estimates of the loss's curvature, for optimizers that weigh their steps by it.
#include "work.hpp"
#include "xgrad/autograd.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/random.hpp"

namespace xgrad::optim {
namespace {

/// 1 or -1, each a pure function of the key.
template <class T> Tensor<T> random_signs(const Shape& shape, RandomKey key) {
  Tensor<T> result = Tensor<T>::empty(shape);
  T* const signs = result.mutable_data();
  std::array<std::uint32_t, 256> words;
  for (std::size_t first = 0; first < result.size(); first += words.size()) {
    const std::size_t n = std::min(words.size(), result.size() - first);
    random_bits(key, first, words.data(), n);
    for (std::size_t k = 0; k < n; ++k) signs[first + k] = words[k] >> 31 ? T{1} : T{-1};
  }
  return result;
}

}  // namespace

template <class T> bool Optimizer<T>::wants_curvature() const {
  return rule_.curvature != Curvature::none && estimates_.empty() &&
         step_count_ % rule_.curvature_options(groups_.front().hyperparameters.rule_data()).every == 0;
}

template <class T> void Optimizer<T>::estimate_curvature(const std::function<Tensor<T>()>& loss) {
  XGRAD_CHECK(rule_.curvature != Curvature::none, "optimizer \"", rule_.name, "\" has no use for the curvature");
  const bool hessian = rule_.curvature == Curvature::hessian;
  std::vector<Tensor<T>> parameters, signs;
  const std::int64_t seed = rule_.curvature_options(groups_.front().hyperparameters.rule_data()).seed;
  for (const NamedTensor<T>& p : parameters_) parameters.push_back(p.tensor);
  GradOptions options;
  options.allow_unused = true;
  options.create_graph = hessian;
  {
    const EnableGrad recording;
    estimates_ = grad<T>({loss()}, parameters, {}, options);
    if (hessian) {
      Tensor<T> product = Tensor<T>(T{0});
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        signs.push_back(random_signs<T>(parameters[i].shape(), {static_cast<std::uint64_t>(seed),
                                                                RandomStream::noise + static_cast<std::uint32_t>(i),
                                                                static_cast<std::uint32_t>(step_count_)}));
        if (estimates_[i].defined()) product = product + sum(estimates_[i] * signs[i]);
      }
      options.create_graph = false;
      // A loss that is linear in all parameters has gradients without a graph.
      estimates_ = product.requires_grad() ? grad<T>({product}, parameters, {}, options)
                                           : std::vector<Tensor<T>>(parameters.size());
    }
  }
  const NoGrad no_grad;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    Tensor<T>& estimate = estimates_[i];
    if (!estimate.defined())
      estimate = Tensor<T>::zeros(parameters[i].shape());
    else
      estimate = (estimate * (hessian ? signs[i] : estimate)).detach();
  }
}

#define XGRAD_INSTANTIATE(T)                           \
  template bool Optimizer<T>::wants_curvature() const; \
  template void Optimizer<T>::estimate_curvature(const std::function<Tensor<T>()>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::optim
