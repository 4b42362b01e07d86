// SPDX-License-Identifier: BSD-3-Clause
// Indexing: bounds, duplicates, order of sums, empty cases, embeddings' gradients.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

Tensor<double> range(const Shape& shape) {
  Tensor<double> x = Tensor<double>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<double>(i);
  return x;
}
template <class T> std::vector<T> list(const Tensor<T>& x) { return {x.values().begin(), x.values().end()}; }
std::vector<std::int64_t> list(const Indices& x) { return {x.values().begin(), x.values().end()}; }

}  // namespace

TEST_CASE("an index outside is refused with its value and position, and nothing was touched") {
  const auto x = range({3, 4});
  const Indices bad(Shape{2, 2}, {0, 1, 4, 9}), negative{0, -1}, two{0, 3};
  CHECK_THROWS_WITH_AS(gather(x, 1, bad), "gather: index 4 at position (1, 0); expected 0 to 3", Error);
  CHECK_THROWS_WITH_AS(index_select(x, 0, two), "index_select: index 3 at position 1; expected 0 to 2", Error);
  CHECK_THROWS_WITH_AS(index_select(x, 0, negative), "index_select: index -1 at position 1; expected 0 to 2", Error);
  CHECK_THROWS_WITH_AS(embedding(x, negative), "embedding: index -1 at position 1; expected 0 to 2", Error);
  CHECK_THROWS_WITH_AS(take(x, Indices{-13}), "take: index -13 at position 0; expected -12 to 11", Error);
  CHECK_THROWS_WITH_AS(index(x, {std::nullopt, Indices{0, -5}}), "index: index -5 at position 1; expected -4 to 3",
                       Error);
  CHECK_THROWS_WITH_AS(scatter(x, 0, Indices(Shape{1, 1}, {std::int64_t{3}}), 1.0),
                       "scatter: index 3 at position (0, 0); expected 0 to 2", Error);
  CHECK_THROWS_WITH_AS(take(range({0}), Indices{0}), "take: index 0 at position 0 of an axis of size 0", Error);
  CHECK(list(x) == list(range({3, 4})));
}

TEST_CASE("backward reads the indices and masks of its forward, whatever became of the arrays") {
  using Call = std::function<Tensor<double>(const Tensor<double>&, const Indices&, const Mask&)>;
  const Tensor<double> source = Tensor<double>::ones({3, 3});
  const Call calls[] = {
      [](auto& x, auto& i, auto&) { return embedding(x, i); },
      [](auto& x, auto& i, auto&) {
        return embedding_bag<double>(x, i, Indices{0, 1}, {.mode = BagMode::max});
      },
      [](auto& x, auto& i, auto&) { return index_select(x, 1, i); },
      [&](auto& x, auto& i, auto&) { return index_add(x, 0, i, source); },
      [&](auto& x, auto& i, auto&) { return index_copy(x, 0, i, source); },
      [](auto& x, auto& i, auto&) { return index_fill(x, 0, i, 1); },
      [](auto& x, auto& i, auto&) { return take(x, i); },
      [](auto& x, auto& i, auto&) {
        return index(x, {i, i});
      },
      [](auto& x, auto& i, auto&) { return gather(sum(x, 0), 0, i); },
      [](auto& x, auto& i, auto&) { return take_along_axis(sum(x, 0), i, 0); },
      [&](auto& x, auto& i, auto&) { return scatter(sum(x, 0), 0, i, sum(source * x, 1)); },
      [&](auto& x, auto& i, auto&) { return scatter_reduce(sum(x, 0), 0, i, sum(x, 1), ScatterReduce::prod); },
      [](auto& x, auto& i, auto&) { return repeat_interleave(x, i, 0); },
      [](auto& x, auto& i, auto&) { return cross_entropy<double>(x, i, {.reduction = Reduction::none}); },
      [](auto& x, auto& i, auto&) { return nll_loss<double>(x, i, {.reduction = Reduction::none}); },
      [](auto& x, auto& i, auto&) { return multi_margin_loss<double>(x, i, {.reduction = Reduction::none}); },
      [](auto& x, auto& i, auto&) {
        return ctc_loss(log_softmax(expand(reshape(x, {3, 1, 3}), {3, 3, 3})), Indices(Shape{3, 2}, {1, 2, 1, 2, 1, 2}),
                        Indices{3, 3, 3}, i, {.reduction = Reduction::none});
      },
      [](auto& x, auto& i, auto&) { return bincount(i, sum(x, 0)); },
      [](auto& x, auto&, auto& m) { return where(m, x * 2, x * 3); },
      [](auto& x, auto&, auto& m) { return masked_select(x, m); },
      [](auto& x, auto&, auto& m) { return masked_fill(x, m, 0.0); },
      [&](auto& x, auto&, auto& m) { return masked_scatter(x, m, source); },
      [](auto& x, auto&, auto& m) { return scaled_dot_product_attention<double>(x, x, x, {.attn_mask = m}); }};
  for (const Call& call : calls) {
    CAPTURE(&call - calls);
    Tensor<double> gradients[2];
    for (const bool changed : {false, true}) {
      Tensor<double> x = Tensor<double>::empty({3, 3});
      for (std::size_t i = 0; i < 9; ++i) x.mutable_data()[i] = std::sin(static_cast<double>(i));
      x = parameter(x);
      Indices indices{1, 0, 2};
      Mask mask(Shape{3}, {true, false, true});
      const Tensor<double> y = call(x, indices, mask);
      if (changed) std::fill_n(indices.data(), 3, 0);
      if (changed) std::fill_n(mask.data(), 3, false);
      sum(y * y).backward();
      gradients[changed] = x.grad();
    }
    CHECK(array_equal(gradients[0], gradients[1]));
  }
}

