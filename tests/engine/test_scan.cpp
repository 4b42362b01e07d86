// SPDX-License-Identifier: BSD-3-Clause
// Scans, sorting, searching: ties, NaN, zeros, empty axes, threads, refusals.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNaN = std::nan("");

Tensor<double> vector(std::initializer_list<double> values) {
  return Tensor<double>(Shape{static_cast<std::int64_t>(values.size())}, values);
}
std::vector<double> list(const Tensor<double>& x) { return {x.values().begin(), x.values().end()}; }
std::vector<std::int64_t> list(const Indices& x) { return {x.values().begin(), x.values().end()}; }
using Numbers = std::vector<double>;
using Places = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("sorting is stable, and a NaN is larger than every number") {
  const auto x = vector({2, kNaN, 1, 2, -kInf, kNaN, 1});
  CHECK(list(argsort(x)) == Places{4, 2, 6, 0, 3, 1, 5});
  CHECK(list(argsort(x, 0, true)) == Places{1, 5, 0, 3, 2, 6, 4});
  CHECK(list(topk(x, 3).indices) == Places{1, 5, 0});
  CHECK(list(topk(x, 3, 0, false).indices) == Places{4, 2, 6});
  CHECK(list(topk(x, 0).indices) == Places{});
  CHECK(kthvalue(x, 2).indices.data()[0] == 2);
  CHECK(std::isnan(kthvalue(x, 7).values.item()));
  CHECK(list(mode(x).indices) == Places{6});  // 1 and 2 occur twice: the smaller, its last place
}

TEST_CASE("a column's order does not depend on how much of it is asked for") {
  Tensor<double> x = Tensor<double>::empty({301, 3});
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<double>(i * 7919 % 23);
  const auto whole = sort(x, 0, true);
  for (const std::int64_t k : {1, 10, 150, 300}) {
    const auto best = topk(x, k, 0);
    CHECK(list(best.indices) == list(Indices(best.indices.shape(), whole.indices.values().first(best.indices.size()))));
  }
  const auto ascending = argsort(x, 0);
  for (const std::int64_t k : {1, 2, 151, 301}) {
    const auto at = kthvalue(x, k, 0).indices;
    for (std::size_t column = 0; column < 3; ++column)
      CHECK(at.data()[column] == ascending.data()[static_cast<std::size_t>(k - 1) * 3 + column]);
  }
}

TEST_CASE("median and quantile: the lower of two, NaN, gradients to the elements chosen") {
  const auto x = parameter(vector({4, 1, 3, 2}));
  CHECK(median(x).item() == 2);
  CHECK(list(grad(median(x), x)) == Numbers{0, 0, 0, 1});
  CHECK(quantile(x, 0.5).item() == 2.5);
  CHECK(list(grad(quantile(x, 0.5), x)) == Numbers{0, 0, 0.5, 0.5});
  CHECK(list(grad(quantile(x, 0.25), x)) == Numbers{0, 0.25, 0, 0.75});
  CHECK(list(quantile(x, {0, 1}, 0)) == Numbers{1, 4});
  const auto bad = vector({1, kNaN, 2, kNaN});
  CHECK(std::isnan(median(bad).item()));
  CHECK(median(bad, 0).indices.data()[0] == 1);
  CHECK(std::isnan(quantile(bad, 0.0).item()));
  CHECK(quantile(vector({kInf, kInf}), 1).item() == kInf);
}

TEST_CASE("running extremes: the later of equals, and a NaN that stays") {
  CHECK(list(cummax(vector({1, 3, 3, 2}), 0).indices) == Places{0, 1, 2, 2});
  CHECK(list(cummin(vector({2, 2, 5, 1}), 0).indices) == Places{0, 1, 1, 3});
  const auto spoiled = cummax(vector({1, kNaN, 9}), 0);
  CHECK(std::isnan(spoiled.values.data()[2]));
  const auto x = parameter(vector({1, 3, 3, 2}));
  sum(cummax(x, 0).values).backward();
  CHECK(list(x.grad()) == Numbers{1, 1, 2, 0});
}

TEST_CASE("running products where elements are zero, of any order") {
  const auto at = [](const Tensor<double>& value) {
    const auto x = parameter(value);
    sum(cumprod(x, 0)).backward();
    return list(x.grad());
  };
  CHECK(at(vector({2, 3, 4})) == Numbers{1 + 3 + 12, 2 + 8, 6});
  CHECK(at(vector({2, 0, 4})) == Numbers{1, 2 + 8, 0});
  CHECK(at(vector({0, 3, 0, 5})) == Numbers{1 + 3, 0, 0, 0});
  const auto x = parameter(vector({0, 3, 0, 5}));
  const auto first = grad(sum(cumprod(x, 0)), x, {.create_graph = true});
  CHECK(list(first) == Numbers{4, 0, 0, 0});
  CHECK(list(grad(sum(slice(first, 0, 0, 1)), x)) == Numbers{0, 1, 3 + 15, 0});
}

TEST_CASE("log of running sums: infinities and large numbers") {
  const auto x = parameter(vector({-kInf, -kInf, 0, 1000, 1000}));
  const auto y = logcumsumexp(x, 0);
  CHECK(y.data()[1] == -kInf);
  CHECK(y.data()[3] == 1000);
  CHECK(y.data()[4] == doctest::Approx(1000 + std::log(2)));
  const auto g = grad<double>({y}, {x}, {vector({1, 1, 1, 1, 1})})[0];
  CHECK(list(g)[0] == 0);
  CHECK(list(g)[2] == 1);
  CHECK(list(g)[3] == doctest::Approx(1.5));
}

