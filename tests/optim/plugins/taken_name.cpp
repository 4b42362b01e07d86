// SPDX-License-Identifier: BSD-3-Clause
// A plug-in whose second optimizer has the name of a built-in one: the first must not be registered either.
#include <xgrad/optim/define_plugin.hpp>

namespace {

using namespace xgrad::optim;

struct First {
  double lr = 0.1;
  static constexpr const char* name = "first_of_two";
  static constexpr About about{"gradient descent", "a test"};
  void describe(Fields& f) { f("lr", lr, range::nonnegative, "step size"); }
  auto step(Now) const {
    return [rate = lr](auto& p, auto g) { p -= rate * g; };
  }
};
struct Second : First {
  static constexpr const char* name = "adam";
};

}  // namespace

XGRAD_PLUGIN("two optimizers", First, Second)