TEST_CASE("shapes that do not fit are refused") {
  const auto x = range({3, 4});
  const Indices line{0, 1}, wide(Shape{4, 1}, {0, 0, 0, 0});
  CHECK_THROWS_WITH_AS(gather(x, 0, line), "gather: indices of shape (2,) for shape (3, 4); expected as many axes",
                       Error);
  CHECK_THROWS_WITH_AS(gather(x, 1, wide),
                       "gather: indices of shape (4, 1) for shape (3, 4); no axis but 1 may be larger", Error);
  CHECK_THROWS_WITH_AS(index_select(x, 0, wide), "index_select: indices of shape (4, 1); expected one axis", Error);
  CHECK_THROWS_WITH_AS(
      index_add(x, 0, line, range({2, 3})),
      "index_add: source of shape (2, 3) for x of shape (3, 4) and 2 indices along axis 0; expected (2, 4)", Error);
  CHECK_THROWS_WITH_AS(
      scatter_add(x, 1, Indices(Shape{3, 2}, {0, 0, 0, 0, 0, 0}), range({3, 1})),
      "scatter_add: source of shape (3, 1) for indices of shape (3, 2); expected as many axes, none shorter", Error);
  CHECK_THROWS_WITH_AS(index(x, {line, line, line}),
                       "index: 3 indices for shape (3, 4); expected at most one for each axis", Error);
  CHECK_THROWS_WITH_AS(index(x, {std::nullopt}),
                       "index: no axis of shape (3, 4) is indexed; expected at least one index array", Error);
  CHECK_THROWS_WITH_AS(index_put(x, {line}, range({3, 4})), doctest::Contains("do not broadcast"), Error);
  CHECK_THROWS_WITH_AS(masked_fill(x, Mask(Shape{2}), 0.0), doctest::Contains("masked_fill: shapes"), Error);
  CHECK_THROWS_WITH_AS(masked_scatter(x, Mask(Shape{1}, {true}), range({5})),
                       "masked_scatter: 12 elements to be written, source of shape (5,) has 5", Error);
  CHECK_THROWS_WITH_AS(slice_update(x, range({4, 4}), 0, 0), doctest::Contains("do not broadcast"), Error);
  CHECK_THROWS_WITH_AS(embedding(x, line, {.padding_idx = 3}),
                       "embedding: padding_idx is 3; expected a row of weight (3, 4), or -1 for none", Error);
  CHECK_THROWS_WITH_AS(embedding_bag<double>(x, line, Indices{0, 3}),
                       "embedding_bag: offset 3 at position 1 after 0; expected offsets that never decrease, up to 2",
                       Error);
  CHECK_THROWS_WITH_AS(embedding_bag<double>(x, line, Indices{1}), "embedding_bag: the first offset is not 0", Error);
  CHECK_THROWS_WITH_AS(embedding_bag<double>(x, line),
                       "embedding_bag: indices of shape (2,); expected (bags, n), or one axis with offsets", Error);
}

TEST_CASE("of values written to one place the last stays; sums are made in index order") {
  const auto x = Tensor<double>::zeros({3});
  CHECK(list(scatter(x, 0, Indices{1, 1, 0, 1}, Tensor<double>({4}, {1, 2, 3, 4}))) == std::vector<double>{3, 4, 0});
  CHECK(list(index_put(x, {Indices{2, 2}}, Tensor<double>({2}, {5, 6}))) == std::vector<double>{0, 0, 6});
  // (1e20 - 1e20) + 1, not 1e20 + (-1e20 + 1)
  CHECK(list(scatter_add(x, 0, Indices{0, 0, 0}, Tensor<double>({3}, {1e20, -1e20, 1})))[0] == 1);
}

