// SPDX-License-Identifier: BSD-3-Clause
// What tells attention where in a sequence it is.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "kernels/kernels.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/attention.hpp"

namespace xgrad {
namespace {

double angle(std::int64_t position, std::int64_t pair, std::int64_t d, double base) {
  return static_cast<double>(position) * std::pow(base, -2 * static_cast<double>(pair) / static_cast<double>(d));
}

/// Rows 0 ... length-1 of half cosines, then half sines: computed in double, once for each (d, base).
template <class T> Tensor<T> rotary_table(std::int64_t length, std::int64_t d, double base) {
  static thread_local std::map<std::pair<std::int64_t, double>, Tensor<T>> tables;
  Tensor<T>& table = tables[{d, base}];
  if (table.defined() && table.shape()[0] >= length) return table;
  table = Tensor<T>::empty({length, d});
  T* row = table.mutable_data();
  for (std::int64_t p = 0; p < length; ++p, row += d)
    for (std::int64_t i = 0; i < d / 2; ++i) {
      row[i] = static_cast<T>(std::cos(angle(p, i, d, base)));
      row[d / 2 + i] = static_cast<T>(std::sin(angle(p, i, d, base)));
    }
  return table;
}

/// Each matrix (L, d) of x, row l turned by row l of `angles`; also its own vector-Jacobian product, with the sign
/// turned.
template <class T> Tensor<T> rotate(const Tensor<T>& x, const Tensor<T>& angles, T sign, bool interleaved) {
  const auto d = static_cast<std::size_t>(x.shape().back()), length = static_cast<std::size_t>(x.size(-2));
  Storage<T> value(x.size());
  T* y = value.data();
  detail::for_rows(
      length * d == 0 ? 0 : x.size() / (length * d), length * d, [&](std::size_t first, std::size_t count) {
        for (std::size_t i = first * length * d; i < (first + count) * length * d; i += length * d)
          detail::kernels<T>().rotate_rows(x.data() + i, y + i, angles.data(), sign, length, d / 2, interleaved);
      });
  return record<T>(
      "rotary_embedding", x.shape(), std::move(value), kSaveNothing,
      [angles, sign, interleaved](Node<T>& n, const Tensor<T>& g) { n.give(0, rotate(g, angles, -sign, interleaved)); },
      x);
}

}  // namespace

template <class T>
Tensor<T> rotary_embedding(const Tensor<T>& x, const Indices& positions, double base, bool interleaved) {
  XGRAD_CHECK(x.rank() >= 2 && x.shape().back() % 2 == 0, "rotary_embedding: x ", x.shape(),
              "; expected (..., L, d) with an even d");
  XGRAD_CHECK(base > 0, "rotary_embedding: base is ", base, "; expected > 0");
  const std::int64_t length = x.size(-2), d = x.shape().back();
  if (positions.size() == 0) {
    // The table may be longer than L; its first rows are the ones.
    return rotate(x, rotary_table<T>(length, d, base), T{1}, interleaved);
  }
  XGRAD_CHECK(positions.shape() == Shape{length}, "rotary_embedding: positions have shape ", positions.shape(),
              "; expected (", length, ",), one for each row of x ", x.shape());
  const auto places = positions.values();
  for (std::size_t i = 0; i < places.size(); ++i)
    XGRAD_CHECK(places[i] >= 0, "rotary_embedding: position ", places[i], " at place ", i, "; expected >= 0");
  const Tensor<T> table = rotary_table<T>(*std::max_element(places.begin(), places.end()) + 1, d, base);
  Tensor<T> angles = Tensor<T>::empty({length, d});
  for (std::int64_t l = 0; l < length; ++l)
    std::copy_n(table.data() + places[static_cast<std::size_t>(l)] * d, d, angles.mutable_data() + l * d);
  return rotate(x, angles, T{1}, interleaved);
}

template <class T> Tensor<T> sinusoidal_positions(std::int64_t length, std::int64_t d) {
  XGRAD_CHECK(length >= 0 && d >= 0 && d % 2 == 0, "sinusoidal_positions: length ", length, ", d ", d,
              "; expected sizes, and an even d");
  Tensor<T> result = Tensor<T>::empty({length, d});
  T* row = result.mutable_data();
  for (std::int64_t p = 0; p < length; ++p, row += d)
    for (std::int64_t i = 0; i < d / 2; ++i) {
      row[2 * i] = static_cast<T>(std::sin(angle(p, i, d, 10000)));
      row[2 * i + 1] = static_cast<T>(std::cos(angle(p, i, d, 10000)));
    }
  return result;
}

template <class T> Tensor<T> alibi_bias(std::int64_t heads, std::int64_t L, std::int64_t S, bool causal) {
  XGRAD_CHECK(heads > 0 && L >= 0 && S >= 0, "alibi_bias: ", heads, " heads, sizes ", L, " and ", S,
              "; expected a positive number of heads, and sizes");
  Tensor<T> result = Tensor<T>::empty({heads, L, S});
  T* place = result.mutable_data();
  for (std::int64_t h = 1; h <= heads; ++h) {
    const double slope = std::exp2(-8 * static_cast<double>(h) / static_cast<double>(heads));
    for (std::int64_t i = 0; i < L; ++i)
      for (std::int64_t j = 0; j < S; ++j)
        *place++ =
            causal && j > i ? -std::numeric_limits<T>::infinity() : static_cast<T>(-slope * static_cast<double>(i - j));
  }
  return result;
}

#define XGRAD_INSTANTIATE(T)                                                           \
  template Tensor<T> rotary_embedding(const Tensor<T>&, const Indices&, double, bool); \
  template Tensor<T> sinusoidal_positions(std::int64_t, std::int64_t);                 \
  template Tensor<T> alibi_bias(std::int64_t, std::int64_t, std::int64_t, bool);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
