// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/loss.hpp"

#include "kernels/kernels.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"
#include "xgrad/ops/softmax.hpp"

namespace xgrad {
namespace {

template <class T> void require_equal_shapes(const char* name, const Tensor<T>& x, const Tensor<T>& target) {
  XGRAD_CHECK(x.shape() == target.shape(), name, ": predictions have shape ", x.shape(), ", targets ", target.shape(),
              "; expected equal shapes (reshape one of them)");
}

template <class T> Tensor<T> reduced(const Tensor<T>& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::mean: return mean(losses);
    case Reduction::sum: return sum(losses);
    case Reduction::none: break;
  }
  return losses;
}

/// Blocks of equal size whose partial sums are added in order.
template <class T, class Sum> double blocked_sum(std::size_t n, Sum sum_of_block) {
  constexpr std::size_t kBlock = 16384;
  const std::size_t blocks = (n + kBlock - 1) / kBlock;
  Storage<double> parts(blocks);
  double* data = parts.data();
  parallel_for(blocks, [&](std::size_t block) {
    const std::size_t first = block * kBlock;
    data[block] = static_cast<double>(sum_of_block(first, std::min(kBlock, n - first)));
  });
  double total = 0;
  for (const double part : parts) total += part;
  return total;
}

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

template <class T> Tensor<T> mse_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction) {
  require_equal_shapes("mse_loss", x, target);
  if (reduction == Reduction::none) return squared_difference(x, target);
  const double scale = reduction == Reduction::mean ? 1 / static_cast<double>(x.size()) : 1;
  const double total = blocked_sum<T>(x.size(), [&](std::size_t first, std::size_t n) {
    return detail::kernels<T>().squared_distance(x.data() + first, target.data() + first, n);
  });
  Storage<T> value(1);
  value[0] = static_cast<T>(total * scale);
  return record<T>(
      "mse_loss", Shape{}, std::move(value), kSaveInputs,
      [scale](Node<T>& n, const Tensor<T>& g) {
        if (is_grad_enabled()) {
          const Tensor<T> d = (n.input(0) - n.input(1)) * (g * (2 * scale));
          if (n.wants(0)) n.give(0, d);
          if (n.wants(1)) n.give(1, -d);
          return;
        }
        const T* a = n.input_data(0);
        const T* b = n.input_data(1);
        for (std::size_t k = 0; k < 2; ++k) {
          if (!n.wants(k)) continue;
          Tensor<T> d = Tensor<T>::empty(n.input_shape(k));
          T* place = const_cast<T*>(d.data());
          const T factor = static_cast<T>((k == 0 ? 2 : -2) * scale * static_cast<double>(g.item()));
          detail::for_rows(d.size(), 1, [&](std::size_t first, std::size_t count) {
            detail::kernels<T>().scaled_difference(a + first, b + first, factor, place + first, count);
          });
          n.give(k, std::move(d));
        }
      },
      x, target);
}

template <class T> Tensor<T> l1_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction) {
  require_equal_shapes("l1_loss", x, target);
  return reduced(absolute_difference(x, target), reduction);
}

template <class T>
Tensor<T> smooth_l1_loss(const Tensor<T>& x, const Tensor<T>& target, double beta, Reduction reduction) {
  require_equal_shapes("smooth_l1_loss", x, target);
  XGRAD_CHECK(beta >= 0, "smooth_l1_loss: beta is ", beta, "; expected >= 0");
  return reduced(beta == 0 ? absolute_difference(x, target) : smooth_l1_difference(x, target, beta), reduction);
}

template <class T>
Tensor<T> huber_loss(const Tensor<T>& x, const Tensor<T>& target, double delta, Reduction reduction) {
  require_equal_shapes("huber_loss", x, target);
  XGRAD_CHECK(delta > 0, "huber_loss: delta is ", delta, "; expected > 0");
  return reduced(huber_difference(x, target, delta), reduction);
}

template <class T>
Tensor<T> bce_with_logits_loss(const Tensor<T>& x, const Tensor<T>& target, const BceOptions<T>& options) {
  require_equal_shapes("bce_with_logits_loss", x, target);
  Tensor<T> losses = logit_cross_entropy(x, target);
  // The positive part once more, weighted by what pos_weight exceeds 1: -log sigmoid(x) = softplus(-x).
  if (options.pos_weight.defined()) losses = losses - (options.pos_weight - 1) * target * log_sigmoid(x);
  if (options.weight.defined()) losses = losses * options.weight;
  XGRAD_CHECK(losses.shape() == x.shape(), "bce_with_logits_loss: weights broadcast ", x.shape(), " to ",
              losses.shape(), "; they must broadcast to the shape of the predictions");
  return reduced(losses, options.reduction);
}

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
  if (options.reduction == Reduction::sum) return sum(losses);
  return sum(losses) * (1 / total_weight(target, options.weight, options.ignore_index));
}

template <class T>
Tensor<T> cross_entropy(const Tensor<T>& x, const Indices& target, const CrossEntropyOptions<T>& options) {
  XGRAD_CHECK(options.label_smoothing >= 0 && options.label_smoothing <= 1, "cross_entropy: label_smoothing is ",
              options.label_smoothing, "; expected 0 to 1");
  const ClassRows<T> rows("cross_entropy", x, options.weight);
  check_classes("cross_entropy", rows.shape, target, rows.classes, options.ignore_index);
  CrossEntropyRows<T> each{
      target,      options.weight, {}, options.label_smoothing, static_cast<double>(rows.classes), options.ignore_index,
      rows.classes};
  if (options.weight.defined()) {
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
  const double scale =
      options.reduction == Reduction::mean ? 1 / total_weight(target, options.weight, options.ignore_index) : 1;
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
  require_equal_shapes("cross_entropy", x, target);
  const ClassRows<T> rows("cross_entropy", x, options.weight), targets("cross_entropy", target, options.weight);
  Tensor<T> q = targets.x * (1 - options.label_smoothing) + options.label_smoothing / static_cast<double>(rows.classes);
  if (options.weight.defined()) q = q * options.weight;
  const Tensor<T> losses = -sum(q * log_softmax(rows.x), -1);
  return options.reduction == Reduction::none ? reshape(losses, rows.shape) : reduced(losses, options.reduction);
}

#define XGRAD_INSTANTIATE(T)                                                                         \
  template Tensor<T> mse_loss(const Tensor<T>&, const Tensor<T>&, Reduction);                        \
  template Tensor<T> l1_loss(const Tensor<T>&, const Tensor<T>&, Reduction);                         \
  template Tensor<T> smooth_l1_loss(const Tensor<T>&, const Tensor<T>&, double, Reduction);          \
  template Tensor<T> huber_loss(const Tensor<T>&, const Tensor<T>&, double, Reduction);              \
  template Tensor<T> bce_with_logits_loss(const Tensor<T>&, const Tensor<T>&, const BceOptions<T>&); \
  template Tensor<T> nll_loss(const Tensor<T>&, const Indices&, const NllOptions<T>&);               \
  template Tensor<T> cross_entropy(const Tensor<T>&, const Indices&, const CrossEntropyOptions<T>&); \
  template Tensor<T> cross_entropy(const Tensor<T>&, const Tensor<T>&, const CrossEntropyOptions<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
