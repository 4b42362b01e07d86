// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: recurrent cells and layers.
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

/// Several results as one, as generate.py's.
template <class Number> Tensor<Number> flat(const Tensor<Number>& a, const Tensor<Number>& b, const Tensor<Number>& c) {
  std::vector<Tensor<Number>> parts;
  for (const auto& part : {a, b, c})
    if (part.defined()) parts.push_back(reshape(part, {-1}));
  return concat(parts);
}
template <class Number> Tensor<Number> flat(const RecurrentResult<Number>& r) { return flat(r.output, r.h, r.c); }
template <class Number> Tensor<Number> flat(const RecurrentState<Number>& s) { return flat<Number>(s.h, s.c, {}); }

/// x[first], ...: the weights of layers with biases, in PyTorch's order.
template <class Number>
std::vector<RecurrentWeights<Number>> weights(const std::vector<Tensor<Number>>& x, std::size_t first) {
  std::vector<RecurrentWeights<Number>> layers;
  for (std::size_t i = first; i < x.size(); i += 4) layers.push_back({x[i], x[i + 1], x[i + 2], x[i + 3]});
  return layers;
}

/// Inputs of a layer of H = 2: x, the states, weights and biases.
Sample layer(const Shape& x, std::int64_t gates, std::size_t states, std::int64_t batch) {
  Sample sample{{x}};
  for (std::size_t i = 0; i < states; ++i) sample.push_back({{1, batch, 2}});
  for (const Shape& shape : {Shape{2 * gates, x.back()}, Shape{2 * gates, 2}, Shape{2 * gates}, Shape{2 * gates}})
    sample.push_back({shape});
  return sample;
}
/// Two layers of H = 1 in both directions.
Sample stacked(const Shape& x, std::int64_t gates, std::size_t states, std::int64_t batch) {
  Sample sample{{x}};
  for (std::size_t i = 0; i < states; ++i) sample.push_back({{4, batch, 1}});
  for (const std::int64_t input : {x.back(), x.back(), std::int64_t{2}, std::int64_t{2}})
    for (const Shape& shape : {Shape{gates, input}, Shape{gates, 1}, Shape{gates}, Shape{gates}})
      sample.push_back({shape});
  return sample;
}

}  // namespace

std::vector<OperationRow> recurrent_rows() {
  const auto cell = [](std::int64_t gates, std::size_t states) {
    Sample sample = layer({3, 3}, gates, states, 3);
    for (std::size_t i = 0; i < states; ++i) sample[1 + i].shape = Shape{3, 2};
    return std::vector<Sample>{sample};
  };
  return {
      {"rnn_cell", F(rnn_cell<T>(x[0], x[1], {x[2], x[3], x[4], x[5]})), "torch.rnn_tanh_cell(*x)", cell(1, 1)},
      {"rnn_cell", F(rnn_cell<T>(x[0], x[1], {x[2], x[3], x[4], x[5]}, Activation::relu)), "torch.rnn_relu_cell(*x)",
       cell(1, 1)},
      {"lstm_cell", F(flat(lstm_cell<T>(x[0], {x[1], x[2]}, {x[3], x[4], x[5], x[6]}))),
       "flat(*torch.lstm_cell(x[0], x[1:3], *x[3:]))", cell(4, 2)},
      {"gru_cell", F(gru_cell<T>(x[0], x[1], {x[2], x[3], x[4], x[5]})), "torch.gru_cell(*x)", cell(3, 1)},
      {"gru_cell",
       F(gru_cell<T>(x[0], {}, {x[1], x[2]})),
       "torch.gru_cell(x[0], torch.zeros(3, 2), *x[1:])",
       {{{{3, 3}}, {{6, 3}}, {{6, 2}}}}},

      {"rnn",
       F(flat(rnn<T>(x[0], weights(x, 2), {x[1]}))),
       "flat(*torch.rnn_tanh(x[0], x[1], x[2:], True, 1, 0.0, False, False, False))",
       {layer({3, 2, 3}, 1, 1, 2), layer({1, 1, 1}, 1, 1, 1)}},
      {"rnn",
       F(flat(rnn<T>(x[0], weights(x, 2), {x[1]}, {.batch_first = true, .bidirectional = true}, Activation::relu))),
       "flat(*torch.rnn_relu(x[0], x[1], x[2:], True, 2, 0.0, False, True, True))",
       {stacked({2, 3, 2}, 1, 1, 2)}},
      {"lstm",
       F(flat(lstm<T>(x[0], weights(x, 3), {x[1], x[2]}))),
       "flat(*torch.lstm(x[0], x[1:3], x[3:], True, 1, 0.0, False, False, False))",
       {layer({3, 2, 3}, 4, 2, 2), layer({1, 1, 1}, 4, 2, 1)}},
      {"lstm",
       F(lstm<T>(x[0], weights(x, 3), {x[1], x[2]}, {.batch_first = true, .state = false}).output),
       "torch.lstm(x[0], x[1:3], x[3:], True, 1, 0.0, False, False, True)[0]",
       {layer({2, 3, 3}, 4, 2, 2)}},
      {"lstm",
       F(flat(lstm<T>(x[0], weights(x, 3), {x[1], x[2]}, {.bidirectional = true}))),
       "flat(*torch.lstm(x[0], x[1:3], x[3:], True, 2, 0.0, False, True, False))",
       {stacked({3, 2, 2}, 4, 2, 2)}},
      {"gru",
       F(flat(gru<T>(x[0], weights(x, 2), {x[1]}))),
       "flat(*torch.gru(x[0], x[1], x[2:], True, 1, 0.0, False, False, False))",
       {layer({3, 2, 3}, 3, 1, 2), layer({1, 1, 1}, 3, 1, 1)}},
      {"gru",
       F(flat(gru<T>(x[0], weights(x, 2), {x[1]}, {.batch_first = true, .bidirectional = true}))),
       "flat(*torch.gru(x[0], x[1], x[2:], True, 2, 0.0, False, True, True))",
       {stacked({2, 3, 2}, 3, 1, 2)}},
  };
}
