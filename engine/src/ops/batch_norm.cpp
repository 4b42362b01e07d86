// SPDX-License-Identifier: BSD-3-Clause
// Batch, group and instance norm: x (samples, channels, length) in segments of `length`, one for each sample and
// channel; a group is a channel of all samples, or some channels of one.
#include <algorithm>
#include <cmath>

#include "kernels/kernels.hpp"
#include "ops/normalization.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/normalization.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::Inputs;
using detail::Target;

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
          detail::standardize(
              reshape(y, Shape{static_cast<std::int64_t>(groups()), static_cast<std::int64_t>(group_size())}), -1, eps),
          flat);
    else
      y = detail::standardize(y, {0, 2}, eps);
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

#define XGRAD_INSTANTIATE(T)                                                                                 \
  template Tensor<T> batch_norm(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, const Tensor<T>&,      \
                                const Tensor<T>&, bool, double, double);                                     \
  template Tensor<T> group_norm(const Tensor<T>&, std::int64_t, const Tensor<T>&, const Tensor<T>&, double); \
  template Tensor<T> instance_norm(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&, double);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
