// SPDX-License-Identifier: BSD-3-Clause
// Losses of scores for classes against the index of the right one, or against probabilities.
#include <limits>
#include <vector>

#include "kernels/kernels.hpp"
#include "ops/loss/common.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/activation.hpp"
#include "xgrad/ops/shape.hpp"
#include "xgrad/ops/softmax.hpp"

namespace xgrad {
namespace {

/// Class targets laid out as rows of classes: x (N, C, d...) with C moved last.
template <class T> struct ClassRows {
  Tensor<T> x;  // rows x classes
  std::size_t rows, classes;
  Shape shape;  // of the unreduced losses

  ClassRows(const char* name, const Tensor<T>& scores, const Tensor<T>& weight) {
    XGRAD_CHECK(scores.rank() >= 1, name, ": a scalar has no class axis; expected (N, C), (N, C, d...) or (C)");
    const std::size_t axis = scores.rank() == 1 ? 0 : 1;
    classes = static_cast<std::size_t>(scores.shape()[axis]);
    XGRAD_CHECK(classes > 0, name, ": shape ", scores.shape(), " has no classes");
    shape = scores.shape().erased(axis);
    rows = shape.size();
    XGRAD_CHECK(!weight.defined() || weight.shape() == Shape{static_cast<std::int64_t>(classes)}, name,
                ": weight of shape ", weight.shape(), "; expected one for each of ", classes, " classes");
    Tensor<T> last = scores;
    if (scores.rank() > 2) {
      std::vector<std::int64_t> order{0};
      for (std::size_t i = 2; i < scores.rank(); ++i) order.push_back(static_cast<std::int64_t>(i));
      order.push_back(1);
      last = permute(scores, order);
    }
    const Shape matrix{static_cast<std::int64_t>(rows), static_cast<std::int64_t>(classes)};
    x = last.shape() == matrix ? last : reshape(last, matrix);
  }
};

void check_classes(const char* name, const Shape& expected, const Indices& target, std::size_t classes,
                   std::int64_t ignore) {
  XGRAD_CHECK(target.shape() == expected, name, ": targets have shape ", target.shape(), "; expected ", expected,
              ", the predictions' without the class axis");
  for (std::size_t i = 0; i < target.size(); ++i) {
    const std::int64_t t = target.data()[i];
    XGRAD_CHECK(t == ignore || (t >= 0 && t < static_cast<std::int64_t>(classes)), name, ": target ", t,
                " at position ", i, "; expected a class in [0, ", classes, ")");
  }
}

/// Each row's target as a matrix of weights: w[t] at t, 0 elsewhere and in ignored rows. Constant.
template <class T>
Tensor<T> weighted_one_hot(const Indices& target, std::size_t classes, const Tensor<T>& weight, std::int64_t ignore) {
  Tensor<T> result =
      Tensor<T>::zeros(Shape{static_cast<std::int64_t>(target.size()), static_cast<std::int64_t>(classes)});
  T* data = result.mutable_data();
  for (std::size_t i = 0; i < target.size(); ++i)
    if (const std::int64_t t = target.data()[i]; t != ignore) {
      const auto c = static_cast<std::size_t>(t);
      data[i * classes + c] = weight.defined() ? weight.data()[c] : T{1};
    }
  return result;
}

/// What the sum of the losses of kept targets is divided by.
template <class T> double total_weight(const Indices& target, const Tensor<T>& weight, std::int64_t ignore) {
  double total = 0;
  for (const std::int64_t t : target.values())
    if (t != ignore) total += weight.defined() ? static_cast<double>(weight.data()[t]) : 1.0;
  return total;
}

/// The cross entropy of class targets, one row at a time: everything that forward and backward share.
template <class T> struct CrossEntropyRows {
  Indices target;
  Tensor<T> weight, lse;  // lse: log sum exp of each row
  double smoothing, weight_sum;
  std::int64_t ignore;
  std::size_t classes;

  double class_weight(std::size_t c) const { return weight.defined() ? static_cast<double>(weight.data()[c]) : 1.0; }
  double loss(const T* row, std::size_t r) const {
    const std::int64_t t = target.data()[r];
    if (t == ignore) return 0;
    const auto c = static_cast<std::size_t>(t);
    const double shift = static_cast<double>(lse.data()[r]);
    double result = (1 - smoothing) * class_weight(c) * (shift - static_cast<double>(row[c]));
    if (smoothing > 0) {
      double spread = 0;
      for (std::size_t j = 0; j < classes; ++j) spread += class_weight(j) * (shift - static_cast<double>(row[j]));
      result += smoothing / static_cast<double>(classes) * spread;
    }
    return result;
  }
  /// dx = g * dloss/dx = g [ ((1-s) w_t + s/C sum(w)) softmax - s/C w - (1-s) w_t e_t ]
  void gradient(const T* row, std::size_t r, double g, T* dx) const {
    const std::int64_t t = target.data()[r];
    if (t == ignore) return void(std::fill_n(dx, classes, T{0}));
    const auto c = static_cast<std::size_t>(t);
    const double hit = g * (1 - smoothing) * class_weight(c), share = g * smoothing / static_cast<double>(classes);
    detail::kernels<T>().cross_entropy_gradient_row(row, lse.data()[r], static_cast<T>(hit + share * weight_sum),
                                                    static_cast<T>(share), weight.defined() ? weight.data() : nullptr,
                                                    dx, classes);
    dx[c] -= static_cast<T>(hit);
  }
};

}  // namespace

template <class T> Tensor<T> nll_loss(const Tensor<T>& x, const Indices& target, const NllOptions<T>& options) {
  const ClassRows<T> rows("nll_loss", x, options.weight);
  check_classes("nll_loss", rows.shape, target, rows.classes, options.ignore_index);
  // Only the targets' entries are looked at: a masked class may well be -inf.
  Indices picked(Shape{static_cast<std::int64_t>(rows.rows)});
  Tensor<T> weights = Tensor<T>::zeros(picked.shape());
  for (std::size_t i = 0; i < rows.rows; ++i) {
    const std::int64_t t = target.data()[i];
    picked.data()[i] = t == options.ignore_index ? 0 : t;
    if (t != options.ignore_index)
      weights.mutable_data()[i] = options.weight.defined() ? options.weight.data()[t] : T{1};
  }
  const Tensor<T> hits = detail::pick("nll", rows.x, 1, picked);
  const Tensor<T> losses = where(weights == 0, 0, -(hits * weights));
  if (options.reduction == Reduction::none) return reshape(losses, rows.shape);
  return sum(losses) * detail::reduction_scale(options.reduction, rows.shape,
                                               total_weight(target, options.weight, options.ignore_index));
}

template <class T>
Tensor<T> cross_entropy(const Tensor<T>& x, const Indices& target, const CrossEntropyOptions<T>& options) {
  XGRAD_CHECK(options.label_smoothing >= 0 && options.label_smoothing <= 1, "cross_entropy: label_smoothing is ",
              options.label_smoothing, "; expected 0 to 1");
  const ClassRows<T> rows("cross_entropy", x, options.weight);
  check_classes("cross_entropy", rows.shape, target, rows.classes, options.ignore_index);
  // Copies of what backward reads: the caller's arrays may change.
  CrossEntropyRows<T> each{Indices(target.shape(), target.values()),
                           {},
                           {},
                           options.label_smoothing,
                           static_cast<double>(rows.classes),
                           options.ignore_index,
                           rows.classes};
  if (options.weight.defined()) {
    each.weight = Tensor<T>(options.weight.shape(), options.weight.values());
    each.weight_sum = 0;
    for (const T w : options.weight.values()) each.weight_sum += static_cast<double>(w);
  }
  each.lse = Tensor<T>::empty(Shape{static_cast<std::int64_t>(rows.rows)});
  T* lse = each.lse.mutable_data();
  const std::size_t classes = rows.classes;
  detail::for_rows(rows.rows, classes, [&](std::size_t first, std::size_t count) {
    detail::kernels<T>().logsumexp_rows(rows.x.data() + first * classes, lse + first, count, classes);
  });
  const bool unreduced = options.reduction == Reduction::none;
  const double scale = detail::reduction_scale(options.reduction, rows.shape,
                                               total_weight(target, options.weight, options.ignore_index));
  Storage<T> value(unreduced ? rows.rows : 1);
  double total = 0;
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const double loss = each.loss(rows.x.data() + r * classes, r);
    if (unreduced)
      value[r] = static_cast<T>(loss);
    else
      total += loss;
  }
  if (!unreduced) value[0] = static_cast<T>(total * scale);
  return record<T>(
      "cross_entropy", unreduced ? rows.shape : Shape{}, std::move(value), kSaveInput,
      [each = std::move(each), scale, unreduced](Node<T>& n, const Tensor<T>& g) {
        const std::size_t rows_count = each.target.size(), cols = each.classes;
        if (is_grad_enabled()) {  // the same formula in recorded operations
          const Tensor<T> scores = n.input(0),
                          row_g = reshape(g, Shape{unreduced ? static_cast<std::int64_t>(rows_count) : 1, 1});
          const Tensor<T> hits = weighted_one_hot(each.target, cols, each.weight, each.ignore) * (1 - each.smoothing);
          Tensor<T> q = hits;
          if (each.smoothing > 0) {
            const Tensor<T> kept = weighted_one_hot(each.target, cols, Tensor<T>{}, each.ignore).sum({-1}, true);
            const Tensor<T> w =
                each.weight.defined() ? each.weight : Tensor<T>::ones(Shape{static_cast<std::int64_t>(cols)});
            q = hits + kept * w * (each.smoothing / static_cast<double>(cols));
          }
          n.give(0, (softmax(scores) * q.sum({-1}, true) - q) * row_g * scale);
          return;
        }
        Tensor<T> dx = Tensor<T>::empty(n.input_shape(0));
        T* place = const_cast<T*>(dx.data());
        const T* scores = n.input_data(0);
        detail::for_rows(rows_count, cols, [&](std::size_t first, std::size_t count) {
          for (std::size_t r = first; r < first + count; ++r)
            each.gradient(scores + r * cols, r, scale * static_cast<double>(g.data()[unreduced ? r : 0]),
                          place + r * cols);
        });
        n.give(0, std::move(dx));
      },
      rows.x);
}

