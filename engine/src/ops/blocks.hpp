// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What all indexing comes down to: blocks of neighbouring elements that are taken out of an array, added to it, or
// written over it. Taking and adding are each other's gradient.
#include "xgrad/data.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::detail {

/// Block i stands at element places[i] * length of the larger array. Places are not checked.
struct Blocks {
  Indices places;
  std::size_t length = 1;
};

/// The blocks of x one behind the other, in `shape`.
template <class T>
Tensor<T> take_blocks(const char* name, const Tensor<T>& x, const Blocks& blocks, const Shape& shape);
/// x with the blocks of `source` added in their order.
template <class T>
Tensor<T> add_blocks(const char* name, const Tensor<T>& x, const Tensor<T>& source, const Blocks& blocks);
/// The same on zeros of `shape`.
template <class T>
Tensor<T> add_blocks(const char* name, const Shape& shape, const Tensor<T>& source, const Blocks& blocks);
/// x with the blocks of `source` written over it in their order: of equal places the last stays. The gradient of a
/// block that was overwritten is that of its place.
template <class T>
Tensor<T> put_blocks(const char* name, const Tensor<T>& x, const Tensor<T>& source, const Blocks& blocks);
/// x with every element of the blocks set to a constant.
template <class T> Tensor<T> fill_blocks(const char* name, const Tensor<T>& x, double value, const Blocks& blocks);

/// target[block i] += source[i], in order.
template <class T> void add_blocks_in_place(T* target, const T* source, const Blocks& blocks);

}  // namespace xgrad::detail
