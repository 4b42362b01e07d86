// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "xgrad/error.hpp"

namespace xgrad {

/// The sizes of an array's axes, outermost first (row-major). At most 8 axes; rank 0 is a scalar of one element.
class Shape {
 public:
  static constexpr std::size_t kMaxRank = 8;

  constexpr Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  /// Throws Error for a negative size or more than 8 axes.
  explicit Shape(std::span<const std::int64_t> sizes);

  std::size_t rank() const { return rank_; }
  /// Number of elements: the product of all sizes (1 for rank 0).
  std::size_t size() const {
    std::size_t product = 1;
    for (std::size_t i = 0; i < rank_; ++i) product *= static_cast<std::size_t>(sizes_[i]);
    return product;
  }
  std::int64_t operator[](std::size_t axis) const { return sizes_[axis]; }
  std::int64_t& operator[](std::size_t axis) { return sizes_[axis]; }
  std::int64_t back() const { return sizes_[rank_ - 1]; }
  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }
  std::span<const std::int64_t> sizes() const { return {sizes_.data(), rank_}; }

  /// The index of `axis`, which may count from the end (-1 is the last). Throws Error naming `operation` when outside.
  std::size_t axis(std::int64_t axis, const char* operation) const;
  void push_back(std::int64_t size);
  /// This shape with `axis` (in [0, rank]) inserted or removed.
  Shape inserted(std::size_t axis, std::int64_t size) const;
  Shape erased(std::size_t axis) const;

  friend bool operator==(const Shape& a, const Shape& b) {
    if (&a == &b) return true;
    if (a.rank_ != b.rank_) return false;
    for (std::size_t i = 0; i < a.rank_; ++i)
      if (a.sizes_[i] != b.sizes_[i]) return false;
    return true;
  }
  /// "(2, 3)", "(5,)" for one axis, "()" for a scalar.
  std::string to_string() const;

 private:
  std::uint64_t rank_ = 0;
  std::array<std::int64_t, kMaxRank> sizes_{};
};

/// The shape that `a` and `b` broadcast to: sizes aligned at the right must be equal or 1. Throws Error naming both.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* operation);

/// For messages of Error.
inline void append_text(std::string& text, const Shape& part) { text += part.to_string(); }

}  // namespace xgrad
