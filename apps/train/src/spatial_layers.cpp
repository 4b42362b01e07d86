// SPDX-License-Identifier: BSD-3-Clause
// Layers of convolutional networks: convolutions, pooling, normalisation.
#include "layer_rows.hpp"
#include "xgrad/autograd.hpp"
#include "xgrad/nn/convolution.hpp"
#include "xgrad/nn/normalization.hpp"
#include "xgrad/nn/pooling.hpp"

namespace xgrad::train {
namespace {

namespace range = config::range;

/// One whole number for all spatial axes or a list with one for each, or `fallback` if the field is not there.
PerAxis per_axis(const Value& value, const char* field, std::int64_t fallback, std::int64_t least, std::size_t axes,
                 Problems& problems) {
  if (value.is(Value::Type::null)) return fallback;
  const auto take = [&](const Value& item) {
    if (!item.is(Value::Type::integer))
      problems.add("XG103", item,
                   "\"" + std::string(field) + "\": expected a whole number" +
                       (axes > 1 ? " or a list of " + std::to_string(axes) : "") + ", found " + item.describe());
    else if (item.integer < least)
      problems.add("XG104", item,
                   "\"" + std::string(field) + "\": " + std::to_string(item.integer) +
                       " is too small; expected >= " + std::to_string(least));
    else
      return item.integer;
    return fallback;
  };
  if (value.is(Value::Type::list) && value.items.size() == axes && axes == 2)
    return {take(value.items[0]), take(value.items[1])};
  return take(value);
}

ConvPadding padding_of(const Value& value, std::size_t axes, Problems& problems) {
  if (value.is(Value::Type::string)) {
    if (value.string == "same" || value.string == "valid") return value.string.c_str();
    problems.add("XG105", value, "\"padding\": \"" + value.string + "\"; expected \"same\", \"valid\" or numbers");
    return 0;
  }
  return per_axis(value, "padding", 0, 0, axes, problems);
}

std::string refused(const char* name, const LayerContext& context, const std::string& why) {
  return std::string("layer \"") + name + "\": " + why + " (from " + context.from + ")";
}

/// Whether a sample has channels and `axes` spatial axes.
bool check_sample(const char* name, const Value& at, const LayerContext& context, std::size_t axes,
                  Problems& problems) {
  if (context.shape.rank() == axes + 1) return true;
  problems.add("XG120", at,
               refused(name, context,
                       std::string("needs samples of shape ") + (axes == 1 ? "(C, L)" : "(C, H, W)") + ", receives " +
                           context.shape.to_string()),
               std::string("add to the data's transforms: { \"type\": \"reshape\", \"shape\": ") +
                   (axes == 1 ? "[C, L] }" : "[C, H, W] }"));
  return false;
}

/// Hands the layer out once it is known what it makes of a sample: it runs on one of zeros. What it refuses is a
/// problem.
template <class T>
std::shared_ptr<nn::Module<T>> fitted(const char* name, std::shared_ptr<nn::Module<T>> layer, const Value& at,
                                      LayerContext& context, Problems& problems) {
  const NoGrad no_grad;
  layer->eval();
  try {
    context.shape = (*layer)(Tensor<T>::zeros(context.shape.inserted(0, 1))).shape().erased(0);
  } catch (const Error& error) {
    problems.add("XG120", at, refused(name, context, error.what()));
    return nullptr;
  }
  layer->train();
  return layer;
}

struct ConvFields {
  std::int64_t out = 0, groups = 1;
  std::optional<std::int64_t> in;
  bool bias = true;
  Value kernel, stride, padding, dilation, init;

