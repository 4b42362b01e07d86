// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/embedding.hpp"

#include <algorithm>

#include "ops/places.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::Blocks;

/// True where a row shall not be trained.
Mask padding_mask(const Indices& rows, std::int64_t padding) {
  Mask mask(rows.shape());
  std::transform(rows.data(), rows.data() + rows.size(), mask.data(), [=](std::int64_t row) { return row == padding; });
  return mask;
}

/// g with 0 for the padding row.
template <class T> Tensor<T> without_padding(const Tensor<T>& g, const Blocks& blocks, std::int64_t padding) {
  const Mask mask = padding_mask(blocks.places, padding);
  if (!any(mask)) return g;
  const Shape matrix{static_cast<std::int64_t>(blocks.places.size()), static_cast<std::int64_t>(blocks.length)};
  const Tensor<T> drop = reshape(detail::indicator<T>(mask), Shape{matrix[0], 1});
  return reshape(detail::where(drop, Tensor<T>(T{0}), reshape(g, matrix)), g.shape());
}

/// Which bag each index belongs to.
Indices bags_of(const Indices& indices, const Indices& offsets) {
  const auto count = static_cast<std::int64_t>(indices.size());
  const std::span<const std::int64_t> starts = offsets.values();
  XGRAD_CHECK(indices.shape().rank() == 1 && offsets.shape().rank() == 1, "embedding_bag: indices of shape ",
              indices.shape(), " with offsets of shape ", offsets.shape(), "; expected one axis each");
  XGRAD_CHECK(starts.empty() ? count == 0 : starts[0] == 0, "embedding_bag: the first offset is not 0");
  Indices bags(indices.shape());
  for (std::size_t bag = 0; bag < starts.size(); ++bag) {
    const std::int64_t end = bag + 1 < starts.size() ? starts[bag + 1] : count;
    XGRAD_CHECK(starts[bag] <= end && end <= count, "embedding_bag: offset ", end, " at position ", bag + 1, " after ",
                starts[bag], "; expected offsets that never decrease, up to ", count);
    std::fill(bags.data() + starts[bag], bags.data() + end, static_cast<std::int64_t>(bag));
  }
  return bags;
}

/// The bags' largest element in each column, the first of equals; 0 for an empty bag.
template <class T> Tensor<T> bag_maximum(const Tensor<T>& rows, const Indices& bags, const Shape& shape) {
  const auto width = static_cast<std::size_t>(shape[1]);
  Indices best(shape);
  std::fill_n(best.data(), best.size(), -1);
  for (std::size_t i = 0; i < bags.size(); ++i)
    for (std::size_t j = 0; j < width; ++j) {
      std::int64_t& at = best.data()[static_cast<std::size_t>(bags.data()[i]) * width + j];
      const T now = rows.data()[i * width + j], before = at < 0 ? now : rows.data()[at];
      if (at < 0 || (before == before && (now != now || now > before))) at = static_cast<std::int64_t>(i * width + j);
    }
  // Taken where there is one, and put on zeros.
  const Shape line{std::count_if(best.data(), best.data() + best.size(), [](std::int64_t at) { return at >= 0; })};
  Indices from(line), to(line);
  for (std::size_t i = 0, n = 0; i < best.size(); ++i)
    if (best.data()[i] >= 0) {
      from.data()[n] = best.data()[i];
      to.data()[n++] = static_cast<std::int64_t>(i);
    }
  const Tensor<T> largest = detail::take_blocks("embedding_bag", rows, {from}, line);
  return detail::add_blocks("embedding_bag", shape, largest, {to});
}

}  // namespace

template <class T> Tensor<T> embedding(const Tensor<T>& weight, const Indices& indices, EmbeddingOptions options) {
  XGRAD_CHECK(weight.rank() >= 1, "embedding: weight is a scalar; expected (V, D)");
  XGRAD_CHECK(options.padding_idx >= -1 && options.padding_idx < weight.shape()[0], "embedding: padding_idx is ",
              options.padding_idx, "; expected a row of weight ", weight.shape(), ", or -1 for none");
  const detail::IndexedBlocks selected =
      detail::index_blocks("embedding", weight.shape(), 0, indices, detail::Negative::refused);
  Tensor<T> rows;
  {
    const NoGrad no_grad;
    rows = detail::take_blocks("embedding", weight, selected.blocks, selected.shape);
  }
  return record<T>(
      "embedding", selected.shape, rows.storage().share(), kSaveNothing,
      [blocks = selected.blocks, options](Node<T>& n, const Tensor<T>& gradient) {
        const Tensor<T> g = options.padding_idx < 0 ? gradient : without_padding(gradient, blocks, options.padding_idx);
        if (options.sparse && n.takes_rows(0)) return n.give_rows(0, blocks.places, g);
        if (T* place = n.accumulate_into(0)) return detail::add_blocks_in_place(place, g.data(), blocks);
        n.give(0, detail::add_blocks("embedding", n.input_shape(0), g, blocks));
      },
      weight);
}

