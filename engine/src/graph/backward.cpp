// SPDX-License-Identifier: BSD-3-Clause
// Backward is a heap on the creation number and nothing else: a node enters when its first gradient arrives; the
// youngest leaves first; every consumer is younger than its inputs, so then all its gradients are there.
#include "graph/backward.hpp"

#include <algorithm>
#include <vector>

#include "graph/hooks.hpp"
#include "graph/state.hpp"
#include "kernels/kernels.hpp"
#include "xgrad/autograd.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"

namespace xgrad {
namespace detail {
namespace {

/// A binary heap in pooled memory (a step in steady state asks nothing of the system).
template <class T> class Heap {
 public:
  bool empty() const { return size_ == 0; }
  bool contains(const Node<T>* node) const {
    return std::find(nodes_.begin(), nodes_.begin() + size_, node) != nodes_.begin() + size_;
  }
  void push(Node<T>* node) {
    if (size_ == nodes_.size()) {
      Storage<Node<T>*> larger(std::max<std::size_t>(2 * size_, 16));
      std::copy(nodes_.begin(), nodes_.begin() + static_cast<std::ptrdiff_t>(size_), larger.begin());
      nodes_ = std::move(larger);
    }
    nodes_[size_++] = node;
    if (size_ == 1) return;  // a chain's backward knows nothing else
    std::push_heap(nodes_.begin(), nodes_.begin() + static_cast<std::ptrdiff_t>(size_), older);
  }
  Node<T>* pop() {
    if (size_ > 1) std::pop_heap(nodes_.begin(), nodes_.begin() + static_cast<std::ptrdiff_t>(size_), older);
    return nodes_[--size_];
  }

 private:
  static bool older(const Node<T>* a, const Node<T>* b) { return a->sequence < b->sequence; }
  Storage<Node<T>*> nodes_;
  std::size_t size_ = 0;
};

template <class T> struct Run {
  Heap<T> heap;
  std::uint64_t mark;  // only nodes with this mark want gradients; 0: all that require one
  Run* outer;
  struct Aside {
    Tensor<T> tensor;  // kept alive
    Node<T>* gradient;
  };
  std::vector<Aside> aside = {};                      // what leaves with hooks, and retain_grad(), had before this
  std::vector<Tensor<T>>* input_gradients = nullptr;  // where give() puts them while an operation's hooks wait
};
template <class T> constinit thread_local Run<T>* current_run = nullptr;

template <class T> bool unique(const Node<T>& node) { return count_of(node.references) == 1 && node.value.unique(); }
/// The first gradient of this backward at a leaf with hooks, or at a node that retains an earlier one: it must not be
/// added to that yet.
template <class T> bool begins_anew(const Node<T>& node) {
  return !(node.flags & Node<T>::kQueued) && (node.is_leaf() ? node.hooks != nullptr : node.gradient != nullptr);
}

template <class T> void enqueue(Node<T>* node) {
  node->flags |= Node<T>::kQueued;
  increment(node->references);
  current_run<T>->heap.push(node);
}

/// Adds to the gradient of `target`: the first is taken, later ones are added in place.
template <class T> void accumulate(Node<T>* target, Tensor<T>&& gradient) {
  if (!target->gradient) {
    // A leaf keeps its gradient and others change it in place, so it must not share it with anyone.
    const bool shared = count_of(gradient.node()->references) > 1 || !gradient.storage().unique();
    if (target->is_leaf() && shared && !is_grad_enabled()) gradient = gradient.detach().clone();
    target->gradient = gradient.disown();
    return;
  }
  if (target->gradient->flags & Node<T>::kRows) [[unlikely]]
    make_gradient_dense(*target);
  Node<T>& present = *target->gradient;
  if (!is_grad_enabled() && unique(present)) {
    present.value.bump_version();
    kernels<T>().add_in_place(present.value.data(), gradient.data(), gradient.size());
    return;
  }
  Tensor<T> total = Tensor<T>(target->gradient) + gradient;
  release(std::exchange(target->gradient, total.disown()));
}

template <class T> void deliver(Node<T>* target, Tensor<T>&& gradient) {
  XGRAD_CHECK(!(count_of(target->references) & kSharedCount), "backward: a tensor of shape ", target->shape,
              " that threads share would get a gradient; make a leaf of your own from it by parameter()");
  Run<T>& run = *current_run<T>;
  XGRAD_CHECK(!run.outer || !(target->flags & Node<T>::kQueued) || (target->flags & Node<T>::kCaptured) ||
                  run.heap.contains(target),
              "backward: one inside of another reaches \"", target->name, "\" ", target->shape,
              ", which waits in the outer one; let it work on detach()ed values");
  if (begins_anew(*target)) [[unlikely]] {
    run.aside.push_back({Tensor<T>(target), std::exchange(target->gradient, nullptr)});
    enqueue(target);
  }
  const bool first = !target->gradient;
  accumulate(target, std::move(gradient));
  if (first && !target->is_leaf() && !(target->flags & Node<T>::kQueued)) enqueue(target);
}

/// The whole gradient of this backward, added to what the node had before.
template <class T> void keep_gradient(Node<T>* node, Tensor<T> gradient) {
  auto& aside = current_run<T>->aside;
  const auto mine =
      std::find_if(aside.begin(), aside.end(), [node](const auto& each) { return each.tensor.node() == node; });
  if (mine != aside.end()) {
    node->gradient = mine->gradient;
    aside.erase(mine);
  }
  accumulate(node, std::move(gradient));
}

/// The vector-Jacobian product of a node whose operation is watched: its results are shown before they go on.
template <class T> void step_watched(Node<T>* node, const Tensor<T>& gradient) {
  std::vector<Tensor<T>> input_gradients(node->input_count);
  Run<T>& run = *current_run<T>;
  run.input_gradients = &input_gradients;
  struct Guard {
    Run<T>& run;
    ~Guard() { run.input_gradients = nullptr; }
  };
  {
    const Guard guard{run};
    node->operation->backward(*node, gradient);
  }
  const auto hooks = node->hooks->operation;  // a copy: a hook may register another
  for (const auto& hook : hooks)
    if (*hook.active) hook.call(input_gradients, gradient);
  for (std::size_t k = 0; k < input_gradients.size(); ++k)
    if (input_gradients[k].defined()) node->give(k, std::move(input_gradients[k]));
}

template <class T> void step(Node<T>* node, bool retain_graph) {
  auto gradient = Tensor<T>::adopt(std::exchange(node->gradient, nullptr));
  if (node->hooks) [[unlikely]] {
    gradient = node->hooks->apply(*node, std::move(gradient));
    if (node->is_leaf()) return keep_gradient(node, std::move(gradient));
  }
  XGRAD_CHECK(!(node->flags & Node<T>::kReleased), "backward: the graph at \"", node->name, "\" ", node->shape,
              " was already used and freed; pass retain_graph = true to the first backward to run it twice");
  const std::uint64_t mark = current_run<T>->mark;
  if (node->flags & (mark == 0 ? Node<T>::kRetainGrad : Node<T>::kCaptured)) [[unlikely]]
    keep_gradient(node, gradient);
  if (mark != 0 && !(node->flags & Node<T>::kOpaque)) {  // a limited backward may end here
    bool any_wanted = false;
    for (std::uint32_t k = 0; k < node->input_count; ++k) any_wanted |= node->wants(k);
    if (!any_wanted) return;
  }
  if (node->hooks && node->hooks->watches_operation()) [[unlikely]]
    step_watched(node, gradient);
  else
    node->operation->backward(*node, gradient);
  if (graph_state.anomaly) [[unlikely]]
    for (std::uint32_t k = 0; k < node->input_count; ++k)
      if (const Node<T>* g = node->inputs[k]->gradient; g && node->wants(k)) {
        if (g->flags & Node<T>::kRows) g = static_cast<const SparseRows<T>*>(g->closure)->values.node();
        check_finite("what comes out of the backward", *node, g->value.data(), g->value.size(), g->shape);
      }
  if (!retain_graph) release_edges(*node);
}

}  // namespace

template <class T>
void run_backward(std::span<const Tensor<T>> roots, std::span<const Tensor<T>> gradients, bool retain_graph,
                  bool create_graph, std::uint64_t mark) {
  Run<T> run{{}, mark, current_run<T>};
  struct Guard {  // also after an exception: no node may stay queued or keep a stray gradient
    Run<T>& run;
    bool recording = graph_state.grad_enabled;
    ~Guard() {
      while (!run.heap.empty()) {
        Node<T>* node = run.heap.pop();
        node->flags &= ~static_cast<std::uint32_t>(Node<T>::kQueued);
        if (node->gradient) release(std::exchange(node->gradient, nullptr));
        if (decrement(node->references)) destroy_node(node);
      }
      for (const auto& [tensor, before] : run.aside) {
        if (tensor.node()->gradient) release(tensor.node()->gradient);
        tensor.node()->gradient = before;
      }
      current_run<T> = run.outer;
      graph_state.grad_enabled = recording;
    }
  } guard{run};
  current_run<T> = &run;
  graph_state.grad_enabled = create_graph;
  for (std::size_t i = 0; i < roots.size(); ++i) deliver(roots[i].node(), Tensor<T>(gradients[i]));
  while (!run.heap.empty()) {
    Node<T>* node = run.heap.pop();
    node->flags &= ~static_cast<std::uint32_t>(Node<T>::kQueued);
    struct Drop {
      Node<T>* node;
      ~Drop() {
        if (decrement(node->references)) destroy_node(node);
      }
    } drop{node};
    step(node, retain_graph || create_graph);
  }
}

template void run_backward<float>(std::span<const Tensor<float>>, std::span<const Tensor<float>>, bool, bool,
                                  std::uint64_t);
template void run_backward<double>(std::span<const Tensor<double>>, std::span<const Tensor<double>>, bool, bool,
                                   std::uint64_t);

}  // namespace detail

template <class T> bool Node<T>::wants(std::size_t k) const {
  const std::uint64_t required = detail::current_run<T>->mark;
  return inputs[k]->requires_grad() && (required == 0 || inputs[k]->mark == required);
}

template <class T> void Node<T>::give(std::size_t k, const Tensor<T>& gradient_of_input) {
  if (inputs[k]->shape == gradient_of_input.shape())
    if (T* place = accumulate_into(k))
      return detail::kernels<T>().add_in_place(place, gradient_of_input.data(), gradient_of_input.size());
  give(k, Tensor<T>(gradient_of_input));
}

template <class T> void Node<T>::give(std::size_t k, Tensor<T>&& gradient_of_input) {
  if (!wants(k)) return;
  if (!(gradient_of_input.shape() == inputs[k]->shape)) gradient_of_input = sum_to(gradient_of_input, inputs[k]->shape);
  if (auto* watched = detail::current_run<T>->input_gradients) [[unlikely]] {
    Tensor<T>& place = (*watched)[k];
    place = place.defined() ? place + gradient_of_input : std::move(gradient_of_input);
    return;
  }
  detail::deliver(inputs[k], std::move(gradient_of_input));
}

template <class T> T* Node<T>::accumulate_into(std::size_t k) {
  Node* target = inputs[k];
  if (is_grad_enabled() || !wants(k) || !target->gradient || !detail::unique(*target->gradient)) return nullptr;
  const detail::Run<T>& run = *detail::current_run<T>;
  if (detail::begins_anew(*target) || run.input_gradients || (run.outer && (target->flags & kQueued))) [[unlikely]]
    return nullptr;
  target->gradient->value.bump_version();
  return target->gradient->value.data();
}

template <class T> bool Node<T>::takes_rows(std::size_t k) const {
  const Node* target = inputs[k];
  return wants(k) && !is_grad_enabled() && target->is_leaf() && !target->hooks &&
         !(target->references & detail::kSharedCount) && !detail::current_run<T>->input_gradients &&
         (!target->gradient || (target->gradient->flags & kRows));
}

template <class T> const T* Node<T>::input_data(std::size_t k) const {
  XGRAD_CHECK(inputs[k]->value.version() == versions[k], name, ": input ", k, " of shape ", inputs[k]->shape,
              " was saved for backward and changed in place since; change a clone(), or run backward first");
  return inputs[k]->value.data();
}

template <class T> Tensor<T> Node<T>::input(std::size_t k) const {
  input_data(k);
  return Tensor<T>(inputs[k]);
}

template <class T> const T* Node<T>::output_data() const {
  XGRAD_CHECK(value.version() == versions[input_count], name, ": its result of shape ", shape,
              " was saved for backward and changed in place since; change a clone(), or run backward first");
  return value.data();
}

template <class T> Tensor<T> Node<T>::output() const {
  output_data();
  return Tensor<T>(const_cast<Node*>(this));
}

template <class T> void Node<T>::substitute(const Tensor<T>& replacement, const Tensor<T>& gradient_of_output) {
  // The replacement is younger than every node of this backward, so the heap runs it next. In a limited backward its
  // nodes carry no mark yet: they lead to this node's inputs, which are the ones wanted.
  XGRAD_CHECK(
      !detail::current_run<T>->input_gradients, name,
      ": backward goes on through its recomputed parts here (checkpoint, or higher derivatives of a map), so a hook "
      "on the operation cannot see the gradients of its inputs; use register_hook on them");
  const std::uint64_t required = detail::current_run<T>->mark;
  if (required != 0) detail::mark_up_to(replacement.node(), sequence, required);
  if (replacement.requires_grad()) detail::deliver(replacement.node(), Tensor<T>(gradient_of_output));
}

template struct Node<float>;
template struct Node<double>;

}  // namespace xgrad
