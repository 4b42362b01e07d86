// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/function.hpp"

#include <memory>

#include "xgrad/ops/elementwise.hpp"
#include "xgrad/random.hpp"

namespace xgrad {

template <class T> SavedMask FunctionContext<T>::attach(const std::vector<Tensor<T>>& inputs, const Tensor<T>& result) {
  SavedMask mask = kSaveNothing;
  for (Tensor<T>& tensor : saved_) {
    int place = result.defined() && tensor.node() == result.node() ? kResult : kOther;
    if (!tensor.defined()) place = kOther;
    for (std::size_t k = 0; k < inputs.size() && k < 31; ++k)
      if (tensor.node() == inputs[k].node()) place = static_cast<int>(k);
    if (place >= 0) mask |= SavedMask{1} << place;
    if (place == kResult) mask |= kSaveOutput;
    versions_.push_back(tensor.defined() ? tensor.storage().version() : 0);
    places_.push_back(place);
    if (place != kOther) tensor = Tensor<T>();  // the graph keeps it
  }
  return mask;
}

template <class T> Tensor<T> FunctionContext<T>::saved(std::size_t i) const {
  XGRAD_CHECK(node_ != nullptr, "FunctionContext: saved() is for backward; forward has its tensors at hand");
  XGRAD_CHECK(i < places_.size(), node_->name, ": saved(", i, "), but forward saved ", places_.size(), " tensors");
  if (places_[i] >= 0) return node_->input(static_cast<std::size_t>(places_[i]));
  if (places_[i] == kResult) return node_->output();
  if (!saved_[i].defined()) return {};
  XGRAD_CHECK(
      !is_grad_enabled(), node_->name, ": saved(", i,
      ") is neither an input nor the result, so it is a constant to this backward and a second derivative would "
      "be wrong; save inputs or the result and compute the rest from them");
  XGRAD_CHECK(saved_[i].storage().version() == versions_[i], node_->name, ": saved(", i, ") of shape ",
              saved_[i].shape(), " was changed in place since; change a clone(), or run backward first");
  return saved_[i];
}

template <class T> bool FunctionContext<T>::wants(std::size_t k) const {
  XGRAD_CHECK(node_ != nullptr, "FunctionContext: wants() is for backward");
  XGRAD_CHECK(k < node_->input_count, node_->name, ": wants(", k, ") of a function of ", node_->input_count, " inputs");
  return node_->wants(k);
}

namespace detail {
namespace {

template <class T> std::vector<Node<T>*> nodes_of(const std::vector<Tensor<T>>& tensors) {
  std::vector<Node<T>*> nodes;
  for (const Tensor<T>& tensor : tensors) nodes.push_back(tensor.node());
  return nodes;
}

/// Runs a custom backward and hands its results on.
template <class T>
void give_gradients(Node<T>& n, FunctionContext<T>& context, const FunctionBackward<T>& backward,
                    const std::vector<Tensor<T>>& gradients) {
  context.enter(&n);
  struct Leave {
    FunctionContext<T>& context;
    ~Leave() { context.enter(nullptr); }
  } const leave{context};
  std::vector<Tensor<T>> results = backward(context, gradients);
  XGRAD_CHECK(results.size() == n.input_count, n.name, ": backward returned ", results.size(), " gradients for ",
              n.input_count, " inputs; return an undefined Tensor for an input without one");
  for (std::size_t k = 0; k < results.size(); ++k) {
    if (!results[k].defined()) continue;
    XGRAD_CHECK(results[k].shape() == n.input_shape(k), n.name, ": backward returned shape ", results[k].shape(),
                " as the gradient of input ", k, "; expected ", n.input_shape(k));
    n.give(k, std::move(results[k]));
  }
}

/// The results of a call that an empty node stands for: each puts its gradient into its place of `gradients` and lets
/// the call run when the last has.
template <class T>
std::vector<Tensor<T>> results_of(const char* name, const std::vector<Tensor<T>>& results, const Tensor<T>& call,
                                  const std::shared_ptr<std::vector<Tensor<T>>>& gradients) {
  std::vector<Tensor<T>> outputs;
  for (std::size_t i = 0; i < results.size(); ++i) {
    XGRAD_CHECK(results[i].defined(), name, ": forward returned an undefined Tensor as result ", i);
    outputs.push_back(record<T>(
        name, results[i].shape(), results[i].storage().share(), kSaveNothing,
        [i, gradients](Node<T>& n, const Tensor<T>& g) {
          Tensor<T>& place = (*gradients)[i];
          place = place.defined() ? place + g : g;
          n.give(0, Tensor<T>::empty(Shape{0}));
        },
        call));
  }
  return outputs;
}

}  // namespace

template <class T> void require_defined(const char* name, const std::vector<Tensor<T>>& inputs) {
  for (std::size_t k = 0; k < inputs.size(); ++k)
    XGRAD_CHECK(inputs[k].defined(), name, ": input ", k,
                " is undefined; make what may be left out a member of the function");
}

template <class T>
Tensor<T> record_function(const char* name, FunctionContext<T> context, FunctionBackward<T> backward,
                          const std::vector<Tensor<T>>& inputs, const Tensor<T>& result) {
  XGRAD_CHECK(result.defined(), name, ": forward returned an undefined Tensor");
  const auto nodes = nodes_of(inputs);
  const SavedMask saves = context.attach(inputs, result);
  return record<T>(
      name, result.shape(), result.storage().share(), saves,
      [context = std::move(context), backward = std::move(backward)](Node<T>& n, const Tensor<T>& g) mutable {
        give_gradients(n, context, backward, {g});
      },
      std::span<Node<T>* const>(nodes));
}

template <class T>
std::vector<Tensor<T>> record_function(const char* name, FunctionContext<T> context, FunctionBackward<T> backward,
                                       const std::vector<Tensor<T>>& inputs, const std::vector<Tensor<T>>& results) {
  // One empty node stands for the call: each result hands it its gradient, and it runs when the last has.
  const auto nodes = nodes_of(inputs);
  const SavedMask saves = context.attach(inputs, {});
  const auto gradients = std::make_shared<std::vector<Tensor<T>>>(results.size());
  const Tensor<T> call = record<T>(
      name, Shape{0}, Storage<T>(0), saves,
      [context = std::move(context), backward = std::move(backward), gradients](Node<T>& n, const Tensor<T>&) mutable {
        std::vector<Tensor<T>> arrived(gradients->size());
        arrived.swap(*gradients);
        give_gradients(n, context, backward, arrived);
      },
      std::span<Node<T>* const>(nodes));
  return results_of(name, results, call, gradients);
}

}  // namespace detail

namespace {

/// Random operations draw from `state` while it lives.
class WithRandomState {
 public:
  explicit WithRandomState(const RandomState& state) : before_(random_state()) { set_random_state(state); }
  ~WithRandomState() { set_random_state(before_); }
  WithRandomState(const WithRandomState&) = delete;
  WithRandomState& operator=(const WithRandomState&) = delete;

