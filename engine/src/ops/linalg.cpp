// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/linalg.hpp"

#include <algorithm>
#include <array>

#include "kernels/gemm.hpp"
#include "kernels/kernels.hpp"
#include "ops/matrices.hpp"
#include "ops/product.hpp"
#include "xgrad/ops/activation.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"
#include "xgrad/threads.hpp"

namespace xgrad {
namespace {

constexpr std::size_t kBlock = 16384;  // elements that make a second thread worth its start

/// The product of A' and B' over broadcast leading axes, where ' transposes the last two axes if asked for.
struct Product {
  bool transpose_a, transpose_b;
  std::size_t m, n, k, batches;
  Shape batch, shape;  // leading axes; the whole result

  template <class T>
  Product(const Tensor<T>& a, bool ta, const Tensor<T>& b, bool tb) : transpose_a(ta), transpose_b(tb) {
    const auto [a_rows, a_cols] = matrix(a.shape(), ta);
    const auto [b_rows, b_cols] = matrix(b.shape(), tb);
    m = a_rows, n = b_cols, k = a_cols;
    batch = broadcast_shapes(detail::leading_axes(a.shape()), detail::leading_axes(b.shape()), "matmul");
    batches = batch.size();
    shape = batch;
    shape.push_back(static_cast<std::int64_t>(m));
    shape.push_back(static_cast<std::int64_t>(n));
  }

  template <class T> void run(const Tensor<T>& a, const Tensor<T>& b, T* result, bool accumulate) const {
    if (batches == 1) return detail::gemm(transpose_a, transpose_b, m, n, k, a.data(), b.data(), result, accumulate);
    const auto one = [&](std::size_t i) {
      detail::gemm(transpose_a, transpose_b, m, n, k, a.data() + place(a.shape(), i) * m * k,
                   b.data() + place(b.shape(), i) * k * n, result + i * m * n, accumulate);
    };
    detail::for_matrices(batches, m * n * k, one);
  }

