// SPDX-License-Identifier: BSD-3-Clause
// Activations that look at more than one element, or at random numbers. The others: functions/activation.inc.
#include "xgrad/ops/activation.hpp"

#include "xgrad/ops/creation.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {

template <class T> Tensor<T> prelu(const Tensor<T>& x, const Tensor<T>& weight) {
  if (weight.size() == 1) return negative_scaled(x, reshape(weight, Shape{}));
  const std::size_t axis = x.rank() > 1 ? 1 : 0;
  XGRAD_CHECK(x.rank() > 0 && weight.shape() == Shape{x.shape()[axis]}, "prelu: weight of shape ", weight.shape(),
              " for x of shape ", x.shape(), "; expected one element, or one for each channel (axis 1)");
  Shape channels = weight.shape();
  for (std::size_t i = axis + 1; i < x.rank(); ++i) channels.push_back(1);
  return negative_scaled(x, reshape(weight, channels));
}

template <class T> Tensor<T> rrelu(const Tensor<T>& x, double lower, double upper, bool training, RandomKey key) {
  XGRAD_CHECK(lower <= upper, "rrelu: slopes from ", lower, " to ", upper, "; expected lower <= upper");
  if (!training) return leaky_relu(x, 0.5 * (lower + upper));
  return negative_scaled(x, uniform<T>(x.shape(), lower, upper, key));
}

template <class T> Tensor<T> rrelu(const Tensor<T>& x, double lower, double upper, bool training) {
  return rrelu(x, lower, upper, training, training ? next_random_key() : RandomKey{});
}

template <class T> Tensor<T> glu(const Tensor<T>& x, std::int64_t axis) {
  const std::size_t place = x.shape().axis(axis, "glu");
  const std::int64_t size = x.rank() > 0 ? x.shape()[place] : 1;
  XGRAD_CHECK(size % 2 == 0, "glu: axis ", axis, " of shape ", x.shape(), " has size ", size,
              "; expected an even size");
  return sigmoid_gate(slice(x, axis, 0, size / 2), slice(x, axis, size / 2));
}

#define XGRAD_INSTANTIATE(T)                                                   \
  template Tensor<T> prelu(const Tensor<T>&, const Tensor<T>&);                \
  template Tensor<T> rrelu(const Tensor<T>&, double, double, bool, RandomKey); \
  template Tensor<T> rrelu(const Tensor<T>&, double, double, bool);            \
  template Tensor<T> glu(const Tensor<T>&, std::int64_t);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
