// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the normalisations share. Forward and backward are fused kernels; second derivatives go through the formula in
// recorded operations.
#include <array>
#include <span>

#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::detail {

/// The inputs of a normalisation: x, then weight and bias where they are defined.
template <class T> struct Inputs {
  std::array<Node<T>*, 3> nodes{};
  std::size_t count = 1, weight = 0, bias = 0;  // weight, bias: their places; 0 if undefined

  Inputs(const Tensor<T>& x, const Tensor<T>& weight_, const Tensor<T>& bias_) {
    nodes[0] = x.node();
    if (weight_.defined()) nodes[weight = count++] = weight_.node();
    if (bias_.defined()) nodes[bias = count++] = bias_.node();
  }
  std::span<Node<T>* const> span() const { return {nodes.data(), count}; }
  SavedMask all() const { return (SavedMask{1} << count) - 1; }
};

template <class T> const T* data_or_null(const Tensor<T>& t) { return t.defined() ? t.data() : nullptr; }

/// A place for the gradient of input k of `node`, or none.
template <class T> struct Target {
  Tensor<T> gradient;

  Target(Node<T>& node, std::size_t k, bool present = true) {
    if (present && node.wants(k)) gradient = Tensor<T>::empty(node.input_shape(k));
  }
  T* data() const { return gradient.defined() ? const_cast<T*>(gradient.data()) : nullptr; }
  void give(Node<T>& node, std::size_t k) {
    if (gradient.defined()) node.give(k, std::move(gradient));
  }
};

/// (x - mean) / sqrt(variance + eps) over the axes, in recorded operations.
template <class T> Tensor<T> standardize(const Tensor<T>& x, const Axes& axes, double eps, bool centered = true) {
  const Tensor<T> d = centered ? x - mean(x, axes, true) : x;
  return d / sqrt(mean(square(d), axes, true) + eps);
}

}  // namespace xgrad::detail
