// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the classes of xgrad/optim/optimizers.hpp stand on; that header is written by the build from the declarations.
#include <map>

#include "xgrad/optim/optimizer.hpp"

namespace xgrad::optim {

/// Parameters with settings of their own, as in a config's "groups": chosen by name ("*.bias", "re:.*norm.*"), by rank,
/// or by both. `set` has what differs, by name: {"lr", 1e-4}, {"weight_decay", 0}.
struct ParameterGroup {
  std::string match = "";
  std::optional<std::int64_t> rank = {};
  std::map<std::string, double> set = {};
  double lr_scale = 1;
  bool freeze = false;
};

namespace detail {
/// The optimizer `type` with these options. Throws config::ConfigError with everything that is wrong.
template <class T>
Optimizer<T> make_from_options(const char* type, const config::Fields& options, NamedTensors<T> parameters,
                               const std::vector<ParameterGroup>& groups);
}  // namespace detail

}  // namespace xgrad::optim
