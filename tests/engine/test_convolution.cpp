// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

template <class T> Tensor<T> numbers(const Shape& shape, std::uint32_t stream) {
  Tensor<T> x = Tensor<T>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<T>(normal({3, stream, 0}, i));
  return x;
}

struct Geometry {
  std::size_t samples, in, out, height, width, kernel_height, kernel_width, pad_height, pad_width, dilation, stride = 1;

  template <class T> Tensor<T> x() const { return array<T>({samples, in, height, width}, 1); }
  template <class T> Tensor<T> weight() const { return array<T>({out, in, kernel_height, kernel_width}, 2); }

 private:
  template <class T> static Tensor<T> array(const std::array<std::size_t, 4>& sizes, std::uint32_t stream) {
    Shape shape;
    for (const std::size_t size : sizes) shape.push_back(static_cast<std::int64_t>(size));
    return numbers<T>(shape, stream);
  }
};

/// The result and both gradients against loops over the windows; what is not finite must be the same.
template <class T> void check_definition(const Geometry& c, Tensor<T> x, Tensor<T> w, double tolerance) {
  const auto i64 = [](std::size_t v) { return static_cast<std::int64_t>(v); };
  x = parameter(x);
  w = parameter(w);
  const auto y =
      conv2d(x, w, {},
             {.stride = i64(c.stride), .padding = {i64(c.pad_height), i64(c.pad_width)}, .dilation = i64(c.dilation)});
  const auto g = numbers<T>(y.shape(), 3);
  y.backward(g);
  const std::size_t rows = static_cast<std::size_t>(y.size(2)), cols = static_cast<std::size_t>(y.size(3));
  std::vector<double> result(y.size(), 0.0), dx(x.size(), 0.0), dw(w.size(), 0.0);
  for (std::size_t n = 0; n < c.samples; ++n)
    for (std::size_t o = 0; o < c.out; ++o)
      for (std::size_t i = 0; i < c.in; ++i)
        for (std::size_t at = 0; at < rows * cols; ++at)
          for (std::size_t cell = 0; cell < c.kernel_height * c.kernel_width; ++cell) {
            const std::size_t r = at / cols * c.stride + cell / c.kernel_width * c.dilation - c.pad_height;
            const std::size_t q = at % cols * c.stride + cell % c.kernel_width * c.dilation - c.pad_width;
            if (r >= c.height || q >= c.width) continue;  // the zeros; a place before the first has wrapped around
            const std::size_t to = (n * c.out + o) * rows * cols + at;
            const std::size_t from = ((n * c.in + i) * c.height + r) * c.width + q;
            const std::size_t weight = (o * c.in + i) * c.kernel_height * c.kernel_width + cell;
            result[to] += static_cast<double>(x.data()[from] * w.data()[weight]);
            dx[from] += static_cast<double>(g.data()[to] * w.data()[weight]);
            dw[weight] += static_cast<double>(g.data()[to] * x.data()[from]);
          }
  const auto compare = [&](const Tensor<T>& ours, const std::vector<double>& expected) {
    double worst = 0;
    std::size_t different = 0;
    for (std::size_t k = 0; k < expected.size(); ++k) {
      const auto value = static_cast<double>(ours.data()[k]);
      if (std::isfinite(expected[k]))
        worst = std::max(worst, std::isfinite(value) ? std::abs(value - expected[k]) : HUGE_VAL);
      else
        different += std::isnan(expected[k]) ? !std::isnan(value) : value != expected[k];
    }
    CHECK(worst < tolerance);
    CHECK(different == 0);
  };
  compare(y, result);
  compare(x.grad(), dx);
  compare(w.grad(), dw);
}

}  // namespace

TEST_CASE("convolutions of the sizes that networks have: float follows double") {
  struct Case {
    Shape x, weight;
    ConvOptions options;
  };
  // Channel counts that oneDNN blocks, and ones that it does not; depthwise; pointwise; one channel; one position.
  const Case cases[] = {
      {{3, 16, 13, 11}, {32, 16, 3, 3}, {.padding = 1}},
      {{2, 32, 9, 9}, {32, 1, 3, 3}, {.stride = 2, .padding = 1, .groups = 32}},
      {{2, 24, 7, 7}, {40, 24, 1, 1}, {}},
      {{5, 1, 12, 12}, {8, 1, 5, 5}, {}},
      {{4, 8, 4, 4}, {12, 8, 4, 4}, {}},
      {{2, 30, 10, 9}, {45, 10, 3, 2}, {.stride = {3, 2}, .padding = {1, 0}, .dilation = {1, 2}, .groups = 3}},
      {{2, 8, 8, 8}, {1, 8, 2, 2}, {.padding = "same"}},
      {{2, 8, 8, 8}, {16, 8, 1, 1}, {.stride = 3}},
      {{24, 16, 40, 40}, {32, 16, 3, 3}, {.padding = 1}},  // large enough for oneDNN to get it in parts
  };
  for (const Case& c : cases) {
    CAPTURE(c.weight.to_string());
    const auto run = [&]<class T>(T) {
      const auto x = parameter(numbers<T>(c.x, 1)), weight = parameter(numbers<T>(c.weight, 2)),
                 bias = parameter(numbers<T>({c.weight[0]}, 3));
      const auto y = conv2d(x, weight, bias, c.options, Activation::relu);
      sum(y * numbers<T>(y.shape(), 4)).backward();
      std::vector<Tensor<double>> results;
      for (const auto& t : {y, x.grad(), weight.grad(), bias.grad()}) {
        results.push_back(Tensor<double>::empty(t.shape()));
        std::copy_n(t.data(), t.size(), results.back().mutable_data());
      }
      return results;
    };
    const auto narrow = run(0.0f), wide = run(0.0);
    for (std::size_t k = 0; k < wide.size(); ++k) {
      CAPTURE(k);
      double worst = 0;
      for (std::size_t i = 0; i < wide[k].size(); ++i)
        worst = std::max(worst, std::abs(narrow[k].data()[i] - wide[k].data()[i]) / (1 + std::abs(wide[k].data()[i])));
      CHECK(worst < 1e-4);
    }
  }
}

