// SPDX-License-Identifier: BSD-3-Clause
// Several threads of the user's own. Also built with the thread sanitizer (`cmake --preset tsan`).
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "xgrad/threads.hpp"
#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

template <class Body> void in_threads(int count, const Body& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
  for (std::thread& thread : threads) thread.join();
}

class Threads {
 public:
  explicit Threads(int count) { set_num_threads(count); }
  ~Threads() { set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_ = num_threads();
};

}  // namespace

TEST_CASE("parallel_for runs each task once, however many threads there are and whoever else calls") {
  for (const int threads : {1, 2, 3, 8}) {
    const Threads scope(threads);
    for (int repeat = 0; repeat < 300; ++repeat)
      for (const std::size_t tasks : {0, 1, 2, 3, 7, 64}) {
        std::vector<std::atomic<int>> runs(tasks);
        parallel_for(tasks, [&](std::size_t task) {
          CHECK(num_threads() == (tasks > 1 && threads > 1 ? 1 : threads));
          parallel_for(2, [&](std::size_t) { ++runs[task]; });  // inside a task: in its thread
        });
        for (const auto& count : runs) REQUIRE(count == 2);
      }
  }
  const Threads scope(3);
  in_threads(4, [](int) {
    for (int repeat = 0; repeat < 300; ++repeat) {
      std::atomic<int> sum = 0;
      parallel_for(5, [&](std::size_t task) { sum += static_cast<int>(task); });
      REQUIRE(sum == 10);
    }
  });
}

TEST_CASE("what a task throws reaches the caller, and the threads go on") {
  const Threads scope(4);
  for (int repeat = 0; repeat < 100; ++repeat) {
    const auto fail_at_5 = [](std::size_t task) {
      if (task == 5) throw std::runtime_error("task 5");
    };
    CHECK_THROWS_WITH(parallel_for(8, fail_at_5), "task 5");
    std::atomic<int> count = 0;
    parallel_for(8, [&](std::size_t) { ++count; });
    REQUIRE(count == 8);
  }
}

TEST_CASE("independent graphs on several threads share parameters for reading") {
  const Threads scope(1);
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
}

TEST_CASE("each thread has its own recording mode, random numbers and memory statistics") {
  const Threads scope(1);
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
}

TEST_CASE("memory freed by another thread than the one that took it stays usable") {
  Tensor<float> x;
  in_threads(1, [&](int) { x = Tensor<float>::ones({1000}); });
  CHECK(sum(x).item() == 1000);
  x = Tensor<float>();
  CHECK(sum(Tensor<float>::ones({1000})).item() == 1000);
}
