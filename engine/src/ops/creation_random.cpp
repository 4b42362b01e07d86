// SPDX-License-Identifier: BSD-3-Clause
// Random tensors: element i is a function of the key and i alone.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/rows.hpp"
#include "random_block.hpp"
#include "xgrad/ops/creation.hpp"

namespace xgrad {
namespace {

/// uniform() cut to the bits that T holds: rounded, a float could be 1.
template <class T> T uniform_number(RandomKey key, std::uint64_t index) {
  const double u = uniform(key, index);
  if constexpr (std::is_same_v<T, float>)
    return static_cast<float>(std::floor(u * 0x1p24) * 0x1p-24);
  else
    return u;
}

/// Uniform in [0, range), by Lemire's multiplication with rejection (arXiv:1805.10941): an attempt that is refused,
/// with a probability below range / 2^64, moves on to words that no element starts with.
std::uint64_t uniform_integer(RandomKey key, std::uint64_t index, std::uint64_t range) {
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t refused_below = (0 - range) % range;
  for (std::uint64_t attempt = 0;; ++attempt) {
    const auto words = detail::random_block(key, index + (attempt << 48));
    const std::uint64_t bits = (static_cast<std::uint64_t>(words[0]) << 32) | words[1];
    const Wide product = static_cast<Wide>(bits) * range;
    if (static_cast<std::uint64_t>(product) >= refused_below) return static_cast<std::uint64_t>(product >> 64);
  }
}

template <class T> void check_weights(const Tensor<T>& weights, std::int64_t count, bool replacement) {
  XGRAD_CHECK(weights.rank() == 1 || weights.rank() == 2, "multinomial: weights have shape ", weights.shape(),
              "; expected (C) or (N, C)");
  XGRAD_CHECK(count >= 0, "multinomial: count is ", count, "; expected >= 0");
  const auto classes = static_cast<std::size_t>(weights.shape().back());
  for (std::size_t r = 0; r * classes < weights.size(); ++r) {
    std::int64_t positive = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      const T w = weights.data()[r * classes + c];
      XGRAD_CHECK(w >= 0 && w <= std::numeric_limits<T>::max(), "multinomial: weight ", w, " at row ", r, ", column ",
                  c, "; expected finite weights >= 0");
      positive += w > 0;
    }
    XGRAD_CHECK(positive > 0, "multinomial: all weights of row ", r, " are 0; nothing can be drawn");
    XGRAD_CHECK(replacement || positive >= count, "multinomial: ", count, " draws without replacement from ", positive,
                " positive weights of row ", r, "; draw fewer, or with replacement");
  }
}

/// Each draw by bisection of the cumulative weights.
template <class T>
void draw_with_replacement(std::span<const T> weights, RandomKey key, std::size_t first,
                           std::span<std::int64_t> draws) {
  std::vector<double> cumulative(weights.size());
  double total = 0;
  for (std::size_t c = 0; c < weights.size(); ++c) cumulative[c] = total += static_cast<double>(weights[c]);
  const auto last = static_cast<std::size_t>(
      std::find_if(weights.rbegin(), weights.rend(), [](T w) { return w > 0; }).base() - weights.begin() - 1);
  for (std::size_t k = 0; k < draws.size(); ++k) {
    const double target = uniform(key, first + k) * total;
    const auto place = std::upper_bound(cumulative.begin(), cumulative.end(), target) - cumulative.begin();
    draws[k] = static_cast<std::int64_t>(std::min(static_cast<std::size_t>(place), last));  // rounding at the end
  }
}

/// The classes whose exponential clocks of rate w ring first (Efraimidis, Spirakis 2006), in that order.
template <class T>
void draw_without_replacement(std::span<const T> weights, RandomKey key, std::size_t first,
                              std::span<std::int64_t> draws) {
  std::vector<double> rings(weights.size(), std::numeric_limits<double>::infinity());
  for (std::size_t c = 0; c < weights.size(); ++c)
    if (weights[c] > 0) rings[c] = -std::log1p(-uniform(key, first + c)) / static_cast<double>(weights[c]);
  std::vector<std::int64_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(draws.size()), order.end(),
                    [&](std::int64_t a, std::int64_t b) {
                      const double x = rings[static_cast<std::size_t>(a)], y = rings[static_cast<std::size_t>(b)];
                      return x < y || (x == y && a < b);
                    });
  std::copy_n(order.begin(), draws.size(), draws.begin());
}

}  // namespace

