// SPDX-License-Identifier: BSD-3-Clause
// Forward and backward are fused kernels; second derivatives go through the formula in recorded operations.
#include "xgrad/ops/normalization.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "kernels/kernels.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/linalg.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

/// The inputs of a normalisation: x, then weight and bias where they are defined.
template <class T> struct Inputs {
  std::array<Node<T>*, 3> nodes{};
  std::size_t count = 1, weight = 0, bias = 0;  // weight, bias: their places; 0 if undefined

  Inputs(const Tensor<T>& x, const Tensor<T>& weight_, const Tensor<T>& bias_) {
    nodes[0] = x.node();
    if (weight_.defined()) nodes[weight = count++] = weight_.node();
    if (bias_.defined()) nodes[bias = count++] = bias_.node();
  }
  std::span<Node<T>* const> span() const { return {nodes.data(), count}; }
  SavedMask all() const { return (SavedMask{1} << count) - 1; }
};

template <class T> const T* data_or_null(const Tensor<T>& t) { return t.defined() ? t.data() : nullptr; }

/// A place for the gradient of input k of `node`, or none.
template <class T> struct Target {
  Tensor<T> gradient;

  Target(Node<T>& node, std::size_t k, bool present = true) {
    if (present && node.wants(k)) gradient = Tensor<T>::empty(node.input_shape(k));
  }
  T* data() const { return gradient.defined() ? const_cast<T*>(gradient.data()) : nullptr; }
  void give(Node<T>& node, std::size_t k) {
    if (gradient.defined()) node.give(k, std::move(gradient));
  }
};

/// (x - mean) / sqrt(variance + eps) over the axes, in recorded operations.
template <class T> Tensor<T> standardize(const Tensor<T>& x, const Axes& axes, double eps, bool centered = true) {
  const Tensor<T> d = centered ? x - mean(x, axes, true) : x;
  return d / sqrt(mean(square(d), axes, true) + eps);
}

// Layer norm and rms norm: along rows.

template <class T>
Tensor<T> normalize_last(const char* name, const Tensor<T>& x, const Shape& normalized, const Tensor<T>& weight,
                         const Tensor<T>& bias, double eps, bool centered) {
  const std::size_t rank = normalized.rank();
  bool fits = rank >= 1 && rank <= x.rank();
  for (std::size_t i = 0; fits && i < rank; ++i) fits = x.shape()[x.rank() - rank + i] == normalized[i];
  XGRAD_CHECK(fits, name, ": x has shape ", x.shape(), ", normalized_shape is ", normalized,
              "; expected the last sizes of x");
  XGRAD_CHECK(!weight.defined() || weight.shape() == normalized, name, ": weight has shape ", weight.shape(),
              "; expected ", normalized);
  XGRAD_CHECK(!bias.defined() || bias.shape() == normalized, name, ": bias has shape ", bias.shape(), "; expected ",
              normalized);
  const std::size_t cols = normalized.size(), rows = cols == 0 ? 0 : x.size() / cols;
  Storage<T> value(x.size());
  Data<T> statistics(Shape{2, static_cast<std::int64_t>(rows)});
  T* y = value.data();
  T *means = statistics.data(), *rstds = means + rows;
  detail::for_rows(rows, cols, [&](std::size_t first, std::size_t count) {
    detail::kernels<T>().normalize_rows(x.data() + first * cols, data_or_null(weight), data_or_null(bias),
                                        y + first * cols, means + first, rstds + first, count, cols, eps, centered);
  });
  const Inputs<T> inputs(x, weight, bias);
  const auto vjp = [statistics, rows, cols, eps, centered, rank, weight_place = inputs.weight,
                    bias_place = inputs.bias](Node<T>& n, const Tensor<T>& g) {
    if (is_grad_enabled()) {
      std::vector<std::int64_t> axes;
      for (std::size_t i = 1; i <= rank; ++i) axes.push_back(-static_cast<std::int64_t>(i));
      Tensor<T> formula = standardize(n.input(0), axes, eps, centered);
      if (weight_place) formula = formula * n.input(weight_place);
      if (bias_place) formula = formula + n.input(bias_place);
      return n.substitute(formula, g);
    }
    Target<T> dx(n, 0), dweight(n, weight_place, weight_place > 0), dbias(n, bias_place, bias_place > 0);
    const T *x_data = n.input_data(0), *w = weight_place ? n.input_data(weight_place) : nullptr;
    const T *mean_data = statistics.data(), *rstd_data = mean_data + rows;
    // Blocks of rows, whose sums are added in order.
    constexpr std::size_t kBlock = 16384;  // elements
    const std::size_t block = std::max<std::size_t>(kBlock / std::max<std::size_t>(cols, 1), 1);
    const std::size_t blocks = (rows + block - 1) / block;
    Storage<T> sums(blocks * 2 * cols, T{0});
    T *sum_data = sums.data(), *dx_data = dx.data();
    const bool wants_weight = dweight.data(), wants_bias = dbias.data();
    parallel_for(blocks, [&](std::size_t b) {
      const std::size_t first = b * block, at = first * cols;
      T* own = sum_data + b * 2 * cols;
      detail::kernels<T>().normalize_rows_backward(x_data + at, g.data() + at, w, mean_data + first, rstd_data + first,
                                                   dx_data ? dx_data + at : nullptr, wants_weight ? own : nullptr,
                                                   wants_bias ? own + cols : nullptr, std::min(block, rows - first),
                                                   cols, centered);
    });
    const auto collect = [&](T* target, std::size_t offset) {
      if (!target) return;
      std::fill_n(target, cols, T{0});
      for (std::size_t b = 0; b < blocks; ++b)
        detail::kernels<T>().add_in_place(target, sum_data + b * 2 * cols + offset, cols);
    };
    collect(dweight.data(), 0);
    collect(dbias.data(), cols);
    dx.give(n, 0);
    dweight.give(n, weight_place);
    dbias.give(n, bias_place);
  };
  return record<T>(name, x.shape(), std::move(value), inputs.all(), vjp, inputs.span());
}

