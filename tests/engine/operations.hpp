// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <functional>

#include "xgrad/xgrad.hpp"

/// One input of a sample: its shape, and the interval that its (distinct) elements come from.
struct Input {
  xgrad::Shape shape;
  double low = -2, high = 2;
};
using Sample = std::vector<Input>;

/// A row of the table that drives every test of operations. A public operation without a row fails the suite.
struct OperationRow {
  std::string name;
  std::function<xgrad::Tensor<float>(const std::vector<xgrad::Tensor<float>>&)> in_float;
  std::function<xgrad::Tensor<double>(const std::vector<xgrad::Tensor<double>>&)> in_double;
  std::vector<Sample> samples;
  bool broadcasts = false;  ///< elementwise on all inputs: also tested for broadcasting, emptiness, aliasing, threads
  bool differentiable = true;

  template <class F>
  OperationRow(std::string name_, F f, std::vector<Sample> samples_, bool broadcasts_ = false,
               bool differentiable_ = true)
      : name(std::move(name_)), in_float(f), in_double(f), samples(std::move(samples_)), broadcasts(broadcasts_),
        differentiable(differentiable_) {}
};
const std::vector<OperationRow>& operations();

template <class T> std::vector<xgrad::Tensor<T>> make_inputs(const Sample& sample) {
  std::vector<xgrad::Tensor<T>> inputs;
  for (const Input& input : sample) {
    xgrad::Tensor<T> x = xgrad::Tensor<T>::empty(input.shape);
    const auto order =
        xgrad::permutation({1, static_cast<std::uint32_t>(inputs.size()), 0}, static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i)  // distinct, shuffled, off the ends and off 0
      x.mutable_data()[i] =
          static_cast<T>(input.low + (input.high - input.low) * (static_cast<double>(order[i]) + 0.4317) /
                                         static_cast<double>(x.size()));
    inputs.push_back(xgrad::parameter(x));
  }
  return inputs;
}
