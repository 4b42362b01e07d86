// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>

#include "xgrad/xgrad.hpp"
#include "steady_state.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

TEST_CASE("gradients accumulate until zero_grad") {
  const auto x = parameter(Tensor<float>({2}, {1, 2}));
  sum(x * x).backward();
  sum(x * 3).backward();
  CHECK(x.grad().data()[0] == 5);
  CHECK(x.grad().data()[1] == 7);
  Tensor<float>(x).zero_grad();
  CHECK(!x.has_grad());
}

TEST_CASE("both sides of an addition own their gradients") {
  auto a = parameter(Tensor<float>({2}, {1, 2})), b = parameter(Tensor<float>({2}, {3, 4}));
  sum(a + b).backward();
  a.mutable_grad_data()[0] = 9;
  CHECK(b.grad().data()[0] == 1);
}

TEST_CASE("no_grad and detach record nothing") {
  const auto x = parameter(Tensor<float>({2}, {1, 2}));
  {
    const NoGrad guard;
    CHECK(!(x * x).requires_grad());
  }
  CHECK((x * x).requires_grad());
  CHECK(!x.detach().requires_grad());
  CHECK(x.detach().storage().shares_with(x.storage()));
  CHECK_THROWS_WITH_AS((x.detach() * 2).backward(), doctest::Contains("does not require a gradient"), Error);
}

TEST_CASE("a second backward needs retain_graph") {
  const auto x = parameter(Tensor<float>({2}, {1, 2}));
  const auto y = sum(x * x);
  y.backward({}, true);
  y.backward();
  CHECK(x.grad().data()[1] == 8);
  CHECK_THROWS_WITH_AS(y.backward(), doctest::Contains("retain_graph"), Error);
  CHECK_THROWS_WITH_AS((x * 2).backward(), doctest::Contains("2 elements"), Error);
}

TEST_CASE("first, second and third derivatives, by recorded rules and by map alike") {
  const auto x = parameter(Tensor<double>({3}, {-0.7, 0.3, 1.1}));
  const auto derivatives = [&](const Tensor<double>& y) {
    std::vector<Tensor<double>> result;
    Tensor<double> now = y;
    for (int order = 0; order < 3; ++order) result.push_back(now = grad(sum(now), x, {.create_graph = true}));
    return result;
  };
  const auto ruled = derivatives(x * tanh(x) * exp(x));
  const auto mapped = derivatives(map([](auto a) { return a * tanh(a) * exp(a); }, x));
  // By central differences of order 6 in long double.
  const double expected[3][3] = {{-0.310677693, 0.881791871, 6.237157552},
                                 {-0.467732195, 3.900309771, 10.086799349},
                                 {0.839642818, 6.461876027, 11.201115179}};
  for (std::size_t order = 0; order < 3; ++order)
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(ruled[order].data()[i] == doctest::Approx(expected[order][i]).epsilon(1e-8));
      CHECK(mapped[order].data()[i] == doctest::Approx(expected[order][i]).epsilon(1e-8));
    }
}

TEST_CASE("grad() leaves .grad alone and visits only what leads to the inputs") {
  const auto x = parameter(Tensor<double>(2.0)), w = parameter(Tensor<double>(3.0)),
             unused = parameter(Tensor<double>(1.0));
  const auto h = x * w;
  const auto y = h * h;
  const auto g = grad<double>({y}, {x, h}, {}, {.retain_graph = true});
  CHECK(g[0].item() == 36);
  CHECK(g[1].item() == 12);
  CHECK(!x.has_grad());
  CHECK(!w.has_grad());
  CHECK_THROWS_WITH_AS(grad<double>({y}, {unused}, {}, {.retain_graph = true}), doctest::Contains("allow_unused"),
                       Error);
  CHECK(!grad<double>({y}, {unused}, {}, {.allow_unused = true})[0].defined());
}

TEST_CASE("a change in place between forward and backward is an error that names the operation") {
  auto x = parameter(Tensor<float>({2}, {1, 2}));
  const auto y = sum(x * x);
  x.mutable_data()[0] = 5;
  CHECK_THROWS_WITH_AS(
      y.backward(), doctest::Contains("mul: input 0 of shape (2,) was saved for backward and changed in place"), Error);
  auto e = exp(x);
  const auto z = sum(e);
  e.mutable_data()[0] = 0;
  CHECK_THROWS_WITH_AS(z.backward(), doctest::Contains("exp: its result"), Error);
}

