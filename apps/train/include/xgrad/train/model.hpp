// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/nn/layers.hpp"
#include "xgrad/train/config.hpp"

namespace xgrad::train {

/// A layer being added to a model: the shape of one sample that reaches it, and what it makes of it.
struct LayerContext {
  Shape shape;                  ///< in; the layer replaces it by its output's
  bool known = true;            ///< false when there is no data to tell the shape: only the settings are checked then
  std::string from;             ///< who made it, for messages
  const Value* init = nullptr;  ///< the model's "init"
  std::int64_t fewest = 0;      ///< samples in an epoch's smallest batch; 0 if nothing is trained
};

struct LayerRow {
  const char* name;
  config::About about;
  std::function<void(const std::function<void(Fields&)>&)> describe;
  std::function<std::shared_ptr<nn::Module<float>>(const Value&, LayerContext&, Problems&)> make_float;
  std::function<std::shared_ptr<nn::Module<double>>(const Value&, LayerContext&, Problems&)> make_double;

  template <class T> const auto& make() const {
    if constexpr (std::is_same_v<T, float>)
      return make_float;
    else
      return make_double;
  }
};
const config::Registry<LayerRow>& layers();

/// The model of {"type": "sequential", "layers": [...], "init": ...} for samples of a shape; `output` becomes the shape
/// of its result. Shapes that do not fit are problems. Layer i's parameters are named "i.weight", or by its "name".
/// `fewest`: see LayerContext.
template <class T>
std::shared_ptr<nn::Sequential<T>> make_model(const Value& value, const Shape& sample, Shape& output,
                                              Problems& problems, std::int64_t fewest = 0);

struct LossRow {
  const char* name;
  config::About about;
  bool classes;  ///< targets are class numbers
  std::function<void(const std::function<void(Fields&)>&)> describe;
  std::function<std::function<Tensor<float>(const Tensor<float>&, const Batch<float>&)>(const Value&, Problems&)>
      make_float;
  std::function<std::function<Tensor<double>(const Tensor<double>&, const Batch<double>&)>(const Value&, Problems&)>
      make_double;
  /// The probabilities that the output means, of each class or of "yes"; null where it means none.
  std::function<Tensor<float>(const Tensor<float>&)> probabilities_float;
  std::function<Tensor<double>(const Tensor<double>&)> probabilities_double;
  /// Targets drawn from the distribution that the output means; null where it means none.
  std::function<Batch<float>(const Tensor<float>&)> draw_float;
  std::function<Batch<double>(const Tensor<double>&)> draw_double;

  template <class T> const auto& make() const {
    if constexpr (std::is_same_v<T, float>)
      return make_float;
    else
      return make_double;
  }
  template <class T> const auto& draw() const {
    if constexpr (std::is_same_v<T, float>)
      return draw_float;
    else
      return draw_double;
  }
  template <class T> const auto& probabilities() const {
    if constexpr (std::is_same_v<T, float>)
      return probabilities_float;
    else
      return probabilities_double;
  }
};
const config::Registry<LossRow>& losses();

/// Sums over the samples of a split, which metrics are made of.
struct MetricSums {
  double count = 0;                  ///< samples, or numbers if the targets are some
  double right = 0;                  ///< samples whose class was found
  double absolute = 0, squared = 0;  ///< errors
  double targets = 0, targets_squared = 0;
};
/// What can be measured beside the loss.
struct MetricRow {
  const char* name;
  config::About about;
  bool classes;  ///< needs classes, or the probability of "yes"; else needs numbers
  double (*value)(const MetricSums&);
};
const config::Registry<MetricRow>& metrics();

}  // namespace xgrad::train
