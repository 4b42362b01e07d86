// SPDX-License-Identifier: BSD-3-Clause
#include "graph/hooks.hpp"

#include <algorithm>

namespace xgrad {
namespace detail {

template <class T> Tensor<T> Hooks<T>::apply(const Node<T>& node, Tensor<T> x) const {
  for (std::size_t i = 0; i < gradient.size(); ++i) {  // by index: a hook may register another
    if (!*gradient[i].active) continue;
    const auto call = gradient[i].call;
    const Tensor<T> replacement = call(x);
    if (!replacement.defined()) continue;
    XGRAD_CHECK(replacement.shape() == x.shape(), "a hook of \"", node.name, "\" returned shape ", replacement.shape(),
                " for a gradient of shape ", x.shape());
    x = replacement;
  }
  return x;
}

template <class T> bool Hooks<T>::watches_operation() const {
  return std::any_of(operation.begin(), operation.end(), [](const auto& entry) { return *entry.active; });
}

namespace {

/// Appends to the list of hooks that `list` picks, without those removed since.
template <class T, class List, class F> HookHandle add(Node<T>& node, List list, F call) {
  if (!node.hooks) node.hooks = new Hooks<T>;
  auto& entries = node.hooks->*list;
  std::erase_if(entries, [](const auto& entry) { return !*entry.active; });
  entries.push_back({std::move(call), std::make_shared<bool>(true)});
  return HookHandle(entries.back().active);
}

}  // namespace

template struct Hooks<float>;
template struct Hooks<double>;

}  // namespace detail

template <class T> HookHandle register_hook(const Tensor<T>& x, std::function<Tensor<T>(const Tensor<T>&)> hook) {
  XGRAD_CHECK(x.requires_grad(), "register_hook: this tensor of shape ", x.shape(), " does not require a gradient");
  return detail::add(*x.node(), &detail::Hooks<T>::gradient, std::move(hook));
}

template <class T>
HookHandle register_operation_hook(const Tensor<T>& y,
                                   std::function<void(std::vector<Tensor<T>>&, const Tensor<T>&)> hook) {
  XGRAD_CHECK(y.requires_grad() && !y.is_leaf(), "register_operation_hook: this tensor of shape ", y.shape(),
              " was not made by a recorded operation; use register_hook for its gradient");
  return detail::add(*y.node(), &detail::Hooks<T>::operation, std::move(hook));
}

template HookHandle register_hook(const Tensor<float>&, std::function<Tensor<float>(const Tensor<float>&)>);
template HookHandle register_hook(const Tensor<double>&, std::function<Tensor<double>(const Tensor<double>&)>);
template HookHandle register_operation_hook(const Tensor<float>&,
                                            std::function<void(std::vector<Tensor<float>>&, const Tensor<float>&)>);
template HookHandle register_operation_hook(const Tensor<double>&,
                                            std::function<void(std::vector<Tensor<double>>&, const Tensor<double>&)>);

}  // namespace xgrad