template <class T> Tensor<T> uniform(const Shape& shape, double low, double high, RandomKey key) {
  XGRAD_CHECK(low <= high, "uniform: low is ", low, ", high ", high, "; expected low <= high");
  Storage<T> value(shape.size());
  const T start = static_cast<T>(low), width = static_cast<T>(high - low);
  detail::fill_each(value.data(), value.size(),
                    [=](std::size_t i) { return start + width * uniform_number<T>(key, i); });
  return Tensor<T>(shape, std::move(value));
}

template <class T> Tensor<T> normal(const Shape& shape, double mean, double deviation, RandomKey key) {
  XGRAD_CHECK(deviation >= 0, "normal: deviation is ", deviation, "; expected >= 0");
  Storage<T> value(shape.size());
  detail::fill_each(value.data(), value.size(), [=](std::size_t i) { return mean + deviation * normal(key, i); });
  return Tensor<T>(shape, std::move(value));
}

template <class T> Tensor<T> bernoulli(const Tensor<T>& probabilities, RandomKey key) {
  const T* p = probabilities.data();
  for (std::size_t i = 0; i < probabilities.size(); ++i)
    XGRAD_CHECK(p[i] >= 0 && p[i] <= 1, "bernoulli: probability ", p[i], " at position ", i, "; expected 0 to 1");
  Storage<T> value(probabilities.size());
  detail::fill_each(value.data(), value.size(),
                    [=](std::size_t i) { return uniform(key, i) < static_cast<double>(p[i]) ? 1 : 0; });
  return Tensor<T>(probabilities.shape(), std::move(value));
}

Indices randint(std::int64_t low, std::int64_t high, const Shape& shape, RandomKey key) {
  XGRAD_CHECK(low < high, "randint: low is ", low, ", high ", high, "; expected low < high");
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  Indices result(shape);
  detail::fill_each(result.data(), result.size(), [=](std::size_t i) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + uniform_integer(key, i, range));
  });
  return result;
}

Indices randperm(std::int64_t n, RandomKey key) {
  XGRAD_CHECK(n >= 0, "randperm: n is ", n, "; expected >= 0");
  const std::vector<std::int64_t> order = permutation(key, n);
  return Indices(Shape{n}, std::span<const std::int64_t>(order));
}

template <class T> Indices multinomial(const Tensor<T>& weights, std::int64_t count, bool replacement, RandomKey key) {
  check_weights(weights, count, replacement);
  const auto classes = static_cast<std::size_t>(weights.shape().back()), draws = static_cast<std::size_t>(count);
  Shape shape = weights.shape();
  shape[shape.rank() - 1] = count;
  Indices result(shape);
  const std::size_t rows = classes == 0 ? 0 : weights.size() / classes;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::span<const T> row(weights.data() + r * classes, classes);
    const std::span<std::int64_t> to(result.data() + r * draws, draws);
    if (replacement)
      draw_with_replacement(row, key, r * draws, to);
    else
      draw_without_replacement(row, key, r * classes, to);
  }
  return result;
}

// Without a key: the thread's next one.
template <class T> Tensor<T> uniform(const Shape& shape, double low, double high) {
  return uniform<T>(shape, low, high, next_random_key());
}
template <class T> Tensor<T> normal(const Shape& shape, double mean, double deviation) {
  return normal<T>(shape, mean, deviation, next_random_key());
}
template <class T> Tensor<T> bernoulli(const Tensor<T>& probabilities) {
  return bernoulli(probabilities, next_random_key());
}
Indices randint(std::int64_t low, std::int64_t high, const Shape& shape) {
  return randint(low, high, shape, next_random_key());
}
Indices randperm(std::int64_t n) { return randperm(n, next_random_key()); }
template <class T> Indices multinomial(const Tensor<T>& weights, std::int64_t count, bool replacement) {
  return multinomial(weights, count, replacement, next_random_key());
}

#define XGRAD_INSTANTIATE(T)                                                     \
  template Tensor<T> uniform(const Shape&, double, double, RandomKey);           \
  template Tensor<T> uniform(const Shape&, double, double);                      \
  template Tensor<T> normal(const Shape&, double, double, RandomKey);            \
  template Tensor<T> normal(const Shape&, double, double);                       \
  template Tensor<T> bernoulli(const Tensor<T>&, RandomKey);                     \
  template Tensor<T> bernoulli(const Tensor<T>&);                                \
  template Indices multinomial(const Tensor<T>&, std::int64_t, bool, RandomKey); \
  template Indices multinomial(const Tensor<T>&, std::int64_t, bool);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
