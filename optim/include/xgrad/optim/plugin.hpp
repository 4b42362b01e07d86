// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Optimizers in a shared library of their own, as a program loads them. How they are written: define_plugin.hpp.
#include <string>
#include <vector>

#include "xgrad/optim/optimizer.hpp"

namespace xgrad::optim {

/// The layout of what a plug-in and a program exchange. It changes whenever OptimizerRow, Rule, Fields or Block do.
inline constexpr std::uint32_t kPluginAbi = 3;

/// What a plug-in's entry returns. The first two members never move, so that a program can tell another layout.
struct Plugin {
  std::uint32_t abi, row_size;
  const char* name;
  void (*add)(std::vector<OptimizerRow>& rows);
};

/// A plug-in that cannot be used; programs exit with 9.
class PluginError : public Error {
 public:
  using Error::Error;
};

/// Registers the optimizers of a shared library; all of them or none. Loading a file again does nothing.
/// Throws PluginError: no such file, not a shared library, no entry, another ABI, a name that is taken.
void load_plugin(const std::string& path);

}  // namespace xgrad::optim
