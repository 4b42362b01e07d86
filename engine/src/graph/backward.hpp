// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <span>

#include "xgrad/tensor.hpp"

namespace xgrad::detail {

/// Sends `gradients` into `roots` and runs backward. With mark != 0 only nodes carrying it receive gradients.
template <class T>
void run_backward(std::span<const Tensor<T>> roots, std::span<const Tensor<T>> gradients, bool retain_graph,
                  bool create_graph, std::uint64_t mark);

/// Gives `mark` to every node reachable from `root` and younger than `sequence` that leads to a marked node.
template <class T> void mark_up_to(Node<T>* root, std::uint64_t sequence, std::uint64_t mark);

}  // namespace xgrad::detail
