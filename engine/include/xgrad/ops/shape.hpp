// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Operations that move or share elements. Axes may count from the end (-1 is the last); one outside throws Error, and
// so does one that is named twice in a list. Gradients go back the way the elements came; what came from one element is
// summed. Only the first group shares elements; the others copy.
#include <initializer_list>
#include <limits>
#include <span>
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

// The same elements with other sizes.

/// With other sizes; one may be -1: it follows from the rest. Throws Error unless the number of elements is the same.
template <class T> Tensor<T> reshape(const Tensor<T>& x, const Shape& shape);
template <class T> Tensor<T> reshape(const Tensor<T>& x, std::initializer_list<std::int64_t> sizes);
/// Axes start ... end (both included) merged into one; a scalar becomes (1,).
template <class T> Tensor<T> flatten(const Tensor<T>& x, std::int64_t start = 0, std::int64_t end = -1);
/// One axis cut into several of the given sizes, of which one may be -1. Throws Error unless their product fits.
template <class T> Tensor<T> unflatten(const Tensor<T>& x, std::int64_t axis, const std::vector<std::int64_t>& sizes);
/// Without the named axis or axes, which must have size 1 (else Error); without any of size 1 if none is named.
template <class T> Tensor<T> squeeze(const Tensor<T>& x, std::int64_t axis);
template <class T> Tensor<T> squeeze(const Tensor<T>& x, const std::vector<std::int64_t>& axes);
template <class T> Tensor<T> squeeze(const Tensor<T>& x);
/// With a new axis of size 1 before `axis`, in [-rank - 1, rank].
template <class T> Tensor<T> unsqueeze(const Tensor<T>& x, std::int64_t axis);
/// With axes of size 1 until the rank is 1, 2 or 3, as PyTorch adds them: (n) becomes (1, n) and (1, n, 1),
/// (m, n) becomes (m, n, 1).
template <class T> Tensor<T> atleast_1d(const Tensor<T>& x);
template <class T> Tensor<T> atleast_2d(const Tensor<T>& x);
template <class T> Tensor<T> atleast_3d(const Tensor<T>& x);

// Other orders.

/// Result axis i is x's axis order[i]. Throws Error unless `order` names every axis once.
template <class T> Tensor<T> permute(const Tensor<T>& x, const std::vector<std::int64_t>& order);
/// With two axes exchanged.
template <class T> Tensor<T> transpose(const Tensor<T>& x, std::int64_t axis_a = -2, std::int64_t axis_b = -1);
/// NumPy's name for transpose.
template <class T> Tensor<T> swapaxes(const Tensor<T>& x, std::int64_t axis_a, std::int64_t axis_b);
/// The transposed matrix; a vector or a scalar stays as it is. Throws Error for more than 2 axes.
template <class T> Tensor<T> t(const Tensor<T>& x);
/// With the last two axes exchanged: each matrix of a batch transposed. Throws Error for less than 2 axes.
template <class T> Tensor<T> mT(const Tensor<T>& x);
/// Axis source[i] moved to place destination[i] of the result, the others in their order.
template <class T>
Tensor<T> movedim(const Tensor<T>& x, const std::vector<std::int64_t>& source,
                  const std::vector<std::int64_t>& destination);
template <class T> Tensor<T> movedim(const Tensor<T>& x, std::int64_t source, std::int64_t destination);
/// Reversed along the axes.
template <class T> Tensor<T> flip(const Tensor<T>& x, const std::vector<std::int64_t>& axes);
/// Shifted along each axis towards the end; what leaves there comes back at the start.
template <class T>
Tensor<T> roll(const Tensor<T>& x, const std::vector<std::int64_t>& shifts, const std::vector<std::int64_t>& axes);
/// The flattened elements shifted, in x's shape.
template <class T> Tensor<T> roll(const Tensor<T>& x, std::int64_t shift);
/// Turned k quarters from axis_a towards axis_b.
template <class T>
Tensor<T> rot90(const Tensor<T>& x, std::int64_t k = 1, std::int64_t axis_a = 0, std::int64_t axis_b = 1);
/// (..., C r^2, H, W) -> (..., C, H r, W r). Shi et al. 2016, arXiv:1609.05158
template <class T> Tensor<T> pixel_shuffle(const Tensor<T>& x, std::int64_t r);
/// The reverse: (..., C, H r, W r) -> (..., C r^2, H, W).
template <class T> Tensor<T> pixel_unshuffle(const Tensor<T>& x, std::int64_t r);
/// (N, C, ...): the channels of `groups` equal groups interleaved. Zhang et al. 2017, arXiv:1707.01083
template <class T> Tensor<T> channel_shuffle(const Tensor<T>& x, std::int64_t groups);

// Repetition.

/// Repeats axes of size 1 up to `shape`; missing leading axes count as 1. Gradient: summed back. In a list of sizes -1
/// keeps the size there is.
template <class T> Tensor<T> expand(const Tensor<T>& x, const Shape& shape);
template <class T> Tensor<T> expand(const Tensor<T>& x, std::initializer_list<std::int64_t> sizes);
/// NumPy's name for expand.
template <class T> Tensor<T> broadcast_to(const Tensor<T>& x, const Shape& shape);
/// All expanded to the shape that they broadcast to together.
template <class T> std::vector<Tensor<T>> broadcast_tensors(const std::vector<Tensor<T>>& x);
/// The whole array repeats[i] times along axis i. There may be more repeats than axes (new leading axes), not less.
template <class T> Tensor<T> repeat(const Tensor<T>& x, const std::vector<std::int64_t>& repeats);
/// As repeat, but missing leading repeats count as 1.
template <class T> Tensor<T> tile(const Tensor<T>& x, const std::vector<std::int64_t>& repeats);
/// Each element `repeats` times (or repeats[i] times for place i of the axis), one behind the other.
template <class T> Tensor<T> repeat_interleave(const Tensor<T>& x, std::int64_t repeats, std::int64_t axis);
template <class T> Tensor<T> repeat_interleave(const Tensor<T>& x, const Indices& repeats, std::int64_t axis);
/// Of the flattened elements.
template <class T> Tensor<T> repeat_interleave(const Tensor<T>& x, std::int64_t repeats);

