// SPDX-License-Identifier: BSD-3-Clause
// What is asked of recurrent cells and layers, checked, and the layers of a stack one after the other.
#include "xgrad/ops/recurrent.hpp"

#include <array>
#include <span>

#include "ops/recurrent_layer.hpp"
#include "xgrad/ops/dropout.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::Cell;

template <class T>
void check_weights(const detail::CellForm& form, const RecurrentWeights<T>& w, std::int64_t input, std::size_t layer) {
  const auto gates = static_cast<std::int64_t>(form.gates);
  const auto is_bias = [&](const Tensor<T>& bias) {
    return !bias.defined() || bias.shape() == Shape{w.weight_hh.shape()[0]};
  };
  XGRAD_CHECK(w.weight_hh.defined() && w.weight_hh.rank() == 2 &&
                  w.weight_hh.shape()[0] == gates * w.weight_hh.shape()[1] && w.weight_hh.shape()[1] > 0,
              form.name, ": weight_hh of layer ", layer, " has shape ",
              w.weight_hh.defined() ? w.weight_hh.shape() : Shape{}, "; expected (", gates, " H, H)");
  XGRAD_CHECK(w.weight_ih.defined() && w.weight_ih.shape() == (Shape{w.weight_hh.shape()[0], input}), form.name,
              ": weight_ih of layer ", layer, " has shape ", w.weight_ih.defined() ? w.weight_ih.shape() : Shape{},
              "; expected (", w.weight_hh.shape()[0], ", ", input, ") for its input and weight_hh ",
              w.weight_hh.shape());
  XGRAD_CHECK(is_bias(w.bias_ih) && is_bias(w.bias_hh), form.name, ": the biases of layer ", layer,
              " must have shape (", w.weight_hh.shape()[0], ",), as many as weight_hh ", w.weight_hh.shape(),
              " has rows");
}

template <class T> void check_state(const char* name, const char* what, const Tensor<T>& state, const Shape& expected) {
  XGRAD_CHECK(!state.defined() || state.shape() == expected, name, ": the initial ", what, " has shape ",
              state.defined() ? state.shape() : Shape{}, "; expected ", expected);
}

/// Matrix i of (count, N, H).
template <class T> Tensor<T> matrix(const Tensor<T>& x, std::size_t i) {
  if (!x.defined()) return x;
  const auto at = static_cast<std::int64_t>(i);
  return squeeze(x.shape()[0] == 1 ? x : slice(x, 0, at, at + 1), 0);
}

/// The states at the end, of one layer after the other; those of usual networks take no memory from the system.
template <class T> class LastStates {
 public:
  void add(Tensor<T> state) {
    if (count_ == few_.size() && many_.empty()) many_.assign(few_.begin(), few_.end());
    if (count_ < few_.size())
      few_[count_] = std::move(state);
    else
      many_.push_back(std::move(state));
    ++count_;
  }
  /// (layers, N, H), undefined if there are none.
  Tensor<T> stacked() const {
    if (count_ == 0) return {};
    return stack(many_.empty() ? std::span<const Tensor<T>>(few_).first(count_) : std::span<const Tensor<T>>(many_));
  }

 private:
  std::array<Tensor<T>, 8> few_;
  std::vector<Tensor<T>> many_;  // all, once they are more
  std::size_t count_ = 0;
};

template <class T>
RecurrentResult<T> run(Cell cell, const Tensor<T>& x, std::span<const RecurrentWeights<T>> layers,
                       const RecurrentState<T>& state, const RecurrentOptions& options) {
  const detail::CellForm& form = detail::form_of(cell);
  const std::size_t directions = options.bidirectional ? 2 : 1;
  XGRAD_CHECK(x.rank() == 3, form.name, ": x has shape ", x.shape(), "; expected ",
              options.batch_first ? "(N, L, in)" : "(L, N, in)");
  XGRAD_CHECK(!layers.empty() && layers.size() % directions == 0, form.name, ": weights of ", layers.size(),
              " layers; expected ",
              options.bidirectional ? "two for each layer, forwards and backwards" : "at least one");
  XGRAD_CHECK(options.dropout >= 0 && options.dropout <= 1, form.name, ": dropout is ", options.dropout,
              "; expected 0 to 1");
  check_weights(form, layers[0], x.shape()[2], 0);
  const std::int64_t hidden = layers[0].weight_hh.shape()[1], batch = x.shape()[options.batch_first ? 0 : 1];
  const Shape states{static_cast<std::int64_t>(layers.size()), batch, hidden};
  check_state(form.name, "h", state.h, states);
  check_state(form.name, "c", state.c, states);

  detail::RecurrentPlan p{};
  p.form = &form;
  p.batch_first = options.batch_first;
  p.batch = static_cast<std::size_t>(batch);
  p.steps = static_cast<std::size_t>(x.shape()[options.batch_first ? 1 : 0]);
  p.hidden = static_cast<std::size_t>(hidden);
  p.final_cell = options.state && cell == Cell::lstm;
  XGRAD_CHECK(p.steps > 0, form.name, ": x of shape ", x.shape(), " has no steps; expected at least one");
  Shape shape = x.shape();
  shape[2] = hidden;

  Tensor<T> y = x;
  LastStates<T> last_h, last_c;
  for (std::size_t first = 0; first < layers.size(); first += directions) {
    if (first > 0) y = dropout(y, options.dropout, options.training);
    p.input = static_cast<std::size_t>(y.shape()[2]);
    std::array<Tensor<T>, 2> outputs;
    for (std::size_t d = 0; d < directions; ++d) {
      const std::size_t layer = first + d;
      check_weights(form, layers[layer], y.shape()[2], layer);
      XGRAD_CHECK(layers[layer].weight_hh.shape()[1] == hidden, form.name, ": weight_hh of layer ", layer,
                  " has shape ", layers[layer].weight_hh.shape(), "; expected the first's, ",
                  layers[0].weight_hh.shape());
      p.reverse = d == 1;
      const Tensor<T> rows =
          detail::recurrent_layer<T>(p, y, {matrix(state.h, layer), matrix(state.c, layer)}, layers[layer]);
      const auto count = static_cast<std::int64_t>(p.rows());
      outputs[d] = reshape(p.final_cell ? slice(rows, 0, 0, count) : rows, shape);
      if (!options.state) continue;
      const std::int64_t axis = options.batch_first ? 1 : 0, t = static_cast<std::int64_t>(p.time(p.steps - 1));
      last_h.add(squeeze(slice(outputs[d], axis, t, t + 1), axis));
      if (p.final_cell) last_c.add(slice(rows, 0, count));
    }
    y = directions == 1 ? outputs[0] : concat<T>({outputs[0], outputs[1]}, 2);
  }
  return {y, last_h.stacked(), last_c.stacked()};
}