  void describe(Fields& f) {
    f("out", out, range::count, "channels of the result").required();
    f("kernel", kernel, "", "size of the window: a number, or one for each axis").required();
    f("in", in, range::count, "channels; follows from the layer before, checked if given");
    f("stride", stride, "", "distance between windows: a number, or one for each axis; default 1");
    f("padding", padding, "", "zeros around: numbers, \"same\" or \"valid\"; default 0");
    f("dilation", dilation, "", "distance between a window's elements; default 1");
    f("groups", groups, range::count, "groups of channels that see only their own");
    f("bias", bias, "add a number to each channel");
    f("init", init, "", "how the weights begin; default: the model's init");
  }
  /// Whether the channels fit; a problem says why not.
  bool check(const char* name, const Value& value, const LayerContext& context, std::size_t axes,
             Problems& problems) const {
    if (!check_sample(name, value, context, axes, problems)) return false;
    const std::int64_t channels = context.shape[0];
    if (in && *in != channels) {
      problems.add("XG120", value,
                   refused(name, context,
                           "in=" + std::to_string(*in) + " but receives " + std::to_string(channels) + " channels"));
      return false;
    }
    return out >= 1 && groups >= 1 && !kernel.is(Value::Type::null);
  }
};

/// A convolution over `axes` spatial axes.
template <std::size_t axes> struct ConvLayer : ConvFields {
  static constexpr const char* name = axes == 1 ? "conv1d" : "conv2d";
  static constexpr config::About about{axes == 1 ? "convolution along one axis of (C, L)"
                                                 : "convolution over two axes of (C, H, W)"};
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    const PerAxis size = per_axis(kernel, "kernel", 1, 1, axes, problems);
    const nn::ConvLayerOptions options{.stride = per_axis(stride, "stride", 1, 1, axes, problems),
                                       .padding = padding_of(padding, axes, problems),
                                       .dilation = per_axis(dilation, "dilation", 1, 1, axes, problems),
                                       .groups = groups,
                                       .bias = bias};
    if (!context.known || !check(name, value, context, axes, problems)) return nullptr;
    const std::int64_t channels = context.shape[0];
    if (channels % groups != 0 || out % groups != 0) {
      problems.add("XG120", value,
                   refused(name, context,
                           "groups=" + std::to_string(groups) + " must divide the channels in, " +
                               std::to_string(channels) + ", and out, " + std::to_string(out)));
      return nullptr;
    }
    auto layer = std::make_shared<nn::Convolution<T, axes>>(channels, out, size, options);
    apply_init(layer->weight, layer->bias, init, context, problems);
    return fitted<T>(name, layer, value, context, problems);
  }
};

struct ConvTranspose2dLayer : ConvFields {
  Value output_padding;
  static constexpr const char* name = "conv_transpose2d";
  static constexpr config::About about{"transposed convolution of (C, H, W)", "Zeiler et al. 2010"};
  void describe(Fields& f) {
    ConvFields::describe(f);
    f("output_padding", output_padding, "", "added behind the result; default 0");
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    const PerAxis size = per_axis(kernel, "kernel", 1, 1, 2, problems);
    const nn::ConvTransposeLayerOptions options{.stride = per_axis(stride, "stride", 1, 1, 2, problems),
                                                .padding = per_axis(padding, "padding", 0, 0, 2, problems),
                                                .output_padding =
                                                    per_axis(output_padding, "output_padding", 0, 0, 2, problems),
                                                .dilation = per_axis(dilation, "dilation", 1, 1, 2, problems),
                                                .groups = groups,
                                                .bias = bias};
    if (!context.known || !check(name, value, context, 2, problems)) return nullptr;
    try {
      auto layer = std::make_shared<nn::ConvTranspose2d<T>>(context.shape[0], out, size, options);
      apply_init(layer->weight, layer->bias, init, context, problems);
      return fitted<T>(name, layer, value, context, problems);
    } catch (const Error& error) {
      problems.add("XG120", value, refused(name, context, error.what()));
      return nullptr;
    }
  }
};

template <bool largest, std::size_t axes> struct PoolLayer {
  Value kernel, stride, padding;
  bool ceil_mode = false;
  static constexpr const char* name =
      largest ? (axes == 1 ? "max_pool1d" : "max_pool2d") : (axes == 1 ? "avg_pool1d" : "avg_pool2d");
  static constexpr config::About about{largest ? "the largest element of each window" : "the mean of each window"};
  void describe(Fields& f) {
    f("kernel", kernel, "", "size of the window: a number, or one for each axis").required();
    f("stride", stride, "", "distance between windows; default: the kernel");
    f("padding", padding, "", "elements around that do not count as larger, or count as 0; default 0");
    f("ceil_mode", ceil_mode, "also windows that end outside");
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    const PerAxis size = per_axis(kernel, "kernel", 1, 1, axes, problems),
                  step = per_axis(stride, "stride", 0, 1, axes, problems),
                  around = per_axis(padding, "padding", 0, 0, axes, problems);
    if (!context.known || kernel.is(Value::Type::null) || !check_sample(name, value, context, axes, problems))
      return nullptr;
    std::shared_ptr<nn::Module<T>> layer;
    if constexpr (largest) {
      const MaxPoolOptions options{.stride = step, .padding = around, .ceil_mode = ceil_mode};
      if constexpr (axes == 1)
        layer = std::make_shared<nn::MaxPool1d<T>>(size, options);
      else
        layer = std::make_shared<nn::MaxPool2d<T>>(size, options);
    } else {
      const AvgPoolOptions options{.stride = step, .padding = around, .ceil_mode = ceil_mode};
      if constexpr (axes == 1)
        layer = std::make_shared<nn::AvgPool1d<T>>(size, options);
      else
        layer = std::make_shared<nn::AvgPool2d<T>>(size, options);
    }
    return fitted<T>(name, layer, value, context, problems);
  }
};

struct AdaptiveAvgPoolLayer {
  Value size;
  static constexpr const char* name = "adaptive_avg_pool2d";
  static constexpr config::About about{"the means of as many windows as asked for"};
  void describe(Fields& f) { f("size", size, "", "height and width of the result, or one number").required(); }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    const PerAxis sizes = per_axis(size, "size", 1, 1, 2, problems);
    if (!context.known || size.is(Value::Type::null) || !check_sample(name, value, context, 2, problems))
      return nullptr;
    return fitted<T>(name, std::make_shared<nn::AdaptiveAvgPool2d<T>>(sizes), value, context, problems);
  }
};

