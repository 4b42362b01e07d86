// SPDX-License-Identifier: BSD-3-Clause
// Convolution, its input gradient (the transposed convolution) and its weight gradient are linear in each argument, and
// the gradients of each are the other two: three operations close under differentiation.
#include "xgrad/ops/convolution.hpp"

#include <string_view>

#include "kernels/convolution.hpp"
#include "kernels/kernels.hpp"
#include "ops/rows.hpp"
#include "ops/windows.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::ConvGeometry;

std::int64_t to_signed(std::size_t size) { return static_cast<std::int64_t>(size); }
std::size_t to_size(std::int64_t size) { return static_cast<std::size_t>(size); }

template <class T>
Tensor<T> input_gradient(const Tensor<T>& g, const Tensor<T>& weight, const ConvGeometry& s, const Shape& x_shape);
template <class T>
Tensor<T> weight_gradient(const Tensor<T>& x, const Tensor<T>& g, const ConvGeometry& s, const Shape& weight_shape);

/// The sum over samples and positions for each of g's channels.
template <class T> Tensor<T> channel_sums(const Tensor<T>& g) {
  return sum(flatten(g.rank() == 2 ? unsqueeze(g, -1) : g, 2), {0, 2});
}

/// Whether only backward of n reads g, and no more after n: something else may be written in its place.
template <class T> bool is_last_reader(const Node<T>& n, const Tensor<T>& g) {
  return !n.hooks && detail::count_of(g.node()->references) == 1 && g.storage().unique();
}

/// d = y > 0 ? g : 0 (g itself if y is null) and its channel sums (left out if null), in one pass; d may be g.
template <class T>
void masked_channel_sums(const T* y, const T* g, T* d, T* sums, std::size_t samples, std::size_t channels,
                         std::size_t positions) {
  Storage<T> partial(samples * channels);
  detail::for_rows(samples * channels, positions, [&](std::size_t first, std::size_t count) {
    const std::size_t at = first * positions;
    detail::kernels<T>().masked_row_sums(y ? y + at : nullptr, g + at, d ? d + at : nullptr, partial.data() + first,
                                         count, positions);
  });
  if (!sums) return;
  for (std::size_t c = 0; c < channels; ++c) {
    double total = 0;
    for (std::size_t n = 0; n < samples; ++n) total += static_cast<double>(partial[n * channels + c]);
    sums[c] = static_cast<T>(total);
  }
}

/// x * weight + bias with its activation, of shape `shape`; bias may be undefined.
template <class T>
Tensor<T> correlate(const char* name, const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias,
                    Activation activation, const ConvGeometry& s, const Shape& shape) {
  const bool relu = activation == Activation::relu;
  Storage<T> value(shape.size());
  if (shape.size() > 0)
    detail::convolution(s, x.data(), weight.data(), bias.defined() ? bias.data() : nullptr, relu, value.data());
  const auto vjp = [s, relu](Node<T>& n, const Tensor<T>& g) {
    const bool wants_bias = n.input_count == 3 && n.wants(2);
    const bool in_place = is_last_reader(n, g);
    Tensor<T> d = g, bias_gradient;
    if (is_grad_enabled()) {
      if (relu) d = where(n.output() > 0, g, 0);
      if (wants_bias) bias_gradient = channel_sums(d);
    } else if (relu || wants_bias) {
      if (relu && !in_place) d = Tensor<T>::empty(n.shape);
      if (wants_bias) bias_gradient = Tensor<T>::empty(n.input_shape(2));
      masked_channel_sums(relu ? n.output_data() : nullptr, g.data(), relu ? const_cast<T*>(d.data()) : nullptr,
                          wants_bias ? const_cast<T*>(bias_gradient.data()) : nullptr, s.samples, s.out, s.positions());
    }
    if (wants_bias) n.give(2, std::move(bias_gradient));
    if (n.wants(0)) n.give(0, input_gradient(d, n.input(1), s, n.input_shape(0)));
    if (n.wants(1)) n.give(1, weight_gradient(n.input(0), d, s, n.input_shape(1)));
  };
  const SavedMask saved = kSaveInputs | (relu ? kSaveOutput : kSaveNothing);
  if (bias.defined()) return record<T>(name, shape, std::move(value), saved, vjp, x, weight, bias);
  return record<T>(name, shape, std::move(value), saved, vjp, x, weight);
}

