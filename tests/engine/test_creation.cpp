// SPDX-License-Identifier: BSD-3-Clause
// Creation: distributions, independence of threads, refusals.
#include <algorithm>
#include <cmath>
#include <set>

#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {
const RandomKey kKey{11, 22, 33};
}

TEST_CASE("random tensors are functions of the key, whatever the threads") {
  const int before = num_threads();
  std::vector<Tensor<float>> results;
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    results.push_back(uniform<float>({100'000}, -1, 1, kKey));
    results.push_back(normal<float>({100'000}, 1, 2, kKey));
  }
  set_num_threads(before);
  CHECK(array_equal(results[0], results[2]));
  CHECK(array_equal(results[1], results[3]));
  manual_seed(5);
  const auto first = rand<float>({4}), second = rand<float>({4});
  manual_seed(5);
  CHECK(array_equal(rand<float>({4}), first));
  CHECK(!array_equal(first, second));
  CHECK(randn<double>({2, 0}).shape() == Shape{2, 0});
}

TEST_CASE("distributions") {
  const auto u = uniform<float>({200'000}, 2, 4, kKey);
  CHECK(mean(u).item() == doctest::Approx(3).epsilon(0.002));
  CHECK(var(u).item() == doctest::Approx(4.0 / 12).epsilon(0.01));
  CHECK(amin(u).item() >= 2);
  CHECK(amax(uniform<float>({200'000}, 0, 1, kKey)).item() < 1);
  const auto n = normal<double>({200'000}, -1, 3, kKey);
  CHECK(mean(n).item() == doctest::Approx(-1).epsilon(0.02));
  CHECK(var(n).item() == doctest::Approx(9).epsilon(0.01));
  CHECK(mean(pow(n + 1, 3)).item() == doctest::Approx(0).epsilon(0.6));
  CHECK(mean(bernoulli(Tensor<float>::full({100'000}, 0.3f), kKey)).item() == doctest::Approx(0.3).epsilon(0.01));
  CHECK(sum(bernoulli(Tensor<float>({2, 500}, std::vector<float>(1000, 1)), kKey)).item() == 1000);
  CHECK(sum(bernoulli(Tensor<float>::zeros({1000}), kKey)).item() == 0);
  std::vector<int> counts(5);
  const Indices few = randint(-2, 3, {50'000}, kKey);
  for (const std::int64_t i : few.values()) {
    REQUIRE((i >= -2 && i < 3));
    ++counts[static_cast<std::size_t>(i + 2)];
  }
  for (const int count : counts) CHECK(count == doctest::Approx(10'000).epsilon(0.03));
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                         most = std::numeric_limits<std::int64_t>::max();
  const Indices all = randint(least, most, {1000}, kKey);  // a range of almost 2^64
  const auto negative = std::count_if(all.values().begin(), all.values().end(), [](std::int64_t i) { return i < 0; });
  CHECK(std::abs(negative - 500) < 60);
  const Indices order = randperm(50, kKey);
  CHECK(std::set<std::int64_t>(order.values().begin(), order.values().end()).size() == 50);
}

TEST_CASE("multinomial: shares, no repetition, no weight 0") {
  const Tensor<double> weights({2, 4}, {1, 0, 2, 1, 5, 5, 0, 0});
  const Indices many = multinomial(weights, 20'000, true, kKey);
  CHECK(many.shape() == Shape{2, 20'000});
  int counts[2][4] = {};
  for (std::size_t i = 0; i < many.size(); ++i) ++counts[i / 20'000][many.data()[i]];
  CHECK(counts[0][1] == 0);
  CHECK(counts[0][2] == doctest::Approx(10'000).epsilon(0.03));
  CHECK(counts[1][0] == doctest::Approx(10'000).epsilon(0.03));
  CHECK(counts[1][2] + counts[1][3] == 0);
  int first_is_two = 0;
  for (std::uint32_t step = 0; step < 4000; ++step) {
    const Indices drawn = multinomial(Tensor<double>({4}, {1, 0, 2, 1}), 3, false, RandomKey{1, 2, step});
    CHECK(std::set<std::int64_t>(drawn.values().begin(), drawn.values().end()) == std::set<std::int64_t>{0, 2, 3});
    first_is_two += drawn.data()[0] == 2;
  }
  CHECK(first_is_two == doctest::Approx(2000).epsilon(0.05));
}

TEST_CASE("linspace meets both ends exactly") {
  const auto x = linspace<float>(0.1, 0.7, 1000);
  CHECK(x.data()[0] == 0.1f);
  CHECK(x.data()[999] == 0.7f);
  CHECK(cast<double>(Tensor<float>(0.5f)).item() == 0.5);
  CHECK(full_like(x, 3.0f).data()[999] == 3);
}

TEST_CASE("creation refuses what has no meaning") {
  const auto t = Tensor<double>::ones({2});
  CHECK_THROWS_WITH_AS(arange<float>(0, 1, 0), "arange: step is 0; expected a step from 0 towards 1", Error);
  CHECK_THROWS_WITH_AS(arange<float>(0, 1, -1), "arange: step -1 does not lead from 0 to 1", Error);
  CHECK_THROWS_WITH_AS(linspace<float>(0, 1, -1), "linspace: count is -1; expected >= 0", Error);
  CHECK_THROWS_WITH_AS(eye<float>(-2), "eye: -2 x -2; expected sizes >= 0", Error);
  CHECK_THROWS_WITH_AS(one_hot<float>(Indices{0, 3}, 3), "one_hot: index 3 at position 1; expected one in [0, 3)",
                       Error);
  CHECK_THROWS_WITH_AS(meshgrid<double>({}), "meshgrid: the list is empty; expected at least one vector", Error);
  CHECK_THROWS_WITH_AS(meshgrid<double>({t, reshape(t, {1, 2})}),
                       "meshgrid: input 1 has shape (1, 2); expected rank 0 or 1", Error);
  CHECK_THROWS_WITH_AS(cast<float>(parameter(t)),
                       "cast: the tensor of shape (2,) requires a gradient, which would be lost; detach() it first",
                       Error);
  CHECK_THROWS_WITH_AS(uniform<float>({2}, 1, 0, kKey), "uniform: low is 1, high 0; expected low <= high", Error);
  CHECK_THROWS_WITH_AS(normal<float>({2}, 0, -1, kKey), "normal: deviation is -1; expected >= 0", Error);
  CHECK_THROWS_WITH_AS(bernoulli(t * 2), "bernoulli: probability 2 at position 0; expected 0 to 1", Error);
  CHECK_THROWS_WITH_AS(randint(3, 3, {2}), "randint: low is 3, high 3; expected low < high", Error);
  CHECK_THROWS_WITH_AS(randperm(-1), "randperm: n is -1; expected >= 0", Error);
  CHECK_THROWS_WITH_AS(multinomial(t * 0, 1), "multinomial: all weights of row 0 are 0; nothing can be drawn", Error);
  CHECK_THROWS_WITH_AS(multinomial(-t, 1), doctest::Contains("expected finite weights >= 0"), Error);
  CHECK_THROWS_WITH_AS(multinomial(t, 3),
                       "multinomial: 3 draws without replacement from 2 positive weights of row 0; draw fewer, or with "
                       "replacement",
                       Error);
}
