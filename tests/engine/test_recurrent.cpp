// SPDX-License-Identifier: BSD-3-Clause
// What the table of operations cannot say of recurrent layers: larger ones, threads, states, dropout, modules,
// refusals.
#include <cmath>
#include <cstring>

#include "engine/operations.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

Tensor<float> noise(const Shape& shape, std::uint32_t stream, double scale = 1) {
  Tensor<float> x = Tensor<float>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i)
    x.mutable_data()[i] = static_cast<float>(scale * normal({7, stream, 0}, i));
  return x;
}

RecurrentWeights<float> weights(std::int64_t gates, std::int64_t input, std::int64_t hidden) {
  const auto make = [](const Shape& shape, std::uint32_t stream) { return parameter(noise(shape, stream, 0.2)); };
  return {make({gates * hidden, input}, 1), make({gates * hidden, hidden}, 2), make({gates * hidden}, 3),
          make({gates * hidden}, 4)};
}

/// The LSTM, step by step from public operations.
Tensor<float> plain_lstm(const Tensor<float>& x, const RecurrentWeights<float>& w) {
  const std::int64_t hidden = w.weight_hh.shape()[1];
  Tensor<float> h = Tensor<float>::zeros({x.shape()[1], hidden}), c = h;
  std::vector<Tensor<float>> outputs;
  for (std::int64_t t = 0; t < x.shape()[0]; ++t) {
    const auto a =
        linear(squeeze(slice(x, 0, t, t + 1), 0), w.weight_ih, w.bias_ih) + linear(h, w.weight_hh, w.bias_hh);
    const auto gate = [&](std::int64_t k) { return slice(a, 1, k * hidden, (k + 1) * hidden); };
    c = sigmoid(gate(1)) * c + sigmoid(gate(0)) * tanh(gate(2));
    h = sigmoid(gate(3)) * tanh(c);
    outputs.push_back(h);
  }
  return stack(outputs);
}

Tensor<float> plain_gru(const Tensor<float>& x, const RecurrentWeights<float>& w) {
  const std::int64_t hidden = w.weight_hh.shape()[1];
  Tensor<float> h = Tensor<float>::zeros({x.shape()[1], hidden});
  std::vector<Tensor<float>> outputs;
  for (std::int64_t t = 0; t < x.shape()[0]; ++t) {
    const auto a = linear(squeeze(slice(x, 0, t, t + 1), 0), w.weight_ih, w.bias_ih),
               b = linear(h, w.weight_hh, w.bias_hh);
    const auto gate = [&](const auto& of, std::int64_t k) { return slice(of, 1, k * hidden, (k + 1) * hidden); };
    const auto r = sigmoid(gate(a, 0) + gate(b, 0)), z = sigmoid(gate(a, 1) + gate(b, 1));
    const auto n = tanh(gate(a, 2) + r * gate(b, 2));
    h = (1 - z) * n + z * h;
    outputs.push_back(h);
  }
  return stack(outputs);
}

void check_close(const Tensor<float>& a, const Tensor<float>& b) {
  REQUIRE(a.shape() == b.shape());
  float worst = 0, largest = 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a.data()[i] - b.data()[i]));
    largest = std::max(largest, std::abs(b.data()[i]));
  }
  CHECK(worst < 2e-5f * largest);
}

