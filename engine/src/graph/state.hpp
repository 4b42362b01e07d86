// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <array>

#include "xgrad/tensor.hpp"

namespace xgrad::detail {

struct ScopeStack {
  std::array<const char*, 64> names;
  std::size_t depth;  // may exceed names.size(): deeper levels are not named
};
extern constinit thread_local ScopeStack scope_stack;

/// Throws AnomalyError naming `what`, the operation, the layer and the place of the first NaN or infinity.
template <class T>
void check_finite(const char* what, const Node<T>& node, const T* values, std::size_t size, const Shape& shape);

/// Frees the closure, the edges and what was saved; backward cannot run here again.
template <class T> void release_edges(Node<T>& node);

}  // namespace xgrad::detail