template <class T>
Tensor<T> input_gradient(const Tensor<T>& g, const Tensor<T>& weight, const ConvGeometry& s, const Shape& x_shape) {
  Storage<T> value(x_shape.size());
  if (x_shape.size() > 0) detail::convolution_input_gradient(s, g.data(), weight.data(), value.data());
  return record<T>(
      "conv_input_gradient", x_shape, std::move(value), kSaveInputs,
      [s](Node<T>& n, const Tensor<T>& h) {
        if (n.wants(0)) n.give(0, correlate<T>("conv", h, n.input(1), {}, Activation::none, s, n.input_shape(0)));
        if (n.wants(1)) n.give(1, weight_gradient(h, n.input(0), s, n.input_shape(1)));
      },
      g, weight);
}

template <class T>
Tensor<T> weight_gradient(const Tensor<T>& x, const Tensor<T>& g, const ConvGeometry& s, const Shape& weight_shape) {
  Storage<T> value(weight_shape.size());
  if (weight_shape.size() > 0) detail::convolution_weight_gradient(s, x.data(), g.data(), value.data());
  return record<T>(
      "conv_weight_gradient", weight_shape, std::move(value), kSaveInputs,
      [s](Node<T>& n, const Tensor<T>& h) {
        if (n.wants(0)) n.give(0, input_gradient(n.input(1), h, s, n.input_shape(0)));
        if (n.wants(1)) n.give(1, correlate<T>("conv", n.input(0), h, {}, Activation::none, s, n.input_shape(1)));
      },
      x, g);
}

/// Where a window's numbers of `axes` spatial axes go among the three of a geometry.
std::array<std::size_t, 3> as_three(const std::array<std::size_t, 3>& values, std::size_t axes, std::size_t filler) {
  std::array<std::size_t, 3> result{filler, filler, filler};
  for (std::size_t axis = 0; axis < axes; ++axis) result[3 - axes + axis] = values[axis];
  return result;
}

std::array<std::size_t, 3> spatial_of(const Shape& shape, std::size_t axes) {
  std::array<std::size_t, 3> result{1, 1, 1};
  for (std::size_t axis = 0; axis < axes; ++axis) result[3 - axes + axis] = to_size(shape[shape.rank() - axes + axis]);
  return result;
}

Shape image_shape(std::size_t samples, std::size_t channels, const std::array<std::size_t, 3>& spatial,
                  std::size_t axes) {
  Shape shape{to_signed(samples), to_signed(channels)};
  for (std::size_t axis = 3 - axes; axis < 3; ++axis) shape.push_back(to_signed(spatial[axis]));
  return shape;
}

/// Checks what all convolutions share, and fills in all but sizes and results.
ConvGeometry begin_geometry(const char* name, const Shape& x, const Shape& weight, std::size_t axes,
                            const PerAxis& stride, const PerAxis& dilation, std::int64_t groups) {
  detail::check_image(name, "x", x, axes);
  XGRAD_CHECK(weight.rank() == axes + 2, name, ": weight has shape ", weight, "; expected rank ", axes + 2,
              " for x of shape ", x);
  XGRAD_CHECK(groups >= 1, name, ": groups is ", groups, "; expected >= 1");
  ConvGeometry s;
  s.samples = x.rank() == axes + 2 ? to_size(x[0]) : 1;
  s.groups = to_size(groups);
  s.kernel = spatial_of(weight, axes);
  s.stride = as_three(detail::numbers_for(name, "stride", stride, axes, 1), axes, 1);
  s.dilation = as_three(detail::numbers_for(name, "dilation", dilation, axes, 1), axes, 1);
  for (std::size_t axis = 0; axis < 3; ++axis)
    XGRAD_CHECK(s.kernel[axis] > 0, name, ": weight has shape ", weight, "; expected a kernel of at least one element");
  return s;
}

