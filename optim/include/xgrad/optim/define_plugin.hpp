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

namespace xgrad::optim {

namespace detail {
template <class... Rules> void add_plugin_rules(std::vector<OptimizerRow>& rows) {
  (rows.push_back({Rules::name, make_rule<float, Rules>(), make_rule<double, Rules>()}), ...);
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
