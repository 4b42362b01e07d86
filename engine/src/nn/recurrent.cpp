// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/nn/recurrent.hpp"

#include <cmath>

#include "xgrad/nn/init.hpp"

namespace xgrad::nn {
namespace {

struct Sizes {
  std::int64_t gates, input, hidden;
};

/// Registers the parameters of one layer and direction by `add(name, value)`, all uniform in +-1 / sqrt(H).
template <class T, class Add>
RecurrentWeights<T> make_weights(const Sizes& sizes, bool bias, const std::string& suffix, Add add) {
  const double bound = 1 / std::sqrt(static_cast<double>(sizes.hidden));
  const auto uniform = [&](const char* name, const Shape& shape) {
    Tensor<T> parameter = add(name + suffix, Tensor<T>::empty(shape));
    initialize_uniform(parameter, -bound, bound, next_init_key());
    return parameter;
  };
  const std::int64_t rows = sizes.gates * sizes.hidden;
  RecurrentWeights<T> weights{uniform("weight_ih", {rows, sizes.input}), uniform("weight_hh", {rows, sizes.hidden})};
  if (!bias) return weights;
  weights.bias_ih = uniform("bias_ih", {rows});
  weights.bias_hh = uniform("bias_hh", {rows});
  return weights;
}

void check_sizes(const char* name, std::int64_t input, std::int64_t hidden) {
  XGRAD_CHECK(input > 0 && hidden > 0, name, ": input_size ", input, ", hidden_size ", hidden,
              "; expected positive sizes");
}

}  // namespace

template <class T>
RecurrentLayer<T>::RecurrentLayer(const char* name, std::int64_t gates, std::int64_t input_size,
                                  std::int64_t hidden_size, const RecurrentLayerOptions& options)
    : options_(options) {
  check_sizes(name, input_size, hidden_size);
  XGRAD_CHECK(options.num_layers > 0, name, ": num_layers is ", options.num_layers, "; expected at least 1");
  XGRAD_CHECK(options.dropout >= 0 && options.dropout <= 1, name, ": dropout is ", options.dropout,
              "; expected 0 to 1");
  const std::int64_t directions = options.bidirectional ? 2 : 1;
  for (std::int64_t layer = 0; layer < options.num_layers; ++layer)
    for (std::int64_t d = 0; d < directions; ++d)
      weights.push_back(make_weights<T>(
          {gates, layer == 0 ? input_size : directions * hidden_size, hidden_size}, options.bias,
          "_l" + std::to_string(layer) + (d == 1 ? "_reverse" : ""),
          [this](const std::string& key, const Tensor<T>& value) { return this->register_parameter(key, value); }));
}

template <class T>
RecurrentCell<T>::RecurrentCell(const char* name, std::int64_t gates, std::int64_t input_size, std::int64_t hidden_size,
                                const RecurrentCellOptions& options) {
  check_sizes(name, input_size, hidden_size);
  weights = make_weights<T>(
      {gates, input_size, hidden_size}, options.bias, "",
      [this](const std::string& key, const Tensor<T>& value) { return this->register_parameter(key, value); });
}

template class RecurrentLayer<float>;
template class RecurrentLayer<double>;
template class RecurrentCell<float>;
template class RecurrentCell<double>;

}  // namespace xgrad::nn
