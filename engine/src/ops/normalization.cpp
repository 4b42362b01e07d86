// SPDX-License-Identifier: BSD-3-Clause
// Normalisation of vectors: of the last axes (layer norm, rms norm), of one axis, of weights, of neighbouring channels.
#include "xgrad/ops/normalization.hpp"

#include <algorithm>

#include "kernels/kernels.hpp"
#include "ops/normalization.hpp"
#include "ops/rows.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/linalg.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

using detail::Inputs;
using detail::Target;

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
    detail::kernels<T>().normalize_rows(x.data() + first * cols, detail::data_or_null(weight),
                                        detail::data_or_null(bias), y + first * cols, means + first, rstds + first,
                                        count, cols, eps, centered);
  });
  const Inputs<T> inputs(x, weight, bias);
  const auto vjp = [statistics, rows, cols, eps, centered, rank, weight_place = inputs.weight,
                    bias_place = inputs.bias](Node<T>& n, const Tensor<T>& g) {
    if (is_grad_enabled()) {
      std::vector<std::int64_t> axes;
      for (std::size_t i = 1; i <= rank; ++i) axes.push_back(-static_cast<std::int64_t>(i));
      Tensor<T> formula = detail::standardize(n.input(0), axes, eps, centered);
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

}  // namespace

template <class T>
Tensor<T> layer_norm(const Tensor<T>& x, const Shape& normalized_shape, const Tensor<T>& weight, const Tensor<T>& bias,
                     double eps) {
  return normalize_last("layer_norm", x, normalized_shape, weight, bias, eps, true);
}

template <class T>
Tensor<T> rms_norm(const Tensor<T>& x, const Shape& normalized_shape, const Tensor<T>& weight, double eps) {
  return normalize_last<T>("rms_norm", x, normalized_shape, weight, {}, eps, false);
}

template <class T> Tensor<T> normalize(const Tensor<T>& x, double p, std::int64_t axis, double eps) {
  XGRAD_CHECK(p > 0, "normalize: p is ", p, "; expected > 0");
  return x / maximum(norm(x, p, axis, true), eps);
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
  template Tensor<T> layer_norm(const Tensor<T>&, const Shape&, const Tensor<T>&, const Tensor<T>&, double); \
  template Tensor<T> rms_norm(const Tensor<T>&, const Shape&, const Tensor<T>&, double);                     \
  template Tensor<T> normalize(const Tensor<T>&, double, std::int64_t, double);                              \
  template Tensor<T> weight_norm(const Tensor<T>&, const Tensor<T>&, std::int64_t);                          \
  template Tensor<T> local_response_norm(const Tensor<T>&, std::int64_t, double, double, double);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
