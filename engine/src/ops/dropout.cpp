// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/dropout.hpp"

#include "ops/rows.hpp"
#include "random_block.hpp"
#include "xgrad/ops/elementwise.hpp"

namespace xgrad {
namespace {

/// x times its mask; also its own vector-Jacobian product, for the operation is linear with a constant mask.
template <class T> Tensor<T> masked(const Tensor<T>& x, double p, RandomKey key) {
  Storage<T> value(x.size());
  T* y = value.data();
  const T scale = p < 1 ? static_cast<T>(1 / (1 - p)) : T{0};
  const auto threshold = static_cast<std::uint64_t>(p * 0x1p32);  // dropped where 32 random bits are below
  detail::for_rows((x.size() + 3) / 4, 4, [&](std::size_t first, std::size_t count) {
    for (std::size_t block = first; block < first + count; ++block) {
      const auto words = detail::random_block(key, block);
      const std::size_t start = 4 * block, end = std::min(start + 4, x.size());
      for (std::size_t i = start; i < end; ++i) y[i] = words[i - start] < threshold ? T{0} : x.data()[i] * scale;
    }
  });
  return record<T>(
      "dropout", x.shape(), std::move(value), kSaveNothing,
      [p, key](Node<T>& n, const Tensor<T>& g) { n.give(0, masked(g, p, key)); }, x);
}

}  // namespace

template <class T> Tensor<T> dropout(const Tensor<T>& x, double p, bool training, RandomKey key) {
  XGRAD_CHECK(p >= 0 && p <= 1, "dropout: p is ", p, "; expected 0 to 1");
  if (!training || p == 0) return x;
  return masked(x, p, key);
}

template <class T> Tensor<T> dropout(const Tensor<T>& x, double p, bool training) {
  return dropout(x, p, training, training && p > 0 && p < 1 ? next_random_key() : RandomKey{});
}

template Tensor<float> dropout(const Tensor<float>&, double, bool, RandomKey);
template Tensor<double> dropout(const Tensor<double>&, double, bool, RandomKey);
template Tensor<float> dropout(const Tensor<float>&, double, bool);
template Tensor<double> dropout(const Tensor<double>&, double, bool);

}  // namespace xgrad