TEST_CASE("large planes: results and gradients are those of the definition") {
  // With and without zeros around; numbers of channels and elements that fill vectors and that do not.
  const Geometry cases[] = {{2, 3, 5, 25, 23, 3, 2, 1, 0, 1},  {1, 1, 4, 70, 66, 3, 3, 0, 0, 1},
                            {3, 2, 1, 24, 30, 2, 5, 1, 4, 1},  {2, 4, 6, 30, 29, 3, 3, 2, 1, 2},
                            {17, 5, 7, 26, 24, 1, 2, 0, 1, 1}, {2, 40, 3, 25, 25, 3, 1, 1, 0, 1}};
  for (const Geometry& c : cases) {
    CAPTURE(c.height);
    check_definition(c, c.x<double>(), c.weight<double>(), 1e-11);
    check_definition(c, c.x<float>(), c.weight<float>(), 2e-3);
  }
}

TEST_CASE("what is not finite reaches the gradients of those cells alone that windows read it with") {
  // Straight from the images, few and many, and with a stride that leaves the last row and column to no window.
  const Geometry cases[] = {{2, 3, 5, 25, 27, 3, 3, 0, 0, 1},
                            {20, 2, 3, 25, 27, 3, 3, 0, 0, 1},
                            {1, 2, 4, 26, 28, 3, 2, 1, 1, 1},
                            {2, 2, 3, 24, 24, 3, 3, 0, 0, 1, 2},
                            {2, 16, 16, 32, 32, 3, 3, 0, 0, 1, 2}};
  const auto check = [&]<class T>(T bad) {
    for (const Geometry& c : cases) {
      CAPTURE(c.height);
      CAPTURE(c.stride);
      // Elements at the ends of rows, in a corner and in the middle.
      for (const std::size_t place : {c.width, 2 * c.width - 1, c.height * c.width - 1, 3 * c.width + 5}) {
        auto x = c.x<T>();
        x.mutable_data()[place] = bad;
        check_definition(c, x, c.weight<T>(), 2e-3);
      }
      auto weight = c.weight<T>();
      weight.mutable_data()[1] = bad;
      // Zeros around x are numbers that a result is made of; what is around g is not there.
      if (c.pad_height == 0) check_definition(c, c.x<T>(), weight, 2e-3);
    }
  };
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    check(bad);
    check(static_cast<float>(bad));
  }
}

TEST_CASE("a NaN is not hidden by the fused relu") {
  for (const std::int64_t channels : {1, 16}) {
    auto x = Tensor<float>::ones({1, channels, 6, 6});
    x.mutable_data()[0] = std::nanf("");
    const auto y = conv2d(x, Tensor<float>::ones({channels, channels, 3, 3}), {}, {}, Activation::relu);
    CHECK(std::isnan(y.data()[0]));
    CHECK(y.data()[y.size() - 1] == doctest::Approx(9 * channels));
  }
}

TEST_CASE("backward through the fused relu leaves gradients alone that others see") {
  const auto x = parameter(numbers<float>({2, 3, 8, 8}, 1)), weight = parameter(numbers<float>({4, 3, 3, 3}, 2));
  const auto factor = numbers<float>({2, 4, 6, 6}, 3);
  Tensor<float> seen[3];
  const auto gradient = [&](const auto& watch) {
    const auto y = conv2d(x, weight, {}, {}, Activation::relu);
    watch(y);
    return grad(sum(y * factor), x);
  };
  const auto alone = gradient([](const Tensor<float>&) {});
  const auto hooked =
      gradient([&](const Tensor<float>& y) { register_hook(y, [&](const Tensor<float>& g) { seen[0] = g; }); });
  const auto watched = gradient([&](const Tensor<float>& y) {
    register_operation_hook<float>(y,
                                   [&](std::vector<Tensor<float>>&, const Tensor<float>& g) { seen[1] = g.clone(); });
  });
  const auto y = conv2d(x, weight, {}, {}, Activation::relu);
  y.backward(factor);  // of the caller
  seen[2] = factor;
  const auto again = numbers<float>({2, 4, 6, 6}, 3);
  for (const auto& g : seen) CHECK(std::ranges::equal(g.values(), again.values()));
  for (const auto& dx : {hooked, watched, x.grad()}) CHECK(std::ranges::equal(dx.values(), alone.values()));
}