// Batch, group and instance norm: x (samples, channels, length) in segments of `length`, one for each sample and
// channel; a group is a channel of all samples, or some channels of one.

struct Layout {
  std::size_t samples, channels, length;
  std::size_t per_group = 0;  // channels of one sample that share statistics; 0: a channel of all samples

  std::size_t groups() const { return per_group ? samples * channels / per_group : channels; }
  std::size_t group_size() const { return length * (per_group ? per_group : samples); }
  std::size_t group_of(std::size_t segment) const { return per_group ? segment / per_group : segment % channels; }

  template <class T> void statistics(const T* x, T* means, T* variances) const {
    parallel_for(groups(), [&](std::size_t group) {
      const auto& moments = detail::kernels<T>().moments;
      if (per_group)
        moments(x + group * group_size(), 1, group_size(), 0, true, means + group, variances + group);
      else
        moments(x + group * length, samples, length, channels * length, true, means + group, variances + group);
    });
  }
  /// The formula in recorded operations; constant statistics are given, batch's are not.
  template <class T>
  Tensor<T> recorded(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias, double eps,
                     const Tensor<T>& mean_ = {}, const Tensor<T>& rstd = {}) const {
    const auto n = static_cast<std::int64_t>(samples), c = static_cast<std::int64_t>(channels),
               l = static_cast<std::int64_t>(length);
    const Shape flat{n, c, l}, per_channel{c, 1};
    Tensor<T> y = reshape(x, flat);
    if (mean_.defined())
      y = (y - reshape(mean_, per_channel)) * reshape(rstd, per_channel);
    else if (per_group)
      y = reshape(
          standardize(reshape(y, Shape{static_cast<std::int64_t>(groups()), static_cast<std::int64_t>(group_size())}),
                      -1, eps),
          flat);
    else
      y = standardize(y, {0, 2}, eps);
    if (weight.defined()) y = y * reshape(weight, per_channel);
    if (bias.defined()) y = y + reshape(bias, per_channel);
    return reshape(y, x.shape());
  }
};

template <class T> struct Statistics {
  Data<T> means, rstds;
  bool constant = false;  // not made of x
};