// Parts.

/// Places start, start + step, ... before stop of an axis; negative ones count from the end, those beyond are clipped.
struct Range {
  std::int64_t start = 0, stop = std::numeric_limits<std::int64_t>::max(), step = 1;
};
/// The range of one axis, by Python's rules. Throws Error for step < 1.
template <class T>
Tensor<T> slice(const Tensor<T>& x, std::int64_t axis, std::int64_t start,
                std::int64_t stop = std::numeric_limits<std::int64_t>::max(), std::int64_t step = 1);
/// The ranges of the leading axes, in one copy: slice(x, {{1}, {0, 4}, {.step = 2}}) is x[1:, 0:4, ::2].
template <class T> Tensor<T> slice(const Tensor<T>& x, const std::vector<Range>& ranges);
/// Place `index` of the axis, which disappears; -1 is the last. Throws Error outside.
template <class T> Tensor<T> select(const Tensor<T>& x, std::int64_t axis, std::int64_t index);
/// `length` places from `start` on (negative: from the end). Throws Error unless they are all there.
template <class T> Tensor<T> narrow(const Tensor<T>& x, std::int64_t axis, std::int64_t start, std::int64_t length);
/// Parts of `size` places, the last may be smaller; or of the given sizes, whose sum must be the axis' size.
template <class T> std::vector<Tensor<T>> split(const Tensor<T>& x, std::int64_t size, std::int64_t axis = 0);
template <class T>
std::vector<Tensor<T>> split(const Tensor<T>& x, const std::vector<std::int64_t>& sizes, std::int64_t axis = 0);
/// At most n parts of ceil(size / n) places, the last may be smaller.
template <class T> std::vector<Tensor<T>> chunk(const Tensor<T>& x, std::int64_t n, std::int64_t axis = 0);
/// One tensor for each place of the axis, which disappears.
template <class T> std::vector<Tensor<T>> unbind(const Tensor<T>& x, std::int64_t axis = 0);
/// Windows of `size` places, `step` apart, as a new last axis: axis size L becomes (L - size) / step + 1.
template <class T> Tensor<T> unfold(const Tensor<T>& x, std::int64_t axis, std::int64_t size, std::int64_t step);
/// The elements (..., i, ..., i + offset, ...) of two axes, as a new last axis.
template <class T>
Tensor<T> diagonal(const Tensor<T>& x, std::int64_t offset = 0, std::int64_t axis_a = 0, std::int64_t axis_b = 1);
/// The diagonal of a matrix; the matrix with a vector on its diagonal. Throws Error for other ranks.
template <class T> Tensor<T> diag(const Tensor<T>& x, std::int64_t offset = 0);
/// Zeros with x's last axis on the diagonal of two axes of the result.
template <class T>
Tensor<T> diag_embed(const Tensor<T>& x, std::int64_t offset = 0, std::int64_t axis_a = -2, std::int64_t axis_b = -1);
/// x on and below diagonal k of the last two axes (k > 0 is above the main one), else 0.
template <class T> Tensor<T> tril(const Tensor<T>& x, std::int64_t k = 0);
/// x on and above diagonal k, else 0.
template <class T> Tensor<T> triu(const Tensor<T>& x, std::int64_t k = 0);

// Joints and borders.

/// Joined along an existing axis. Throws Error for an empty list or sizes that differ elsewhere.
template <class T> Tensor<T> concat(std::span<const Tensor<T>> parts, std::int64_t axis = 0);
template <class T> Tensor<T> concat(std::initializer_list<Tensor<T>> parts, std::int64_t axis = 0);
template <class T> Tensor<T> concat(const std::vector<Tensor<T>>& parts, std::int64_t axis = 0);
/// Joined along a new axis. Throws Error for an empty list or shapes that differ.
template <class T> Tensor<T> stack(std::span<const Tensor<T>> parts, std::int64_t axis = 0);
template <class T> Tensor<T> stack(std::initializer_list<Tensor<T>> parts, std::int64_t axis = 0);
template <class T> Tensor<T> stack(const std::vector<Tensor<T>>& parts, std::int64_t axis = 0);
/// What pad() puts around: a number, the elements mirrored at the border one, the border one, or those of the other
/// side.
enum class PadMode { constant, reflect, replicate, circular };
/// Places put before and behind an axis.
struct Padding {
  std::int64_t before, after;
};
/// With widths[i] around axis i (first axis first; missing ones stay). PadMode::constant puts `value` and takes
/// negative widths, which cut. Throws Error for reflect unless width < size, replicate unless size > 0, circular unless
/// width <= size.
template <class T>
Tensor<T> pad(const Tensor<T>& x, const std::vector<Padding>& widths, PadMode mode = PadMode::constant,
              double value = 0);

}  // namespace xgrad
