// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The graph behind Tensor: for authors of operations. Users of operations need only tensor.hpp.
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include "xgrad/count.hpp"
#include "xgrad/data.hpp"
#include "xgrad/saved.hpp"
#include "xgrad/shape.hpp"
#include "xgrad/storage.hpp"

namespace xgrad {

template <class T> class Tensor;
template <class T> struct Node;
namespace detail {
template <class T> struct Hooks;
}

/// What backward needs to know of one kind of closure: how to run it, how to destroy it (null: nothing to do).
template <class T> struct Operation {
  void (*backward)(Node<T>& node, const Tensor<T>& gradient);
  void (*destroy)(void* closure);
};

/// One operation's result: its value, and, when recorded, the edges to its inputs and the closure that computes the
/// vector-Jacobian product. One pooled block: the node, its closure, its edges, the versions of what it saved.
///
/// Two counts make the life of the graph and of the values independent: `references` (handles and edges) keep the node,
/// `uses` (handles and savers) keep the value.
template <class T> struct Node {
  enum Flag : std::uint32_t {
    kRequiresGrad = 1,  ///< takes part in differentiation
    kReleased = 2,      ///< backward has run and freed what it saved
    kRetainGrad = 4,    ///< keeps its gradient although it is no leaf
    kQueued = 8,        ///< waits in backward's heap
    kInference = 16,    ///< made in InferenceMode: may never be recorded
    kOpaque = 32,       ///< its backward may reach tensors that are no inputs of it (checkpoint)
    kRows = 64,         ///< a gradient that is kept as rows; its closure is a SparseRows, its value empty
    kCaptured = 128,    ///< an input of grad(), which takes its gradient
  };

  Node(std::uint64_t its_sequence, std::uint32_t its_flags, std::uint32_t its_size_class, const char* its_name,
       Storage<T>&& its_value, const Shape& its_shape)
      : sequence(its_sequence), flags(its_flags), size_class(its_size_class), name(its_name),
        value(std::move(its_value)), shape(its_shape) {}

  std::uint32_t references = 0;
  std::uint32_t uses = 0;
  std::uint64_t sequence;  ///< creation number; consumers are always younger than their inputs
  std::uint32_t flags;
  std::uint32_t size_class;
  std::uint32_t input_count = 0;
  SavedMask saved = 0;
  union {
    std::uint64_t mark = 0;  ///< which limited backward (grad()) this node belongs to
    Node* next_dead;         ///< while it waits to be freed
  };
  const Operation<T>* operation = nullptr;
  const char* name;
  const char* scope = nullptr;  ///< layer path, recorded in anomaly mode
  void* closure = nullptr;
  Node** inputs = nullptr;
  std::uint32_t* versions = nullptr;
  Node* gradient = nullptr;           ///< holds a reference and a use
  detail::Hooks<T>* hooks = nullptr;  ///< owned; null for nearly all
  Storage<T> value;
  Shape shape;

  bool requires_grad() const { return flags & kRequiresGrad; }
  bool is_leaf() const { return operation == nullptr && !(flags & kReleased); }

  // What a vector-Jacobian product may ask of its node:

  /// True if input k wants a gradient in this backward.
  bool wants(std::size_t k) const;
  /// Delivers the gradient of input k; ignored if not wanted. A gradient of a broadcast shape is summed to the input's.
  void give(std::size_t k, Tensor<T>&& gradient);
  void give(std::size_t k, const Tensor<T>& gradient);
  /// Where a gradient of input k may be added in place (beta = 1), or null: then give() a new one.
  T* accumulate_into(std::size_t k);
  /// True if the gradient of input k may be given as rows: it is a leaf, nothing is recorded or hooked, and it
  /// has no dense gradient yet.
  bool takes_rows(std::size_t k) const;
  /// Delivers the gradient of some of input k's rows (slices of its first axis), one for each of `rows`; a row may come
  /// several times. Only if takes_rows(k).
  void give_rows(std::size_t k, const Indices& rows, const Tensor<T>& gradient);
  /// A saved input or the output; throws Error if it was changed in place since.
  Tensor<T> input(std::size_t k) const;
  Tensor<T> output() const;
  const Shape& input_shape(std::size_t k) const { return inputs[k]->shape; }
  /// The same as input()/output() without a handle: the elements, after the version check.
  const T* input_data(std::size_t k) const;
  const T* output_data() const;
  /// Continues backward through `replacement`, an equal value built from recorded operations (higher derivatives).
  void substitute(const Tensor<T>& replacement, const Tensor<T>& gradient);
};

/// True while operations of this thread are recorded (see NoGrad).
bool is_grad_enabled();

namespace detail {

struct GraphState {
  bool grad_enabled = true;
  bool anomaly = false;
  bool inference = false;
  std::uint64_t next_sequence = 1;
};
extern constinit thread_local GraphState graph_state;

template <class T>
Node<T>* make_node(const char* name, const Shape& shape, Storage<T>&& value, std::span<Node<T>* const> inputs,
                   SavedMask saved, const Operation<T>* operation, std::size_t closure_bytes);
template <class T> Node<T>* make_constant(const char* name, const Shape& shape, Storage<T>&& value);
template <class T> void destroy_node(Node<T>* node);
/// In anomaly mode: notes the layer that made the node and throws AnomalyError if its value is not finite.
template <class T> void watch_node(Node<T>& node);
/// Throws Error: an inference tensor is among the inputs of a recorded operation.
template <class T> [[noreturn]] void refuse_inference(const char* name, std::span<Node<T>* const> inputs);

/// Replaces a gradient that is kept as rows by a dense one.
template <class T> void make_gradient_dense(Node<T>& node);

template <class T> inline void retain(Node<T>* node) {
  increment(node->references);
  increment(node->uses);
}
template <class T> inline void release(Node<T>* node) {
  if (decrement(node->uses)) node->value.reset();
  if (decrement(node->references)) destroy_node(node);
}

}  // namespace detail
}  // namespace xgrad