TEST_CASE("sums by index do not depend on the number of threads") {
  const int before = num_threads();
  const auto weight = parameter(Tensor<float>::zeros({50, 300}));
  Indices indices(Shape{4000});
  Tensor<float> g = Tensor<float>::empty({4000, 300});
  for (std::size_t i = 0; i < indices.size(); ++i) indices.data()[i] = static_cast<std::int64_t>(i * i % 50);
  for (std::size_t i = 0; i < g.size(); ++i) g.mutable_data()[i] = static_cast<float>(normal({1, 2, 3}, i));
  std::vector<Tensor<float>> results;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    results.push_back(xgrad::grad<float>({embedding(weight, indices)}, {weight}, {g})[0]);
  }
  set_num_threads(before);
  for (std::size_t k = 1; k < 3; ++k)
    CHECK(std::memcmp(results[0].data(), results[k].data(), results[0].size() * sizeof(float)) == 0);
}

TEST_CASE("nothing to select") {
  const auto x = parameter(range({2, 3}));
  const auto y = masked_select(x, Mask(Shape{3}, {false, false, false}));
  CHECK(y.shape() == Shape{0});
  sum(y).backward();
  CHECK(list(x.grad()) == std::vector<double>(6, 0));
  CHECK(nonzero(Tensor<double>::zeros({2, 2})).shape() == Shape{0, 2});
  CHECK(nonzero(Tensor<double>(1.0)).shape() == Shape{1, 0});
  CHECK(index_select(range({2, 0}), 0, Indices{1, 1}).shape() == Shape{2, 0});
  CHECK(index(range({2, 3, 0}), {Indices{1}, std::nullopt}).shape() == Shape{1, 3, 0});
  CHECK(embedding(range({4, 2}), Indices(Shape{0, 3})).shape() == Shape{0, 3, 2});
  CHECK(list(embedding_bag<double>(range({4, 2}), Indices(Shape{0}), Indices{0, 0}, {.mode = BagMode::max})) ==
        std::vector<double>{0, 0, 0, 0});
}

TEST_CASE("scatter_reduce where values are zero, tied or NaN") {
  const auto x = parameter(Tensor<double>({2}, {3, 0})), source = parameter(Tensor<double>({3}, {0, 2, 5}));
  const Indices places{0, 1, 1};
  const auto gradients = [&](ScatterReduce reduce) {
    const auto g =
        grad<double>({scatter_reduce(x, 0, places, source, reduce)}, {x, source}, {Tensor<double>::ones({2})});
    return std::pair(list(g[0]), list(g[1]));
  };
  CHECK(gradients(ScatterReduce::prod) == std::pair(std::vector<double>{0, 10}, std::vector<double>{3, 0, 0}));
  const auto tied = parameter(Tensor<double>({1}, {2})), more = parameter(Tensor<double>({2}, {2, 2}));
  const auto y = scatter_reduce(tied, 0, Indices{0, 0}, more, ScatterReduce::amax);
  const auto shares = grad<double>({y}, {tied, more}, {Tensor<double>::ones({1})});
  CHECK(shares[0].item() == doctest::Approx(1.0 / 3));
  CHECK(shares[1].data()[1] == doctest::Approx(1.0 / 3));
  const auto nan = scatter_reduce(Tensor<double>({1}, {1}), 0, Indices{0, 0}, Tensor<double>({2}, {std::nan(""), 4}),
                                  ScatterReduce::amax);
  CHECK(std::isnan(nan.item()));
}

TEST_CASE("an embedding's gradient is added in place to the rows used") {
  auto weight = parameter(Tensor<float>::zeros({4, 2}));
  weight.set_grad(Tensor<float>::ones({4, 2}));
  const float* const place = weight.grad().data();
  sum(embedding(weight, Indices{1, 3, 1}, {.padding_idx = 3})).backward();
  CHECK(weight.grad().data() == place);
  CHECK(list(weight.grad()) == std::vector<float>{1, 1, 3, 3, 1, 1, 1, 1});
}

