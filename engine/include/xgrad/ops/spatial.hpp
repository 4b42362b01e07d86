// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Settings of operations that slide windows over spatial axes.
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "xgrad/error.hpp"

namespace xgrad {

/// A number for each spatial axis, outermost first: one for all of them (2), or a list ({2, 1}).
class PerAxis {
 public:
  template <std::integral Integer> PerAxis(Integer all) : values_{static_cast<std::int64_t>(all)} {}
  /// Throws Error unless there are 1 to 3 numbers.
  PerAxis(std::initializer_list<std::int64_t> values) : count_(values.size()) {
    XGRAD_CHECK(count_ >= 1 && count_ <= values_.size(), "PerAxis: ", count_, " numbers; expected 1 to 3");
    std::size_t axis = 0;
    for (const std::int64_t value : values) values_[axis++] = value;
  }
  std::size_t count() const { return count_; }
  std::int64_t operator[](std::size_t axis) const { return values_[count_ == 1 ? 0 : axis]; }

 private:
  std::array<std::int64_t, 3> values_{};
  std::size_t count_ = 1;
};

/// For messages of Error: "2 x 1".
inline void append_text(std::string& text, const PerAxis& part) {
  for (std::size_t axis = 0; axis < part.count(); ++axis) {
    if (axis > 0) text += " x ";
    text += std::to_string(part[axis]);
  }
}

/// Zeros around each spatial axis: numbers for both of its ends, "valid" (none), or "same" (as many as keep the size;
/// for stride 1; of an odd number the extra one goes behind).
class ConvPadding {
 public:
  template <std::integral Integer> ConvPadding(Integer all) : sizes_(all) {}
  ConvPadding(std::initializer_list<std::int64_t> sizes) : sizes_(sizes) {}
  ConvPadding(const PerAxis& sizes) : sizes_(sizes) {}
  /// Throws Error unless the name is "same" or "valid".
  ConvPadding(const char* name);

  bool is_same() const { return same_; }
  const PerAxis& sizes() const { return sizes_; }

 private:
  PerAxis sizes_ = 0;
  bool same_ = false;
};

}  // namespace xgrad
