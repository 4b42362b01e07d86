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
  /// The same call as a Python expression on a list x of tensors, for tests/reference/engine/generate.py, whose values
  /// test_reference.cpp compares with; empty where PyTorch 1.13 has nothing like it.
  std::string torch;
  std::vector<Sample> samples;
  bool broadcasts = false;  ///< elementwise on all inputs: also tested for broadcasting, emptiness, aliasing, threads
  bool differentiable = true;
  double tolerance = 1e-10;  ///< relative, against PyTorch in float64

  template <class F>
  OperationRow(std::string name_, F f, std::string torch_, std::vector<Sample> samples_, bool broadcasts_ = false,
               bool differentiable_ = true, double tolerance_ = 1e-10)
      : name(std::move(name_)), in_float(f), in_double(f), torch(std::move(torch_)), samples(std::move(samples_)),
        broadcasts(broadcasts_), differentiable(differentiable_), tolerance(tolerance_) {}
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

/// What names a sample's values in tests/reference/engine/values.json.
inline std::string reference_key(const OperationRow& operation, const Sample& sample) {
  std::string key = operation.torch;
  for (const Input& input : sample) {
    key.append(" | ").append(input.shape.to_string());
    if (input.low != Input{}.low || input.high != Input{}.high)
      key.append(" ").append(std::to_string(input.low)).append(" ").append(std::to_string(input.high));
  }
  return key;
}
