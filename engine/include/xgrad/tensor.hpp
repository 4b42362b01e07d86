// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <span>
#include <string>
#include <vector>

#include "xgrad/data.hpp"
#include "xgrad/graph.hpp"

namespace xgrad {

namespace detail {
template <class T> struct TensorOf {};
}  // namespace detail

/// Anything that has an overload `Tensor<T> tensor_from(const Source&, detail::TensorOf<T>)`: xtensor arrays and
/// expressions get theirs in array.hpp.
template <class Source, class T>
concept TensorSource = requires(const Source& source) {
  tensor_from(source, detail::TensorOf<T>{});
};

template <class T> struct SparseRows;

/// A value that takes part in differentiation: a cheap handle (one pointer) on a row-major array of T (float or
/// double).
///
/// Copying a Tensor copies the handle. Values are immutable but for mutable_data() and mutable_array(), which count
/// a version, so that backward notices when something it saved was changed. A graph belongs to one thread at a time.
template <class T> class Tensor {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>, "Tensor<T> is for float and double");

 public:
  using value_type = T;

  Tensor() = default;
  /// A scalar: rank 0.
  Tensor(T value) : Tensor(full(Shape{}, value)) {}
  /// Elements in row-major order. Throws Error unless there are shape.size() values.
  Tensor(const Shape& shape, std::span<const T> values);
  Tensor(const Shape& shape, std::initializer_list<T> values)
      : Tensor(shape, std::span(values.begin(), values.size())) {}
  /// Takes the storage over. Throws Error unless it holds shape.size() elements.
  Tensor(const Shape& shape, Storage<T> storage);
  /// From an xtensor array (its storage is moved when it is an rvalue Array<T>) or expression; needs array.hpp.
  template <class Source>
  requires TensorSource<Source, T> Tensor(const Source& source) : Tensor(tensor_from(source, detail::TensorOf<T>{})) {}

  static Tensor zeros(const Shape& shape) { return full(shape, T{0}); }
  static Tensor ones(const Shape& shape) { return full(shape, T{1}); }
  static Tensor full(const Shape& shape, T value);
  /// Uninitialised elements.
  static Tensor empty(const Shape& shape);

