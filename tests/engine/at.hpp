// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Value and derivative of a function at one number.
#include <utility>

#include "xgrad/xgrad.hpp"

template <class Function> std::pair<double, double> at(Function f, double value) {
  const auto x = xgrad::parameter(xgrad::Tensor<double>({1}, {value}));
  const auto y = f(x);
  xgrad::sum(y).backward();
  return {y.data()[0], x.has_grad() ? x.grad().data()[0] : 0.0};
}
/// The second derivative.
template <class Function> double second_derivative_at(Function f, double value) {
  const auto x = xgrad::parameter(xgrad::Tensor<double>({1}, {value}));
  const auto first = xgrad::grad(xgrad::sum(f(x)), x, {.create_graph = true});
  return first.requires_grad() ? xgrad::grad(xgrad::sum(first), x, {.allow_unused = true}).item() : 0.0;
}
