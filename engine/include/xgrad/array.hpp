// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// xtensor arrays at xgrad's boundary. This is the only header that includes xtensor: include it instead of xtensor's
// own headers, or before them.
//
// xtensor 0.24.3 guards a specialisation by `__cplusplus == 201703L`; without it GCC in C++20 mode takes the dynamic
// shape type for a 4-element std::array, and every deduced temporary of an xarray expression becomes a rank-4 xtensor:
// crashes, silently wrong results. The two full specialisations below must stand right after the two forward headers.
#include <xtensor/xtensor_forward.hpp>
#include <xtensor/xexpression_traits.hpp>

namespace xt::detail {
template <> struct xtype_for_shape<dynamic_shape<std::size_t>> {
  template <class T, layout_type L> using type = xarray<T, L>;
};
template <> struct xtype_for_shape<dynamic_shape<std::ptrdiff_t>> {
  template <class T, layout_type L> using type = xarray<T, L>;
};
}  // namespace xt::detail

#include <algorithm>
#include <utility>
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xnoalias.hpp>

#include "xgrad/tensor.hpp"

namespace xgrad {

/// An xtensor array on xgrad's pooled storage: every xtensor function and expression works on it.
template <class T>
using Array = xt::xarray_container<Storage<T>, xt::layout_type::row_major, xt::dynamic_shape<std::size_t>>;

namespace detail {

template <class Source> Shape shape_of(const Source& source) {
  Shape shape;
  for (const auto size : source.shape()) shape.push_back(static_cast<std::int64_t>(size));
  return shape;
}

inline xt::dynamic_shape<std::size_t> xtensor_shape(const Shape& shape) {
  return xt::dynamic_shape<std::size_t>(shape.begin(), shape.end());
}

/// A Tensor with the elements of an xtensor array or expression of floating-point or integer numbers (converted to T).
template <class E, class T>
requires xt::is_xexpression<E>::value Tensor<T> tensor_from(const E& expression, TensorOf<T>) {
  Array<T> array(Array<T>::from_shape(xtensor_shape(shape_of(expression))));
  xt::noalias(array) = xt::cast<T>(expression);
  return Tensor<T>(shape_of(array), std::move(array.storage()));
}

}  // namespace detail

/// A Tensor that takes over the storage of an Array: no copy.
template <class T> Tensor<T> take(Array<T>&& array) {
  const Shape shape = detail::shape_of(array);
  return Tensor<T>(shape, std::move(array.storage()));
}

/// Integers (labels, indices) or truth values from an xtensor array or expression.
template <class E>
requires xt::is_xexpression<E>::value Indices to_indices(const E& expression) {
  Indices indices(detail::shape_of(expression));
  std::copy(expression.template begin<xt::layout_type::row_major>(),
            expression.template end<xt::layout_type::row_major>(), indices.data());
  return indices;
}
template <class E>
requires xt::is_xexpression<E>::value Mask to_mask(const E& expression) {
  Mask mask(detail::shape_of(expression));
  std::copy(expression.template begin<xt::layout_type::row_major>(),
            expression.template end<xt::layout_type::row_major>(), mask.data());
  return mask;
}

template <class T> template <class Element> auto Tensor<T>::array() const {
  return xt::adapt(data(), size(), xt::no_ownership(), detail::xtensor_shape(shape()));
}
template <class T> template <class Element> auto Tensor<T>::mutable_array() {
  return xt::adapt(mutable_data(), size(), xt::no_ownership(), detail::xtensor_shape(shape()));
}

}  // namespace xgrad