 private:
  RandomState before_;
};

template <class T> using Tensors = std::vector<Tensor<T>>;

/// A function that is computed again, with the same random numbers.
template <class T, class Result> struct Again {
  std::function<Result(const Tensors<T>&)> f;
  RandomState random;
  std::size_t count;  // of its inputs, which are the node's first

  Result operator()(const Node<T>& node) const {
    const WithRandomState with(random);
    const EnableGrad enable_grad;
    Tensors<T> same;
    for (std::size_t k = 0; k < count; ++k) same.push_back(node.input(k));
    return f(same);
  }
};

/// Backward goes on through the result that was computed again.
template <class T> void continue_through(Node<T>& n, const Tensor<T>& again, const Shape& before, const Tensor<T>& g) {
  XGRAD_CHECK(again.shape() == before, "checkpoint: computed again, the function gave shape ", again.shape(),
              " where it was ", before, "; it must depend on its inputs only");
  n.substitute(again, g);
}

/// Records a call that saves its inputs only; vjp(again, node, gradient).
template <class T, class Result, class Vjp>
Tensor<T> record_checkpoint(Again<T, Result> again, const Tensors<T>& inputs, const Shape& shape, Storage<T> value,
                            Vjp vjp) {
  // f may use parameters that are no inputs: a leaf of its own makes the call take part in the graph in any case.
  std::vector<Node<T>*> nodes;
  for (const Tensor<T>& input : inputs) nodes.push_back(input.node());
  const Tensor<T> anchor = parameter(Tensor<T>(T{0}));
  nodes.push_back(anchor.node());
  const Tensor<T> call = record<T>(
      "checkpoint", shape, std::move(value), (SavedMask{1} << inputs.size()) - 1,
      [again = std::move(again), vjp = std::move(vjp)](Node<T>& n, const Tensor<T>& g) { vjp(again(n), n, g); },
      std::span<Node<T>* const>(nodes));
  call.node()->flags |= Node<T>::kOpaque;
  return call;
}

/// f(inputs) without recording.
template <class T, class Result>
Result first_result(const std::function<Result(const Tensors<T>&)>& f, const Tensors<T>& inputs) {
  XGRAD_CHECK(inputs.size() <= 30, "checkpoint: ", inputs.size(), " inputs; at most 30");
  detail::require_defined("checkpoint", inputs);
  const NoGrad no_grad;
  return f(inputs);
}

}  // namespace

template <class T>
Tensor<T> checkpoint(std::function<Tensor<T>(const std::vector<Tensor<T>>&)> f, const std::vector<Tensor<T>>& inputs) {
  if (!is_grad_enabled()) return f(inputs);
  const RandomState random = random_state();
  const Tensor<T> result = first_result<T>(f, inputs);
  return record_checkpoint(
      Again<T, Tensor<T>>{std::move(f), random, inputs.size()}, inputs, result.shape(), result.storage().share(),
      [](const Tensor<T>& again, Node<T>& n, const Tensor<T>& g) { continue_through(n, again, n.shape, g); });
}

template <class T>
std::vector<Tensor<T>> checkpoint(std::function<std::vector<Tensor<T>>(const std::vector<Tensor<T>>&)> f,
                                  const std::vector<Tensor<T>>& inputs) {
  if (!is_grad_enabled()) return f(inputs);
  const RandomState random = random_state();
  const Tensors<T> results = first_result<T>(f, inputs);
  const auto gradients = std::make_shared<Tensors<T>>(results.size());
  std::vector<Shape> shapes;
  for (const Tensor<T>& result : results) shapes.push_back(result.defined() ? result.shape() : Shape{});
  const Tensor<T> call = record_checkpoint(
      Again<T, Tensors<T>>{std::move(f), random, inputs.size()}, inputs, Shape{0}, Storage<T>(0),
      [gradients, shapes](const Tensors<T>& again, Node<T>& n, const Tensor<T>&) {
        Tensors<T> arrived(gradients->size());
        arrived.swap(*gradients);
        XGRAD_CHECK(again.size() == shapes.size(), "checkpoint: computed again, the function gave ", again.size(),
                    " results where it had ", shapes.size(), "; it must depend on its inputs only");
        for (std::size_t i = 0; i < shapes.size(); ++i)
          if (arrived[i].defined()) continue_through(n, again[i], shapes[i], arrived[i]);
      });
  return detail::results_of("checkpoint", results, call, gradients);
}

#define XGRAD_INSTANTIATE(T)                                                                                          \
  template void detail::require_defined(const char*, const std::vector<Tensor<T>>&);                                  \
  template class FunctionContext<T>;                                                                                  \
  template Tensor<T> detail::record_function(const char*, FunctionContext<T>, detail::FunctionBackward<T>,            \
                                             const std::vector<Tensor<T>>&, const Tensor<T>&);                        \
  template std::vector<Tensor<T>> detail::record_function(const char*, FunctionContext<T>,                            \
                                                          detail::FunctionBackward<T>, const std::vector<Tensor<T>>&, \
                                                          const std::vector<Tensor<T>>&);                             \
  template Tensor<T> checkpoint(std::function<Tensor<T>(const std::vector<Tensor<T>>&)>,                              \
                                const std::vector<Tensor<T>>&);                                                       \
  template std::vector<Tensor<T>> checkpoint(std::function<std::vector<Tensor<T>>(const std::vector<Tensor<T>>&)>,    \
                                             const std::vector<Tensor<T>>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
