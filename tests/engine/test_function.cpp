// SPDX-License-Identifier: BSD-3-Clause
// Custom functions and recomputation.
#include "xgrad/ops/dropout.hpp"
#include "xgrad/random.hpp"
#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Tensors = std::vector<Tensor<double>>;

namespace {

/// x w tanh(scale y) from a saved input and the saved result of a part.
struct ScaledTanh {
  double scale;
  static constexpr const char* name = "scaled_tanh";
  template <class T> Tensor<T> forward(FunctionContext<T>& context, const Tensor<T>& x) const {
    const Tensor<T> y = tanh(x * scale);
    context.save({y, x});
    return y;
  }
  template <class T> Tensors backward(const FunctionContext<T>& context, const Tensor<T>& g) const {
    const Tensor<T> y = context.saved(0);
    return {g * (1 - y * y) * scale};
  }
};

struct SumAndProduct {
  template <class T>
  std::vector<Tensor<T>> forward(FunctionContext<T>& context, const Tensor<T>& a, const Tensor<T>& b) const {
    context.save({a, b});
    return {a + b, a * b};
  }
  template <class T>
  std::vector<Tensor<T>> backward(const FunctionContext<T>& context, const std::vector<Tensor<T>>& g) const {
    const Tensor<T> a = context.saved(0), b = context.saved(1);
    Tensor<T> da = Tensor<T>::zeros(a.shape()), db = Tensor<T>::zeros(b.shape());
    if (g[0].defined()) da = da + g[0], db = db + g[0];
    if (g[1].defined()) da = da + g[1] * b, db = db + g[1] * a;
    return {da, db};
  }
};

/// Saves something that is neither input nor result.
struct SavesPart {
  Tensor<double> forward(FunctionContext<double>& context, const Tensor<double>& x) const {
    const Tensor<double> part = exp(x);
    context.save({part});
    return part * 2;
  }
  Tensors backward(const FunctionContext<double>& context, const Tensor<double>& g) const {
    return {g * context.saved(0) * 2};
  }
};

/// Saves what there may be none of.
struct SavesNone {
  Tensor<double> optional;
  double factor;
  Tensor<double> forward(FunctionContext<double>& context, const Tensor<double>& x) const {
    context.save({optional, x});
    return x * factor;
  }
  Tensors backward(const FunctionContext<double>& context, const Tensor<double>& g) const {
    return {context.saved(0).defined() ? g : g * factor};
  }
};
struct GivesNone {
  Tensors forward(FunctionContext<double>&, const Tensor<double>& x) const { return {x, {}}; }
  Tensors backward(const FunctionContext<double>&, const Tensors& g) const { return {g[0]}; }
};

/// Its backward returns what it is told to.
struct Wrong {
  Tensors returned;
  Tensor<double> forward(FunctionContext<double>&, const Tensor<double>& x) const { return x * 1; }
  Tensors backward(const FunctionContext<double>&, const Tensor<double>&) const { return returned; }
};

Tensor<double> leaf(std::initializer_list<double> values) {
  return parameter(Tensor<double>({static_cast<std::int64_t>(values.size())}, values));
}

}  // namespace

TEST_CASE("a custom function has the derivatives that its backward gives, of every order") {
  const auto f = [](const Tensors& x) { return apply(ScaledTanh{1.7}, x[0]); };
  CHECK(gradcheck(f, {leaf({-0.5, 0.2, 1.1})}).passed);
  CHECK(gradgradcheck(f, {leaf({-0.5, 0.2, 1.1})}).passed);
  CHECK(std::string(apply(ScaledTanh{1}, leaf({1})).operation()) == "scaled_tanh");
  const NoGrad no_grad;
  CHECK(!apply(ScaledTanh{1}, leaf({1})).requires_grad());
}

TEST_CASE("a custom function may save an undefined tensor, but not take or give one") {
  CHECK_THROWS_WITH_AS(apply(SumAndProduct{}, leaf({1}), Tensor<double>()), doctest::Contains("input 1 is undefined"),
                       Error);
  CHECK(!apply(SavesNone{{}, 2}, leaf({3})).storage().empty());
  const auto x = leaf({3});
  apply(SavesNone{{}, 2}, x).backward();
  CHECK(x.grad().item() == 2);
  CHECK_THROWS_WITH_AS(apply(GivesNone{}, leaf({1})),
                       doctest::Contains("forward returned an undefined Tensor as result 1"), Error);
}

TEST_CASE("a custom function of several results") {
  const auto both = [](const Tensors& x) {
    const auto r = apply(SumAndProduct{}, x[0], x[1]);
    return r[0] * r[0] + exp(r[1]) * r[1];
  };
  const Tensors x{leaf({0.5, -0.3}), leaf({1.2, 0.4})};
  CHECK(gradcheck(both, x).passed);
  CHECK(gradgradcheck(both, x).passed);
  const auto one = [](const Tensors& in) { return apply(SumAndProduct{}, in[0], in[1])[1]; };
  CHECK(gradcheck(one, x).passed);
  const auto y = apply(SumAndProduct{}, x[0], x[1]);
  sum(y[0]).backward({}, true);
  sum(y[0]).backward();
  CHECK(x[0].grad().data()[0] == 2);  // gradients of an earlier backward are not kept
}

