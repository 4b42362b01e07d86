// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <algorithm>

#include "random_block.hpp"

namespace xgrad::detail {

/// y = x dropped or divided by 1 - p, for the elements [first, first + count) of a tensor that is dropped with `key`:
/// element i is dropped where 32 random bits of (key, i) are below p. x and y begin at element `first`; y may be x.
template <class T> void drop(const T* x, T* y, std::uint64_t first, std::size_t count, double p, RandomKey key) {
  const T scale = p < 1 ? static_cast<T>(1 / (1 - p)) : T{0};
  const auto threshold = static_cast<std::uint64_t>(p * 0x1p32);
  const std::uint64_t end = first + count;
  for (std::uint64_t at = first; at < end;) {
    const auto words = random_block(key, at / 4);
    for (const std::uint64_t stop = std::min(at / 4 * 4 + 4, end); at < stop; ++at)
      y[at - first] = words[at % 4] < threshold ? T{0} : x[at - first] * scale;
  }
}

}  // namespace xgrad::detail