void check_bias(const char* name, const Shape* bias, std::size_t out, const Shape& weight) {
  XGRAD_CHECK(!bias || *bias == Shape{to_signed(out)}, name, ": bias has shape ", *bias, "; expected (", out,
              ",) for weight ", weight);
}

/// The number of windows along each axis. Throws Error if there is none.
void set_result(const char* name, ConvGeometry& s, const std::array<std::size_t, 3>& padding, const Shape& x) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::size_t padded = s.size[axis] + padding[axis], window = s.dilation[axis] * (s.kernel[axis] - 1) + 1;
    XGRAD_CHECK(padded >= window, name, ": x of shape ", x, " is ", padded, " long with its padding, a window ", window,
                "; expected room for at least one");
    s.result[axis] = (padded - window) / s.stride[axis] + 1;
  }
}

template <class T>
Tensor<T> convolve(const char* name, const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias,
                   const ConvOptions& options, Activation activation, std::size_t axes) {
  ConvGeometry s =
      begin_geometry(name, x.shape(), weight.shape(), axes, options.stride, options.dilation, options.groups);
  XGRAD_CHECK(activation == Activation::none || activation == Activation::relu, name,
              ": only relu is computed in the same pass");
  s.size = spatial_of(x.shape(), axes);
  s.in = to_size(x.shape()[x.rank() - axes - 1]);
  s.out = to_size(weight.shape()[0]);
  XGRAD_CHECK(s.in % s.groups == 0 && s.out % s.groups == 0, name, ": groups is ", s.groups,
              "; expected a divisor of the ", s.in, " channels of x ", x.shape(), " and of the ", s.out, " of weight ",
              weight.shape());
  XGRAD_CHECK(weight.shape()[1] == to_signed(s.in / s.groups), name, ": x ", x.shape(), " has ", s.in,
              " channels, but weight ", weight.shape(), " with groups = ", s.groups, " is for ",
              to_size(weight.shape()[1]) * s.groups);
  check_bias(name, bias.defined() ? &bias.shape() : nullptr, s.out, weight.shape());
  std::array<std::size_t, 3> padding{};
  if (options.padding.is_same()) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      XGRAD_CHECK(s.stride[axis] == 1, name, ": padding \"same\" with stride ", options.stride, "; expected stride 1");
      padding[axis] = s.dilation[axis] * (s.kernel[axis] - 1);
      s.before[axis] = padding[axis] / 2;
    }
  } else {
    s.before = as_three(detail::numbers_for(name, "padding", options.padding.sizes(), axes, 0), axes, 0);
    for (std::size_t axis = 0; axis < 3; ++axis) padding[axis] = 2 * s.before[axis];
  }
  set_result(name, s, padding, x.shape());
  const Shape shape = image_shape(s.samples, s.out, s.result, axes);
  if (x.rank() == axes + 2) return correlate(name, x, weight, bias, activation, s, shape);
  return squeeze(correlate(name, unsqueeze(x, 0), weight, bias, activation, s, shape), 0);
}

