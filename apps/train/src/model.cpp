// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/train/model.hpp"

#include <cmath>
#include <new>

#include "layer_rows.hpp"

namespace xgrad::train {
namespace {

namespace range = config::range;

/// "init" of a layer or a whole model.
struct InitOptions {
  std::string type = "uniform";
  std::optional<double> gain;
  Value weight, bias;
  void describe(Fields& f) {
    f("type", type,
      config::OneOf{"uniform|normal|trunc_normal|orthogonal|kaiming_uniform|kaiming_normal|xavier_uniform|"
                    "xavier_normal|zeros|ones|values"},
      "how weights begin");
    f("gain", gain, range::any, "factor of the spread; default as in PyTorch");
    f("weight", weight, "", "for \"values\": rows of inputs, columns of outputs");
    f("bias", bias, "", "for \"values\": one number for each output");
  }
};

template <class T>
void take_values(Tensor<T> target, const Value& value, bool transposed, const char* what, Problems& problems) {
  const std::int64_t rows = target.rank() == 2 ? target.shape()[transposed ? 1 : 0] : 1,
                     cols = target.rank() == 2 ? target.shape()[transposed ? 0 : 1] : target.shape()[0];
  const std::vector<const Value*> lines = [&] {
    std::vector<const Value*> result;
    if (target.rank() == 1)
      result.push_back(&value);
    else
      for (const Value& item : value.items) result.push_back(&item);
    return result;
  }();
  const auto refuse = [&](const Value& at) {
    problems.add("XG120", at,
                 std::string("init \"values\": \"") + what + "\" must have " + std::to_string(rows) + " rows of " +
                     std::to_string(cols) + " numbers (inputs down, outputs across)");
  };
  if (static_cast<std::int64_t>(lines.size()) != rows) return refuse(value);
  T* data = target.mutable_data();
  for (std::int64_t r = 0; r < rows; ++r) {
    if (static_cast<std::int64_t>(lines[static_cast<std::size_t>(r)]->items.size()) != cols)
      return refuse(*lines[static_cast<std::size_t>(r)]);
    for (std::int64_t c = 0; c < cols; ++c) {
      const Value& item = lines[static_cast<std::size_t>(r)]->items[static_cast<std::size_t>(c)];
      if (!item.is_number()) return refuse(item);
      data[transposed ? c * rows + r : r * cols + c] = static_cast<T>(item.number);
    }
  }
}

/// A layer's own "init", else the model's, else null.
const Value& given_init(const Value& own, const LayerContext& context) {
  return own.is(Value::Type::null) && context.init ? *context.init : own;
}
/// What it says; nothing if there is none.
std::optional<InitOptions> read_init(const Value& own, const LayerContext& context, Problems& problems) {
  const Value& value = given_init(own, context);
  if (value.is(Value::Type::null)) return std::nullopt;
  InitOptions options;
  Value wrapped;
  if (value.is(Value::Type::string)) {
    wrapped.type = Value::Type::object;
    wrapped.place = value.place;
    wrapped.members.push_back({"type", value.place, value});
  }
  config::read_into(options, wrapped.members.empty() ? value : wrapped, problems, "init");
  return options;
}

template <class T> void fill(const Tensor<T>& weight, const InitOptions& options) {
  static constexpr std::pair<const char*, nn::Init> kNames[] = {{"uniform", nn::Init::uniform},
                                                                {"normal", nn::Init::normal},
                                                                {"trunc_normal", nn::Init::trunc_normal},
                                                                {"orthogonal", nn::Init::orthogonal},
                                                                {"kaiming_uniform", nn::Init::kaiming_uniform},
                                                                {"kaiming_normal", nn::Init::kaiming_normal},
                                                                {"xavier_uniform", nn::Init::xavier_uniform},
                                                                {"xavier_normal", nn::Init::xavier_normal},
                                                                {"zeros", nn::Init::zeros},
                                                                {"ones", nn::Init::ones}};
  for (const auto& [name, init] : kNames)
    if (options.type == name)
      options.gain ? nn::initialize(weight, init, nn::next_init_key(), *options.gain)
                   : nn::initialize(weight, init, nn::next_init_key());
}

struct LinearLayer {
  std::int64_t out = 0;
  std::optional<std::int64_t> in;
  bool bias = true;
  Value init;
  static constexpr const char* name = "linear";
  static constexpr config::About about{"x weight^T + bias, on the last axis"};
  void describe(Fields& f) {
    f("out", out, range::count, "outputs").required();
    f("in", in, range::count, "inputs; follows from the layer before, checked if given");
    f("bias", bias, "add a number to each output");
    f("init", init, "", "how the weights begin; default: the model's init");
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!context.known) return nullptr;
    const std::int64_t size = context.shape.rank() == 0 ? 0 : context.shape.back();
    if (in && *in != size) {
      problems.add("XG120", value,
                   "layer \"linear\": in=" + std::to_string(*in) + " but receives " + std::to_string(size) + " (from " +
                       context.from + ", shape " + context.shape.to_string() + ")");
      return nullptr;
    }
    if (out < 1 || size < 1) return nullptr;
    auto layer = std::make_shared<nn::Linear<T>>(size, out, nn::LinearOptions{.bias = bias});
    apply_init(layer->weight, layer->bias, init, context, problems);
    context.shape[context.shape.rank() - 1] = out;
    return layer;
  }
};

struct FlattenLayer {
  static constexpr const char* name = "flatten";
  static constexpr config::About about{"each sample as one list of numbers"};
  void describe(Fields&) {}
  template <class T> std::shared_ptr<nn::Module<T>> make(const Value&, LayerContext& context, Problems&) const {
    context.shape = Shape{static_cast<std::int64_t>(context.shape.size())};
    return std::make_shared<nn::Flatten<T>>();
  }
};

#define XGRAD_LAYER(Struct, layer_name, doc, Layer)                                                        \
  struct Struct {                                                                                          \
    static constexpr const char* name = layer_name;                                                        \
    static constexpr config::About about{doc};                                                             \
    void describe(Fields&) {}                                                                              \
    template <class T> std::shared_ptr<nn::Module<T>> make(const Value&, LayerContext&, Problems&) const { \
      return std::make_shared<nn::Layer<T>>();                                                             \
    }                                                                                                      \
  };
XGRAD_LAYER(ReluLayer, "relu", "max(x, 0)", ReLU)
XGRAD_LAYER(Relu6Layer, "relu6", "min(max(x, 0), 6)", ReLU6)
XGRAD_LAYER(SeluLayer, "selu", "self-normalising elu", SELU)
XGRAD_LAYER(SigmoidLayer, "sigmoid", "1 / (1 + e^-x)", Sigmoid)
XGRAD_LAYER(LogSigmoidLayer, "log_sigmoid", "log(sigmoid(x))", LogSigmoid)
XGRAD_LAYER(TanhLayer, "tanh", "hyperbolic tangent", Tanh)
XGRAD_LAYER(GeluLayer, "gelu", "x times the normal distribution function of x", GELU)
XGRAD_LAYER(SiluLayer, "silu", "x sigmoid(x)", SiLU)
XGRAD_LAYER(MishLayer, "mish", "x tanh(softplus(x))", Mish)
XGRAD_LAYER(SoftplusLayer, "softplus", "log(1 + e^x)", Softplus)
XGRAD_LAYER(SoftsignLayer, "softsign", "x / (1 + |x|)", Softsign)
XGRAD_LAYER(SoftmaxLayer, "softmax", "probabilities along the last axis", Softmax)
XGRAD_LAYER(LogSoftmaxLayer, "log_softmax", "log-probabilities along the last axis", LogSoftmax)
#undef XGRAD_LAYER
#define XGRAD_LAYER(Struct, layer_name, doc, Layer, parameter, value, limits, parameter_doc)               \
  struct Struct {                                                                                          \
    double parameter = value;                                                                              \
    static constexpr const char* name = layer_name;                                                        \
    static constexpr config::About about{doc};                                                             \
    void describe(Fields& f) { f(#parameter, parameter, limits, parameter_doc); }                          \
    template <class T> std::shared_ptr<nn::Module<T>> make(const Value&, LayerContext&, Problems&) const { \
      return std::make_shared<nn::Layer<T>>(parameter);                                                    \
    }                                                                                                      \
  };
XGRAD_LAYER(LeakyReluLayer, "leaky_relu", "x where positive, else slope x", LeakyReLU, negative_slope, 0.01, range::any,
            "slope below 0")
XGRAD_LAYER(EluLayer, "elu", "x where positive, else alpha (e^x - 1)", ELU, alpha, 1, range::any, "limit below 0")
XGRAD_LAYER(DropoutLayer, "dropout", "zeroes elements while training", Dropout, p, 0.5, range::unit, "probability")
#undef XGRAD_LAYER

struct SequentialModel {
  Value layers, init;
  void describe(Fields& f) {
    f("layers", layers, "layer", "in order", true).required();
    f("init", init, "", "how the weights of all layers begin, where they do not say themselves");
  }
};

}  // namespace

template <class T>
void apply_init(const Tensor<T>& weight, const Tensor<T>& bias, const Value& own, const LayerContext& context,
                Problems& problems) {
  const std::optional<InitOptions> options = read_init(own, context, problems);
  if (!options) return;
  if (options->type != "values") return fill(weight, *options);
  if (weight.rank() != 2)
    return problems.add("XG120", given_init(own, context), "init \"values\" is for linear layers only");
  take_values(weight, options->weight, true, "weight", problems);
  if (bias.defined() && !options->bias.is(Value::Type::null)) take_values(bias, options->bias, false, "bias", problems);
}

template <class T>
void apply_init(const nn::Module<T>& layer, const Value& own, const LayerContext& context, Problems& problems) {
  const std::optional<InitOptions> options = read_init(own, context, problems);
  if (!options) return;
  if (options->type == "values")
    return problems.add("XG120", given_init(own, context), "init \"values\" is for linear layers only");
  for (const NamedTensor<T>& parameter : layer.named_parameters())
    if (parameter.tensor.rank() >= 2) fill(parameter.tensor, *options);
}

#define XGRAD_INSTANTIATE(T)                                                                                  \
  template void apply_init(const Tensor<T>&, const Tensor<T>&, const Value&, const LayerContext&, Problems&); \
  template void apply_init(const nn::Module<T>&, const Value&, const LayerContext&, Problems&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

const config::Registry<LayerRow>& layers() {
  static const config::Registry<LayerRow> registry = [] {
    config::Registry<LayerRow> r("layer");
    r.add(row<LinearLayer>());
    r.add(row<FlattenLayer>());
    r.add(row<ReluLayer>());
    r.add(row<Relu6Layer>());
    r.add(row<SeluLayer>());
    r.add(row<SigmoidLayer>());
    r.add(row<LogSigmoidLayer>());
    r.add(row<TanhLayer>());
    r.add(row<GeluLayer>());
    r.add(row<SiluLayer>());
    r.add(row<MishLayer>());
    r.add(row<SoftplusLayer>());
    r.add(row<SoftsignLayer>());
    r.add(row<SoftmaxLayer>());
    r.add(row<LogSoftmaxLayer>());
    r.add(row<LeakyReluLayer>());
    r.add(row<EluLayer>());
    r.add(row<DropoutLayer>());
    add_spatial_layers(r);
    add_sequence_layers(r);
    return r;
  }();
  return registry;
}

template <class T>
std::shared_ptr<nn::Sequential<T>> make_model(const Value& value, const Shape& sample, Shape& output,
                                              Problems& problems, std::int64_t fewest) {
  if (config::name_in(value, "model", {"sequential"}, problems).empty()) return nullptr;
  SequentialModel model;
  config::read_into(model, value, problems, "model \"sequential\"", {"type"});
  if (!model.layers.is(Value::Type::list)) {
    if (!model.layers.is(Value::Type::null))
      problems.add("XG103", model.layers, "\"layers\": expected a list, found " + model.layers.describe());
    return nullptr;
  }
  auto result = std::make_shared<nn::Sequential<T>>();
  LayerContext context{sample, sample.rank() > 0, "the data", model.init.is(Value::Type::null) ? nullptr : &model.init,
                       fewest};
  for (const Value& item : model.layers.items) {
    const LayerRow* row = layers().resolve(item, problems);
    if (!row) continue;
    try {
      if (auto layer = row->make<T>()(item, context, problems)) result->append(std::move(layer));
    } catch (const std::bad_alloc&) {
      problems.add("XG122", item,
                   std::string("layer \"") + row->name +
                       "\": its parameters are more than this machine's memory holds");
      return nullptr;
    }
    context.from = "layer " + std::to_string(&item - model.layers.items.data() + 1) + " \"" + row->name + "\"";
  }
  output = context.shape;
  return result;
}
template std::shared_ptr<nn::Sequential<float>> make_model(const Value&, const Shape&, Shape&, Problems&, std::int64_t);
template std::shared_ptr<nn::Sequential<double>> make_model(const Value&, const Shape&, Shape&, Problems&,
                                                            std::int64_t);

}  // namespace xgrad::train
