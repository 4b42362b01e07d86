// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How a described layer becomes a row of the registry.
#include "xgrad/train/model.hpp"

namespace xgrad::train {

/// Fills a layer's parameters as its "init" (or else the model's) says; `bias` may be undefined.
template <class T>
void apply_init(const Tensor<T>& weight, const Tensor<T>& bias, const Value& own, const LayerContext& context,
                Problems& problems);

/// The same for all matrices among a layer's parameters.
template <class T>
void apply_init(const nn::Module<T>& layer, const Value& own, const LayerContext& context, Problems& problems);

template <class T, class Layer> auto maker() {
  return [](const Value& value, LayerContext& context, Problems& problems) -> std::shared_ptr<nn::Module<T>> {
    Layer layer;
    if (value.is(Value::Type::object)) {
      config::read_into(layer, value, problems, std::string("layer \"") + Layer::name + "\"", {"type"});
    } else {
      const Fields fields = config::fields_of(layer);
      for (const config::Field& field : fields.list())
        if (field.is_required)
          problems.add("XG106", value, std::string("layer \"") + Layer::name + "\" needs \"" + field.name + "\"");
    }
    return layer.template make<T>(value, context, problems);
  };
}

template <class Layer> LayerRow row() {
  return {Layer::name, Layer::about, config::visit_defaults<Layer>, maker<float, Layer>(), maker<double, Layer>()};
}

/// Convolutions, pooling and normalisation.
void add_spatial_layers(config::Registry<LayerRow>& registry);
/// Recurrent layers, attention, positions.
void add_sequence_layers(config::Registry<LayerRow>& registry);

}  // namespace xgrad::train