  Tensor(const Tensor& other) : node_(other.node_) {
    if (node_) detail::retain(node_);
  }
  Tensor(Tensor&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Tensor& operator=(Tensor other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~Tensor() {
    if (node_) detail::release(node_);
  }

  bool defined() const { return node_ != nullptr; }
  const Shape& shape() const { return node_->shape; }
  std::size_t rank() const { return node_->shape.rank(); }
  std::size_t size() const { return node_->value.size(); }
  /// Size of one axis; negative axes count from the end.
  std::int64_t size(std::int64_t axis) const { return shape()[shape().axis(axis, "size")]; }

  const T* data() const { return node_->value.data(); }
  /// Seen, not kept: `for (const T x : sin(y).values())` outlives its tensor; name the tensor first.
  std::span<const T> values() const { return {data(), size()}; }
  /// For in-place changes: counts a new version, so that a backward which saved the old value reports an error.
  T* mutable_data() {
    node_->value.bump_version();
    return node_->value.data();
  }
  /// The only element. Throws Error when there are more or none.
  T item() const;
  // Templates, so that the explicit instantiation of Tensor leaves them to the unit that includes array.hpp.
  /// An xt::adapt view for reading; needs array.hpp.
  template <class Element = T> auto array() const;
  /// An xt::adapt view that writes through; counts a version. Needs array.hpp.
  template <class Element = T> auto mutable_array();

  // Differentiation
  bool requires_grad() const { return node_->requires_grad(); }
  /// Only for leaves. Throws Error for the result of an operation.
  Tensor& set_requires_grad(bool on = true);
  bool is_leaf() const { return node_->is_leaf(); }
  /// The name of the operation that made this value, "leaf" if none did.
  const char* operation() const { return node_->name; }

  /// Adds d(this)/d(leaf) to the gradient of every leaf that requires one.
  /// `gradient` has this shape; it may be left out when this has one element. What the operations saved is freed as
  /// backward goes unless retain_graph; with create_graph the gradients are themselves differentiable (prefer
  /// xgrad::grad(), for gradients that refer to their own leaf are a reference cycle until zero_grad()).
  /// Throws Error if this requires no gradient, or backward ran here before, or a saved value was changed in place.
  void backward() const { backward(Tensor()); }
  void backward(const Tensor& gradient, bool retain_graph = false, bool create_graph = false) const;

  bool has_grad() const { return node_->gradient != nullptr; }
  /// The accumulated gradient; undefined when there is none. One that is kept as rows becomes dense.
  Tensor grad() const {
    if (has_sparse_grad()) detail::make_gradient_dense(*node_);
    return node_->gradient ? Tensor(node_->gradient) : Tensor();
  }
  /// True while the gradient is kept as rows: an embedding's, if it was asked to be sparse.
  bool has_sparse_grad() const { return node_->gradient && (node_->gradient->flags & Node<T>::kRows); }
  /// The rows that may differ from 0, each once, in increasing order. Throws Error unless has_sparse_grad().
  SparseRows<T> sparse_grad() const;
  /// For clipping and optimizers that change the gradient in place; null when there is none.
  T* mutable_grad_data();
  /// Throws Error unless the shapes are equal.
  void set_grad(const Tensor& gradient);
  /// The gradient becomes absent (its memory returns to the pool).
  void zero_grad() {
    if (node_->gradient) detail::release(std::exchange(node_->gradient, nullptr));
  }
  /// Keeps the gradient of this non-leaf in backward().
  Tensor& retain_grad();

  /// The same value (shared elements) outside the graph.
  Tensor detach() const;
  /// A differentiable copy.
  Tensor clone() const;

  // Methods for what PyTorch users reach for; the free functions document them.
  Tensor reshape(const Shape& shape) const;
  Tensor sum(std::initializer_list<std::int64_t> axes = {}, bool keepdims = false) const;
  Tensor mean(std::initializer_list<std::int64_t> axes = {}, bool keepdims = false) const;

  /// "Tensor(2, 3) [[1, 2, 3], ...]": shape and the first elements.
  std::string to_string() const;

  // For authors of operations:
  explicit Tensor(Node<T>* node) : node_(node) { detail::retain(node_); }
  Node<T>* node() const { return node_; }
  /// Makes a handle of one that disown() gave up.
  static Tensor adopt(Node<T>* node) {
    Tensor result;
    result.node_ = node;
    return result;
  }
  /// Gives the handle up without releasing the node.
  Node<T>* disown() { return std::exchange(node_, nullptr); }
  const Storage<T>& storage() const { return node_->value; }

 private:
  Node<T>* node_ = nullptr;
};

extern template class Tensor<float>;
extern template class Tensor<double>;

/// A leaf that requires a gradient, with the elements of `value` (shared, not copied).
template <class T> Tensor<T> parameter(const Tensor<T>& value) { return value.detach().set_requires_grad(); }

/// A gradient of few rows (slices of the first axis): values (n, ...) holds row rows[i] of it in place i.
template <class T> struct SparseRows {
  Indices rows;
  Tensor<T> values;
};

template <class T> struct NamedTensor {
  std::string name;
  Tensor<T> tensor;
};
template <class T> using NamedTensors = std::vector<NamedTensor<T>>;

/// Lets several threads read `x` at once: use it as a constant or under NoGrad, and make leaves of their own from it by
/// parameter(x), which share its elements. Call it while only one thread has x. The graphs that the threads build stay
/// confined to them; a backward that would write a gradient into x itself throws Error.
template <class T> void share_between_threads(const Tensor<T>& x) {
  x.node()->references |= detail::kSharedCount;
  x.node()->uses |= detail::kSharedCount;
  x.node()->value.share_between_threads();
}
template <class T> void share_between_threads(const NamedTensors<T>& all) {
  for (const NamedTensor<T>& each : all) share_between_threads(each.tensor);
}

/// While it lives, operations of this thread are not recorded.
class NoGrad {
 public:
  NoGrad() : before_(std::exchange(detail::graph_state.grad_enabled, false)) {}
  ~NoGrad() { detail::graph_state.grad_enabled = before_; }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};
/// The reverse of NoGrad.
class EnableGrad {
 public:
  EnableGrad() : before_(std::exchange(detail::graph_state.grad_enabled, true)) {}
  ~EnableGrad() { detail::graph_state.grad_enabled = before_; }
  EnableGrad(const EnableGrad&) = delete;
  EnableGrad& operator=(const EnableGrad&) = delete;

 private:
  bool before_;
};
/// While it lives, operations of this thread are not recorded, and their results may never take part in a graph
/// (recording one throws Error): for code that must be sure that it only evaluates.
class InferenceMode {
 public:
  InferenceMode() : before_(std::exchange(detail::graph_state.inference, true)) {}
  ~InferenceMode() { detail::graph_state.inference = before_; }
  InferenceMode(const InferenceMode&) = delete;
  InferenceMode& operator=(const InferenceMode&) = delete;

 private:
  NoGrad no_grad_;
  bool before_;
};
inline bool is_grad_enabled() { return detail::graph_state.grad_enabled; }

namespace detail {

template <class T, class Vjp> void run_closure(Node<T>& node, const Tensor<T>& gradient) {
  (*static_cast<Vjp*>(node.closure))(node, gradient);
}
template <class Vjp> void destroy_closure(void* closure) { static_cast<Vjp*>(closure)->~Vjp(); }
template <class T, class Vjp>
inline constexpr Operation<T> operation_of{&run_closure<T, Vjp>,
                                           std::is_trivially_destructible_v<Vjp> ? nullptr : &destroy_closure<Vjp>};

}  // namespace detail

/// Makes the result of an operation. `vjp(Node<T>& node, const Tensor<T>& g)` is called in backward with the gradient g
/// of the result and gives each input its share by node.give(k, ...); it is kept only if recording is on and an input
/// requires a gradient. `saved` says which values the vjp reads through node.input(k) and node.output().
/// `name` must be a string that lives forever.
template <class T, class Vjp>
Tensor<T> record(const char* name, const Shape& shape, Storage<T> value, SavedMask saved, Vjp vjp,
                 std::span<Node<T>* const> inputs) {
  std::uint32_t flags = 0;
  if (is_grad_enabled())
    for (const Node<T>* input : inputs) flags |= input->flags;
  if (!(flags & Node<T>::kRequiresGrad)) {
    Tensor<T> result(detail::make_constant(name, shape, std::move(value)));
    if (detail::graph_state.anomaly) [[unlikely]]
      detail::watch_node(*result.node());
    return result;
  }
  if (flags & Node<T>::kInference) [[unlikely]]
    detail::refuse_inference<T>(name, inputs);
  static_assert(alignof(Vjp) <= 16);
  Node<T>* node =
      detail::make_node(name, shape, std::move(value), inputs, saved, &detail::operation_of<T, Vjp>, sizeof(Vjp));
  new (node->closure) Vjp(std::move(vjp));
  Tensor<T> result(node);
  if (detail::graph_state.anomaly) [[unlikely]]
    detail::watch_node(*node);
  return result;
}
template <class T, class Vjp, class... Inputs>
Tensor<T> record(const char* name, const Shape& shape, Storage<T> value, SavedMask saved, Vjp vjp,
                 const Tensor<T>& first, const Inputs&... rest) {
  Node<T>* const inputs[] = {first.node(), rest.node()...};
  return record<T, Vjp>(name, shape, std::move(value), saved, std::move(vjp), std::span<Node<T>* const>(inputs));
}

}  // namespace xgrad