TEST_CASE("a chain of a million nodes runs backward and dies without recursion") {
  const auto x = parameter(Tensor<float>({1}, {1}));
  {
    Tensor<float> y = x;
    for (int i = 0; i < 1'000'000; ++i) y = y + x;
    y.backward();
    CHECK(x.grad().item() == 1'000'001);
  }
  Tensor<float> z = x;
  for (int i = 0; i < 1'000'000; ++i) z = z * x;
  z = {};  // destroyed without backward
}

TEST_CASE("what was saved is freed as backward goes") {
  const auto x = parameter(Tensor<float>::ones({1000, 100}));
  Tensor<float> y = x;
  for (int i = 0; i < 20; ++i) y = tanh(y);
  const auto loss = sum(y);
  y = {};
  const std::size_t before = memory_stats().current;
  loss.backward();
  CHECK(memory_stats().current < before - 15 * x.size() * sizeof(float));
}

TEST_CASE("the first NaN or infinity is named with its operation and layer") {
  struct Net : nn::Module<float> {
    nn::Linear<float> first{2, 2}, second{2, 2};
    Net() {
      register_module("first", first);
      register_module("second", second);
    }
    Tensor<float> forward(const Tensor<float>& x) override { return log(second(first(x)) * 0 - 1); }
  } net;
  const DetectAnomaly watch;
  const auto x = Tensor<float>::ones({1, 2});
  CHECK_THROWS_WITH_AS(net(x),
                       doctest::Contains("the result of log is NaN at element 0 of shape (1, 2); input shapes (1, 2)"),
                       AnomalyError);
  net.second.weight.mutable_data()[0] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH_AS(net(x), doctest::Contains("the result of linear in layer \"second\""), AnomalyError);
  const auto zero = parameter(Tensor<float>({1}, {0}));
  CHECK_THROWS_WITH_AS(sum(sqrt(zero)).backward(), doctest::Contains("what comes out of the backward of sqrt"),
                       AnomalyError);
}

TEST_CASE("a training step in steady state takes nothing from the system") {
  nn::Sequential<float> model(nn::Linear<float>(20, 64), nn::ReLU<float>(), nn::Dropout<float>(0.1),
                              nn::Linear<float>(64, 10));
  const auto x = Tensor<float>::ones({32, 20});
  const Indices labels(Shape{32}, std::vector<std::int64_t>(32, 3));
  auto parameters = model.named_parameters();
  const auto step = [&] {
    cross_entropy(model(x), labels).backward();
    for (auto& p : parameters) p.tensor.zero_grad();
  };
  check_steady_state(step);
}

TEST_CASE("xtensor arrays go in and out") {
  // Without the specialisations in array.hpp this is a rank-4 xtensor, and what follows crashes.
  const xt::xarray<double> a = {{1, 2, 3}, {4, 5, 6}};
  static_assert(std::is_same_v<decltype(xt::eval(xt::sum(a, {0}))), xt::xarray<double>>);
  const Tensor<double> t = xt::exp(a) + 1.0;
  CHECK(t.shape() == Shape{2, 3});
  CHECK(t.data()[4] == doctest::Approx(std::exp(5.0) + 1));
  Array<float> array = {{1, 2}, {3, 4}};
  const float* place = array.data();
  Tensor<float> taken = take(std::move(array));
  CHECK(taken.data() == place);  // not copied
  auto view = taken.mutable_array();
  view += 1;
  CHECK(taken.data()[3] == 5);
  const xt::xarray<float> doubled = taken.array() * 2;
  CHECK(doubled(1, 1) == 10);
  const xt::xarray<int> labels = {2, 0, 1};
  CHECK(to_indices(labels).data()[0] == 2);
  CHECK(to_mask(a > 3.0).data()[3]);
}

TEST_CASE("map: broadcasting, odd sizes, where, hand-given derivatives") {
  for (const std::int64_t n : {1, 7, 8, 15, 16, 17, 33, 100}) {
    const auto x = parameter(Tensor<double>::full({3, n}, 0.7)), row = parameter(Tensor<double>::full({n}, -0.2)),
               column = parameter(Tensor<double>::full({3, 1}, 1.3));
    const DoubleFunction f = [](const std::vector<Tensor<double>>& v) {
      return map([](auto a, auto b, auto c) { return where(a > 0, a * b, 0.1 * a) + tanh(c) * b; }, v[0], v[1], v[2]);
    };
    CHECK(gradcheck(f, {x, row, column}).passed);
    if (n < 20) CHECK(gradgradcheck(f, {x, row, column}).passed);
  }
  const auto x = parameter(Tensor<double>({2}, {0.5, 2}));
  sum(map([](auto a) { return a * a; }, [](auto a) { return 10 * a; }, x))
      .backward();  // a derivative of our own choice
  CHECK(x.grad().data()[1] == 20);
}
