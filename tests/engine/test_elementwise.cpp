// SPDX-License-Identifier: BSD-3-Clause
// Elementwise operations where a table of samples does not go: kinks, poles, NaN, infinities, refusals.
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "engine/at.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {
constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");
}  // namespace

#define F(...) [](const auto& x) { return __VA_ARGS__; }

TEST_CASE("special functions at poles, ends and far out") {
  for (const double pole : {0.0, -1.0, -2.0}) CHECK(at(F(lgamma(x)), pole).first == kInfinity);
  CHECK(at(F(lgamma(x)), 1).first == 0);
  CHECK(at(F(lgamma(x)), 1).second == doctest::Approx(-0.57721566490153286).epsilon(1e-14));
  CHECK(at(F(lgamma(x)), kInfinity).first == kInfinity);
  CHECK(at(F(lgamma(x)), -kInfinity).first == kInfinity);
  CHECK(std::isnan(at(F(lgamma(x)), kNan).first));
  CHECK(at(F(digamma(x)), 0.0).first == -kInfinity);
  CHECK(at(F(digamma(x)), -0.0).first == kInfinity);
  CHECK(std::isnan(at(F(digamma(x)), -3).first));
  CHECK(at(F(polygamma(1, x)), 0).first == kInfinity);
  CHECK(at(F(polygamma(2, x)), kInfinity).first == 0);
  CHECK(at(F(erfinv(x)), 1).first == kInfinity);
  CHECK(at(F(erfinv(x)), -1).first == -kInfinity);
  CHECK(std::isnan(at(F(erfinv(x)), 1.5).first));
  CHECK(at(F(erfinv(x)), 0).first == 0);
  CHECK(at(F(cbrt(x)), -27).first == doctest::Approx(-3).epsilon(1e-15));
  CHECK(at(F(cbrt(x)), 0) == std::pair(0.0, kInfinity));
  CHECK(at(F(logit(x)), 1).first == kInfinity);
  CHECK(at(F(logit(x, 0.25)), 0.1).second == 0);
  CHECK(at(F(logit(x, 0.25)), 0.25).second != 0);  // the ends belong to the inside
}

TEST_CASE("special functions against the C library, over decades and lanes, in both types") {
  std::vector<double> places;
  for (double v = 1e-6; v < 1e6; v *= 1.37) {
    places.push_back(v);
    if (v < 30 && v - std::floor(v) > 0.05 && v - std::floor(v) < 0.95) places.push_back(-v);
  }
  const Shape shape{static_cast<std::int64_t>(places.size())};
  const std::vector<float> narrow(places.begin(), places.end());
  const auto wide_result = lgamma(Tensor<double>(shape, std::span<const double>(places)));
  const auto narrow_result = lgamma(Tensor<float>(shape, std::span<const float>(narrow)));
  for (std::size_t i = 0; i < places.size(); ++i) {
    CAPTURE(places[i]);
    CHECK(wide_result.data()[i] == doctest::Approx(std::lgamma(places[i])).epsilon(1e-13));
    CHECK(narrow_result.data()[i] == doctest::Approx(std::lgamma(static_cast<double>(narrow[i]))).epsilon(1e-5));
  }
  for (const double y : {1e-9, 0.01, 0.5, 1.2, 2.5, 4.0, 5.5})
    CHECK(std::erfc(at(F(erfinv(x)), std::erf(y)).first) == doctest::Approx(std::erfc(y)).epsilon(1e-9));
}

