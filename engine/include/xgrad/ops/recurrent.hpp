// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Recurrent cells and layers, with PyTorch's weights: rows of the gates one after the other, (k H, in) and (k H, H).
#include <vector>

#include "xgrad/ops/linalg.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad {

/// weight_ih (k H, in), weight_hh (k H, H), bias_ih and bias_hh (k H), which may be undefined (then 0).
template <class T> struct RecurrentWeights {
  Tensor<T> weight_ih, weight_hh, bias_ih = {}, bias_hh = {};
};
/// What a cell hands on to its next step; undefined: zeros. c is the LSTM's alone.
template <class T> struct RecurrentState {
  Tensor<T> h = {}, c = {};
};

/// f(W_ih x + b_ih + W_hh h + b_hh), f = tanh or relu (else Error): x (N, in), h (N, H) -> (N, H).
/// Elman 1990, Cognitive Science 14.
template <class T>
Tensor<T> rnn_cell(const Tensor<T>& x, const Tensor<T>& h, const RecurrentWeights<T>& weights,
                   Activation nonlinearity = Activation::tanh);
/// Gates i, f, g, o: c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c'). Shapes as rnn_cell, c as h.
/// Hochreiter, Schmidhuber 1997, Neural Computation 9.
template <class T>
RecurrentState<T> lstm_cell(const Tensor<T>& x, const RecurrentState<T>& state, const RecurrentWeights<T>& weights);
/// Gates r, z, n: h' = (1 - z) n + z h, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), r and z sigmoids. Shapes as
/// rnn_cell. Cho et al. 2014, arXiv:1406.1078.
template <class T> Tensor<T> gru_cell(const Tensor<T>& x, const Tensor<T>& h, const RecurrentWeights<T>& weights);

struct RecurrentOptions {
  bool batch_first = false;    ///< x and output are (N, L, ...) instead of (L, N, ...)
  bool bidirectional = false;  ///< layers[2 l] reads layer l's input forwards, layers[2 l + 1] backwards
  double dropout = 0;          ///< between layers, not after the last, while training
  bool training = true;
  bool state = true;  ///< false: h and c of the result stay undefined, which saves copies
};
/// output (L, N, D H), h and c (layers D, N, H) after the last step; D = 2 if bidirectional, else 1. c: LSTM only.
template <class T> struct RecurrentResult {
  Tensor<T> output, h = {}, c = {};
};

/// The cell over a sequence x (L, N, in), layer by layer, from `state` (layers D, N, H), zeros if undefined.
/// One graph node for each layer and direction: the inputs of all steps in one product, the gates of a step in one
/// pass, the sequences over the threads, the gradient of each weight in one product at the end. Throws Error naming the
/// shapes unless they fit, L >= 1 and dropout is in [0, 1].
template <class T>
RecurrentResult<T> rnn(const Tensor<T>& x, const std::vector<RecurrentWeights<T>>& layers,
                       const RecurrentState<T>& state = {}, const RecurrentOptions& options = {},
                       Activation nonlinearity = Activation::tanh);
template <class T>
RecurrentResult<T> lstm(const Tensor<T>& x, const std::vector<RecurrentWeights<T>>& layers,
                        const RecurrentState<T>& state = {}, const RecurrentOptions& options = {});
template <class T>
RecurrentResult<T> gru(const Tensor<T>& x, const std::vector<RecurrentWeights<T>>& layers,
                       const RecurrentState<T>& state = {}, const RecurrentOptions& options = {});

}  // namespace xgrad
