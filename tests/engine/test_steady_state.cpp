// SPDX-License-Identifier: BSD-3-Clause
// Networks for sequences: a training step in steady state asks the system for no memory, on one thread or several.
#include "xgrad/xgrad.hpp"
#include "steady_state.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

Tensor<float> noise(const Shape& shape, std::uint32_t stream) {
  Tensor<float> x = Tensor<float>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i)
    x.mutable_data()[i] = static_cast<float>(uniform({stream, 0, 0}, i)) - 0.5f;
  return x;
}

/// loss() makes the loss anew.
template <class Loss> void check_steady(const char* name, NamedTensors<float> parameters, const Loss& loss) {
  const int before = num_threads();
  for (const int threads : {1, 2}) {
    CAPTURE(name);
    CAPTURE(threads);
    set_num_threads(threads);
    const auto step = [&] {
      loss().backward();
      for (auto& parameter : parameters) parameter.tensor.zero_grad();
    };
    check_steady_state(step);
  }
  set_num_threads(before);
}

/// A recurrent layer and a class from each step; long enough that threads share the work.
template <class Layer> void check_recurrent(const char* name, const nn::RecurrentLayerOptions& options) {
  manual_seed(0);
  Layer layer(24, 40, options);
  nn::Linear<float> head(options.bidirectional ? 80 : 40, 5);
  NamedTensors<float> parameters = layer.named_parameters();
  for (const auto& parameter : head.named_parameters()) parameters.push_back(parameter);
  const auto x = noise({30, 36, 24}, 5), weights = noise({30, 36, 5}, 6);
  check_steady(name, parameters, [&] { return sum(head(layer(x)) * weights); });
  // With the state at the end, and from there on.
  check_steady(name, parameters, [&] {
    const auto first = layer.forward(x, {}), second = layer.forward(x, {first.h, first.c});
    return sum(head(second.output) * weights) + sum(first.h * second.h);
  });
}

template <class Cell> void check_cell(const char* name) {
  manual_seed(0);
  Cell cell(24, 40);
  const auto x = noise({36, 24}, 5);
  check_steady(name, cell.named_parameters(), [&] {
    auto state = cell.forward(x, {});
    for (int step = 0; step < 3; ++step) state = cell.forward(x, state);
    if constexpr (requires { state.h; })
      return sum(state.h * state.c);
    else
      return sum(state);
  });
}

struct LanguageModel : nn::Module<float> {
  nn::Embedding<float> characters{11, 32}, places{24, 32};
  nn::TransformerEncoderLayer<float> block{
      32, 4, {.dim_feedforward = 64, .dropout = 0.1, .gelu = true, .norm_first = true, .is_causal = true}};
  nn::LayerNorm<float> norm{Shape{32}};
  nn::Linear<float> head{32, 11};
  LanguageModel() {
    register_module("characters", characters);
    register_module("places", places);
    register_module("block", block);
    register_module("norm", norm);
    register_module("head", head);
  }
  Tensor<float> forward(const Tensor<float>& x) override { return head(norm(block(x))); }
};

}  // namespace

TEST_CASE("a step of recurrent layers in steady state asks the system for no memory") {
  check_recurrent<nn::LSTM<float>>("lstm", {});
  check_recurrent<nn::GRU<float>>("gru", {});
  check_recurrent<nn::RNN<float>>("rnn", {});
  check_recurrent<nn::GRU<float>>("gru, both ways", {.bidirectional = true});
  check_recurrent<nn::LSTM<float>>("lstm, two layers", {.num_layers = 2, .batch_first = true, .dropout = 0.2});
  check_cell<nn::LSTMCell<float>>("lstm cell");
  check_cell<nn::GRUCell<float>>("gru cell");
  check_cell<nn::RNNCell<float>>("rnn cell");
}

TEST_CASE("a step of a transformer in steady state asks the system for no memory") {
  manual_seed(0);
  LanguageModel model;
  Indices text(Shape{12, 24}), next(Shape{12 * 24}), order(Shape{24});
  for (std::size_t i = 0; i < text.size(); ++i) {
    text.data()[i] = static_cast<std::int64_t>(11 * uniform({1, 0, 0}, i));
    next.data()[i] = static_cast<std::int64_t>(11 * uniform({2, 0, 0}, i));
  }
  for (std::int64_t i = 0; i < 24; ++i) order.data()[i] = i;
  check_steady("causal", model.named_parameters(),
               [&] { return cross_entropy(flatten(model(model.characters(text) + model.places(order)), 0, 1), next); });
  // Attention from outside, with a bias, and the layer that normalises afterwards.
  nn::MultiheadAttention<float> attention(32, 4);
  nn::TransformerEncoderLayer<float> after(32, 4, {.dim_feedforward = 64});
  NamedTensors<float> parameters = attention.named_parameters();
  for (const auto& parameter : after.named_parameters()) parameters.push_back(parameter);
  const auto query = noise({12, 24, 32}, 3), memory = noise({12, 17, 32}, 4), bias = noise({24, 17}, 5),
             weights = noise({12, 24, 32}, 6);
  check_steady("across", parameters,
               [&] { return sum(after(attention.forward(query, memory, memory, {.attn_bias = bias})) * weights); });
}
