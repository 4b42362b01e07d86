// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// From index arrays to the places of blocks: where indices are checked.
#include <optional>
#include <span>

#include "ops/blocks.hpp"

namespace xgrad::detail {

/// Whether -1 means the last place.
enum class Negative { refused, from_end };

/// A copy of the indices as places in [0, size). Throws Error that names the first one outside and its position.
Indices checked_places(const char* name, const Indices& indices, std::int64_t size, Negative negative);

/// Repeated to a shape that it broadcasts to.
Indices broadcast_to(const char* name, const Indices& indices, const Shape& shape);
Mask broadcast_to(const char* name, const Mask& mask, const Shape& shape);

/// An indexed array's blocks, and the shape that they make one behind the other.
struct IndexedBlocks {
  Blocks blocks;
  Shape shape;
};
/// NumPy's advanced indexing of an array of shape `x`: one entry for each leading axis, none keeps the axis.
IndexedBlocks index_blocks(const char* name, const Shape& x, std::span<const std::optional<Indices>> indices,
                           Negative negative);
/// The same for one axis.
IndexedBlocks index_blocks(const char* name, const Shape& x, std::size_t axis, const Indices& indices,
                           Negative negative);

/// Each element of `indices`, whose rank is x's, names a place along the axis; its other coordinates are its own.
Blocks along_axis(const char* name, const Shape& x, std::size_t axis, const Indices& indices, Negative negative);

/// The flat places where the mask is true.
Indices true_places(const Mask& mask);

}  // namespace xgrad::detail