TEST_CASE("long running sums of floats stay exact") {
  const auto x = Tensor<float>::full({1'000'000}, 0.1f);
  CHECK(cumsum(x, 0).data()[999'999] == doctest::Approx(0.1f * 1e6).epsilon(1e-7));
}

TEST_CASE("scans and sorting do not depend on the number of threads") {
  const int before = num_threads();
  Tensor<float> x = Tensor<float>::empty({40, 50, 30});
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(normal({9, 2, 6}, i));
  std::vector<Tensor<float>> results[2];
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    auto& list_of = results[threads / 3];
    for (const std::int64_t axis : {0, 1, 2}) {
      const auto leaf = parameter(x);
      for (const auto& y : {cumsum(leaf, axis), cumprod(leaf, axis), logcumsumexp(leaf, axis), sort(leaf, axis).values,
                            cummax(leaf, axis).values}) {
        list_of.push_back(y);
        list_of.push_back(grad<float>({y}, {leaf}, {x})[0]);
      }
    }
  }
  set_num_threads(before);
  for (std::size_t i = 0; i < results[0].size(); ++i) {
    CAPTURE(i);
    CHECK(std::memcmp(results[0][i].data(), results[1][i].data(), results[0][i].size() * sizeof(float)) == 0);
  }
}

TEST_CASE("empty axes") {
  const auto none = Tensor<double>::ones({2, 0});
  CHECK(cumsum(none, 1).shape() == Shape{2, 0});
  CHECK(cumprod(none, 0).shape() == Shape{2, 0});
  CHECK(cummax(none, 1).values.shape() == Shape{2, 0});
  CHECK(sort(none).values.shape() == Shape{2, 0});
  CHECK(diff(none).shape() == Shape{2, 0});
  CHECK(diff(Tensor<double>::ones({3}), 5).shape() == Shape{0});
  CHECK(list(trapezoid(none)) == Numbers{0, 0});
  CHECK(unique(Tensor<double>::ones({0})).values.shape() == Shape{0});
  CHECK(list(bincount(Indices(Shape{0}), 2)) == Places{0, 0});
  CHECK(list(histc(Tensor<double>::ones({0}), 3)) == Numbers{0, 0, 0});
  CHECK(list(searchsorted(Tensor<double>::ones({0}), vector({1, 2}))) == Places{0, 0});
}

TEST_CASE("searching and counting with NaN and ends") {
  const auto edges = vector({1, 2, 2, 3});
  CHECK(list(searchsorted(edges, vector({0, 2, 3, 4, kNaN}))) == Places{0, 1, 3, 4, 4});
  CHECK(list(searchsorted(edges, vector({0, 2, 3, 4, kNaN}), true)) == Places{0, 3, 4, 4, 4});
  CHECK(list(histc(vector({0, 0.5, 1, 2, kNaN, -1}), 2, 0, 1)) == Numbers{1, 2});
  const auto distinct = unique(vector({3, kNaN, 1, 3, kNaN}));
  CHECK(distinct.values.size() == 4);
  CHECK(list(distinct.counts) == Places{1, 2, 1, 1});
  CHECK(list(distinct.inverse) == Places{1, 2, 0, 1, 3});
}

TEST_CASE("scans and sorting refuse") {
  const auto x = Tensor<double>::ones({2, 3});
  CHECK_THROWS_WITH_AS(cumsum(x, 2), "cumsum: axis 2 is outside shape (2, 3); expected -2 to 1", Error);
  CHECK_THROWS_WITH_AS(topk(x, 4), "topk: k is 4 for axis -1 of shape (2, 3); expected 0 to 3", Error);
  CHECK_THROWS_WITH_AS(kthvalue(x, 0, 0), "kthvalue: k is 0 for axis 0 of shape (2, 3); expected 1 to 2", Error);
  CHECK_THROWS_WITH_AS(median(Tensor<double>::ones({0})), "median: axis 0 of shape (0,) has no elements to choose from",
                       Error);
  CHECK_THROWS_WITH_AS(quantile(x, 1.5), "quantile: q is 1.5; expected 0 to 1", Error);
  CHECK_THROWS_WITH_AS(quantile(x, kNaN), "quantile: q is nan; expected 0 to 1", Error);
  CHECK_THROWS_WITH_AS(diff(x, -1), "diff: n is -1; expected >= 0", Error);
  CHECK_THROWS_WITH_AS(diff(Tensor<double>(1.0)), "diff: a scalar has no neighbours", Error);
  CHECK_THROWS_WITH_AS(trapezoid(x, vector({1, 2})),
                       "trapezoid: x of shape (2,) for y of shape (2, 3); expected (2, 3) or (3,)", Error);
  CHECK_THROWS_WITH_AS(searchsorted(vector({2, 1}), x),
                       "searchsorted: the values of row 0 fall after position 0; expected them in increasing order "
                       "(sort them first)",
                       Error);
  CHECK_THROWS_WITH_AS(searchsorted(Tensor<double>::ones({3, 3}), x),
                       "searchsorted: sorted of shape (3, 3) for values of shape (2, 3); expected one axis, or the "
                       "values' leading axes",
                       Error);
  CHECK_THROWS_WITH_AS(bucketize(x, x), "bucketize: boundaries of shape (2, 3); expected one axis", Error);
  CHECK_THROWS_WITH_AS(bincount(Indices{2, -1}), "bincount: -1 at position 1; expected >= 0", Error);
  CHECK_THROWS_WITH_AS(bincount(Indices{2, 1}, x), "bincount: weights of shape (2, 3); expected (2,), the numbers'",
                       Error);
  CHECK_THROWS_WITH_AS(histc(x, 0), "histc: 0 bins; expected at least one", Error);
  CHECK_THROWS_WITH_AS(histc(vector({1, kInf})),
                       "histc: range from 1 to inf; expected finite numbers, the first not larger", Error);
}