TEST_CASE("arithmetic at zeros, infinities and kinks") {
  CHECK(at(F(xlogy(x, x)), 0) == std::pair(0.0, 0.0));
  CHECK(at(F(xlogy(x, Tensor<double>(0.0))), 0) == std::pair(0.0, 0.0));
  CHECK(std::isnan(at(F(xlogy(x, Tensor<double>(kNan))), 0).first));
  CHECK(at(F(xlogy(Tensor<double>(0.0), x)), 0).second == 0);
  CHECK(std::isfinite(second_derivative_at(F(xlogy(Tensor<double>(0.0), x)), 0)));
  CHECK(at(F(copysign(x, Tensor<double>(-0.0))), 3) == std::pair(-3.0, -1.0));
  CHECK(at(F(copysign(x, Tensor<double>(-1.0))), 0).second == 0);
  CHECK(at(F(remainder(x, 3)), -1).first == 2);
  CHECK(at(F(fmod(x, 3)), -1).first == -1);
  CHECK(at(F(remainder(x, -3)), 1).first == -2);
  CHECK(at(F(floor_divide(x, 2)), -3) == std::pair(-2.0, 0.0));
  CHECK(at(F(frac(x)), -1.25) == std::pair(-0.25, 1.0));
  CHECK(at(F(clamp_min(x, 1)), 1) == std::pair(1.0, 1.0));
  CHECK(at(F(clamp_max(x, 1)), 2) == std::pair(1.0, 0.0));
  CHECK(std::isnan(at(F(clamp_min(x, 1)), kNan).first));
  CHECK(at(F(clamp_max(x, 1)), -kInfinity).first == -kInfinity);
  const auto replaced = nan_to_num(Tensor<float>({4}, {NAN, INFINITY, -INFINITY, 2}));
  CHECK(replaced.data()[0] == 0);
  CHECK(replaced.data()[1] == std::numeric_limits<float>::max());
  CHECK(replaced.data()[2] == std::numeric_limits<float>::lowest());
  CHECK(replaced.data()[3] == 2);
  for (const double bad : {kNan, kInfinity, -kInfinity}) CHECK(at(F(nan_to_num(x, 1, 2, 3)), bad).second == 0);
}

TEST_CASE_TEMPLATE("functions of two numbers at their limits are the C library's", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> values{Limits::quiet_NaN(),
                              Limits::infinity(),
                              -Limits::infinity(),
                              0,
                              T(-0.0),
                              1,
                              -1,
                              Limits::max(),
                              Limits::min(),
                              -Limits::max(),
                              0.5,
                              2,
                              T(0.1),
                              -2.5,
                              3,
                              -3,
                              100,
                              1e10};
  const auto floored = [](T a, T b) {  // Python's //
    const T rest = std::fmod(a, b);
    if (b == 0 || std::isinf(a / b)) return a / b;
    return std::nearbyint((a - rest) / b) - (rest != 0 && (rest < 0) != (b < 0) ? 1 : 0);
  };
  const auto modulo = [](T a, T b) {
    const T rest = std::fmod(a, b);
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  };
  struct Case {
    const char* name;
    Tensor<T> (*ours)(const Tensor<T>&, const Tensor<T>&);
    std::function<T(T, T)> expected;
  };
  const Case cases[] = {{"pow", pow<T>, [](T a, T b) { return std::pow(a, b); }},
                        {"atan2", atan2<T>, [](T a, T b) { return std::atan2(a, b); }},
                        {"hypot", hypot<T>, [](T a, T b) { return std::hypot(a, b); }},
                        {"fmod", fmod<T>, [](T a, T b) { return std::fmod(a, b); }},
                        {"remainder", remainder<T>, modulo},
                        {"floor_divide", floor_divide<T>, floored},
                        {"copysign", copysign<T>, [](T a, T b) { return std::copysign(a, b); }}};
  const auto n = static_cast<std::int64_t>(values.size());
  const Tensor<T> a({n, 1}, std::span<const T>(values)), b({n}, std::span<const T>(values));
  for (const Case& c : cases) {
    const Tensor<T> result = c.ours(a, b);
    for (std::size_t i = 0; i < result.size(); ++i) {
      CAPTURE(std::string(c.name));
      const T x = values[i / values.size()], y = values[i % values.size()], expected = c.expected(x, y),
              found = result.data()[i];
      CAPTURE(x);
      CAPTURE(y);
      if (std::isnan(expected)) {
        CHECK(std::isnan(found));
        continue;
      }
      CHECK(std::signbit(found) == std::signbit(expected));
      if (std::abs(expected) < Limits::min())  // exponentials know no subnormal numbers
        CHECK(std::abs(found) <= Limits::min());
      else if (std::isinf(expected))
        CHECK(found == expected);
      else
        CHECK(found == doctest::Approx(expected).scale(0).epsilon(sizeof(T) == 4 ? 2e-5 : 1e-12));
    }
  }
  const Tensor<T> far = Tensor<T>({2}, {Limits::max(), Limits::lowest()});
  CHECK(array_equal(erf(far), Tensor<T>({2}, {1, -1})));
  CHECK(array_equal(erfc(far), Tensor<T>({2}, {0, 2})));
  CHECK(std::isnan(acosh(Tensor<T>(T(-1e6))).item()));
}

