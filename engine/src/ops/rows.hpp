// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <algorithm>
#include <cstddef>

#include "xgrad/threads.hpp"

namespace xgrad::detail {

/// Calls body(first_row, count) for blocks of rows that together cover rows x cols; large ones run on several threads.
/// Rows are independent, so the cut does not show in the result.
template <class Body> void for_rows(std::size_t rows, std::size_t cols, const Body& body) {
  if (rows == 0) return;
  constexpr std::size_t kBlock = 16384;  // elements
  const std::size_t block = std::clamp<std::size_t>(kBlock / std::max<std::size_t>(cols, 1), 1, rows);
  parallel_for((rows + block - 1) / block,
               [&](std::size_t task) { body(task * block, std::min(block, rows - task * block)); });
}

/// out[i] = value(i); `value` may run on several threads.
template <class T, class Value> void fill_each(T* out, std::size_t n, const Value& value) {
  for_rows(n, 1, [&](std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) out[i] = static_cast<T>(value(i));
  });
}

}  // namespace xgrad::detail