bool same_bits(const Tensor<float>& a, const Tensor<float>& b) {
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("a fused layer equals its composition; sequences over threads change no bit") {
  const int before = num_threads();
  const auto check = [](std::int64_t gates, auto fused, auto plain) {
    Tensor<float> outputs[3], gradients[3][5];
    for (const int way : {0, 1, 2}) {
      set_num_threads(way == 1 ? 2 : 1);
      const auto w = weights(gates, 24, 40);
      const auto x = parameter(noise({12, 70, 24}, 5));
      outputs[way] = way == 2 ? plain(x, w) : fused(x, std::vector<RecurrentWeights<float>>{w});
      outputs[way].backward(noise(outputs[way].shape(), 6));
      const Tensor<float> inputs[] = {x, w.weight_ih, w.weight_hh, w.bias_ih, w.bias_hh};
      for (std::size_t i = 0; i < 5; ++i) gradients[way][i] = inputs[i].grad();
    }
    CHECK(same_bits(outputs[0], outputs[1]));
    CHECK(same_bits(gradients[0][4], gradients[1][4]));  // the others come from large products
    check_close(outputs[0], outputs[2]);
    for (std::size_t i = 0; i < 5; ++i) check_close(gradients[0][i], gradients[2][i]);
  };
  check(
      4, [](const auto& x, const auto& w) { return lstm(x, w).output; }, plain_lstm);
  check(
      3, [](const auto& x, const auto& w) { return gru(x, w).output; }, plain_gru);
  set_num_threads(before);
}

TEST_CASE("two halves of a sequence, the state handed on, equal the whole; so do single cells") {
  const auto w = weights(4, 3, 5);
  const auto x = noise({6, 2, 3}, 5);
  const auto whole = lstm<float>(x, {w});
  const auto first = lstm<float>(slice(x, 0, 0, 2), {w});
  const auto second = lstm<float>(slice(x, 0, 2), {w}, {first.h, first.c});
  check_close(concat<float>({first.output, second.output}), whole.output);
  check_close(second.h, whole.h);
  check_close(second.c, whole.c);
  RecurrentState<float> state;
  for (std::int64_t t = 0; t < 6; ++t) state = lstm_cell(squeeze(slice(x, 0, t, t + 1), 0), state, w);
  check_close(state.h, squeeze(whole.h, 0));
  check_close(state.c, squeeze(whole.c, 0));
}

TEST_CASE("batch_first reads and writes the same sequences with the first two axes exchanged") {
  const auto w = weights(3, 3, 5);
  const auto x = noise({6, 4, 3}, 5);
  const auto rows = gru<float>(x, {w}), batch = gru<float>(transpose(x, 0, 1), {w}, {}, {.batch_first = true});
  check_close(transpose(batch.output, 0, 1), rows.output);
  check_close(batch.h, rows.h);
}

TEST_CASE("layers: names, dropout between layers while training only, both directions") {
  manual_seed(1);
  nn::LSTM<float> layer(3, 4, {.num_layers = 2, .dropout = 0.5, .bidirectional = true});
  const auto names = layer.named_parameters();
  REQUIRE(names.size() == 16);
  CHECK(names[0].name == "weight_ih_l0");
  CHECK(names[4].name == "weight_ih_l0_reverse");
  CHECK(names[8].name == "weight_ih_l1");
  CHECK(names[8].tensor.shape() == Shape{16, 8});
  CHECK(names[11].name == "bias_hh_l1");
  for (const float value : names[0].tensor.values()) CHECK(std::abs(value) <= 0.5f);
  const auto x = noise({5, 2, 3}, 5);
  CHECK(layer(x).shape() == Shape{5, 2, 8});
  CHECK(!same_bits(layer(x), layer(x)));
  layer.eval();
  CHECK(same_bits(layer(x), layer(x)));
  const auto result = layer.forward(x, {});
  CHECK(result.h.shape() == Shape{4, 2, 4});
  CHECK(result.c.shape() == Shape{4, 2, 4});
  // The backward direction of layer 1 ends at the first step.
  for (std::size_t i = 0; i < 4; ++i) CHECK(result.h.data()[3 * 8 + i] == result.output.data()[4 + i]);
  CHECK(nn::GRU<float>(3, 4, {.bias = false}).named_parameters().size() == 2);
  CHECK(nn::RNN<float>(3, 4, {}, Activation::relu)(x).shape() == Shape{5, 2, 4});
  nn::LSTMCell<float> cell(3, 4);
  CHECK(cell.named_parameters()[0].name == "weight_ih");
  CHECK(cell.forward(noise({2, 3}, 1), {}).c.shape() == Shape{2, 4});
  CHECK(nn::GRUCell<float>(3, 4)(noise({2, 3}, 1)).shape() == Shape{2, 4});
  CHECK(nn::RNNCell<float>(3, 4)(noise({2, 3}, 1)).shape() == Shape{2, 4});
}

TEST_CASE("recurrent layers refuse what does not fit") {
  const auto t = [](const Shape& shape) { return Tensor<float>::ones(shape); };
  const auto w = weights(4, 3, 5);
  using State = RecurrentState<float>;
  CHECK_THROWS_WITH_AS(lstm<float>(t({6, 3}), {w}), doctest::Contains("lstm: x has shape (6, 3); expected (L, N, in)"),
                       Error);
  CHECK_THROWS_WITH_AS(lstm<float>(t({6, 2, 4}), {w}),
                       doctest::Contains("weight_ih of layer 0 has shape (20, 3); "
                                         "expected (20, 4)"),
                       Error);
  CHECK_THROWS_WITH_AS(gru<float>(t({6, 2, 3}), {w}), doctest::Contains("expected (3 H, H)"), Error);
  CHECK_THROWS_WITH_AS(lstm<float>(t({0, 2, 3}), {w}), doctest::Contains("has no steps"), Error);
  CHECK_THROWS_WITH_AS(lstm<float>(t({6, 2, 3}), {}), doctest::Contains("weights of 0 layers"), Error);
  CHECK_THROWS_WITH_AS(lstm<float>(t({6, 2, 3}), {w}, {}, {.bidirectional = true}),
                       doctest::Contains("two for each layer"), Error);
  CHECK_THROWS_WITH_AS(lstm<float>(t({6, 2, 3}), {w}, State{t({2, 5})}),
                       doctest::Contains("the initial h has shape (2, 5); expected (1, 2, 5)"), Error);
  CHECK_THROWS_WITH_AS(lstm<float>(t({6, 2, 3}), {{w.weight_ih, w.weight_hh, t({3})}}),
                       doctest::Contains("biases of layer 0"), Error);
  CHECK_THROWS_WITH_AS(lstm<float>(t({6, 2, 3}), {w}, {}, {.dropout = 2}), doctest::Contains("dropout is 2"), Error);
  CHECK_THROWS_WITH_AS(rnn<float>(t({6, 2, 3}), {w}, {}, {}, Activation::sigmoid),
                       doctest::Contains("must be tanh or relu"), Error);
  CHECK_THROWS_WITH_AS(lstm_cell<float>(t({3}), {}, w), doctest::Contains("lstm_cell: x has shape (3,)"), Error);
  CHECK_THROWS_WITH_AS(nn::LSTM<float>(0, 4), doctest::Contains("LSTM: input_size 0"), Error);
  CHECK_THROWS_WITH_AS(nn::GRU<float>(3, 4, {.num_layers = 0}), doctest::Contains("num_layers is 0"), Error);
}
