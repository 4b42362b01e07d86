// SPDX-License-Identifier: BSD-3-Clause
// One recurrent layer in one direction. Sequences do not meet each other, so a thread takes some of them through all
// steps; what all steps share (the product with the input, the gradients of the weights) is one product before or
// after.
#include "ops/recurrent_layer.hpp"

#include <algorithm>
#include <array>

#include "kernels/gemm.hpp"
#include "ops/matrices.hpp"
#include "ops/reduction.hpp"
#include "xgrad/ops/activation.hpp"
#include "xgrad/ops/shape.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::detail {
namespace {

constexpr CellForm kForms[] = {{Cell::rnn_tanh, "rnn", 1, 1, 1, {{0, 1, 0, true}}},
                               {Cell::rnn_relu, "rnn", 1, 1, 1, {{0, 1, 0, true}}},
                               {Cell::lstm, "lstm", 4, 4, 1, {{0, 4, 0, true}}},
                               {Cell::gru, "gru", 3, 4, 2, {{0, 2, 0, true}, {2, 1, 3, false}}}};

enum Input : std::size_t { kX, kH, kC, kWeightIh, kWeightHh, kBiasIh, kBiasHh, kInputs };

/// What backward needs beside inputs and output.
template <class T> struct Kept {
  Storage<T> gates, cells;  // rows x width; rows x hidden
};

template <class T> using Pointers = std::array<const T*, kInputs>;

/// Step i for the sequences from `first` on. h and c of the step before lie in the output, or are the initial ones.
template <class T>
CellRows<T> cell_rows(const RecurrentPlan& p, const Pointers<T>& in, Kept<T>& kept, const T* output, std::size_t i,
                      std::size_t first, std::size_t count) {
  const std::size_t at = p.row(p.time(i), first), before = i > 0 ? p.row(p.time(i - 1), first) : first;
  const std::size_t stride = p.row_step() * p.hidden, before_stride = i > 0 ? stride : p.hidden;
  CellRows<T> step{};
  step.rows = count;
  step.hidden = p.hidden;
  step.gates = kept.gates.data() + at * p.width();
  step.gates_stride = p.row_step() * p.width();
  step.stride = stride;
  step.h = const_cast<T*>(output) + at * p.hidden;
  step.h_before = (i > 0 ? output : in[kH]) + before * p.hidden;
  step.h_before_stride = before_stride;
  if (!p.has_cell()) return step;
  step.c = kept.cells.data() + at * p.hidden;
  step.c_before = (i > 0 ? kept.cells.data() : in[kC]) + before * p.hidden;
  step.c_before_stride = before_stride;
  return step;
}

/// body(first, count) for blocks of sequences.
template <class Body> void for_sequences(const RecurrentPlan& p, const Body& body) {
  parallel_for((p.batch + p.block() - 1) / p.block(), [&](std::size_t task) {
    const std::size_t first = task * p.block();
    body(first, std::min(p.block(), p.batch - first));
  });
}

/// Both biases where their gates are: added up, but for the hidden share that is kept apart.
template <class T> Storage<T> joint_bias(const RecurrentPlan& p, const Pointers<T>& in) {
  Storage<T> bias(p.width(), T{0});
  std::copy_n(in[kBiasIh], p.form->gates * p.hidden, bias.data());
  for (std::size_t k = 0; k < p.form->part_count; ++k) {
    const CellPart& part = p.form->parts[k];
    kernels<T>().add_in_place(bias.data() + part.column * p.hidden, in[kBiasHh] + part.row * p.hidden,
                              part.rows * p.hidden);
  }
  return bias;
}

/// The parts of weight_hh (transposed when forward) for the products of all steps.
template <class T> using HiddenFactors = std::array<RightFactor<T>, 2>;
template <class T> HiddenFactors<T> hidden_factors(const RecurrentPlan& p, const T* weight_hh, bool forward) {
  HiddenFactors<T> factors;
  for (std::size_t k = 0; k < p.form->part_count; ++k) {
    const CellPart& part = p.form->parts[k];
    const std::size_t rows = part.rows * p.hidden;
    factors[k] = RightFactor<T>(p.rows(), forward, forward ? p.hidden : rows, forward ? rows : p.hidden,
                                {weight_hh + part.row * p.hidden * p.hidden, p.hidden});
  }
  return factors;
}

template <class T> void layer_forward(const RecurrentPlan& p, const Pointers<T>& in, Kept<T>& kept, T* output) {
  const std::size_t hidden = p.hidden, width = p.width();
  const Storage<T> bias = joint_bias(p, in);
  gemm(false, true, p.rows(), p.form->gates * hidden, p.input, T{1}, {in[kX], p.input}, {in[kWeightIh], p.input},
       Rows<T>{kept.gates.data(), width}, false);
  const auto& table = kernels<T>();
  const HiddenFactors<T> factors = hidden_factors(p, in[kWeightHh], true);
  for_sequences(p, [&](std::size_t first, std::size_t count) {
    for (std::size_t i = 0; i < p.steps; ++i) {
      CellRows<T> step = cell_rows(p, in, kept, output, i, first, count);
      step.bias = bias.data();
      for (std::size_t k = 0; k < p.form->part_count; ++k) {
        const CellPart& part = p.form->parts[k];
        factors[k].multiply(count, part.rows * hidden, T{1}, {step.h_before, step.h_before_stride},
                            Rows<T>{step.gates + part.column * hidden, step.gates_stride}, part.add);
      }
      table.cell_rows[static_cast<std::size_t>(p.form->cell)](step);
    }
  });
  if (p.final_cell)
    for (std::size_t n = 0; n < p.batch; ++n)
      std::copy_n(kept.cells.data() + p.row(p.time(p.steps - 1), n) * hidden, hidden, output + (p.rows() + n) * hidden);
}

/// The h that each row's step began with, in rows like the output's.
template <class T> Storage<T> shifted_output(const RecurrentPlan& p, const T* h, const T* output) {
  Storage<T> result(p.rows() * p.hidden);
  for (std::size_t i = 0; i < p.steps; ++i)
    for (std::size_t n = 0; n < p.batch; ++n)
      std::copy_n(i > 0 ? output + p.row(p.time(i - 1), n) * p.hidden : h + n * p.hidden, p.hidden,
                  result.data() + p.row(p.time(i), n) * p.hidden);
  return result;
}

/// Lets write(place, accumulate) add gradient k to what is there already, or write a new one.
template <class T, class Write> void deliver(Node<T>& n, std::size_t k, Write write) {
  if (!n.wants(k)) return;
  if (T* place = n.accumulate_into(k)) return write(place, true);
  Tensor<T> fresh = Tensor<T>::empty(n.input_shape(k));
  write(const_cast<T*>(fresh.data()), false);
  n.give(k, std::move(fresh));
}

template <class T> void layer_backward(const RecurrentPlan& p, Kept<T>& kept, Node<T>& node, const Tensor<T>& g) {
  const std::size_t hidden = p.hidden, width = p.width(), gates = p.form->gates * hidden, rows = p.rows();
  const T* output = node.output_data();
  Pointers<T> in{};
  for (const std::size_t k : {kX, kH, kC, kWeightIh, kWeightHh}) in[k] = node.input_data(k);
  const Shape state{static_cast<std::int64_t>(p.batch), static_cast<std::int64_t>(hidden)};
  Tensor<T> d_gates = Tensor<T>::empty({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(width)});
  Tensor<T> dh = Tensor<T>::zeros(state), dc = Tensor<T>::zeros(state);
  if (p.final_cell) std::copy_n(g.data() + rows * hidden, dc.size(), const_cast<T*>(dc.data()));
  const auto& table = kernels<T>();
  const HiddenFactors<T> factors = hidden_factors(p, in[kWeightHh], false);
  for_sequences(p, [&](std::size_t first, std::size_t count) {
    T* const dh_block = const_cast<T*>(dh.data()) + first * hidden;
    for (std::size_t i = p.steps; i-- > 0;) {
      const std::size_t at = p.row(p.time(i), first);
      CellRows<T> step = cell_rows(p, in, kept, output, i, first, count);
      step.g = g.data() + at * hidden;
      step.dh = dh_block;
      step.dc = const_cast<T*>(dc.data()) + first * hidden;
      step.d_gates = const_cast<T*>(d_gates.data()) + at * width;
      table.cell_backward_rows[static_cast<std::size_t>(p.form->cell)](step);
      for (std::size_t k = 0; k < p.form->part_count; ++k) {
        const CellPart& part = p.form->parts[k];
        factors[k].multiply(count, hidden, T{1}, {step.d_gates + part.column * hidden, step.gates_stride},
                            Rows<T>{dh_block, hidden}, k > 0 || p.form->cell == Cell::gru);
      }
    }
  });
  const Rows<const T> d{d_gates.data(), width};
  deliver(node, kX, [&](T* dx, bool accumulate) {
    gemm(false, false, rows, p.input, gates, T{1}, d, {in[kWeightIh], p.input}, Rows<T>{dx, p.input}, accumulate);
  });
  deliver(node, kWeightIh, [&](T* dw, bool accumulate) {
    gemm(true, false, gates, p.input, rows, T{1}, d, {in[kX], p.input}, Rows<T>{dw, p.input}, accumulate);
  });
  deliver(node, kWeightHh, [&](T* dw, bool accumulate) {
    const Storage<T> before = shifted_output(p, in[kH], output);
    for (std::size_t k = 0; k < p.form->part_count; ++k) {
      const CellPart& part = p.form->parts[k];
      gemm(true, false, part.rows * hidden, hidden, rows, T{1}, {d.data + part.column * hidden, width},
           {before.data(), hidden}, Rows<T>{dw + part.row * hidden * hidden, hidden}, accumulate);
    }
  });
  if (node.wants(kBiasIh) || node.wants(kBiasHh)) {
    const Storage<T> sums = sum_to_storage(d_gates, Shape{static_cast<std::int64_t>(width)});
    const auto add = [&](T* target, const T* from, std::size_t n, bool accumulate) {
      accumulate ? table.add_in_place(target, from, n) : void(std::copy_n(from, n, target));
    };
    deliver(node, kBiasIh, [&](T* db, bool accumulate) { add(db, sums.data(), gates, accumulate); });
    deliver(node, kBiasHh, [&](T* db, bool accumulate) {
      for (std::size_t k = 0; k < p.form->part_count; ++k) {
        const CellPart& part = p.form->parts[k];
        add(db + part.row * hidden, sums.data() + part.column * hidden, part.rows * hidden, accumulate);
      }
    });
  }
  if (node.wants(kH)) node.give(kH, std::move(dh));
  if (p.has_cell() && node.wants(kC)) node.give(kC, std::move(dc));
}

/// One step from recorded operations.
template <class T>
RecurrentState<T> composed_cell(Cell cell, const Tensor<T>& x, const RecurrentState<T>& before,
                                const RecurrentWeights<T>& w) {
  const std::int64_t hidden = w.weight_hh.shape()[1];
  const Tensor<T> from_x = linear(x, w.weight_ih, w.bias_ih), from_h = linear(before.h, w.weight_hh, w.bias_hh);
  const auto gate = [hidden](const Tensor<T>& of, std::int64_t k) {
    return slice(of, 1, k * hidden, (k + 1) * hidden);
  };
  if (cell == Cell::rnn_tanh) return {tanh(from_x + from_h)};
  if (cell == Cell::rnn_relu) return {relu(from_x + from_h)};
  const Tensor<T> a = from_x + from_h;
  if (cell == Cell::lstm) {
    const Tensor<T> c = sigmoid(gate(a, 1)) * before.c + sigmoid(gate(a, 0)) * tanh(gate(a, 2));
    return {sigmoid(gate(a, 3)) * tanh(c), c};
  }
  const Tensor<T> n = tanh(gate(from_x, 2) + sigmoid(gate(a, 0)) * gate(from_h, 2)), z = sigmoid(gate(a, 1));
  return {(1 - z) * n + z * before.h};
}

/// The layer from recorded operations, for gradients of gradients.
template <class T> Tensor<T> composed_layer(const RecurrentPlan& p, const Node<T>& node) {
  const RecurrentWeights<T> weights{node.input(kWeightIh), node.input(kWeightHh), node.input(kBiasIh),
                                    node.input(kBiasHh)};
  RecurrentState<T> state{node.input(kH), node.input(kC)};
  const Tensor<T> x = node.input(kX);
  const std::int64_t axis = p.batch_first ? 1 : 0;
  std::vector<Tensor<T>> outputs(p.steps);
  for (std::size_t i = 0; i < p.steps; ++i) {
    const auto t = static_cast<std::int64_t>(p.time(i));
    state = composed_cell(p.form->cell, squeeze(slice(x, axis, t, t + 1), axis), state, weights);
    outputs[p.time(i)] = state.h;
  }
  const Tensor<T> output =
      reshape(stack(outputs, axis), {static_cast<std::int64_t>(p.rows()), static_cast<std::int64_t>(p.hidden)});
  return p.final_cell ? concat<T>({output, state.c}, 0) : output;
}

}  // namespace