template <class T>
Tensor<T> convolve_transposed(const char* name, const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias,
                              const ConvTransposeOptions& options, std::size_t axes) {
  // The geometry is that of the convolution whose input gradient this is: x is its result.
  ConvGeometry s =
      begin_geometry(name, x.shape(), weight.shape(), axes, options.stride, options.dilation, options.groups);
  s.result = spatial_of(x.shape(), axes);
  s.out = to_size(x.shape()[x.rank() - axes - 1]);
  s.in = to_size(weight.shape()[1]) * s.groups;
  XGRAD_CHECK(s.out % s.groups == 0, name, ": groups is ", s.groups, "; expected a divisor of the ", s.out,
              " channels of x ", x.shape());
  XGRAD_CHECK(weight.shape()[0] == to_signed(s.out), name, ": x ", x.shape(), " has ", s.out, " channels, but weight ",
              weight.shape(), " is for ", weight.shape()[0]);
  check_bias(name, bias.defined() ? &bias.shape() : nullptr, s.in, weight.shape());
  s.before = as_three(detail::numbers_for(name, "padding", options.padding, axes, 0), axes, 0);
  const auto extra = as_three(detail::numbers_for(name, "output_padding", options.output_padding, axes, 0), axes, 0);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    XGRAD_CHECK(extra[axis] < std::max(s.stride[axis], s.dilation[axis]), name, ": output_padding ",
                options.output_padding, "; expected less than the stride or the dilation");
    const std::int64_t size = (to_signed(s.result[axis]) - 1) * to_signed(s.stride[axis]) -
                              2 * to_signed(s.before[axis]) + to_signed(s.dilation[axis] * (s.kernel[axis] - 1)) +
                              to_signed(extra[axis]) + 1;
    XGRAD_CHECK(size > 0, name, ": x ", x.shape(), " with weight ", weight.shape(), " and padding ", options.padding,
                " leaves an axis of ", size, "; expected at least 1");
    s.size[axis] = to_size(size);
  }
  const Tensor<T> images = x.rank() == axes + 2 ? x : unsqueeze(x, 0);
  Tensor<T> y = input_gradient(images, weight, s, image_shape(s.samples, s.in, s.size, axes));
  if (bias.defined()) {
    Shape per_channel{to_signed(s.in)};
    for (std::size_t axis = 0; axis < axes; ++axis) per_channel.push_back(1);
    y = y + reshape(bias, per_channel);
  }
  return x.rank() == axes + 2 ? y : squeeze(y, 0);
}

ConvGeometry window_geometry(const char* name, const std::array<std::size_t, 3>& size, const PerAxis& kernel,
                             const WindowOptions& options, const Shape& x) {
  ConvGeometry s;
  s.size = size;
  s.kernel = as_three(detail::numbers_for(name, "kernel", kernel, 2, 1), 2, 1);
  s.stride = as_three(detail::numbers_for(name, "stride", options.stride, 2, 1), 2, 1);
  s.dilation = as_three(detail::numbers_for(name, "dilation", options.dilation, 2, 1), 2, 1);
  s.before = as_three(detail::numbers_for(name, "padding", options.padding, 2, 0), 2, 0);
  set_result(name, s, {2 * s.before[0], 2 * s.before[1], 2 * s.before[2]}, x);
  return s;
}

template <class T> Tensor<T> columns_to_images(const Tensor<T>& columns, const ConvGeometry& s, const Shape& shape);

template <class T> Tensor<T> images_to_columns(const Tensor<T>& x, const ConvGeometry& s) {
  const std::size_t channels = to_size(x.shape()[1]), rows = channels * s.kernel_positions();
  const Shape shape{x.shape()[0], to_signed(rows), to_signed(s.positions())};
  Storage<T> value(shape.size());
  T* columns = value.data();
  parallel_for(to_size(x.shape()[0]), [&](std::size_t n) {
    detail::im2col(s, channels, x.data() + n * channels * s.input_positions(), columns + n * rows * s.positions());
  });
  return record<T>(
      "unfold2d", shape, std::move(value), kSaveNothing,
      [s](Node<T>& n, const Tensor<T>& g) { n.give(0, columns_to_images(g, s, n.input_shape(0))); }, x);
}

template <class T> Tensor<T> columns_to_images(const Tensor<T>& columns, const ConvGeometry& s, const Shape& shape) {
  const std::size_t channels = to_size(shape[1]), rows = channels * s.kernel_positions();
  Storage<T> value(shape.size(), T{0});
  T* x = value.data();
  parallel_for(to_size(shape[0]), [&](std::size_t n) {
    detail::col2im(s, channels, columns.data() + n * rows * s.positions(), x + n * channels * s.input_positions());
  });
  return record<T>(
      "fold2d", shape, std::move(value), kSaveNothing,
      [s](Node<T>& n, const Tensor<T>& g) { n.give(0, images_to_columns(g, s)); }, columns);
}

}  // namespace

