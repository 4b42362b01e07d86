// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/nn/module.hpp"
#include "xgrad/ops/recurrent.hpp"

namespace xgrad::nn {

struct RecurrentLayerOptions {
  std::int64_t num_layers = 1;
  bool bias = true;
  bool batch_first = false;    ///< x and output are (N, L, ...) instead of (L, N, ...)
  double dropout = 0;          ///< between layers while training
  bool bidirectional = false;  ///< the output holds both directions side by side
};

/// What LSTM, GRU and RNN share: parameters weight_ih_l0 (k H, in), weight_hh_l0 (k H, H), bias_ih_l0, bias_hh_l0 (k
/// H), then _l0_reverse if bidirectional, then _l1, ...; all begin uniform in +-1 / sqrt(H), as PyTorch's.
template <class T> class RecurrentLayer : public Module<T> {
 public:
  /// The output of all steps from a zero state: (L, N, in) -> (L, N, D H).
  Tensor<T> forward(const Tensor<T>& x) override { return run(x, {}, options(false)).output; }
  /// From a given state, with the state after the last step. See ops/recurrent.hpp.
  RecurrentResult<T> forward(const Tensor<T>& x, const RecurrentState<T>& state) {
    return run(x, state, options(true));
  }

  std::vector<RecurrentWeights<T>> weights;  ///< handles on the parameters, in their order

 protected:
  /// Throws Error unless sizes and num_layers are positive and dropout is in [0, 1].
  RecurrentLayer(const char* name, std::int64_t gates, std::int64_t input_size, std::int64_t hidden_size,
                 const RecurrentLayerOptions& options);
  virtual RecurrentResult<T> run(const Tensor<T>& x, const RecurrentState<T>& state,
                                 const RecurrentOptions& options) const = 0;

 private:
  RecurrentOptions options(bool state) const {
    return {options_.batch_first, options_.bidirectional, options_.dropout, this->is_training(), state};
  }
  RecurrentLayerOptions options_;
};

template <class T> class LSTM : public RecurrentLayer<T> {
 public:
  LSTM(std::int64_t input_size, std::int64_t hidden_size, const RecurrentLayerOptions& options = {})
      : RecurrentLayer<T>("LSTM", 4, input_size, hidden_size, options) {}

 private:
  RecurrentResult<T> run(const Tensor<T>& x, const RecurrentState<T>& state,
                         const RecurrentOptions& options) const override {
    return lstm(x, this->weights, state, options);
  }
};

template <class T> class GRU : public RecurrentLayer<T> {
 public:
  GRU(std::int64_t input_size, std::int64_t hidden_size, const RecurrentLayerOptions& options = {})
      : RecurrentLayer<T>("GRU", 3, input_size, hidden_size, options) {}

 private:
  RecurrentResult<T> run(const Tensor<T>& x, const RecurrentState<T>& state,
                         const RecurrentOptions& options) const override {
    return gru(x, this->weights, state, options);
  }
};

/// `nonlinearity` tanh or relu.
template <class T> class RNN : public RecurrentLayer<T> {
 public:
  RNN(std::int64_t input_size, std::int64_t hidden_size, const RecurrentLayerOptions& options = {},
      Activation nonlinearity = Activation::tanh)
      : RecurrentLayer<T>("RNN", 1, input_size, hidden_size, options), nonlinearity_(nonlinearity) {}

 private:
  RecurrentResult<T> run(const Tensor<T>& x, const RecurrentState<T>& state,
                         const RecurrentOptions& options) const override {
    return rnn(x, this->weights, state, options, nonlinearity_);
  }
  Activation nonlinearity_;
};

struct RecurrentCellOptions {
  bool bias = true;
};

/// One step at a time, for loops of one's own: parameters weight_ih (k H, in), weight_hh (k H, H), bias_ih, bias_hh (k
/// H), which begin as the layers'. forward(x) steps from a zero state: (N, in) -> h (N, H).
template <class T> class RecurrentCell : public Module<T> {
 public:
  RecurrentWeights<T> weights;  ///< handles on the parameters

 protected:
  RecurrentCell(const char* name, std::int64_t gates, std::int64_t input_size, std::int64_t hidden_size,
                const RecurrentCellOptions& options);
};

template <class T> class LSTMCell : public RecurrentCell<T> {
 public:
  LSTMCell(std::int64_t input_size, std::int64_t hidden_size, const RecurrentCellOptions& options = {})
      : RecurrentCell<T>("LSTMCell", 4, input_size, hidden_size, options) {}
  Tensor<T> forward(const Tensor<T>& x) override { return forward(x, {}).h; }
  RecurrentState<T> forward(const Tensor<T>& x, const RecurrentState<T>& state) {
    return lstm_cell(x, state, this->weights);
  }
};

template <class T> class GRUCell : public RecurrentCell<T> {
 public:
  GRUCell(std::int64_t input_size, std::int64_t hidden_size, const RecurrentCellOptions& options = {})
      : RecurrentCell<T>("GRUCell", 3, input_size, hidden_size, options) {}
  Tensor<T> forward(const Tensor<T>& x) override { return forward(x, {}); }
  Tensor<T> forward(const Tensor<T>& x, const Tensor<T>& h) { return gru_cell(x, h, this->weights); }
};

template <class T> class RNNCell : public RecurrentCell<T> {
 public:
  RNNCell(std::int64_t input_size, std::int64_t hidden_size, const RecurrentCellOptions& options = {},
          Activation nonlinearity = Activation::tanh)
      : RecurrentCell<T>("RNNCell", 1, input_size, hidden_size, options), nonlinearity_(nonlinearity) {}
  Tensor<T> forward(const Tensor<T>& x) override { return forward(x, {}); }
  Tensor<T> forward(const Tensor<T>& x, const Tensor<T>& h) { return rnn_cell(x, h, this->weights, nonlinearity_); }

 private:
  Activation nonlinearity_;
};

extern template class RecurrentLayer<float>;
extern template class RecurrentLayer<double>;
extern template class RecurrentCell<float>;
extern template class RecurrentCell<double>;

}  // namespace xgrad::nn
