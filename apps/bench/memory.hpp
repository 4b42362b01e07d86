// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the benchmarks of optimizers share: parameters, and the speed of memory that they are held against.
#include <algorithm>

#include "bench.hpp"
#include "xgrad/optim/optimizer.hpp"
#include "xgrad/random.hpp"
#include "xgrad/storage.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::bench {

/// Parameters of one shape, each with a gradient.
inline NamedTensors<float> parameters_with_gradients(const Shape& shape, int tensors) {
  NamedTensors<float> parameters;
  for (int i = 0; i < tensors; ++i) {
    Tensor<float> gradient = Tensor<float>::empty(shape);
    float* const data = gradient.mutable_data();
    const RandomKey key{static_cast<std::uint64_t>(i), 0, 0};
    for (std::size_t k = 0; k < gradient.size(); ++k) data[k] = static_cast<float>(uniform(key, k)) - 0.5f;
    parameters.push_back({"p" + std::to_string(i), parameter(Tensor<float>::full(shape, 0.5f))});
    parameters.back().tensor.set_grad(gradient);
  }
  return parameters;
}

/// data *= c in the optimizers' chunks: the honest limit for read-modify-write, that moves as many bytes as reading and
/// writing `numbers` floats in all.
inline std::function<void()> in_place_scale(std::size_t numbers) {
  return [scaled = std::make_shared<Storage<float>>(numbers / 2, 1.0f)] {
    constexpr std::size_t kChunk = 16384;
    float* const data = scaled->data();
    const std::size_t size = scaled->size();
    parallel_for((size + kChunk - 1) / kChunk, [=](std::size_t chunk) {
      const std::size_t end = std::min(size, (chunk + 1) * kChunk);
      for (std::size_t i = chunk * kChunk; i < end; ++i) data[i] *= 1.0000001f;
    });
  };
}

}  // namespace xgrad::bench
