// SPDX-License-Identifier: BSD-3-Clause
// How near are layer norm and batch norm, forward and backward, to a loop that only reads and writes the same arrays?
// Forward reads x and writes y, backward reads x and g and writes dx: the loop is a copy and a sum of two.
#include "bench.hpp"
#include "xgrad/nn/normalization.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/random.hpp"
#include "xgrad/threads.hpp"

namespace {

using namespace xgrad;

Tensor<float> numbers(const Shape& shape) {
  Tensor<float> x = Tensor<float>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(uniform({1, 0, 0}, i));
  return x;
}

template <class Layer> std::function<void()> forward_backward(const Tensor<float>& values, Layer layer) {
  return [x = parameter(values), g = numbers(values.shape()), layer]() mutable {
    layer(x).backward(g);
    x.zero_grad();
    layer.zero_grad();
  };
}

std::function<void()> plain_loop(const Tensor<float>& x) {
  return [x, y = Tensor<float>::empty(x.shape()), d = Tensor<float>::empty(x.shape())]() mutable {
    const NoGrad no_grad;
    const float* from = x.data();
    float *to = y.mutable_data(), *sum = d.mutable_data();
    for (std::size_t i = 0; i < x.size(); ++i) to[i] = 2 * from[i] + 1;
    for (std::size_t i = 0; i < x.size(); ++i) sum[i] = from[i] + to[i];
  };
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  const Tensor<float> rows = numbers({2048, 512}), images = numbers({64, 32, 28, 28});
  std::vector<bench::Contender> contenders = {{"xgrad", forward_backward(rows, nn::LayerNorm<float>({512}))},
                                              {"plain loop, one thread", plain_loop(rows)}};
  bench::add_peer(contenders, {"libtorch", bench::libtorch_layer_norm(options.threads, 2048, 512)});
  bench::compare("layer norm (2048, 512) forward and backward", options, std::move(contenders));
  contenders = {{"xgrad", forward_backward(images, nn::BatchNorm2d<float>(32))},
                {"plain loop, one thread", plain_loop(images)}};
  bench::add_peer(contenders, {"libtorch", bench::libtorch_batch_norm(options.threads)});
  bench::compare("batch norm (64, 32, 28, 28) forward and backward", options, std::move(contenders));
}