TEST_CASE("what a custom function must not do is refused") {
  const auto x = leaf({1, 2});
  sum(apply(SavesPart{}, x)).backward();
  CHECK(x.grad().data()[0] == doctest::Approx(2 * std::exp(1.0)));
  CHECK_THROWS_WITH_AS(grad(sum(apply(SavesPart{}, x)), x, {.create_graph = true}),
                       doctest::Contains("neither an input nor the result"), Error);
  CHECK_THROWS_WITH_AS(sum(apply(Wrong{{}}, x)).backward(), doctest::Contains("returned 0 gradients for 1 inputs"),
                       Error);
  CHECK_THROWS_WITH_AS(sum(apply(Wrong{{Tensor<double>::ones({3})}}, x)).backward(),
                       doctest::Contains("returned shape (3,) as the gradient of input 0; expected (2,)"), Error);
  sum(apply(Wrong{{Tensor<double>()}}, x)).backward();  // no gradient
  auto in = leaf({1, 2});
  const auto y = apply(SumAndProduct{}, in, x);
  in.mutable_data()[0] = 5;
  CHECK_THROWS_WITH_AS(sum(y[1]).backward(), doctest::Contains("changed in place"), Error);
  FunctionContext<double> context;
  CHECK_THROWS_WITH_AS(context.saved(0), doctest::Contains("is for backward"), Error);
}

TEST_CASE("checkpoint gives the same bits with less memory, dropout and parameters included") {
  manual_seed(3);
  nn::Sequential<float> block(nn::Linear<float>(8, 64), nn::Tanh<float>(), nn::Dropout<float>(0.5),
                              nn::Linear<float>(64, 8));
  const auto x = parameter(Tensor<float>::full({16, 8}, 0.3f));
  const auto run = [&](bool recompute) {
    set_random_step(7);
    Tensor<float> h = x;
    for (int layer = 0; layer < 4; ++layer)
      h = recompute ? checkpoint([&](const Tensor<float>& in) { return block(in); }, h) : block(h);
    const std::size_t held = memory_stats().current;
    sum(h * h).backward();
    std::vector<Tensor<float>> gradients{x.grad().clone()};
    for (auto& [name, tensor] : block.named_parameters()) {
      gradients.push_back(tensor.grad().clone());
      tensor.zero_grad();
    }
    Tensor<float>(x).zero_grad();
    return std::pair(gradients, held);
  };
  const auto [plain, large] = run(false);
  const auto [again, small] = run(true);
  CHECK(small < large);
  REQUIRE(plain.size() == again.size());
  for (std::size_t k = 0; k < plain.size(); ++k)
    for (std::size_t i = 0; i < plain[k].size(); ++i) CHECK(plain[k].data()[i] == again[k].data()[i]);
}

TEST_CASE("checkpoint: higher derivatives, limited backward, parameters alone") {
  const auto w = leaf({0.7, -0.2});
  const auto f = [&](const Tensors& x) {
    return checkpoint([](const Tensor<double>& a, const Tensor<double>& b) { return tanh(a * b) * a; }, x[0], x[1]);
  };
  CHECK(gradcheck(f, {leaf({0.5, 1.1}), leaf({0.2, -0.4})}).passed);
  CHECK(gradgradcheck(f, {leaf({0.5, 1.1}), leaf({0.2, -0.4})}).passed);
  const Tensor<double> constant({2}, {2, 3});
  const auto y = sum(checkpoint([&](const Tensor<double>& x) { return x * w; }, constant));
  CHECK(grad(y, w).data()[1] == 3);
}

TEST_CASE("checkpoint of several results: the same bits, one of them alone, higher derivatives") {
  const auto w = leaf({0.7, -0.2, 1.3});
  const std::function<Tensors(const Tensors&)> f = [&](const Tensors& x) {
    const Tensor<double> h = dropout(tanh(x[0] * w), 0.4);
    return Tensors{h * x[0], sum(h * h), x[0]};
  };
  std::vector<Tensors> found;
  for (const bool recomputed : {false, true}) {
    manual_seed(5);
    const auto x = leaf({0.5, 1.1, -0.4});
    const Tensors y = recomputed ? checkpoint<double>(f, {x}) : f({x});
    const auto total = sum(y[0] * y[2]) * y[1];
    found.push_back(grad<double>({total}, {x, w}, {}, {.retain_graph = true}));
    found.back().push_back(grad(y[1], w, {.retain_graph = true}));
    const auto slope = grad(total, x, {.create_graph = true});
    found.back().push_back(grad(sum(slope * slope), w));
  }
  for (std::size_t i = 0; i < 3; ++i) CHECK(array_equal(found[0][i], found[1][i]));
  CHECK(allclose(found[0][3], found[1][3], 1e-12));
  CHECK_THROWS_WITH_AS(checkpoint<double>(f, {Tensor<double>()}), doctest::Contains("input 0 is undefined"), Error);
}

TEST_CASE("inference tensors never join a graph") {
  const auto w = leaf({1, 2});
  Tensor<double> x;
  {
    const InferenceMode inference;
    x = w * 2;
    CHECK(!is_grad_enabled());
  }
  CHECK(is_grad_enabled());
  CHECK((x * 3).data()[1] == 12);
  CHECK_THROWS_WITH_AS(x * w, doctest::Contains("input 0 of shape (2,) was made in InferenceMode"), Error);
  CHECK_THROWS_WITH_AS(Tensor<double>(x).set_requires_grad(), doctest::Contains("InferenceMode"), Error);
  sum(x.clone() * w).backward();
  CHECK(w.grad().data()[1] == 4);
}