struct GlobalAvgPoolLayer {
  static constexpr const char* name = "global_avg_pool";
  static constexpr config::About about{"the mean of each channel: (C, spatial...) -> (C, 1...)"};
  void describe(Fields&) {}
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!context.known) return nullptr;
    return fitted<T>(name, std::make_shared<nn::GlobalAvgPool<T>>(), value, context, problems);
  }
};

struct UpsampleLayer {
  std::int64_t factor = 2;
  std::string mode = "nearest";
  static constexpr const char* name = "upsample";
  static constexpr config::About about{"enlarges the spatial axes"};
  void describe(Fields& f) {
    f("factor", factor, range::count, "how many times");
    f("mode", mode, config::OneOf{"nearest|bilinear"}, "repeat elements or interpolate");
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!context.known || factor < 1) return nullptr;
    const auto how = mode == "nearest" ? nn::Interpolation::nearest : nn::Interpolation::bilinear;
    return fitted<T>(name, std::make_shared<nn::Upsample<T>>(factor, how), value, context, problems);
  }
};

struct BatchNormLayer {
  double eps = 1e-5, momentum = 0.1;
  bool affine = true;
  static constexpr const char* name = "batch_norm";
  static constexpr config::About about{"normalises each channel over the batch", "arXiv:1502.03167"};
  void describe(Fields& f) {
    f("eps", eps, range::positive, "added to the variance");
    f("momentum", momentum, range::unit, "weight of the newest batch in the running statistics");
    f("affine", affine, "learn a scale and a shift for each channel");
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!context.known || context.shape.rank() == 0) return nullptr;
    if (context.fewest == 1 && context.shape.size() == static_cast<std::size_t>(context.shape[0]))
      problems.add("XG120", value, "layer \"batch_norm\": an epoch has a batch of one sample, which has no variance",
                   "set data.drop_last to true, or another data.batch_size");
    const nn::BatchNormOptions options{.eps = eps, .momentum = momentum, .affine = affine};
    return fitted<T>(name, std::make_shared<nn::BatchNorm<T>>(context.shape[0], options), value, context, problems);
  }
};

