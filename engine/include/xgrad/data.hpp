// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <algorithm>
#include <initializer_list>
#include <span>

#include "xgrad/shape.hpp"
#include "xgrad/storage.hpp"

namespace xgrad {

/// An array that takes no part in the graph: labels, indices, masks. A copy is a second handle on the same elements.
template <class T> class Data {
 public:
  Data() : Data(Shape{0}) {}
  /// Elements are uninitialised.
  explicit Data(Shape shape) : shape_(shape), storage_(shape.size()) {}
  /// Throws Error unless there are as many values as the shape has elements.
  Data(Shape shape, std::span<const T> values) : Data(shape) {
    XGRAD_CHECK(values.size() == size(), "Data: ", values.size(), " values for shape ", shape, "; expected ", size());
    std::copy(values.begin(), values.end(), data());
  }
  Data(Shape shape, std::initializer_list<T> values) : Data(shape, std::span(values.begin(), values.size())) {}
  /// One axis.
  Data(std::initializer_list<T> values) : Data(Shape{static_cast<std::int64_t>(values.size())}, values) {}
  Data(const Data& other) : shape_(other.shape_), storage_(other.storage_.share()) {}
  Data(Data&&) noexcept = default;
  Data& operator=(Data other) noexcept {
    std::swap(shape_, other.shape_);
    storage_.swap(other.storage_);
    return *this;
  }

  const Shape& shape() const { return shape_; }
  std::size_t size() const { return storage_.size(); }
  T* data() { return storage_.data(); }
  const T* data() const { return storage_.data(); }
  /// Seen, not kept: `for (const T x : sin(y).values())` outlives its tensor; name the tensor first.
  std::span<const T> values() const { return {data(), size()}; }
  const Storage<T>& storage() const { return storage_; }

 private:
  Shape shape_;
  Storage<T> storage_;
};

using Indices = Data<std::int64_t>;
using Mask = Data<bool>;

}  // namespace xgrad
