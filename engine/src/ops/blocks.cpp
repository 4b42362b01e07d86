// SPDX-License-Identifier: BSD-3-Clause
#include "ops/blocks.hpp"

#include <algorithm>

#include "kernels/kernels.hpp"
#include "ops/rows.hpp"

namespace xgrad::detail {
namespace {

/// Calls body(element of the larger array, element of the smaller, count) for every block; blocks may share a place,
/// so threads share the elements of the blocks and never the blocks: each element sees its blocks in order.
template <class Body> void for_blocks(const Blocks& blocks, const Body& body) {
  constexpr std::size_t kBand = 64, kWork = 32768;  // elements that make a share, and a second thread, worth while
  const std::size_t count = blocks.places.size(), length = blocks.length;
  const std::size_t bands =
      count * length < kWork ? 1 : std::clamp<std::size_t>(length / kBand, 1, static_cast<std::size_t>(num_threads()));
  const std::int64_t* places = blocks.places.data();
  parallel_for(bands, [&](std::size_t band) {
    const std::size_t first = length * band / bands, size = length * (band + 1) / bands - first;
    for (std::size_t i = 0; i < count; ++i)
      body(static_cast<std::size_t>(places[i]) * length + first, i * length + first, size);
  });
}

template <class T> Storage<T> taken(const Tensor<T>& x, const Blocks& blocks) {
  const std::size_t count = blocks.places.size(), length = blocks.length;
  Storage<T> value(count * length);
  const T* from = x.data();
  T* to = value.data();
  const std::int64_t* places = blocks.places.data();
  for_rows(count, length, [&](std::size_t first, std::size_t n) {
    if (length == 1)
      for (std::size_t i = first; i < first + n; ++i) to[i] = from[places[i]];
    else
      for (std::size_t i = first; i < first + n; ++i)
        std::copy_n(from + static_cast<std::size_t>(places[i]) * length, length, to + i * length);
  });
  return value;
}

}  // namespace

template <class T> void add_blocks_in_place(T* target, const T* source, const Blocks& blocks) {
  if (blocks.length == 1) {
    const std::int64_t* places = blocks.places.data();
    for (std::size_t i = 0; i < blocks.places.size(); ++i) target[places[i]] += source[i];
    return;
  }
  const auto add = kernels<T>().add_in_place;
  for_blocks(blocks, [&](std::size_t to, std::size_t from, std::size_t n) { add(target + to, source + from, n); });
}

template <class T>
Tensor<T> take_blocks(const char* name, const Tensor<T>& x, const Blocks& blocks, const Shape& shape) {
  return record<T>(
      name, shape, taken(x, blocks), kSaveNothing,
      [name, blocks](Node<T>& n, const Tensor<T>& g) {
        if (T* place = n.accumulate_into(0)) return add_blocks_in_place(place, g.data(), blocks);
        n.give(0, add_blocks(name, n.input_shape(0), g, blocks));
      },
      x);
}

template <class T>
Tensor<T> add_blocks(const char* name, const Shape& shape, const Tensor<T>& source, const Blocks& blocks) {
  Storage<T> value(shape.size(), T{0});
  add_blocks_in_place(value.data(), source.data(), blocks);
  return record<T>(
      name, shape, std::move(value), kSaveNothing,
      [name, blocks](Node<T>& n, const Tensor<T>& g) { n.give(0, take_blocks(name, g, blocks, n.input_shape(0))); },
      source);
}

template <class T>
Tensor<T> add_blocks(const char* name, const Tensor<T>& x, const Tensor<T>& source, const Blocks& blocks) {
  Storage<T> value(x.storage());
  add_blocks_in_place(value.data(), source.data(), blocks);
  return record<T>(
      name, x.shape(), std::move(value), kSaveNothing,
      [name, blocks](Node<T>& n, const Tensor<T>& g) {
        if (n.wants(1)) n.give(1, take_blocks(name, g, blocks, n.input_shape(1)));
        n.give(0, g);
      },
      x, source);
}

template <class T>
Tensor<T> put_blocks(const char* name, const Tensor<T>& x, const Tensor<T>& source, const Blocks& blocks) {
  Storage<T> value(x.storage());
  T* target = value.data();
  for_blocks(blocks, [&](std::size_t to, std::size_t from, std::size_t n) {
    std::copy_n(source.data() + from, n, target + to);
  });
  return record<T>(
      name, x.shape(), std::move(value), kSaveNothing,
      [name, blocks](Node<T>& n, const Tensor<T>& g) {
        if (n.wants(0)) n.give(0, fill_blocks(name, g, 0, blocks));
        if (n.wants(1)) n.give(1, take_blocks(name, g, blocks, n.input_shape(1)));
      },
      x, source);
}

template <class T> Tensor<T> fill_blocks(const char* name, const Tensor<T>& x, double value, const Blocks& blocks) {
  Storage<T> filled(x.storage());
  T* target = filled.data();
  for_blocks(blocks,
             [&](std::size_t to, std::size_t, std::size_t n) { std::fill_n(target + to, n, static_cast<T>(value)); });
  return record<T>(
      name, x.shape(), std::move(filled), kSaveNothing,
      [name, blocks](Node<T>& n, const Tensor<T>& g) { n.give(0, fill_blocks(name, g, 0, blocks)); }, x);
}

#define XGRAD_INSTANTIATE(T)                                                                     \
  template Tensor<T> take_blocks(const char*, const Tensor<T>&, const Blocks&, const Shape&);    \
  template Tensor<T> add_blocks(const char*, const Shape&, const Tensor<T>&, const Blocks&);     \
  template Tensor<T> add_blocks(const char*, const Tensor<T>&, const Tensor<T>&, const Blocks&); \
  template Tensor<T> put_blocks(const char*, const Tensor<T>&, const Tensor<T>&, const Blocks&); \
  template Tensor<T> fill_blocks(const char*, const Tensor<T>&, double, const Blocks&);          \
  template void add_blocks_in_place(T*, const T*, const Blocks&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::detail
