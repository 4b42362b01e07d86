// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {
Tensor<double> leaf(double value) { return parameter(Tensor<double>(value)); }
}  // namespace

TEST_CASE("a hook sees the whole gradient of one backward, and may replace it") {
  const auto x = leaf(3), w = leaf(2);
  const auto h = x * w;
  std::vector<double> seen;
  HookHandle handle = register_hook(h, [&](const Tensor<double>& g) { seen.push_back(g.item()); });
  (h * h + h).backward({}, true);  // two consumers, one call
  CHECK(seen == std::vector<double>{13});
  handle.remove();
  handle.remove();
  h.backward({}, true);
  CHECK(seen.size() == 1);

  Tensor<double>(x).zero_grad();
  register_hook<double>(h, [](const Tensor<double>& g) { return g * 10; });
  register_hook<double>(h, [](const Tensor<double>& g) { return g + 1; });  // in order
  h.backward({}, true);
  CHECK(x.grad().item() == 2 * 11);
  CHECK(grad(h, x).item() == 22);
}

TEST_CASE("a leaf's hook acts on this backward's gradient, not on what stood there") {
  const auto x = leaf(3);
  (x * 5).backward();
  int calls = 0;
  HookHandle handle = register_hook<double>(x, [&](const Tensor<double>& g) {
    ++calls;
    return g * 2;
  });
  (x * x + x).backward();  // 7, seen once
  CHECK(calls == 1);
  CHECK(x.grad().item() == 5 + 14);
  CHECK(grad(x * x, x).item() == 12);
  CHECK(x.grad().item() == 19);
  handle.remove();
  x.detach();
  (x * 1).backward();
  CHECK(x.grad().item() == 20);
}

TEST_CASE("hooks and failures: the gradient that stood in a leaf survives") {
  const auto x = leaf(3);
  (x * 5).backward();
  HookHandle handle = register_hook<double>(x, [](const Tensor<double>&) { return Tensor<double>::ones({2}); });
  CHECK_THROWS_WITH_AS((x * 2).backward(), doctest::Contains("returned shape (2,) for a gradient of shape ()"), Error);
  CHECK(x.grad().item() == 5);
  handle.remove();
  (x * 2).backward();
  CHECK(x.grad().item() == 7);
  CHECK_THROWS_WITH_AS(register_hook<double>(Tensor<double>(1.0), [](const Tensor<double>& g) { return g; }),
                       doctest::Contains("does not require a gradient"), Error);
}

TEST_CASE("a hook on an operation sees and changes what it gives its inputs") {
  const auto a = leaf(3), b = leaf(2);
  const auto y = a * b;
  std::vector<double> seen;
  HookHandle handle =
      register_operation_hook<double>(y, [&](std::vector<Tensor<double>>& inputs, const Tensor<double>& g) {
        seen = {inputs[0].item(), inputs[1].item(), g.item()};
        inputs[0] = inputs[0] * 100;
      });
  (y * 7).backward({}, true);
  CHECK(seen == std::vector<double>{14, 21, 7});
  CHECK(a.grad().item() == 1400);
  CHECK(b.grad().item() == 21);
  handle.remove();
  y.backward({}, true);
  CHECK(a.grad().item() == 1402);
  CHECK_THROWS_WITH_AS(register_operation_hook<double>(a, [](std::vector<Tensor<double>>&, const Tensor<double>&) {}),
                       doctest::Contains("not made by a recorded operation"), Error);
}

TEST_CASE("a hook that throws leaves nothing behind") {
  const auto x = leaf(3);
  const auto h = x * x, y = h * 5;
  HookHandle handle =
      register_hook<double>(h, [](const Tensor<double>&) -> Tensor<double> { throw std::runtime_error("no"); });
  CHECK_THROWS_WITH(y.backward({}, true), "no");
  CHECK(!h.has_grad());
  handle.remove();
  y.backward({}, true);
  CHECK(x.grad().item() == 30);
}

TEST_CASE("a retained gradient adds up over backwards, and grad() leaves it alone") {
  auto x = leaf(3);
  auto h = x * x;
  h.retain_grad();
  const auto y = h * 5;
  y.backward({}, true);
  y.backward({}, true);
  CHECK(h.grad().item() == 10);
  CHECK(x.grad().item() == 60);
  CHECK(grad(y, x, {.retain_graph = true}).item() == 30);
  CHECK(grad(y, h, {.retain_graph = true}).item() == 5);
  CHECK(h.grad().item() == 10);
  register_hook<double>(h, [](const Tensor<double>& g) { return g * 10; });
  y.backward({}, true);
  CHECK(h.grad().item() == 60);
  CHECK(x.grad().item() == 360);
  h.zero_grad();
  const auto second = h * h;
  second.backward({}, true, true);
  CHECK(h.grad().item() == 180);
  CHECK(h.grad().requires_grad());
  h.zero_grad();
  x.zero_grad();
}

TEST_CASE("a value with a retained gradient may be gone when grad() has passed it") {
  const auto x = leaf(3);
  const auto y = [&] {
    auto h = x * x;
    h.retain_grad();
    const auto result = h * 5;
    result.backward({}, true);
    return result;
  }();
  CHECK(grad(y, x).item() == 30);
}

TEST_CASE("a backward inside of another does not take what waits in that one") {
  const auto x = leaf(3);
  const auto shared = x * x, inner = shared * 2, outer = inner + shared;
  HookHandle handle = register_hook<double>(inner, [&](const Tensor<double>& g) {
    const EnableGrad enable_grad;
    sum(shared * 1).backward({}, true);
    return g;
  });
  CHECK_THROWS_WITH_AS(outer.backward({}, true), doctest::Contains("which waits in the outer one"), Error);
  handle.remove();
  register_hook<double>(inner, [&](const Tensor<double>& g) {  // what it waits for may be asked for, or its values used
    const EnableGrad enable_grad;
    const auto copy = parameter(shared);
    (copy * copy).backward();
    return g * (copy.grad() / copy) * grad(shared * 3, shared);
  });
  Tensor<double>(x).zero_grad();
  outer.backward();
  CHECK(x.grad().item() == 6 * (1 + 2 * 2 * 3));
}

TEST_CASE("retain_grad keeps the gradient of a value in between, after its hooks") {
  const auto x = leaf(3);
  auto h = x * 2;
  h.retain_grad();
  register_hook<double>(h, [](const Tensor<double>& g) { return g * 10; });
  (h * h).backward();
  CHECK(h.grad().item() == 120);
}