template <class T>
Tensor<T> cross_entropy(const Tensor<T>& x, const Tensor<T>& target, const CrossEntropyOptions<T>& options) {
  XGRAD_CHECK(options.label_smoothing >= 0 && options.label_smoothing <= 1, "cross_entropy: label_smoothing is ",
              options.label_smoothing, "; expected 0 to 1");
  detail::require_equal_shapes("cross_entropy", x, target);
  const ClassRows<T> rows("cross_entropy", x, options.weight), targets("cross_entropy", target, options.weight);
  Tensor<T> q = targets.x * (1 - options.label_smoothing) + options.label_smoothing / static_cast<double>(rows.classes);
  if (options.weight.defined()) q = q * options.weight;
  const Tensor<T> losses = -sum(q * log_softmax(rows.x), -1);
  return options.reduction == Reduction::none ? reshape(losses, rows.shape)
                                              : detail::reduced(losses, options.reduction);
}

template <class T>
Tensor<T> multi_margin_loss(const Tensor<T>& x, const Indices& target, const MultiMarginOptions<T>& options) {
  XGRAD_CHECK(options.p == 1 || options.p == 2, "multi_margin_loss: p is ", options.p, "; expected 1 or 2");
  const ClassRows<T> rows("multi_margin_loss", x, options.weight);
  constexpr std::int64_t kNoneIgnored = std::numeric_limits<std::int64_t>::min();
  check_classes("multi_margin_loss", rows.shape, target, rows.classes, kNoneIgnored);
  const Tensor<T> hits = weighted_one_hot(target, rows.classes, Tensor<T>{}, kNoneIgnored);
  const Indices places(Shape{static_cast<std::int64_t>(rows.rows)}, target.values());
  const Tensor<T> excess = relu(rows.x - unsqueeze(detail::pick("pick", rows.x, 1, places), 1) + options.margin);
  Tensor<T> losses = where(hits == 1, 0, options.p == 2 ? square(excess) : excess);
  if (options.weight.defined())
    losses = losses * weighted_one_hot(target, rows.classes, options.weight, kNoneIgnored).sum({-1}, true);
  return detail::reduced(reshape(mean(losses, -1), rows.shape), options.reduction);
}

#define XGRAD_INSTANTIATE(T)                                                                           \
  template Tensor<T> nll_loss(const Tensor<T>&, const Indices&, const NllOptions<T>&);                 \
  template Tensor<T> cross_entropy(const Tensor<T>&, const Indices&, const CrossEntropyOptions<T>&);   \
  template Tensor<T> cross_entropy(const Tensor<T>&, const Tensor<T>&, const CrossEntropyOptions<T>&); \
  template Tensor<T> multi_margin_loss(const Tensor<T>&, const Indices&, const MultiMarginOptions<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
