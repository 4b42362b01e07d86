// SPDX-License-Identifier: BSD-3-Clause
// Several threads of the user's own. Also built with the thread sanitizer (`cmake --preset tsan`).
#include <thread>

#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

template <class Body> void in_threads(int count, const Body& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("independent graphs on several threads share parameters for reading") {
  const int before = num_threads();
  set_num_threads(1);
  constexpr int kThreads = 4, kRepeats = 50;
  manual_seed(1);
  nn::Sequential<float> model(nn::Linear<float>(8, 16), nn::Tanh<float>(), nn::Linear<float>(16, 4));
  share_between_threads(model.named_parameters());
  const Tensor<float> x = Tensor<float>::full({5, 8}, 0.25f);
  share_between_threads(x);
  Tensor<float> expected;
  {
    const NoGrad no_grad;
    expected = model(x);
  }
  const auto weight = model.named_parameters()[0].tensor;
  const auto own = [&] {
    const auto w = parameter(weight);
    sum(square(linear(x, w))).backward();
    return w.grad();
  };
  const Tensor<float> gradient = own();
  std::vector<int> wrong(kThreads, 0);
  in_threads(kThreads, [&](int i) {
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      const NoGrad no_grad;
      const Tensor<float> y = model(x);
      for (std::size_t k = 0; k < y.size(); ++k)
        wrong[static_cast<std::size_t>(i)] += y.data()[k] != expected.data()[k];
      const EnableGrad enable_grad;
      const Tensor<float> g = own();
      for (std::size_t k = 0; k < g.size(); ++k)
        wrong[static_cast<std::size_t>(i)] += g.data()[k] != gradient.data()[k];
    }
  });
  for (const int count : wrong) CHECK(count == 0);
  CHECK_THROWS_WITH_AS(sum(model(x)).backward(), doctest::Contains("that threads share would get a gradient"), Error);
  set_num_threads(before);
}

TEST_CASE("each thread has its own recording mode, random numbers and memory statistics") {
  const int before = num_threads();
  set_num_threads(1);
  const NoGrad no_grad;
  bool enabled = false;
  std::size_t used = 1;
  std::uint32_t bits[2] = {};
  manual_seed(5);
  bits[0] = random_bits(next_random_key(), 0);
  in_threads(1, [&](int) {
    enabled = is_grad_enabled();
    used = memory_stats().current;
    manual_seed(5);
    bits[1] = random_bits(next_random_key(), 0);
  });
  CHECK(enabled);
  CHECK(used == 0);
  CHECK(bits[0] == bits[1]);
  set_num_threads(before);
}

TEST_CASE("memory freed by another thread than the one that took it stays usable") {
  Tensor<float> x;
  in_threads(1, [&](int) { x = Tensor<float>::ones({1000}); });
  CHECK(sum(x).item() == 1000);
  x = Tensor<float>();
  CHECK(sum(Tensor<float>::ones({1000})).item() == 1000);
}
