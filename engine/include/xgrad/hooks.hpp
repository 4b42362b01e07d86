// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Functions that backward calls on its way.
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

/// Takes a hook away again; dropping the handle leaves the hook in place.
class HookHandle {
 public:
  HookHandle() = default;
  explicit HookHandle(std::shared_ptr<bool> active) : active_(std::move(active)) {}
  /// The hook is not called any more. Harmless when repeated, or when the tensor is gone.
  void remove() {
    if (active_) *active_ = false;
  }

 private:
  std::shared_ptr<bool> active_;
};

/// `hook(gradient)` is called once in each backward that reaches x, with the whole gradient of x in that backward. What
/// it returns takes the gradient's place, unless undefined; of a leaf it is then added to grad(). Several hooks run in
/// the order of their registration. Throws Error if x requires no gradient; backward throws Error if a hook returns
/// another shape.
template <class T>
HookHandle register_hook(const Tensor<T>& x, std::function<Tensor<T>(const Tensor<T>& gradient)> hook);
/// The same for a hook that only looks: it returns nothing.
template <class T, std::invocable<const Tensor<T>&> Hook>
requires std::is_void_v < std::invoke_result_t < Hook&, const Tensor<T>
& >> HookHandle register_hook(const Tensor<T>& x, Hook hook) {
  return register_hook<T>(x, std::function<Tensor<T>(const Tensor<T>&)>([hook](const Tensor<T>& gradient) mutable {
                            hook(gradient);
                            return Tensor<T>();
                          }));
}

/// `hook(input_gradients, gradient)` is called when the operation that made y has turned the gradient of y into those
/// of its inputs (undefined where none is wanted), before they go on; it may replace them. Throws Error if y was not
/// made by a recorded operation.
template <class T>
HookHandle
register_operation_hook(const Tensor<T>& y,
                        std::function<void(std::vector<Tensor<T>>& input_gradients, const Tensor<T>& gradient)> hook);

}  // namespace xgrad