template <class T>
void segments_backward(Node<T>& n, const Tensor<T>& g, const Layout& layout, const Statistics<T>& statistics,
                       std::size_t weight_place, std::size_t bias_place) {
  const std::size_t segments = layout.samples * layout.channels, length = layout.length;
  Target<T> dx(n, 0), dweight(n, weight_place, weight_place > 0), dbias(n, bias_place, bias_place > 0);
  const T *x = n.input_data(0), *weight = weight_place ? n.input_data(weight_place) : nullptr;
  const T *means = statistics.means.data(), *rstds = statistics.rstds.data();
  const auto weight_of = [&](std::size_t segment) {
    return weight ? static_cast<double>(weight[segment % layout.channels]) : 1;
  };
  Storage<double> sums(2 * segments), group_sums(2 * layout.groups(), 0.0);
  double* sum_data = sums.data();
  detail::for_rows(segments, length, [&](std::size_t first, std::size_t count) {
    for (std::size_t s = first; s < first + count; ++s)
      detail::kernels<T>().segment_gradient_sums(x + s * length, g.data() + s * length, length,
                                                 means[layout.group_of(s)], sum_data + 2 * s);
  });
  if (dweight.data() || dbias.data())
    for (std::size_t c = 0; c < layout.channels; ++c) {
      double of_weight = 0, of_bias = 0;
      for (std::size_t s = c; s < segments; s += layout.channels) {
        of_bias += sum_data[2 * s];
        of_weight += sum_data[2 * s + 1] * static_cast<double>(rstds[layout.group_of(s)]);
      }
      if (dweight.data()) dweight.data()[c] = static_cast<T>(of_weight);
      if (dbias.data()) dbias.data()[c] = static_cast<T>(of_bias);
    }
  if (T* target = dx.data()) {
    const auto count = static_cast<double>(layout.group_size());
    if (!statistics.constant)
      for (std::size_t s = 0; s < segments; ++s)
        for (std::size_t k = 0; k < 2; ++k)
          group_sums[2 * layout.group_of(s) + k] += weight_of(s) * sum_data[2 * s + k] / count;
    detail::for_rows(segments, length, [&](std::size_t first, std::size_t rows) {
      for (std::size_t s = first; s < first + rows; ++s) {
        const std::size_t group = layout.group_of(s);
        const auto r = static_cast<double>(rstds[group]);
        detail::kernels<T>().normalize_segment_backward(x + s * length, g.data() + s * length, target + s * length,
                                                        length, means[group], static_cast<T>(r * weight_of(s)),
                                                        static_cast<T>(-r * r * r * group_sums[2 * group + 1]),
                                                        static_cast<T>(-r * group_sums[2 * group]));
      }
    });
  }
  dx.give(n, 0);
  dweight.give(n, weight_place);
  dbias.give(n, bias_place);
}

/// x normalised by statistics that are known.
template <class T>
Tensor<T> normalize_segments(const char* name, const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias,
                             const Layout& layout, const Statistics<T>& statistics, double eps) {
  Storage<T> value(x.size());
  T* y = value.data();
  const std::size_t length = layout.length;
  detail::for_rows(layout.samples * layout.channels, length, [&](std::size_t first, std::size_t count) {
    for (std::size_t s = first; s < first + count; ++s) {
      const std::size_t group = layout.group_of(s), channel = s % layout.channels;
      detail::kernels<T>().normalize_segment(
          x.data() + s * length, y + s * length, length, statistics.means.data()[group],
          statistics.rstds.data()[group] * (weight.defined() ? weight.data()[channel] : T{1}),
          bias.defined() ? bias.data()[channel] : T{0});
    }
  });
  const Inputs<T> inputs(x, weight, bias);
  const auto vjp = [layout, statistics, eps, weight_place = inputs.weight,
                    bias_place = inputs.bias](Node<T>& n, const Tensor<T>& g) {
    if (!is_grad_enabled()) return segments_backward(n, g, layout, statistics, weight_place, bias_place);
    Tensor<T> constant_mean, constant_rstd;
    if (statistics.constant) {
      constant_mean = Tensor<T>(statistics.means.shape(), statistics.means.values());
      constant_rstd = Tensor<T>(statistics.rstds.shape(), statistics.rstds.values());
    }
    n.substitute(layout.recorded(n.input(0), weight_place ? n.input(weight_place) : Tensor<T>(),
                                 bias_place ? n.input(bias_place) : Tensor<T>(), eps, constant_mean, constant_rstd),
                 g);
  };
  return record<T>(name, x.shape(), std::move(value), inputs.all(), vjp, inputs.span());
}

template <class T> T inverse_deviation(T variance, double eps) {
  return static_cast<T>(1 / std::sqrt(static_cast<double>(variance) + eps));
}

