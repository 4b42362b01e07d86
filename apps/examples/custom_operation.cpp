// SPDX-License-Identifier: BSD-3-Clause
// Two ways to an operation of your own. Elementwise: a lambda for map(), and its derivatives follow. Anything else: a
// forward and a backward for apply(), checked by gradcheck. Here: a straight-through rounding for training a quantised
// layer, and the log-determinant of a positive definite matrix by its Cholesky factor.
#include <cmath>
#include <cstdio>
#include <xgrad/ops/decompositions.hpp>
#include <xgrad/xgrad.hpp>

using namespace xgrad;

/// Rounds forward; backward pretends that it did not (Bengio et al. 2013, arXiv:1308.3432).
struct StraightThroughRound {
  static constexpr const char* name = "straight_through_round";
  template <class T> Tensor<T> forward(FunctionContext<T>&, const Tensor<T>& x) const { return round(x); }
  template <class T> std::vector<Tensor<T>> backward(const FunctionContext<T>&, const Tensor<T>& g) const {
    return {g};
  }
};

/// log det A = 2 sum log diag L with A = L L^T, whose gradient is A^-1 times the incoming one.
struct LogDeterminant {
  static constexpr const char* name = "log_determinant";
  template <class T> Tensor<T> forward(FunctionContext<T>& context, const Tensor<T>& a) const {
    context.save({a});
    const Tensor<T> factor = cholesky(a);
    T total = 0;
    for (std::int64_t i = 0, n = a.size(0); i < n; ++i) total += std::log(factor.data()[i * n + i]);
    return Tensor<T>(2 * total);
  }
  template <class T> std::vector<Tensor<T>> backward(const FunctionContext<T>& context, const Tensor<T>& g) const {
    return {g * transpose(inverse(context.saved(0)))};
  }
};

int main() {
  // Weights on a grid of quarters that still learn.
  auto w = parameter(Tensor<float>({3}, {0.1f, -0.6f, 0.9f}));
  const Tensor<float> target({3}, {0.5f, -0.25f, 1.0f});
  for (int step = 0; step < 50; ++step) {
    w.zero_grad();
    const auto quantised = apply(StraightThroughRound{}, w * 4) / 4;
    sum(square(quantised - target)).backward();
    for (std::size_t i = 0; i < w.size(); ++i) w.mutable_data()[i] -= 0.1f * w.grad().data()[i];
  }
  const auto final_weights = apply(StraightThroughRound{}, w * 4) / 4;
  std::printf("quantised weights %g %g %g\n", final_weights.data()[0], final_weights.data()[1],
              final_weights.data()[2]);

  const auto f = [](const std::vector<Tensor<double>>& x) { return apply(LogDeterminant{}, x[0]); };
  const auto a = parameter(Tensor<double>({2, 2}, {2, 0.5, 0.5, 1}));
  const auto first = gradcheck(
      [](const std::vector<Tensor<double>>& x) {
        return apply(LogDeterminant{}, x[0] + transpose(x[0]));  // symmetric whatever is perturbed
      },
      {a});
  std::printf("log det %g; gradient %s\n", f({a}).item(), first.passed ? "checked" : first.message.c_str());

  // A fused activation, differentiable any number of times.
  const auto swish = [](auto x) { return x / (1 + exp(-x)); };
  const auto second = gradgradcheck([&](const std::vector<Tensor<double>>& x) { return map(swish, x[0]); }, {a});
  std::printf("swish: second derivative %s\n", second.passed ? "checked" : second.message.c_str());

  const bool learned = sum(square(final_weights - target)).item() == 0;
  return learned && first.passed && second.passed ? 0 : 1;
}
