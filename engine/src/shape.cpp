// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/shape.hpp"

#include <algorithm>

namespace xgrad {

Shape::Shape(std::span<const std::int64_t> sizes) : rank_(sizes.size()) {
  XGRAD_CHECK(sizes.size() <= kMaxRank, "Shape: ", sizes.size(), " axes; at most ", kMaxRank, " are supported");
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  for (const std::int64_t size : sizes) XGRAD_CHECK(size >= 0, "Shape: negative size in ", *this, "; sizes are >= 0");
}

std::size_t Shape::axis(std::int64_t axis, const char* operation) const {
  const auto rank = static_cast<std::int64_t>(rank_);
  const std::int64_t limit = rank > 0 ? rank : 1;  // a scalar accepts axis 0 and -1
  XGRAD_CHECK(axis >= -limit && axis < limit, operation, ": axis ", axis, " is outside shape ", *this, "; expected ",
              -limit, " to ", limit - 1);
  return static_cast<std::size_t>(axis < 0 ? axis + limit : axis);
}

void Shape::push_back(std::int64_t size) { *this = inserted(rank_, size); }

Shape Shape::inserted(std::size_t axis, std::int64_t size) const {
  XGRAD_CHECK(rank_ < kMaxRank, "Shape: a new axis for ", *this, " would exceed ", kMaxRank, " axes");
  Shape result = *this;
  ++result.rank_;
  std::copy_backward(result.sizes_.begin() + axis, result.sizes_.begin() + rank_, result.sizes_.begin() + rank_ + 1);
  result.sizes_[axis] = size;
  return result;
}

Shape Shape::erased(std::size_t axis) const {
  Shape result = *this;
  std::copy(result.sizes_.begin() + axis + 1, result.sizes_.begin() + rank_, result.sizes_.begin() + axis);
  result.sizes_[--result.rank_] = 0;
  return result;
}

std::string Shape::to_string() const {
  std::string text = "(";
  for (std::size_t i = 0; i < rank_; ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(sizes_[i]);
  }
  text += rank_ == 1 ? ",)" : ")";
  return text;
}

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* operation) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  const std::size_t offset = longer.rank() - shorter.rank();
  for (std::size_t i = 0; i < shorter.rank(); ++i) {
    const std::int64_t m = longer[offset + i], n = shorter[i];
    XGRAD_CHECK(m == n || m == 1 || n == 1, operation, ": shapes ", a, " and ", b, " do not broadcast: ", m,
                " against ", n, " at axis ", offset + i, "; sizes, aligned at the right, must be equal or 1");
    if (m == 1) result[offset + i] = n;
  }
  return result;
}

}  // namespace xgrad