template <class T>
Layout check_channels(const char* name, const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias) {
  XGRAD_CHECK(x.rank() >= 2, name, ": x has shape ", x.shape(), "; expected (N, C) or (N, C, spatial...)");
  const Shape channels{x.shape()[1]};
  XGRAD_CHECK(!weight.defined() || weight.shape() == channels, name, ": weight has shape ", weight.shape(),
              "; expected ", channels, " for x ", x.shape());
  XGRAD_CHECK(!bias.defined() || bias.shape() == channels, name, ": bias has shape ", bias.shape(), "; expected ",
              channels, " for x ", x.shape());
  Layout layout{static_cast<std::size_t>(x.shape()[0]), static_cast<std::size_t>(x.shape()[1]), 1};
  for (std::size_t axis = 2; axis < x.rank(); ++axis) layout.length *= static_cast<std::size_t>(x.shape()[axis]);
  return layout;
}

template <class T>
Tensor<T> normalize_groups(const char* name, const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias,
                           const Layout& layout, double eps) {
  const Shape groups{static_cast<std::int64_t>(layout.groups())};
  Statistics<T> statistics{Data<T>(groups), Data<T>(groups)};
  layout.statistics(x.data(), statistics.means.data(), statistics.rstds.data());
  for (std::size_t i = 0; i < statistics.rstds.size(); ++i)
    statistics.rstds.data()[i] = inverse_deviation(statistics.rstds.data()[i], eps);
  return normalize_segments(name, x, weight, bias, layout, statistics, eps);
}

template <class T> void move_towards(const Tensor<T>& running, const T* values, double momentum, double factor) {
  Tensor<T> target = running;
  T* data = target.mutable_data();
  for (std::size_t i = 0; i < target.size(); ++i)
    data[i] = static_cast<T>((1 - momentum) * static_cast<double>(data[i]) +
                             momentum * factor * static_cast<double>(values[i]));
}

}  // namespace

template <class T>
Tensor<T> batch_norm(const Tensor<T>& x, const Tensor<T>& running_mean, const Tensor<T>& running_var,
                     const Tensor<T>& weight, const Tensor<T>& bias, bool training, double momentum, double eps) {
  Layout layout = check_channels("batch_norm", x, weight, bias);
  const Shape channels{x.shape()[1]};
  for (const Tensor<T>* running : {&running_mean, &running_var}) {
    XGRAD_CHECK(!running->defined() || running->shape() == channels, "batch_norm: running statistics have shape ",
                running->shape(), "; expected ", channels, " for x ", x.shape());
    XGRAD_CHECK(training || running->defined(),
                "batch_norm: no running statistics are given; expected them when not training");
  }
  const std::size_t count = layout.group_size();
  XGRAD_CHECK(!training || count > 1, "batch_norm: x of shape ", x.shape(), " has ", count,
              " value for each channel; expected more than one when training");
  if (x.rank() == 2) {  // one long segment for each channel instead of many of one element
    const Tensor<T> turned = unsqueeze(transpose(x), 0);
    return transpose(squeeze(batch_norm(turned, running_mean, running_var, weight, bias, training, momentum, eps), 0));
  }
  Statistics<T> statistics{Data<T>(channels), Data<T>(channels), !training};
  T *means = statistics.means.data(), *rstds = statistics.rstds.data();
  if (training) {
    layout.statistics(x.data(), means, rstds);  // variances for the moment
    if (running_mean.defined()) move_towards(running_mean, means, momentum, 1);
    if (running_var.defined())
      move_towards(running_var, rstds, momentum, static_cast<double>(count) / static_cast<double>(count - 1));
  } else {
    std::copy_n(running_mean.data(), layout.channels, means);
    std::copy_n(running_var.data(), layout.channels, rstds);
  }
  for (std::size_t c = 0; c < layout.channels; ++c) rstds[c] = inverse_deviation(rstds[c], eps);
  return normalize_segments("batch_norm", x, weight, bias, layout, statistics, eps);
}

template <class T>
Tensor<T> layer_norm(const Tensor<T>& x, const Shape& normalized_shape, const Tensor<T>& weight, const Tensor<T>& bias,
                     double eps) {
  return normalize_last("layer_norm", x, normalized_shape, weight, bias, eps, true);
}

template <class T>
Tensor<T> rms_norm(const Tensor<T>& x, const Shape& normalized_shape, const Tensor<T>& weight, double eps) {
  return normalize_last<T>("rms_norm", x, normalized_shape, weight, {}, eps, false);
}

