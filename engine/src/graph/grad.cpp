// SPDX-License-Identifier: BSD-3-Clause
// Gradients with respect to chosen inputs: a marking pass finds the nodes that lead to them, backward visits only
// those.
#include <algorithm>
#include <vector>

#include "graph/backward.hpp"
#include "xgrad/autograd.hpp"

namespace xgrad {
namespace detail {
namespace {

constinit thread_local std::uint64_t last_mark = 0;

/// Nodes reachable from `roots` and younger than `sequence`, oldest first. Visits with a mark of its own.
template <class T>
std::vector<Node<T>*> reachable(std::vector<Node<T>*> stack, std::uint64_t sequence, std::uint64_t keep) {
  const std::uint64_t visited = ++last_mark;
  std::vector<Node<T>*> nodes;
  while (!stack.empty()) {
    Node<T>* node = stack.back();
    stack.pop_back();
    if (node->mark == visited || (keep != 0 && node->mark == keep) || !node->requires_grad()) continue;
    if (node->sequence <= sequence) continue;
    node->mark = visited;
    nodes.push_back(node);
    stack.insert(stack.end(), node->inputs, node->inputs + node->input_count);
  }
  std::sort(nodes.begin(), nodes.end(), [](const Node<T>* a, const Node<T>* b) { return a->sequence < b->sequence; });
  return nodes;
}

template <class T> void spread(const std::vector<Node<T>*>& oldest_first, std::uint64_t mark) {
  for (Node<T>* node : oldest_first)
    if ((node->flags & Node<T>::kOpaque) || std::any_of(node->inputs, node->inputs + node->input_count,
                                                        [mark](const Node<T>* x) { return x->mark == mark; }))
      node->mark = mark;
}

}  // namespace

template <class T> void mark_up_to(Node<T>* root, std::uint64_t sequence, std::uint64_t mark) {
  spread(reachable<T>({root}, sequence, mark), mark);
}
template void mark_up_to<float>(Node<float>*, std::uint64_t, std::uint64_t);
template void mark_up_to<double>(Node<double>*, std::uint64_t, std::uint64_t);

}  // namespace detail

template <class T>
std::vector<Tensor<T>> grad(const std::vector<Tensor<T>>& outputs, const std::vector<Tensor<T>>& inputs,
                            const std::vector<Tensor<T>>& grad_outputs, GradOptions options) {
  XGRAD_CHECK(grad_outputs.empty() || grad_outputs.size() == outputs.size(), "grad: ", grad_outputs.size(),
              " grad_outputs for ", outputs.size(), " outputs; expected as many, or none");
  std::vector<Tensor<T>> seeds;
  std::vector<Node<T>*> roots;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor<T>& output = outputs[i];
    XGRAD_CHECK(output.requires_grad(), "grad: output ", i, " ", output.shape(),
                " does not require a gradient; was it computed under NoGrad or from constants only?");
    if (grad_outputs.empty()) {
      XGRAD_CHECK(output.size() == 1, "grad: output ", i, " has shape ", output.shape(),
                  "; expected one element, or pass grad_outputs");
      seeds.push_back(Tensor<T>::ones(output.shape()));
    } else {
      XGRAD_CHECK(grad_outputs[i].shape() == output.shape(), "grad: grad_outputs[", i, "] has shape ",
                  grad_outputs[i].shape(), "; expected ", output.shape(), ", the output's");
      seeds.push_back(grad_outputs[i]);
    }
    roots.push_back(output.node());
  }

  // The wanted inputs lend their gradient slot: what stood there is put aside and comes back, also after an exception.
  struct Aside {
    Node<T>* node;
    Node<T>* gradient;
    std::uint32_t flags;
  };
  struct Guard {
    std::vector<Aside> aside;
    ~Guard() {
      for (auto it = aside.rbegin(); it != aside.rend(); ++it) {
        if (it->node->gradient) detail::release(it->node->gradient);
        it->node->gradient = it->gradient;
        it->node->flags =
            (it->node->flags & ~static_cast<std::uint32_t>(Node<T>::kCaptured)) | (it->flags & Node<T>::kCaptured);
        it->node->mark = 0;
      }
    }
  } guard;

  const auto nodes = detail::reachable<T>(roots, 0, 0);
  const std::uint64_t mark = ++detail::last_mark;
  for (const Tensor<T>& input : inputs) {
    Node<T>* node = input.node();
    XGRAD_CHECK(node->requires_grad(), "grad: an input of shape ", node->shape, " does not require a gradient");
    guard.aside.push_back({node, std::exchange(node->gradient, nullptr), node->flags});
    node->flags |= Node<T>::kCaptured;
    node->mark = mark;
  }
  detail::spread(nodes, mark);
  std::vector<Tensor<T>> wanted_roots, wanted_seeds;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].node()->mark == mark) {
      wanted_roots.push_back(outputs[i]);
      wanted_seeds.push_back(seeds[i]);
    }
  detail::run_backward<T>(wanted_roots, wanted_seeds, options.retain_graph, options.create_graph, mark);

  std::vector<Tensor<T>> gradients;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    gradients.push_back(inputs[i].grad());
    XGRAD_CHECK(gradients[i].defined() || options.allow_unused, "grad: input ", i, " of shape ", inputs[i].shape(),
                " does not influence the outputs; set allow_unused to get an undefined gradient instead");
  }
  return gradients;
}

template std::vector<Tensor<float>> grad(const std::vector<Tensor<float>>&, const std::vector<Tensor<float>>&,
                                         const std::vector<Tensor<float>>&, GradOptions);
template std::vector<Tensor<double>> grad(const std::vector<Tensor<double>>&, const std::vector<Tensor<double>>&,
                                          const std::vector<Tensor<double>>&, GradOptions);

}  // namespace xgrad
