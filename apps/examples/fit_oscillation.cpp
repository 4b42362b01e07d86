// SPDX-License-Identifier: BSD-3-Clause
// Fits a damped oscillation to noisy measurements by Gauss-Newton: the model is one line in map(), its Jacobian comes
// from jacobian(). Prints each parameter with its standard error; exits with 1 if the truth is not found.
#include <cmath>
#include <cstdio>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/random.hpp>
#include <xgrad/xgrad.hpp>

#include <xgrad/ops/decompositions.hpp>

using namespace xgrad;
using Array1 = Tensor<double>;

/// amplitude exp(-decay t) cos(frequency t + phase) + offset, at every time of `t`.
Array1 oscillation(const Array1& t, const Array1& p) {
  const auto at = [&p](std::int64_t i) { return slice(p, 0, i, i + 1); };
  return map([](auto time, auto amplitude, auto decay, auto frequency, auto phase,
                auto offset) { return amplitude * exp(-decay * time) * cos(frequency * time + phase) + offset; },
             t, at(0), at(1), at(2), at(3), at(4));
}

int main() {
  constexpr std::int64_t kPoints = 200;
  constexpr double kNoise = 0.05;
  const char* names[] = {"amplitude", "decay", "frequency", "phase", "offset"};
  const Array1 truth({5}, {2.0, 0.3, 3.5, 0.4, 0.7});

  Array1 t = Array1::empty({kPoints});
  for (std::int64_t i = 0; i < kPoints; ++i) t.mutable_data()[i] = 0.05 * static_cast<double>(i);
  Array1 measured = oscillation(t, truth).clone();
  for (std::int64_t i = 0; i < kPoints; ++i)
    measured.mutable_data()[i] += kNoise * normal({1, RandomStream::user, 0}, static_cast<std::uint64_t>(i));

  Array1 p({5}, {1.5, 0.5, 3.3, 0.0, 0.0});
  Array1 information;
  double error = 0;
  for (int iteration = 0; iteration < 20; ++iteration) {
    const auto residuals = [&](const Array1& q) { return oscillation(t, q) - measured; };
    const Array1 r = residuals(p), j = jacobian(residuals, p);
    error = sum(square(r)).item();
    information = matmul(transpose(j), j);
    const Array1 step = solve(information, matmul(transpose(j), r));
    p = p - step;
    std::printf("iteration %2d  squared error %.6f\n", iteration, error);
    if (sum(square(step)).item() < 1e-20) break;
  }
  const double variance = error / static_cast<double>(kPoints - 5);
  const Array1 covariance = inverse(information) * variance;
  bool found = true;
  for (std::int64_t i = 0; i < 5; ++i) {
    const double sigma = std::sqrt(covariance.data()[6 * i]);
    std::printf("%-9s %8.4f +- %.4f  (true %.4f)\n", names[i], p.data()[i], sigma, truth.data()[i]);
    found = found && std::abs(p.data()[i] - truth.data()[i]) < 5 * sigma;
  }
  return found ? 0 : 1;
}