template <class T>
Tensor<T> group_norm(const Tensor<T>& x, std::int64_t groups, const Tensor<T>& weight, const Tensor<T>& bias,
                     double eps) {
  Layout layout = check_channels("group_norm", x, weight, bias);
  XGRAD_CHECK(groups >= 1 && x.shape()[1] % groups == 0, "group_norm: groups is ", groups,
              "; expected a divisor of the ", x.shape()[1], " channels of x ", x.shape());
  layout.per_group = layout.channels / static_cast<std::size_t>(groups);
  return normalize_groups("group_norm", x, weight, bias, layout, eps);
}

template <class T>
Tensor<T> instance_norm(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias, double eps) {
  Layout layout = check_channels("instance_norm", x, weight, bias);
  XGRAD_CHECK(layout.length > 1 || x.size() == 0, "instance_norm: x of shape ", x.shape(),
              " has one position for each channel; expected more");
  layout.per_group = 1;
  return normalize_groups("instance_norm", x, weight, bias, layout, eps);
}

template <class T> Tensor<T> normalize(const Tensor<T>& x, double p, std::int64_t axis, double eps) {
  XGRAD_CHECK(p > 0, "normalize: p is ", p, "; expected > 0");
  const Axes along{axis};
  if (std::isinf(p)) return x / maximum(amax(abs(x), along, true), eps);
  // The limit is set under the root, so that its slope stays finite for a row of zeros.
  const double least = std::max(std::pow(eps, p), static_cast<double>(std::numeric_limits<T>::min()));
  const Tensor<T> powers = sum(p == 2 ? square(x) : pow(abs(x), p), along, true);
  return x / pow(maximum(powers, least), 1 / p);
}

template <class T> Tensor<T> weight_norm(const Tensor<T>& v, const Tensor<T>& g, std::int64_t axis) {
  const std::size_t kept = v.shape().axis(axis, "weight_norm");
  Shape expected = v.shape();
  std::vector<std::int64_t> others;
  for (std::size_t i = 0; i < v.rank(); ++i)
    if (i != kept) {
      expected[i] = 1;
      others.push_back(static_cast<std::int64_t>(i));
    }
  XGRAD_CHECK(v.rank() > 0 && g.shape() == expected, "weight_norm: g has shape ", g.shape(), "; expected ", expected,
              " for v ", v.shape(), " and axis ", axis);
  return v * (g / sqrt(others.empty() ? square(v) : sum(square(v), others, true)));
}

template <class T>
Tensor<T> local_response_norm(const Tensor<T>& x, std::int64_t size, double alpha, double beta, double k) {
  XGRAD_CHECK(x.rank() >= 3, "local_response_norm: x has shape ", x.shape(), "; expected (N, C, spatial...)");
  XGRAD_CHECK(size >= 1, "local_response_norm: size is ", size, "; expected >= 1");
  // The sum over neighbouring channels is a product with a matrix of 0 and 1.
  const std::int64_t channels = x.shape()[1];
  Tensor<T> neighbours = Tensor<T>::zeros({channels, channels});
  T* band = neighbours.mutable_data();
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t d = std::max<std::int64_t>(c - size / 2, 0); d < std::min(c - size / 2 + size, channels); ++d)
      band[c * channels + d] = 1;
  const Tensor<T> sums = matmul(neighbours, flatten(square(x), 2));
  return x / reshape(pow(sums * (alpha / static_cast<double>(size)) + k, beta), x.shape());
}

#define XGRAD_INSTANTIATE(T)                                                                                 \
  template Tensor<T> batch_norm(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const Tensor<T>&,      \
                                const Tensor<T>&, bool, double, double);                                     \
  template Tensor<T> layer_norm(const Tensor<T>&, const Shape&, const Tensor<T>&, const Tensor<T>&, double); \
  template Tensor<T> rms_norm(const Tensor<T>&, const Shape&, const Tensor<T>&, double);                     \
  template Tensor<T> group_norm(const Tensor<T>&, std::int64_t, const Tensor<T>&, const Tensor<T>&, double); \
  template Tensor<T> instance_norm(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, double);            \
  template Tensor<T> normalize(const Tensor<T>&, double, std::int64_t, double);                              \
  template Tensor<T> weight_norm(const Tensor<T>&, const Tensor<T>&, std::int64_t);                          \
  template Tensor<T> local_response_norm(const Tensor<T>&, std::int64_t, double, double, double);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
