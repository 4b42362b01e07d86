// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// For one file of a plug-in:
//
//     #include <xgrad/optim/define_plugin.hpp>
//     struct MyRule { ... };                      // docs/write-an-optimizer.md
//     XGRAD_PLUGIN("my optimizers", MyRule)
//
// Programs load the shared library with --plugin FILE, or load_plugin().
#include "xgrad/optim/kernel.hpp"
#include "xgrad/optim/plugin.hpp"
#include "xgrad/optim/tensor_rule.hpp"

namespace xgrad::optim {

namespace detail {
/// Element by element, or on whole tensors, as the struct is written.
template <class T, class R> Rule<T> plugin_rule() {
  if constexpr (
      requires { &R::template tensor<T>; } || requires { &R::template minimize<T>; })
    return make_tensor_rule<T, R>();
  else
    return make_rule<T, R>();
}
template <class... Rules> void add_plugin_rules(std::vector<OptimizerRow>& rows) {
  (rows.push_back({Rules::name, plugin_rule<float, Rules>(), plugin_rule<double, Rules>()}), ...);
}
}  // namespace detail

}  // namespace xgrad::optim

/// The plain C entry of a plug-in that defines these rules.
#define XGRAD_PLUGIN(label, ...)                                                                                      \
  extern "C" __attribute__((visibility("default"))) const xgrad::optim::Plugin* xgrad_plugin();                       \
  extern "C" const xgrad::optim::Plugin* xgrad_plugin() {                                                             \
    static constexpr xgrad::optim::Plugin plugin{xgrad::optim::kPluginAbi, sizeof(xgrad::optim::OptimizerRow), label, \
                                                 &xgrad::optim::detail::add_plugin_rules<__VA_ARGS__>};               \
    return &plugin;                                                                                                   \
  }
