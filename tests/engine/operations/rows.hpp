// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the files of rows share. A row: name, F(call), what PyTorch calls it, samples.
#include "engine/operations.hpp"

/// The call, on a list x of tensors of either number type T.
#define F(...) [](const auto& x) { return __VA_ARGS__; }
#define T typename std::decay_t<decltype(x[0])>::value_type

/// Several results as one.
template <class Tensors> auto flat(const Tensors& parts) {
  auto pieces = parts;
  for (auto& piece : pieces) piece = xgrad::reshape(piece, {-1});
  return xgrad::concat(pieces);
}

/// An elementwise function of one number from an interval.
template <class Function>
OperationRow unary(const char* name, Function f, const char* torch, double low = -2, double high = 2,
                   double tolerance = 1e-10) {
  return {name, f,    torch,    {{{{2, 3}, low, high}}, {{{}, low, high}}, {{{1}, low, high}}, {{{37}, low, high}}},
          true, true, tolerance};
}
/// An elementwise function of two numbers from two intervals.
template <class Function>
OperationRow binary(const char* name, Function f, const char* torch, Input a = {{}, -2, 2}, Input b = {{}, -1.7, 2.3}) {
  using xgrad::Shape;
  std::vector<Sample> samples;
  const std::pair<Shape, Shape> shapes[] = {{{2, 3}, {2, 3}},    {{2, 3}, {3}}, {{2, 1}, {1, 3}}, {{2, 3}, {}},
                                            {{4, 1, 3}, {2, 1}}, {{}, {}},      {{1, 19}, {5, 1}}};
  for (const auto& [x, y] : shapes) samples.push_back({{x, a.low, a.high}, {y, b.low, b.high}});
  return {name, f, torch, samples, true};
}

inline const std::vector<Sample> reducible = {{{{2, 3, 4}}}, {{{5}}}, {{{1, 3}}}};

/// Indices or a mask as numbers.
template <class Number, class Element> xgrad::Tensor<Number> numbers(const xgrad::Data<Element>& data) {
  return {data.shape(), xgrad::Storage<Number>(data.data(), data.data() + data.size())};
}