/// Layer norm, or rms norm.
template <bool centered> struct LastAxesNorm {
  double eps = centered ? 1e-5 : 1e-6;
  std::int64_t axes = 1;
  bool affine = true;
  static constexpr const char* name = centered ? "layer_norm" : "rms_norm";
  static constexpr config::About about{centered ? "normalises over the last axes" : "scales by the root mean square",
                                       centered ? "arXiv:1607.06450" : "arXiv:1910.07467"};
  void describe(Fields& f) {
    f("axes", axes, range::count, "over how many of the last axes");
    f("eps", eps, range::positive, "added to the variance");
    f("affine", affine, "learn a factor for each element");
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!context.known) return nullptr;
    const std::size_t rank = context.shape.rank();
    if (axes < 1 || static_cast<std::size_t>(axes) > rank) {
      problems.add("XG120", value,
                   refused(name, context,
                           "axes=" + std::to_string(axes) + " for samples of shape " + context.shape.to_string()));
      return nullptr;
    }
    const Shape last(context.shape.sizes().last(static_cast<std::size_t>(axes)));
    const nn::NormOptions options{.eps = eps, .affine = affine};
    if constexpr (centered)
      return fitted<T>(name, std::make_shared<nn::LayerNorm<T>>(last, options), value, context, problems);
    else
      return fitted<T>(name, std::make_shared<nn::RMSNorm<T>>(last, options), value, context, problems);
  }
};

struct GroupNormLayer {
  std::int64_t groups = 0;
  double eps = 1e-5;
  bool affine = true;
  static constexpr const char* name = "group_norm";
  static constexpr config::About about{"normalises groups of channels of each sample", "arXiv:1803.08494"};
  void describe(Fields& f) {
    f("groups", groups, range::count, "how many; divides the channels").required();
    f("eps", eps, range::positive, "added to the variance");
    f("affine", affine, "learn a scale and a shift for each channel");
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!context.known || context.shape.rank() == 0 || groups < 1) return nullptr;
    if (context.shape[0] % groups != 0) {
      problems.add("XG120", value,
                   refused(name, context,
                           "groups=" + std::to_string(groups) + " must divide the " + std::to_string(context.shape[0]) +
                               " channels"));
      return nullptr;
    }
    const nn::NormOptions options{.eps = eps, .affine = affine};
    return fitted<T>(name, std::make_shared<nn::GroupNorm<T>>(groups, context.shape[0], options), value, context,
                     problems);
  }
};

struct InstanceNormLayer {
  double eps = 1e-5;
  bool affine = false;
  static constexpr const char* name = "instance_norm";
  static constexpr config::About about{"normalises each channel of each sample", "arXiv:1607.08022"};
  void describe(Fields& f) {
    f("eps", eps, range::positive, "added to the variance");
    f("affine", affine, "learn a scale and a shift for each channel");
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!context.known || context.shape.rank() == 0) return nullptr;
    const nn::NormOptions options{.eps = eps, .affine = affine};
    return fitted<T>(name, std::make_shared<nn::InstanceNorm<T>>(context.shape[0], options), value, context, problems);
  }
};

struct Dropout2dLayer {
  double p = 0.5;
  static constexpr const char* name = "dropout2d";
  static constexpr config::About about{"zeroes whole channels while training", "arXiv:1411.4280"};
  void describe(Fields& f) { f("p", p, range::unit, "probability"); }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!context.known || !check_sample(name, value, context, 2, problems)) return nullptr;
    return std::make_shared<nn::Dropout2d<T>>(p);
  }
};

}  // namespace

void add_spatial_layers(config::Registry<LayerRow>& registry) {
  registry.add(row<ConvLayer<1>>());
  registry.add(row<ConvLayer<2>>());
  registry.add(row<ConvTranspose2dLayer>());
  registry.add(row<PoolLayer<true, 1>>());
  registry.add(row<PoolLayer<true, 2>>());
  registry.add(row<PoolLayer<false, 1>>());
  registry.add(row<PoolLayer<false, 2>>());
  registry.add(row<AdaptiveAvgPoolLayer>());
  registry.add(row<GlobalAvgPoolLayer>());
  registry.add(row<UpsampleLayer>());
  registry.add(row<BatchNormLayer>());
  registry.add(row<LastAxesNorm<true>>());
  registry.add(row<LastAxesNorm<false>>());
  registry.add(row<GroupNormLayer>());
  registry.add(row<InstanceNormLayer>());
  registry.add(row<Dropout2dLayer>());
}

}  // namespace xgrad::train
