// SPDX-License-Identifier: BSD-3-Clause
// Comparison and selection. Masks travel through the kernels as 0 and 1.
#include <algorithm>

#include "kernels/functions.hpp"
#include "xgrad/map_apply.hpp"
#include "xgrad/ops/elementwise.hpp"

namespace xgrad {
namespace detail {
namespace {

template <class T>
Comparison<T> compare(const MapKernel<T>& kernel, const char* name, const Tensor<T>& a, const Tensor<T>& b) {
  Node<T>* const inputs[] = {a.node(), b.node()};
  const std::span<Node<T>* const> span(inputs);
  Shape joint;
  const Shape& shape = map_shape(name, span, joint);
  const char none = 0;  // these functions have no parameters
  return {Tensor<T>(shape, map_forward(kernel, &none, shape, span))};
}

}  // namespace

template <class T> Comparison<T> less(const Tensor<T>& a, const Tensor<T>& b) {
  return compare(less_kernel<T>(), "less", a, b);
}
template <class T> Comparison<T> less_equal(const Tensor<T>& a, const Tensor<T>& b) {
  return compare(less_equal_kernel<T>(), "less_equal", a, b);
}
template <class T> Comparison<T> equal(const Tensor<T>& a, const Tensor<T>& b) {
  return compare(equal_kernel<T>(), "equal", a, b);
}

template <class T> Tensor<T> indicator(const Mask& mask) {
  return Tensor<T>(mask.shape(), Storage<T>(mask.data(), mask.data() + mask.size()));
}

template <class T> Tensor<T> where(const Tensor<T>& mask, const Tensor<T>& a, const Tensor<T>& b) {
  Node<T>* const inputs[] = {mask.node(), a.node(), b.node()};
  const std::span<Node<T>* const> span(inputs);
  Shape joint;
  const Shape& shape = map_shape("where", span, joint);
  const char none = 0;
  return record<T>(
      "where", shape, map_forward(select_kernel<T>(), &none, shape, span), kSaveInput,
      [](Node<T>& n, const Tensor<T>& g) {
        const char no_parameters = 0;
        if (!is_grad_enabled()) return map_backward(select_kernel<T>(), &no_parameters, n, g);
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

template <class T>
Tensor<T> nan_to_num(const Tensor<T>& x, double nan, std::optional<double> posinf, std::optional<double> neginf) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Tensor<T> below = where(x == infinity, posinf.value_or(std::numeric_limits<T>::max()), x);
  return where(isnan(x), nan, where(x == -infinity, neginf.value_or(std::numeric_limits<T>::lowest()), below));
}

template <class T> Tensor<T> logit(const Tensor<T>& x, double eps) {
  XGRAD_CHECK(eps >= 0 && eps <= 0.5, "logit: eps is ", eps, "; expected 0 to 0.5");
  return logit(clamp(x, eps, 1 - eps));
}

template <class T> Tensor<T> polygamma(std::int64_t n, const Tensor<T>& x) {
  XGRAD_CHECK(n >= 0 && n <= 30, "polygamma: n is ", n, "; expected 0 to 30");
  return polygamma_order(x, static_cast<double>(n));
}

template <class T>
Comparison<T> isclose(const Tensor<T>& a, const Tensor<T>& b, double rtol, double atol, bool equal_nan) {
  XGRAD_CHECK(rtol >= 0 && atol >= 0, "isclose: rtol is ", rtol, ", atol ", atol, "; expected >= 0");
  const Tensor<T> distance = absolute_difference(a.detach(), b.detach());
  const Comparison<T> close = a == b || (isfinite(distance) && distance <= atol + rtol * abs(b.detach()));
  return equal_nan ? close || (isnan(a) && isnan(b)) : close;
}

namespace {
template <class T> bool all(const Comparison<T>& c) {
  const auto values = c.indicator.values();
  return std::all_of(values.begin(), values.end(), [](T x) { return x != 0; });
}
}  // namespace

template <class T> bool allclose(const Tensor<T>& a, const Tensor<T>& b, double rtol, double atol, bool equal_nan) {
  return all(isclose(a, b, rtol, atol, equal_nan));
}

template <class T> bool array_equal(const Tensor<T>& a, const Tensor<T>& b, bool equal_nan) {
  return a.shape() == b.shape() && all(equal_nan ? a == b || (isnan(a) && isnan(b)) : a == b);
}

#define XGRAD_INSTANTIATE(T)                                                                             \
  template Tensor<T> nan_to_num(const Tensor<T>&, double, std::optional<double>, std::optional<double>); \
  template Tensor<T> logit(const Tensor<T>&, double);                                                    \
  template Tensor<T> polygamma(std::int64_t, const Tensor<T>&);                                          \
  template Comparison<T> isclose(const Tensor<T>&, const Tensor<T>&, double, double, bool);              \
  template bool allclose(const Tensor<T>&, const Tensor<T>&, double, double, bool);                      \
  template bool array_equal(const Tensor<T>&, const Tensor<T>&, bool);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

template <class T> Comparison<T>::operator Mask() const {
  Mask mask(indicator.shape());
  std::transform(indicator.data(), indicator.data() + indicator.size(), mask.data(), [](T x) { return x != 0; });
  return mask;
}
template Comparison<float>::operator Mask() const;
template Comparison<double>::operator Mask() const;

}  // namespace xgrad