TEST_CASE("a sparse gradient: rows in order, summed as the dense one, dense on demand") {
  const auto weight = parameter(Tensor<float>::zeros({5, 2})), other = parameter(Tensor<float>::zeros({5, 2}));
  const Tensor<float> g({2, 2, 2}, {0.1f, 1, 1e8f, 2, 0.3f, 3, -1e8f, 4});
  const Indices indices(Shape{2, 2}, {3, 0, 3, 0});
  const EmbeddingOptions sparse{.sparse = true};
  for (int step = 0; step < 2; ++step) {  // a second backward adds rows
    embedding(weight, indices, sparse).backward(g);
    embedding(other, indices).backward(g);
  }
  REQUIRE(weight.has_sparse_grad());
  const auto [rows, values] = weight.sparse_grad();
  CHECK(list(rows) == std::vector<std::int64_t>{0, 3});
  CHECK(values.shape() == Shape{2, 2});
  const Tensor<float> picked = index_select(other.grad(), 0, rows);
  CHECK(std::memcmp(values.data(), picked.data(), 4 * sizeof(float)) == 0);
  CHECK(std::memcmp(weight.grad().data(), other.grad().data(), 10 * sizeof(float)) == 0);
  CHECK(!weight.has_sparse_grad());  // it is dense now
  CHECK_THROWS_WITH_AS(
      weight.sparse_grad(),
      "sparse_grad: the gradient of shape (5, 2) is dense; expected one that is kept as rows (has_sparse_grad)", Error);
}

TEST_CASE("a sparse gradient meets dense ones") {
  const auto weight = parameter(Tensor<double>::ones({3, 2}));
  const Indices row{1};
  const EmbeddingOptions sparse{.sparse = true};
  (sum(embedding(weight, row, sparse)) + sum(weight * 2)).backward();  // one backward, either order
  CHECK(!weight.has_sparse_grad());
  CHECK(list(weight.grad()) == std::vector<double>{2, 2, 3, 3, 2, 2});
  sum(embedding(weight, row, sparse)).backward();  // onto a dense gradient
  CHECK(list(weight.grad()) == std::vector<double>{2, 2, 4, 4, 2, 2});
  auto leaf = parameter(Tensor<double>::ones({3, 2}));
  sum(embedding(leaf, row, sparse)).backward();
  sum(leaf).backward();  // dense onto rows
  CHECK(list(leaf.grad()) == std::vector<double>{1, 1, 2, 2, 1, 1});
  leaf.zero_grad();
  CHECK(!leaf.has_grad());
  CHECK(!leaf.has_sparse_grad());
  sum(embedding(leaf * 1, row, sparse)).backward();  // no leaf: dense throughout
  CHECK(!leaf.has_sparse_grad());
  leaf.zero_grad();
  sum(embedding(leaf, row, sparse)).backward();
  leaf.mutable_grad_data()[0] = 7;
  CHECK(list(leaf.grad()) == std::vector<double>{7, 0, 1, 1, 0, 0});
  CHECK(list(grad(sum(square(embedding(leaf, row, sparse))), leaf)) == std::vector<double>{0, 0, 2, 2, 0, 0});
}

TEST_CASE("Embedding and EmbeddingBag: a normal table, its padding row 0, whole numbers in a Sequential") {
  manual_seed(1);
  nn::Embedding<float> table(50, 4, {.padding_idx = 3});
  const auto named = table.named_parameters();
  REQUIRE(named.size() == 1);
  CHECK(named[0].name == "weight");
  CHECK(list(index_select(table.weight, 0, Indices{3})) == std::vector<float>{0, 0, 0, 0});
  CHECK(var(table.weight).item() == doctest::Approx(1).epsilon(0.3));
  const Indices rows(Shape{2, 2}, {1, 3, 0, 49});
  const Tensor<float> numbers({2, 2}, {1, 3, 0, 49});
  CHECK(table(rows).shape() == Shape{2, 2, 4});
  CHECK(list(table(numbers)) == list(table(rows)));
  CHECK_THROWS_WITH_AS(
      table(numbers + 0.5),
      "Embedding: 1.5 at position 0 is no index; expected whole numbers below 16777216 (pass Indices for more)", Error);
  CHECK_THROWS_WITH_AS(table(Indices{50}), "embedding: index 50 at position 0; expected 0 to 49", Error);
  CHECK_THROWS_WITH_AS(nn::Embedding<float>(0, 3), "Embedding: 0 rows of 3; expected positive sizes", Error);

  nn::EmbeddingBag<float> bags(50, 4, {.mode = BagMode::sum});
  CHECK(list(bags(rows)) == list(sum(embedding(bags.weight, rows), 1)));
  CHECK(list(bags(numbers)) == list(bags(rows)));
  CHECK(list(bags(Indices{1, 3, 0, 49}, Indices{0, 2})) == list(bags(rows)));
}