TEST_CASE("convolutions of nothing") {
  const auto x = parameter(Tensor<float>::ones({0, 2, 5, 5})), weight = parameter(Tensor<float>::ones({3, 2, 3, 3})),
             bias = parameter(Tensor<float>::ones({3}));
  const auto y = conv2d(x, weight, bias, {}, Activation::relu);
  CHECK(y.shape() == Shape{0, 3, 3, 3});
  sum(y).backward();
  CHECK(x.grad().shape() == x.shape());
  for (const float g : weight.grad().values()) CHECK(g == 0);
  for (const float g : bias.grad().values()) CHECK(g == 0);
}

TEST_CASE_TEMPLATE("results of convolutions do not depend on the number of threads", T, float, double) {
  const int before = num_threads();
  std::vector<Tensor<T>> results[3];
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    for (const std::int64_t samples : {1, 5, 19})
      for (const std::int64_t size : {9, 28})
        for (const auto& [in, out] : {std::pair{3, 4}, std::pair{16, 40}}) {
          const auto x = parameter(numbers<T>({samples, in, size, size}, 1)),
                     weight = parameter(numbers<T>({out, in, 3, 3}, 2)), bias = parameter(numbers<T>({out}, 3));
          const auto y = conv2d(x, weight, bias);
          sum(y * y).backward();
          for (const auto& each : {y, x.grad(), weight.grad(), bias.grad()})
            results[threads - 1].push_back(each.detach());
        }
  }
  set_num_threads(before);
  for (std::size_t k = 0; k < results[0].size(); ++k)
    for (const auto& other : {results[1][k], results[2][k]})
      CHECK(std::equal(other.values().begin(), other.values().end(), results[0][k].values().begin()));
}

TEST_CASE("convolutions that do not fit are refused with all shapes") {
  const auto t = [](const Shape& shape) { return Tensor<float>::ones(shape); };
  const auto x = t({8, 3, 28, 28}), w = t({16, 3, 3, 3});
  const auto refused = [](const auto& call, const char* words) {
    CHECK_THROWS_WITH_AS(call(), doctest::Contains(words), Error);
  };
  refused([&] { conv2d(t({8, 784}), w); }, "conv2d: x has shape (8, 784); expected (N, C, H, W) or (C, H, W)");
  refused([&] { conv2d(x, t({16, 3, 3})); }, "conv2d: weight has shape (16, 3, 3); expected rank 4");
  refused(
      [&] {
        conv2d(x, t({16, 1, 3, 3}));
      },
      "x (8, 3, 28, 28) has 3 channels, but weight (16, 1, 3, 3) with groups = 1 is for 1");
  refused([&] { conv2d(x, w, {}, {.groups = 2}); }, "groups is 2; expected a divisor of the 3 channels");
  refused([&] { conv2d(x, w, t({3})); }, "bias has shape (3,); expected (16,) for weight (16, 3, 3, 3)");
  refused(
      [&] {
        conv2d(t({1, 3, 2, 9}), w);
      },
      "is 2 long with its padding, a window 3; expected room for at least one");
  refused([&] { conv2d(x, w, {}, {.stride = 0}); }, "stride 0; expected numbers >= 1");
  refused([&] { conv2d(x, w, {}, {.padding = {1, -1}}); }, "padding 1 x -1; expected numbers >= 0");
  refused([&] { conv2d(x, w, {}, {.dilation = {1, 1, 1}}); }, "dilation 1 x 1 x 1 has 3 numbers; expected 1 or 2");
  refused([&] { conv2d(x, w, {}, {.stride = 2, .padding = "same"}); }, "padding \"same\" with stride 2");
  refused([&] { conv2d(x, w, {}, {.padding = "full"}); },
          "ConvPadding: \"full\"; expected \"same\", \"valid\" or numbers");
  refused([&] { conv2d(x, w, {}, {}, Activation::tanh); }, "only relu is computed in the same pass");
  refused([&] { conv_transpose2d(x, w); },
          "conv_transpose2d: x (8, 3, 28, 28) has 3 channels, but weight (16, 3, 3, 3) is for 16");
  refused(
      [&] {
        conv_transpose2d(x, t({3, 4, 3, 3}), {}, {.output_padding = 1});
      },
      "output_padding 1; expected less than the stride or the dilation");
  refused([&] { conv_transpose2d(t({1, 3, 1, 1}), t({3, 4, 1, 1}), {}, {.padding = 1}); }, "leaves an axis of -1");
  refused([&] { unfold2d(t({3, 4, 4}), 2); }, "unfold2d: x has shape (3, 4, 4); expected (N, C, H, W)");
  refused([&] { fold2d(t({1, 8, 5}), {4, 4}, 2); }, "fold2d: the columns have shape (1, 8, 5); expected (N, C 4, 9)");
}