 private:
  static std::array<std::size_t, 2> matrix(const Shape& shape, bool transposed) {
    const auto rows = static_cast<std::size_t>(shape[shape.rank() - 2]), cols = static_cast<std::size_t>(shape.back());
    return transposed ? std::array{cols, rows} : std::array{rows, cols};
  }
  /// Which of the operand's matrices belongs to result matrix i.
  std::size_t place(const Shape& operand, std::size_t i) const {
    return detail::broadcast_place(detail::leading_axes(operand), batch, i);
  }
};

}  // namespace

template <class T> Tensor<T> detail::product(const Tensor<T>& a, bool ta, const Tensor<T>& b, bool tb) {
  const Product p(a, ta, b, tb);
  Storage<T> value(p.shape.size());
  p.run(a, b, value.data(), false);
  return record<T>(
      "matmul", p.shape, std::move(value), kSaveInputs,
      [ta, tb](Node<T>& n, const Tensor<T>& g) {
        const auto give = [&n](std::size_t k, const Tensor<T>& x, bool tx, const Tensor<T>& y, bool ty) {
          if (n.input_shape(k).rank() == 2)  // then g has rank 2 too: the sum goes where the gradient already is
            if (T* place = n.accumulate_into(k)) return Product(x, tx, y, ty).run(x, y, place, true);
          n.give(k, product(x, tx, y, ty));
        };
        if (n.wants(0)) ta ? give(0, n.input(1), tb, g, true) : give(0, g, false, n.input(1), !tb);
        if (n.wants(1)) tb ? give(1, g, true, n.input(0), ta) : give(1, n.input(0), !ta, g, false);
      },
      a, b);
}
template Tensor<float> detail::product(const Tensor<float>&, bool, const Tensor<float>&, bool);
template Tensor<double> detail::product(const Tensor<double>&, bool, const Tensor<double>&, bool);

namespace {

using detail::product;

Shape with_last(const Shape& shape, std::int64_t size) {
  Shape result = shape;
  result[shape.rank() - 1] = size;
  return result;
}

/// All axes but the last merged.
template <class T> Tensor<T> as_matrix(const Tensor<T>& x) {
  return reshape(x, Shape{static_cast<std::int64_t>(x.shape().erased(x.rank() - 1).size()), x.shape().back()});
}

/// dx = g * activation'(y), bias_gradient (+)= its column sums, in row blocks whose sums are added in order.
template <class T>
void activation_backward(const T* y, const T* g, T* dx, T* bias_gradient, bool keep, std::size_t rows, std::size_t cols,
                         detail::FusedActivation activation) {
  const std::size_t block = std::clamp<std::size_t>(kBlock / std::max<std::size_t>(cols, 1), 1, 256);
  const std::size_t tasks = (rows + block - 1) / block;
  const auto& kernels = detail::kernels<T>();
  if (tasks <= 1) return kernels.bias_activation_backward(y, g, dx, bias_gradient, keep, rows, cols, activation);
  Storage<T> partial(bias_gradient ? tasks * cols : 0);
  T* sums = partial.data();
  parallel_for(tasks, [&](std::size_t task) {
    const std::size_t r = task * block;
    kernels.bias_activation_backward(y + r * cols, g + r * cols, dx + r * cols, sums ? sums + task * cols : nullptr,
                                     false, std::min(block, rows - r), cols, activation);
  });
  if (!bias_gradient) return;
  for (std::size_t task = 0; task < tasks; ++task)
    if (task == 0 && !keep)
      std::copy_n(sums, cols, bias_gradient);
    else
      kernels.add_in_place(bias_gradient, sums + task * cols, cols);
}

/// g * activation'(y) with recorded operations.
template <class T> Tensor<T> activation_gradient(const Tensor<T>& g, const Tensor<T>& y, Activation activation) {
  switch (activation) {
    case Activation::relu: return where(y > 0, g, 0);
    case Activation::tanh: return g * (1 - y * y);
    case Activation::sigmoid: return g * (y * (1 - y));
    case Activation::gelu:  // does not follow from y
    case Activation::none: break;
  }
  return g;
}

/// `slopes`: gelu's derivative at each element.
template <class T>
void linear_backward(Node<T>& n, const Tensor<T>& g, Activation activation, const Storage<T>& slopes) {
  const bool has_bias = n.input_count == 3;
  const Tensor<T> weight = n.input(1), x = as_matrix(n.input(0));
  if (is_grad_enabled()) {
    if (activation == Activation::gelu)
      return n.substitute(gelu(linear(n.input(0), weight, has_bias ? n.input(2) : Tensor<T>())), g);
    const Tensor<T> d = as_matrix(activation == Activation::none ? g : activation_gradient(g, n.output(), activation));
    if (n.wants(0)) n.give(0, reshape(product(d, false, weight, false), n.input_shape(0)));
    if (n.wants(1)) n.give(1, product(d, true, x, false));
    if (has_bias && n.wants(2)) n.give(2, sum_to(d, n.input_shape(2)));
    return;
  }
  const auto cols = static_cast<std::size_t>(n.shape.back()), in = static_cast<std::size_t>(x.shape()[1]);
  const auto rows = static_cast<std::size_t>(x.shape()[0]);
  Tensor<T> d = g, bias_gradient;
  const bool wants_bias = has_bias && n.wants(2);
  T* bias_place = wants_bias ? n.accumulate_into(2) : nullptr;
  const bool keep = bias_place != nullptr;
  if (wants_bias && !keep) {
    bias_gradient = rows == 0 ? Tensor<T>::zeros(n.input_shape(2)) : Tensor<T>::empty(n.input_shape(2));
    bias_place = const_cast<T*>(bias_gradient.data());
  }
  if (activation != Activation::none) d = Tensor<T>::empty(n.shape);
  if (rows > 0 && (wants_bias || activation != Activation::none))
    activation_backward(activation == Activation::none   ? g.data()
                        : activation == Activation::gelu ? slopes.data()
                                                         : n.output_data(),
                        g.data(), const_cast<T*>(d.data()), bias_place, keep, rows, cols,
                        static_cast<detail::FusedActivation>(activation));
  if (bias_gradient.defined()) n.give(2, std::move(bias_gradient));
  const auto multiply = [&](std::size_t k, bool transpose, std::size_t m, std::size_t inner, const Tensor<T>& other) {
    if (!n.wants(k)) return;
    T* place = n.accumulate_into(k);
    const bool accumulate = place != nullptr;
    Tensor<T> fresh;
    if (!accumulate) {
      fresh = Tensor<T>::empty(n.input_shape(k));
      place = const_cast<T*>(fresh.data());
    }
    detail::gemm(transpose, false, m, in, inner, d.data(), other.data(), place, accumulate);
    if (!accumulate) n.give(k, std::move(fresh));
  };
  multiply(1, true, cols, rows, x);        // (out, in) = d^T x
  multiply(0, false, rows, cols, weight);  // (rows, in) = d weight
}

}  // namespace

template <class T> Tensor<T> matmul(const Tensor<T>& a, const Tensor<T>& b) {
  XGRAD_CHECK(a.rank() > 0 && b.rank() > 0, "matmul: ", a.shape(), " @ ", b.shape(),
              ": a scalar has no matrix product; use operator*");
  const std::int64_t inner_a = a.shape().back(), inner_b = b.shape()[b.rank() < 2 ? 0 : b.rank() - 2];
  XGRAD_CHECK(inner_a == inner_b, "matmul: inner sizes differ: ", a.shape(), " @ ", b.shape(),
              "; the last axis of the first must equal the second-last of the second",
              b.rank() >= 2 && b.shape().back() == inner_a ? " (did you mean transpose(b)?)" : "");
  if (a.rank() == 1) {
    const Tensor<T> result = matmul(unsqueeze(a, 0), b.rank() == 1 ? unsqueeze(b, 1) : b);
    return reshape(result, b.rank() == 1 ? Shape{} : result.shape().erased(result.rank() - 2));
  }
  if (b.rank() == 1) {
    const Tensor<T> result = matmul(a, unsqueeze(b, 1));
    return reshape(result, result.shape().erased(result.rank() - 1));
  }
  if (a.rank() > 2 && b.rank() == 2)  // one large product instead of many, also for b's gradient
    return reshape(product(as_matrix(a), false, b, false), with_last(a.shape(), b.shape()[1]));
  return product(a, false, b, false);
}

template <class T>
Tensor<T> linear(const Tensor<T>& x, const Tensor<T>& weight, const Tensor<T>& bias, Activation activation) {
  XGRAD_CHECK(weight.rank() == 2, "linear: weight has shape ", weight.shape(), "; expected (out, in)");
  XGRAD_CHECK(x.rank() >= 1 && x.shape().back() == weight.shape()[1], "linear: x ", x.shape(), " does not fit weight ",
              weight.shape(), " (out, in); the last axis of x must be ", weight.shape()[1]);
  XGRAD_CHECK(!bias.defined() || bias.shape() == Shape{weight.shape()[0]}, "linear: bias of shape ", bias.shape(),
              "; expected (", weight.shape()[0], ",) for weight ", weight.shape());
  const auto in = static_cast<std::size_t>(weight.shape()[1]), out = static_cast<std::size_t>(weight.shape()[0]);
  std::size_t rows = 1;
  for (std::size_t i = 0; i + 1 < x.rank(); ++i) rows *= static_cast<std::size_t>(x.shape()[i]);
  const Shape shape = with_last(x.shape(), static_cast<std::int64_t>(out));
  Storage<T> value(shape.size());
  T* y = value.data();
  detail::gemm(false, true, rows, out, in, x.data(), weight.data(), y, false);
  Storage<T> slopes;
  if (activation == Activation::gelu && is_grad_enabled() &&
      (x.requires_grad() || weight.requires_grad() || (bias.defined() && bias.requires_grad())))
    slopes = Storage<T>(shape.size());
  if (bias.defined() || activation != Activation::none) {
    const std::size_t block = std::max<std::size_t>(kBlock / std::max<std::size_t>(out, 1), 1);
    const T* bias_data = bias.defined() ? bias.data() : nullptr;
    T* slope = slopes.data();
    parallel_for((rows + block - 1) / block, [&](std::size_t task) {
      const std::size_t first = task * block * out, count = std::min(block, rows - task * block);
      if (slope) return detail::kernels<T>().bias_gelu(y + first, bias_data, slope + first, count, out);
      detail::kernels<T>().bias_activation(y + first, bias_data, count, out,
                                           static_cast<detail::FusedActivation>(activation));
    });
  }
  const bool from_result = activation != Activation::none && activation != Activation::gelu;
  constexpr SavedMask kSaveBias = 4;  // gelu's higher derivatives start from x weight^T + bias
  const SavedMask saved = kSaveInputs | (from_result ? kSaveOutput : kSaveNothing) |
                          (activation == Activation::gelu ? kSaveBias : kSaveNothing);
  auto vjp = [activation, slopes = std::move(slopes)](Node<T>& n, const Tensor<T>& g) {
    linear_backward(n, g, activation, slopes);
  };
  if (bias.defined()) return record<T>("linear", shape, std::move(value), saved, std::move(vjp), x, weight, bias);
  return record<T>("linear", shape, std::move(value), saved, std::move(vjp), x, weight);
}

template Tensor<float> matmul(const Tensor<float>&, const Tensor<float>&);
template Tensor<double> matmul(const Tensor<double>&, const Tensor<double>&);
template Tensor<float> linear(const Tensor<float>&, const Tensor<float>&, const Tensor<float>&, Activation);
template Tensor<double> linear(const Tensor<double>&, const Tensor<double>&, const Tensor<double>&, Activation);

}  // namespace xgrad