/// One step as a sequence of length 1.
template <class T>
RecurrentState<T> run_cell(Cell cell, const Tensor<T>& x, const RecurrentState<T>& state,
                           const RecurrentWeights<T>& weights) {
  const detail::CellForm& form = detail::form_of(cell);
  XGRAD_CHECK(x.rank() == 2, form.name, "_cell: x has shape ", x.shape(), "; expected (N, in)");
  const auto raised = [](const Tensor<T>& s) { return s.defined() ? unsqueeze(s, 0) : s; };
  const auto result = run<T>(cell, unsqueeze(x, 0), {&weights, 1}, {raised(state.h), raised(state.c)}, {});
  return {squeeze(result.output, 0), result.c.defined() ? squeeze(result.c, 0) : result.c};
}

Cell rnn_of(Activation nonlinearity) {
  XGRAD_CHECK(nonlinearity == Activation::tanh || nonlinearity == Activation::relu,
              "rnn: the nonlinearity must be tanh or relu");
  return nonlinearity == Activation::tanh ? Cell::rnn_tanh : Cell::rnn_relu;
}

}  // namespace

template <class T>
Tensor<T> rnn_cell(const Tensor<T>& x, const Tensor<T>& h, const RecurrentWeights<T>& weights,
                   Activation nonlinearity) {
  return run_cell<T>(rnn_of(nonlinearity), x, {h}, weights).h;
}
template <class T>
RecurrentState<T> lstm_cell(const Tensor<T>& x, const RecurrentState<T>& state, const RecurrentWeights<T>& weights) {
  return run_cell(Cell::lstm, x, state, weights);
}
template <class T> Tensor<T> gru_cell(const Tensor<T>& x, const Tensor<T>& h, const RecurrentWeights<T>& weights) {
  return run_cell<T>(Cell::gru, x, {h}, weights).h;
}

template <class T>
RecurrentResult<T> rnn(const Tensor<T>& x, const std::vector<RecurrentWeights<T>>& layers,
                       const RecurrentState<T>& state, const RecurrentOptions& options, Activation nonlinearity) {
  return run<T>(rnn_of(nonlinearity), x, layers, state, options);
}
template <class T>
RecurrentResult<T> lstm(const Tensor<T>& x, const std::vector<RecurrentWeights<T>>& layers,
                        const RecurrentState<T>& state, const RecurrentOptions& options) {
  return run<T>(Cell::lstm, x, layers, state, options);
}
template <class T>
RecurrentResult<T> gru(const Tensor<T>& x, const std::vector<RecurrentWeights<T>>& layers,
                       const RecurrentState<T>& state, const RecurrentOptions& options) {
  return run<T>(Cell::gru, x, layers, state, options);
}

#define XGRAD_INSTANTIATE(T)                                                                                           \
  template Tensor<T> rnn_cell(const Tensor<T>&, const Tensor<T>&, const RecurrentWeights<T>&, Activation);             \
  template RecurrentState<T> lstm_cell(const Tensor<T>&, const RecurrentState<T>&, const RecurrentWeights<T>&);        \
  template Tensor<T> gru_cell(const Tensor<T>&, const Tensor<T>&, const RecurrentWeights<T>&);                         \
  template RecurrentResult<T> rnn(const Tensor<T>&, const std::vector<RecurrentWeights<T>>&, const RecurrentState<T>&, \
                                  const RecurrentOptions&, Activation);                                                \
  template RecurrentResult<T> lstm(const Tensor<T>&, const std::vector<RecurrentWeights<T>>&,                          \
                                   const RecurrentState<T>&, const RecurrentOptions&);                                 \
  template RecurrentResult<T> gru(const Tensor<T>&, const std::vector<RecurrentWeights<T>>&, const RecurrentState<T>&, \
                                  const RecurrentOptions&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
