// SPDX-License-Identifier: BSD-3-Clause
// How nodes are made, checked and destroyed.
#include <cmath>
#include <mutex>
#include <set>
#include <string>

#include "graph/hooks.hpp"
#include "graph/state.hpp"
#include "xgrad/autograd.hpp"

namespace xgrad {
namespace detail {

constinit thread_local GraphState graph_state{};
constinit thread_local ScopeStack scope_stack{};

namespace {

template <class T> constinit thread_local Node<T>* dead_nodes = nullptr;
template <class T> constinit thread_local bool draining = false;

/// The current layer path as a string that lives forever; only called in anomaly mode.
const char* current_scope() {
  std::string path;
  for (std::size_t i = 0; i < scope_stack.depth; ++i) {
    if (!*scope_stack.names[i]) continue;  // the outermost module has no name
    if (!path.empty()) path += '.';
    path += scope_stack.names[i];
  }
  static std::mutex mutex;
  static std::set<std::string> known;
  const std::lock_guard lock(mutex);
  return known.insert(path).first->c_str();
}

template <class T>
Node<T>* new_node(const char* name, const Shape& shape, Storage<T>&& value, std::size_t extra_bytes) {
  std::uint32_t size_class = 0;
  void* block = allocate(sizeof(Node<T>) + extra_bytes, size_class);
  const std::uint32_t flags = graph_state.inference ? std::uint32_t{Node<T>::kInference} : 0;
  auto* node = new (block) Node<T>(graph_state.next_sequence++, flags, size_class, name, std::move(value), shape);
  return node;
}

template <class T> void free_node(Node<T>* node) {
  release_edges(*node);
  if (node->gradient) release(node->gradient);
  delete node->hooks;
  const std::uint32_t size_class = node->size_class;
  node->~Node<T>();
  deallocate(node, size_class);
}

}  // namespace

template <class T>
void check_finite(const char* what, const Node<T>& node, const T* values, std::size_t size, const Shape& shape) {
  for (std::size_t i = 0; i < size; ++i) {
    if (std::isfinite(values[i])) continue;
    std::string text;
    text.append(what).append(" of ").append(node.name);
    if (node.scope && *node.scope) text.append(" in layer \"").append(node.scope).append("\"");
    text.append(" is ").append(std::isnan(values[i]) ? "NaN" : values[i] > 0 ? "inf" : "-inf");
    text.append(" at element ").append(std::to_string(i)).append(" of shape ").append(shape.to_string());
    if (node.input_count > 0) {
      text += "; input shapes";
      for (std::uint32_t k = 0; k < node.input_count; ++k) text.append(" ").append(node.inputs[k]->shape.to_string());
    }
    throw AnomalyError(text);
  }
}

template <class T> void watch_node(Node<T>& node) {
  node.scope = current_scope();
  check_finite("the result", node, node.value.data(), node.value.size(), node.shape);
}

template <class T> void refuse_inference(const char* name, std::span<Node<T>* const> inputs) {
  std::size_t k = 0;
  while (!(inputs[k]->flags & Node<T>::kInference)) ++k;
  fail(name, ": input ", k, " of shape ", inputs[k]->shape,
       " was made in InferenceMode and cannot take part in a graph; compute it outside, or clone() its values");
}

template <class T> Node<T>* make_constant(const char* name, const Shape& shape, Storage<T>&& value) {
  return new_node(name, shape, std::move(value), 0);
}

template <class T>
Node<T>* make_node(const char* name, const Shape& shape, Storage<T>&& value, std::span<Node<T>* const> inputs,
                   SavedMask saved, const Operation<T>* operation, std::size_t closure_bytes) {
  const std::size_t closure_space = (closure_bytes + 15) / 16 * 16;
  const std::size_t count = inputs.size();
  Node<T>* node = new_node(name, shape, std::move(value),
                           closure_space + count * sizeof(Node<T>*) + (count + 1) * sizeof(std::uint32_t));
  char* place = reinterpret_cast<char*>(node + 1);
  node->closure = place;
  node->inputs = reinterpret_cast<Node<T>**>(place + closure_space);
  node->versions = reinterpret_cast<std::uint32_t*>(node->inputs + count);
  node->flags = Node<T>::kRequiresGrad;
  node->operation = operation;
  node->input_count = static_cast<std::uint32_t>(count);
  node->saved = saved;
  for (std::size_t k = 0; k < count; ++k) {
    Node<T>* input = node->inputs[k] = inputs[k];
    increment(input->references);
    if (k < 31 && (saved >> k & 1u)) {
      increment(input->uses);
      node->versions[k] = input->value.version();
    }
  }
  if (saved & kSaveOutput) {
    ++node->uses;
    node->versions[count] = node->value.version();
  }
  return node;
}

template <class T> void release_edges(Node<T>& node) {
  if (!node.operation || (node.flags & Node<T>::kReleased)) return;
  node.flags |= Node<T>::kReleased;
  if (node.operation->destroy) node.operation->destroy(node.closure);
  for (std::uint32_t k = 0; k < node.input_count; ++k) {
    Node<T>* input = node.inputs[k];
    if (k < 31 && (node.saved >> k & 1u) && decrement(input->uses)) input->value.reset();
    if (decrement(input->references)) destroy_node(input);
  }
  node.input_count = 0;
  if ((node.saved & kSaveOutput) && decrement(node.uses)) node.value.reset();
}

template <class T> void destroy_node(Node<T>* node) {
  // Iterative: what dies while a node is freed is queued, so a chain of a million nodes needs no stack.
  node->next_dead = dead_nodes<T>;
  dead_nodes<T> = node;
  if (draining<T>) return;
  draining<T> = true;
  while (Node<T>* next = dead_nodes<T>) {
    dead_nodes<T> = next->next_dead;
    free_node(next);
  }
  draining<T> = false;
}

#define XGRAD_INSTANTIATE(T)                                                                                    \
  template void check_finite<T>(const char*, const Node<T>&, const T*, std::size_t, const Shape&);              \
  template void watch_node<T>(Node<T>&);                                                                        \
  template void refuse_inference<T>(const char*, std::span<Node<T>* const>);                                    \
  template Node<T>* make_constant<T>(const char*, const Shape&, Storage<T>&&);                                  \
  template Node<T>* make_node<T>(const char*, const Shape&, Storage<T>&&, std::span<Node<T>* const>, SavedMask, \
                                 const Operation<T>*, std::size_t);                                             \
  template void release_edges<T>(Node<T>&);                                                                     \
  template void destroy_node<T>(Node<T>*);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace detail

Scope::Scope(const char* name) {
  auto& stack = detail::scope_stack;
  if (stack.depth < stack.names.size()) stack.names[stack.depth] = name;
  ++stack.depth;
}
Scope::~Scope() { --detail::scope_stack.depth; }

}  // namespace xgrad