const CellForm& form_of(Cell cell) { return kForms[static_cast<std::size_t>(cell)]; }

std::size_t RecurrentPlan::block() const {
  if (rows() * width() * hidden < kParallelWork) return std::max<std::size_t>(batch, 1);
  return std::clamp<std::size_t>(batch / 4, 16, 64);
}

template <class T>
Tensor<T> recurrent_layer(const RecurrentPlan& p, const Tensor<T>& x, const RecurrentState<T>& state,
                          const RecurrentWeights<T>& w) {
  const auto or_zeros = [](const Tensor<T>& given, const Shape& shape) {
    return given.defined() ? given : Tensor<T>::zeros(shape);
  };
  const auto batch = static_cast<std::int64_t>(p.batch), hidden = static_cast<std::int64_t>(p.hidden);
  const Shape gates{w.weight_hh.shape()[0]};
  const std::array<Tensor<T>, kInputs> inputs{x,
                                              or_zeros(state.h, {batch, hidden}),
                                              p.has_cell() ? or_zeros(state.c, {batch, hidden}) : Tensor<T>::zeros({}),
                                              w.weight_ih,
                                              w.weight_hh,
                                              or_zeros(w.bias_ih, gates),
                                              or_zeros(w.bias_hh, gates)};
  std::array<Node<T>*, kInputs> nodes;
  Pointers<T> in;
  for (std::size_t k = 0; k < kInputs; ++k) {
    nodes[k] = inputs[k].node();
    in[k] = inputs[k].data();
  }
  Kept<T> kept{Storage<T>(p.rows() * p.width()), Storage<T>(p.has_cell() ? p.rows() * p.hidden : 0)};
  const Shape shape{static_cast<std::int64_t>(p.rows() + (p.final_cell ? p.batch : 0)), hidden};
  Storage<T> value(shape.size());
  layer_forward(p, in, kept, value.data());
  constexpr SavedMask saved = ((SavedMask{1} << kInputs) - 1) | kSaveOutput;
  return record<T>(
      p.form->name, shape, std::move(value), saved,
      [p, kept = std::move(kept)](Node<T>& n, const Tensor<T>& g) mutable {
        if (is_grad_enabled()) return n.substitute(composed_layer(p, n), g);
        layer_backward(p, kept, n, g);
      },
      std::span<Node<T>* const>(nodes));
}

template Tensor<float> recurrent_layer(const RecurrentPlan&, const Tensor<float>&, const RecurrentState<float>&,
                                       const RecurrentWeights<float>&);
template Tensor<double> recurrent_layer(const RecurrentPlan&, const Tensor<double>&, const RecurrentState<double>&,
                                        const RecurrentWeights<double>&);

}  // namespace xgrad::detail
