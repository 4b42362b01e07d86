// SPDX-License-Identifier: BSD-3-Clause
// The curvature of a network's loss without ever forming the Hessian: its largest eigenvalue by power iteration on
// Hessian-vector products, and what that says about the step size of gradient descent (it diverges beyond 2 / it).
#include <cmath>
#include <cstdio>
#include <xgrad/random.hpp>
#include <xgrad/xgrad.hpp>

using namespace xgrad;
using Tensors = std::vector<Tensor<double>>;

int main() {
  const Tensor<double> x({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1}), y({4, 1}, {0, 1, 1, 0});
  const auto loss = [&](const Tensors& p) { return mse_loss(linear(tanh(linear(x, p[0], p[1])), p[2], p[3]), y); };
  Tensors weights, direction;
  std::uint32_t stream = RandomStream::user;
  for (const Shape& shape : {Shape{8, 2}, Shape{8}, Shape{1, 8}, Shape{1}})
    for (Tensors* each : {&weights, &direction}) {
      Tensor<double> values = Tensor<double>::empty(shape);
      for (std::size_t i = 0; i < values.size(); ++i) values.mutable_data()[i] = normal({1, stream, 0}, i);
      each->push_back(values);
      ++stream;
    }

  double largest = 0, before = -1;
  for (int iteration = 0; iteration < 500 && std::abs(largest - before) > 1e-12 * std::abs(largest); ++iteration) {
    double norm = 0;
    for (const auto& v : direction) norm += sum(square(v)).item();
    for (auto& v : direction) v = v / std::sqrt(norm);
    const Tensors product = hvp<double>(loss, weights, direction).gradients;
    before = largest;
    largest = 0;
    for (std::size_t k = 0; k < product.size(); ++k) largest += sum(product[k] * direction[k]).item();
    direction = product;
  }
  std::printf("largest eigenvalue of the Hessian %.6f: steps below %.4f are stable here\n", largest, 2 / largest);

  // The product agrees with a difference of gradients along the direction.
  const double h = 1e-6;
  Tensors above, below;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    above.push_back(weights[k] + direction[k] * h);
    below.push_back(weights[k] - direction[k] * h);
  }
  const Tensors up = value_and_grad<double>(loss, above).gradients,
                down = value_and_grad<double>(loss, below).gradients,
                exact = hvp<double>(loss, weights, direction).gradients;
  double difference = 0;
  for (std::size_t k = 0; k < exact.size(); ++k)
    difference = std::max(difference, amax(abs((up[k] - down[k]) / (2 * h) - exact[k])).item());
  std::printf("largest difference from finite differences %.2g\n", difference);
  return difference < 1e-5 * std::max(1.0, largest) ? 0 : 1;
}