ConvPadding::ConvPadding(const char* name) : same_(std::string_view(name) == "same") {
  XGRAD_CHECK(same_ || std::string_view(name) == "valid", "ConvPadding: \"", name,
              "\"; expected \"same\", \"valid\" or numbers");
}

template <class T>
Tensor<T> conv1d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias, const ConvOptions& options,
                 Activation activation) {
  return convolve("conv1d", x, weight, bias, options, activation, 1);
}
template <class T>
Tensor<T> conv2d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias, const ConvOptions& options,
                 Activation activation) {
  return convolve("conv2d", x, weight, bias, options, activation, 2);
}
template <class T>
Tensor<T> conv3d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias, const ConvOptions& options,
                 Activation activation) {
  return convolve("conv3d", x, weight, bias, options, activation, 3);
}

template <class T>
Tensor<T> conv_transpose1d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias,
                           const ConvTransposeOptions& options) {
  return convolve_transposed("conv_transpose1d", x, weight, bias, options, 1);
}
template <class T>
Tensor<T> conv_transpose2d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias,
                           const ConvTransposeOptions& options) {
  return convolve_transposed("conv_transpose2d", x, weight, bias, options, 2);
}
template <class T>
Tensor<T> conv_transpose3d(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias,
                           const ConvTransposeOptions& options) {
  return convolve_transposed("conv_transpose3d", x, weight, bias, options, 3);
}

template <class T> Tensor<T> unfold2d(const Tensor<T>& x, const PerAxis& kernel, const WindowOptions& options) {
  XGRAD_CHECK(x.rank() == 4, "unfold2d: x has shape ", x.shape(), "; expected (N, C, H, W)");
  return images_to_columns(x, window_geometry("unfold2d", spatial_of(x.shape(), 2), kernel, options, x.shape()));
}

template <class T>
Tensor<T> fold2d(const Tensor<T>& columns, const PerAxis& size, const PerAxis& kernel, const WindowOptions& options) {
  XGRAD_CHECK(columns.rank() == 3, "fold2d: the columns have shape ", columns.shape(),
              "; expected (N, C KH KW, windows)");
  const auto spatial = as_three(detail::numbers_for("fold2d", "size", size, 2, 1), 2, 1);
  const ConvGeometry s =
      window_geometry("fold2d", spatial, kernel, options, Shape{to_signed(spatial[1]), to_signed(spatial[2])});
  const std::size_t rows = to_size(columns.shape()[1]);
  XGRAD_CHECK(rows % s.kernel_positions() == 0 && columns.shape()[2] == to_signed(s.positions()),
              "fold2d: the columns have shape ", columns.shape(), "; expected (N, C ", s.kernel_positions(), ", ",
              s.positions(), ") for size ", size, " and kernel ", kernel);
  return columns_to_images(columns, s,
                           image_shape(to_size(columns.shape()[0]), rows / s.kernel_positions(), spatial, 2));
}

#define XGRAD_INSTANTIATE(T)                                                                                       \
  template Tensor<T> conv1d(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const ConvOptions&, Activation); \
  template Tensor<T> conv2d(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const ConvOptions&, Activation); \
  template Tensor<T> conv3d(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const ConvOptions&, Activation); \
  template Tensor<T> conv_transpose1d(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&,                        \
                                      const ConvTransposeOptions&);                                                \
  template Tensor<T> conv_transpose2d(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&,                        \
                                      const ConvTransposeOptions&);                                                \
  template Tensor<T> conv_transpose3d(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&,                        \
                                      const ConvTransposeOptions&);                                                \
  template Tensor<T> unfold2d(const Tensor<T>&, const PerAxis&, const WindowOptions&);                             \
  template Tensor<T> fold2d(const Tensor<T>&, const PerAxis&, const PerAxis&, const WindowOptions&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
