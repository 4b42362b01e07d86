// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/hooks.hpp"

namespace xgrad::detail {

/// What is called when backward passes a node.
template <class T> struct Hooks {
  template <class F> struct Entry {
    F call;
    std::shared_ptr<bool> active;
  };
  std::vector<Entry<std::function<Tensor<T>(const Tensor<T>&)>>> gradient;
  std::vector<Entry<std::function<void(std::vector<Tensor<T>>&, const Tensor<T>&)>>> operation;

  /// The gradient of `node` after its hooks.
  Tensor<T> apply(const Node<T>& node, Tensor<T> gradient) const;
  bool watches_operation() const;
};

}  // namespace xgrad::detail
