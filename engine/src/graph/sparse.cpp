// SPDX-License-Identifier: BSD-3-Clause
// Gradients that are kept as rows. Such a gradient is a node of its tensor's shape without a value, whose closure holds
// the rows; whoever asks for the dense gradient replaces it, so nobody else meets one.
#include <algorithm>
#include <numeric>

#include "kernels/kernels.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad {
namespace {

template <class T> SparseRows<T>& rows_of(const Node<T>& gradient) {
  return *static_cast<SparseRows<T>*>(gradient.closure);
}
template <class T> constexpr Operation<T> kRowsOperation{nullptr, &detail::destroy_closure<SparseRows<T>>};

/// The rows of a, then those of b.
template <class T> SparseRows<T> joined(const SparseRows<T>& a, const SparseRows<T>& b) {
  Indices rows(Shape{static_cast<std::int64_t>(a.rows.size() + b.rows.size())});
  std::copy_n(b.rows.data(), b.rows.size(), std::copy_n(a.rows.data(), a.rows.size(), rows.data()));
  Shape shape = a.values.shape();
  shape[0] += b.values.shape()[0];
  Storage<T> values(shape.size());
  std::copy_n(b.values.data(), b.values.size(), std::copy_n(a.values.data(), a.values.size(), values.data()));
  return {rows, Tensor<T>(shape, std::move(values))};
}

}  // namespace

template <class T> void detail::make_gradient_dense(Node<T>& node) {
  const SparseRows<T>& sparse = rows_of(*node.gradient);
  const std::size_t width = sparse.rows.size() == 0 ? 0 : sparse.values.size() / sparse.rows.size();
  Storage<T> dense(node.shape.size(), T{0});
  for (std::size_t i = 0; i < sparse.rows.size(); ++i)
    kernels<T>().add_in_place(dense.data() + static_cast<std::size_t>(sparse.rows.data()[i]) * width,
                              sparse.values.data() + i * width, width);
  Node<T>* gradient = make_constant("leaf", node.shape, std::move(dense));
  retain(gradient);
  release(std::exchange(node.gradient, gradient));
}

template <class T> void Node<T>::give_rows(std::size_t k, const Indices& rows, const Tensor<T>& gradient_of_rows) {
  Node* target = inputs[k];
  Shape matrix = target->shape;
  matrix[0] = static_cast<std::int64_t>(rows.size());
  const Indices line(Shape{matrix[0]}, rows.values());  // copies: the caller's array may change
  SparseRows<T> sparse{line, Tensor<T>(matrix, gradient_of_rows.storage().share())};
  if (target->gradient) sparse = joined(rows_of(*target->gradient), sparse);
  Node* node = detail::make_node<T>("rows", target->shape, Storage<T>{}, {}, kSaveNothing, &kRowsOperation<T>,
                                    sizeof(SparseRows<T>));
  new (node->closure) SparseRows<T>(std::move(sparse));
  node->flags = kRows;
  detail::retain(node);
  if (target->gradient) detail::release(target->gradient);
  target->gradient = node;
}

template <class T> SparseRows<T> Tensor<T>::sparse_grad() const {
  XGRAD_CHECK(has_sparse_grad(), "sparse_grad: the gradient of shape ", shape(),
              has_grad() ? " is dense; " : " is absent; ", "expected one that is kept as rows (has_sparse_grad)");
  const SparseRows<T>& kept = rows_of(*node_->gradient);
  const std::size_t count = kept.rows.size(), width = count == 0 ? 0 : kept.values.size() / count;
  // Equal rows side by side, in the order of their arrival: sums come out as a dense gradient's.
  Indices order(kept.rows.shape());
  std::iota(order.data(), order.data() + count, std::int64_t{0});
  const std::int64_t* rows = kept.rows.data();
  std::sort(order.data(), order.data() + count,
            [rows](std::int64_t a, std::int64_t b) { return rows[a] != rows[b] ? rows[a] < rows[b] : a < b; });
  const auto begins = [&](std::size_t i) { return i == 0 || rows[order.data()[i]] != rows[order.data()[i - 1]]; };
  Shape shape = kept.values.shape();
  shape[0] = 0;
  for (std::size_t i = 0; i < count; ++i) shape[0] += begins(i);
  SparseRows<T> result{Indices(Shape{shape[0]}), Tensor<T>::zeros(shape)};
  T* place = result.values.mutable_data();
  std::int64_t* row = result.rows.data();
  for (std::size_t i = 0, n = 0; i < count; ++i) {
    n += begins(i);
    row[n - 1] = rows[order.data()[i]];
    detail::kernels<T>().add_in_place(place + (n - 1) * width,
                                      kept.values.data() + static_cast<std::size_t>(order.data()[i]) * width, width);
  }
  return result;
}

#define XGRAD_INSTANTIATE(T)                                                       \
  template void detail::make_gradient_dense(Node<T>&);                             \
  template void Node<T>::give_rows(std::size_t, const Indices&, const Tensor<T>&); \
  template SparseRows<T> Tensor<T>::sparse_grad() const;
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
