// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Checks that operations with sliding windows share.
#include "xgrad/error.hpp"
#include "xgrad/ops/spatial.hpp"
#include "xgrad/shape.hpp"

namespace xgrad::detail {

/// `values` as one number for each of `axes` spatial axes, each at least `least`.
inline std::array<std::size_t, 3> numbers_for(const char* name, const char* what, const PerAxis& values,
                                              std::size_t axes, std::int64_t least) {
  XGRAD_CHECK(values.count() == 1 || values.count() == axes, name, ": ", what, " ", values, " has ", values.count(),
              " numbers; expected 1 or ", axes, ", one for each spatial axis");
  std::array<std::size_t, 3> result{};
  for (std::size_t axis = 0; axis < axes; ++axis) {
    XGRAD_CHECK(values[axis] >= least, name, ": ", what, " ", values, "; expected numbers >= ", least);
    result[axis] = static_cast<std::size_t>(values[axis]);
  }
  return result;
}

/// Refuses an x that is neither (N, C, spatial...) nor (C, spatial...).
inline void check_image(const char* name, const char* what, const Shape& x, std::size_t axes) {
  static constexpr const char* kSpatial[] = {"", "L", "H, W", "D, H, W"};
  XGRAD_CHECK(x.rank() == axes + 2 || x.rank() == axes + 1, name, ": ", what, " has shape ", x, "; expected (N, C, ",
              kSpatial[axes], ") or (C, ", kSpatial[axes], ")");
}

}  // namespace xgrad::detail