template <class T>
Tensor<T> embedding_bag(const Tensor<T>& weight, const Indices& indices, const Indices& offsets,
                        const EmbeddingBagOptions<T>& options) {
  XGRAD_CHECK(weight.rank() == 2, "embedding_bag: weight has shape ", weight.shape(), "; expected (V, D)");
  Indices rows = indices, bags = bags_of(indices, offsets);
  Tensor<T> factors = options.per_sample_weights;
  XGRAD_CHECK(!factors.defined() || options.mode == BagMode::sum,
              "embedding_bag: per_sample_weights are given; expected mode sum with them");
  XGRAD_CHECK(!factors.defined() || factors.shape() == indices.shape(), "embedding_bag: per_sample_weights of shape ",
              factors.defined() ? factors.shape() : Shape{}, "; expected ", indices.shape(), ", the indices'");
  if (options.rows.padding_idx >= 0) {  // padding is left out of its bag
    Mask kept = padding_mask(rows, options.rows.padding_idx);
    std::transform(kept.data(), kept.data() + kept.size(), kept.data(), [](bool padding) { return !padding; });
    const Indices places = detail::true_places(kept);
    Indices fewer(places.shape()), their_bags(places.shape());
    for (std::size_t i = 0; i < places.size(); ++i) {
      fewer.data()[i] = rows.data()[places.data()[i]];
      their_bags.data()[i] = bags.data()[places.data()[i]];
    }
    if (factors.defined()) factors = detail::take_blocks("embedding_bag", factors, {places}, places.shape());
    rows = fewer;
    bags = their_bags;
  }
  const Shape shape{static_cast<std::int64_t>(offsets.size()), weight.shape()[1]};
  Tensor<T> values = embedding(weight, rows, options.rows);
  if (options.mode == BagMode::max) return bag_maximum(values, bags, shape);
  if (factors.defined()) values = values * unsqueeze(factors, -1);
  const Tensor<T> sums = detail::add_blocks("embedding_bag", shape, values, {bags, static_cast<std::size_t>(shape[1])});
  if (options.mode == BagMode::sum) return sums;
  Tensor<T> counts = Tensor<T>::zeros(Shape{shape[0], 1});
  for (const std::int64_t bag : bags.values()) counts.mutable_data()[bag] += 1;
  return sums / maximum(counts, 1);
}

template <class T>
Tensor<T> embedding_bag(const Tensor<T>& weight, const Indices& indices, const EmbeddingBagOptions<T>& options) {
  XGRAD_CHECK(indices.shape().rank() == 2, "embedding_bag: indices of shape ", indices.shape(),
              "; expected (bags, n), or one axis with offsets");
  const std::int64_t bags = indices.shape()[0], each = indices.shape()[1];
  const Shape line{bags * each};
  Indices offsets(Shape{bags});
  for (std::int64_t bag = 0; bag < bags; ++bag) offsets.data()[bag] = bag * each;
  EmbeddingBagOptions<T> flat = options;
  if (flat.per_sample_weights.defined()) {
    XGRAD_CHECK(flat.per_sample_weights.shape() == indices.shape(), "embedding_bag: per_sample_weights of shape ",
                flat.per_sample_weights.shape(), "; expected ", indices.shape(), ", the indices'");
    flat.per_sample_weights = reshape(flat.per_sample_weights, line);
  }
  return embedding_bag(weight, Indices(line, indices.values()), offsets, flat);
}

#define XGRAD_INSTANTIATE(T)                                                                         \
  template Tensor<T> embedding(const Tensor<T>&, const Indices&, EmbeddingOptions);                  \
  template Tensor<T> embedding_bag(const Tensor<T>&, const Indices&, const EmbeddingBagOptions<T>&); \
  template Tensor<T> embedding_bag(const Tensor<T>&, const Indices&, const Indices&, const EmbeddingBagOptions<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
