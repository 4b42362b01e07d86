// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Batches of matrices: the last two axes of an array.
#include <algorithm>
#include <string>

#include "ops/broadcast.hpp"
#include "xgrad/tensor.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::detail {

constexpr std::size_t kParallelWork = 300'000;  // multiply-adds that make a second thread worth its start

/// Runs body(i), a product by gemm(), for the matrices of a batch, each worth `work` multiply-adds: several at a time,
/// or, if they are large, one after the other with the threads inside.
template <class Body> void for_matrices(std::size_t count, std::size_t work, const Body& body) {
  if (count * work < kParallelWork || work >= 16 * kParallelWork)
    for (std::size_t i = 0; i < count; ++i) body(i);
  else
    parallel_for(count, body);
}

/// For bodies that call LAPACK, whose results depend on the number of threads: it gets one.
template <class Body> void for_factors(std::size_t count, std::size_t work, const Body& body) {
  const auto alone = [&body](std::size_t i) {
    const SerialScope serial;
    body(i);
  };
  if (count * work < kParallelWork)
    for (std::size_t i = 0; i < count; ++i) alone(i);
  else
    parallel_for(count, alone);
}

inline std::size_t row_count(const Shape& shape) { return static_cast<std::size_t>(shape[shape.rank() - 2]); }
inline std::size_t column_count(const Shape& shape) { return static_cast<std::size_t>(shape.back()); }
inline Shape with_matrix(Shape batch, std::size_t rows, std::size_t cols) {
  batch.push_back(static_cast<std::int64_t>(rows));
  batch.push_back(static_cast<std::int64_t>(cols));
  return batch;
}

inline void check_matrices(const char* name, const Shape& shape) {
  XGRAD_CHECK(shape.rank() >= 2, name, ": shape ", shape, "; expected matrices in the last two axes");
}
inline void check_square(const char* name, const Shape& shape) {
  check_matrices(name, shape);
  XGRAD_CHECK(row_count(shape) == column_count(shape), name, ": shape ", shape,
              "; expected square matrices in the last two axes");
}

/// For messages: "the matrix", or "the matrix at (1, 0)" of a batch.
inline std::string nth_matrix(const Shape& batch, std::size_t i) {
  if (batch.rank() == 0) return "the matrix";
  Shape place = batch;
  for (std::size_t axis = batch.rank(); axis-- > 0; i /= static_cast<std::size_t>(batch[axis]))
    place[axis] = static_cast<std::int64_t>(i % static_cast<std::size_t>(batch[axis]));
  return "the matrix at " + place.to_string();
}

}  // namespace xgrad::detail