TEST_CASE("gradients of two numbers where one is 0, NaN or the other") {
  CHECK(second_derivative_at(F(hypot(Tensor<double>(1.0), x)), 0) == 1);
  CHECK(at(F(hypot(x, Tensor<double>(0.0))), 0).second == 0);
  CHECK(at(F(hypot(x, Tensor<double>(0.0))), 1e200).second == 1);
  CHECK(at(F(maximum(x, 1.0)), kNan).second == 1);  // whoever looks at the gradient must see that something is wrong
  CHECK(at(F(minimum(Tensor<double>(kNan), x)), 1).second == 1);
  CHECK(at(F(remainder(Tensor<double>(-1.0), x)), kInfinity).second == 1);
  CHECK(at(F(floor_divide(x, kInfinity)), -1).first == -1);
  CHECK(at(F(floor_divide(x, 0.1)), 1).first == 9);
  CHECK(std::isnan(at(F(bce_loss(x, Tensor<double>::zeros({1}))), kNan).first));  // not the loss of a wrong answer
  CHECK(second_derivative_at(F(1.5 / x), kInfinity) == 0);
  CHECK(at(F(x / 3), 5) == std::pair(5.0 / 3, 1.0 / 3));  // divided, not multiplied by 1 / 3
  CHECK(at(F(x / 49), 1).first == 1.0 / 49);
}

TEST_CASE("comparisons of NaN and infinities") {
  const Tensor<double> a({5}, {kNan, kInfinity, -kInfinity, 1, 1}),
      b({5}, {kNan, kInfinity, kInfinity, 1.1, kInfinity});
  const auto close = isclose(a, b, 0.2), equal_nan = isclose(a, b, 0.2, 0, true);
  const double expected[] = {0, 1, 0, 1, 0};
  for (std::size_t i = 0; i < 5; ++i) CHECK(close.indicator.data()[i] == expected[i]);
  CHECK(equal_nan.indicator.data()[0] == 1);
  CHECK(isclose(Tensor<double>(1.0), Tensor<double>(2.0), 0.5).indicator.item() == 1);  // not symmetric
  CHECK(isclose(Tensor<double>(2.0), Tensor<double>(1.0), 0.5).indicator.item() == 0);
  CHECK(!array_equal(a, a));
  CHECK(array_equal(a, a, true));
  CHECK(!array_equal(a, reshape(a, {5, 1}), true));
  CHECK(allclose(Tensor<double>::ones({0}), Tensor<double>::ones({0})));
  CHECK(ne(a, a).indicator.data()[0] == 1);
  const Mask mask = isnan(a);
  CHECK(mask.data()[0]);
  CHECK(!mask.data()[1]);
  const auto x = parameter(a);
  CHECK(!isfinite(x).indicator.requires_grad());
  CHECK_THROWS_WITH_AS(isclose(a, b, -1), "isclose: rtol is -1, atol 1e-08; expected >= 0", Error);
  CHECK_THROWS_WITH_AS(polygamma(31, a), "polygamma: n is 31; expected 0 to 30", Error);
  CHECK_THROWS_WITH_AS(logit(a, 0.7), "logit: eps is 0.7; expected 0 to 0.5", Error);
}

TEST_CASE("map's numbers know NaN and infinity") {
  const auto y = map([](auto v) { return where(isnan(v), 0, where(isinf(v), 1, where(isfinite(v), v, 5))); },
                     Tensor<double>({3}, {kNan, kInfinity, 7}));
  CHECK(y.data()[0] == 0);
  CHECK(y.data()[1] == 1);
  CHECK(y.data()[2] == 7);
}
