// SPDX-License-Identifier: BSD-3-Clause
// Comparison and selection. Masks travel through the kernels as 0 and 1.
#include <algorithm>

#include "kernels/functions.hpp"
#include "xgrad/map_apply.hpp"
#include "xgrad/ops/elementwise.hpp"

namespace xgrad {
namespace detail {
namespace {

template <class T> Comparison<T> compare(Selection function, const char* name, const Tensor<T>& a, const Tensor<T>& b) {
  Node<T>* const inputs[] = {a.node(), b.node()};
  const std::span<Node<T>* const> span(inputs);
  const Shape shape = map_shape(name, span);
  const char none = 0;  // these functions have no parameters
  return {Tensor<T>(shape, map_forward(kernel_of<T>(function), &none, shape, span))};
}

}  // namespace

template <class T> Comparison<T> less(const Tensor<T>& a, const Tensor<T>& b) {
  return compare(Selection::less, "less", a, b);
}
template <class T> Comparison<T> less_equal(const Tensor<T>& a, const Tensor<T>& b) {
  return compare(Selection::less_equal, "less_equal", a, b);
}
template <class T> Comparison<T> equal(const Tensor<T>& a, const Tensor<T>& b) {
  return compare(Selection::equal, "equal", a, b);
}

template <class T> Tensor<T> indicator(const Mask& mask) {
  return Tensor<T>(mask.shape(), Storage<T>(mask.data(), mask.data() + mask.size()));
}

template <class T> Tensor<T> where(const Tensor<T>& mask, const Tensor<T>& a, const Tensor<T>& b) {
  Node<T>* const inputs[] = {mask.node(), a.node(), b.node()};
  const std::span<Node<T>* const> span(inputs);
  const Shape shape = map_shape("where", span);
  const char none = 0;
  return record<T>(
      "where", shape, map_forward(kernel_of<T>(Selection::select), &none, shape, span), kSaveInput,
      [](Node<T>& n, const Tensor<T>& g) {
        const char no_parameters = 0;
        if (!is_grad_enabled()) return map_backward(kernel_of<T>(Selection::select), &no_parameters, n, g);
        const Tensor<T> zero(T{0}), taken = n.input(0);
        if (n.wants(1)) n.give(1, where(taken, g, zero));
        if (n.wants(2)) n.give(2, where(taken, zero, g));
      },
      span);
}

#define XGRAD_INSTANTIATE(T)                                             \
  template Comparison<T> less(const Tensor<T>&, const Tensor<T>&);       \
  template Comparison<T> less_equal(const Tensor<T>&, const Tensor<T>&); \
  template Comparison<T> equal(const Tensor<T>&, const Tensor<T>&);      \
  template Tensor<T> indicator<T>(const Mask&);                          \
  template Tensor<T> where(const Tensor<T>&, const Tensor<T>&, const Tensor<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace detail

template <class T> Comparison<T>::operator Mask() const {
  Mask mask(indicator.shape());
  std::transform(indicator.data(), indicator.data() + indicator.size(), mask.data(), [](T x) { return x != 0; });
  return mask;
}
template Comparison<float>::operator Mask() const;
template Comparison<double>::operator Mask() const;

}  // namespace xgrad
