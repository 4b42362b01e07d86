// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/tensor.hpp"

#include <algorithm>

#include "graph/backward.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {

template <class T> Tensor<T>::Tensor(const Shape& shape, Storage<T> storage) {
  XGRAD_CHECK(storage.size() == shape.size(), "Tensor: ", storage.size(), " values for shape ", shape, "; expected ",
              shape.size());
  *this = Tensor(detail::make_constant("leaf", shape, std::move(storage)));
}

template <class T>
Tensor<T>::Tensor(const Shape& shape, std::span<const T> values)
    : Tensor(shape, Storage<T>(values.begin(), values.end())) {}

template <class T> Tensor<T> Tensor<T>::full(const Shape& shape, T value) {
  return Tensor(shape, Storage<T>(shape.size(), value));
}

template <class T> Tensor<T> Tensor<T>::empty(const Shape& shape) { return Tensor(shape, Storage<T>(shape.size())); }

template <class T> T Tensor<T>::item() const {
  XGRAD_CHECK(size() == 1, "item: shape ", shape(), " has ", size(), " elements; expected one");
  return data()[0];
}

template <class T> Tensor<T>& Tensor<T>::set_requires_grad(bool on) {
  XGRAD_CHECK(is_leaf(), "set_requires_grad: this is the result of \"", operation(),
              "\"; only leaves can be switched, use detach()");
  XGRAD_CHECK(!on || !(node_->flags & Node<T>::kInference), "set_requires_grad: this tensor of shape ", shape(),
              " was made in InferenceMode and cannot take part in a graph; clone() its values outside");
  node_->flags =
      on ? node_->flags | Node<T>::kRequiresGrad : node_->flags & ~static_cast<std::uint32_t>(Node<T>::kRequiresGrad);
  return *this;
}

template <class T> Tensor<T>& Tensor<T>::retain_grad() {
  XGRAD_CHECK(requires_grad(), "retain_grad: shape ", shape(), " does not require a gradient");
  node_->flags |= Node<T>::kRetainGrad;
  return *this;
}

template <class T> void Tensor<T>::backward(const Tensor& gradient, bool retain_graph, bool create_graph) const {
  XGRAD_CHECK(requires_grad(), "backward: this value of shape ", shape(),
              " does not require a gradient; was it computed under NoGrad or from constants only?");
  Tensor seed = gradient;
  if (!seed.defined()) {
    XGRAD_CHECK(size() == 1, "backward: shape ", shape(), " has ", size(),
                " elements; reduce to one (sum, mean) or pass a gradient of this shape");
    seed = ones(shape());
  }
  XGRAD_CHECK(seed.shape() == shape(), "backward: the gradient has shape ", seed.shape(), "; expected ", shape());
  detail::run_backward<T>({this, 1}, {&seed, 1}, retain_graph, create_graph, 0);
}

template <class T> T* Tensor<T>::mutable_grad_data() {
  if (!node_->gradient) return nullptr;
  if (has_sparse_grad()) detail::make_gradient_dense(*node_);
  node_->gradient->value.bump_version();
  return node_->gradient->value.data();
}

template <class T> void Tensor<T>::set_grad(const Tensor& gradient) {
  XGRAD_CHECK(gradient.shape() == shape(), "set_grad: gradient of shape ", gradient.shape(), "; expected ", shape());
  const Tensor copy = gradient.detach().clone();
  zero_grad();
  node_->gradient = copy.node();
  detail::retain(node_->gradient);
}

template <class T> Tensor<T> Tensor<T>::detach() const {
  return Tensor(detail::make_constant("leaf", shape(), node_->value.share()));
}

template <class T> Tensor<T> Tensor<T>::clone() const {
  return record<T>(
      "clone", shape(), Storage<T>(node_->value), kSaveNothing, [](Node<T>& n, const Tensor<T>& g) { n.give(0, g); },
      *this);
}

template <class T> Tensor<T> Tensor<T>::reshape(const Shape& shape) const { return xgrad::reshape(*this, shape); }
template <class T> Tensor<T> Tensor<T>::sum(std::initializer_list<std::int64_t> axes, bool keepdims) const {
  return xgrad::sum(*this, axes, keepdims);
}
template <class T> Tensor<T> Tensor<T>::mean(std::initializer_list<std::int64_t> axes, bool keepdims) const {
  return xgrad::mean(*this, axes, keepdims);
}

template <class T> std::string Tensor<T>::to_string() const {
  if (!defined()) return "Tensor (undefined)";
  constexpr std::size_t kShown = 16;
  std::string text = "Tensor" + shape().to_string() + " [";
  for (std::size_t i = 0; i < std::min(size(), kShown); ++i) {
    if (i > 0) text += ", ";
    detail::append_text(text, data()[i]);
  }
  return text + (size() > kShown ? ", ...]" : "]");
}

template class Tensor<float>;
template class Tensor<double>;

}  // namespace xgrad
