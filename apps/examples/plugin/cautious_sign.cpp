// SPDX-License-Identifier: BSD-3-Clause
// A plug-in with one optimizer. Built here as part of xgrad, elsewhere by the CMakeLists.txt beside it; then
//
//     xgrad conformance cautious_sign --plugin build/libcautious_sign.so
//     xgrad train config.json optimizer.type=cautious_sign --plugin build/libcautious_sign.so
#include <xgrad/optim/define_plugin.hpp>

namespace {

using namespace xgrad::optim;

/// m = beta m + (1 - beta) g;  p -= lr sign(m), where m and g agree in sign.
struct CautiousSign {
  double lr = 1e-3, beta = 0.9;
  static constexpr const char* name = "cautious_sign";
  static constexpr About about{"the sign of a momentum, where the gradient agrees",
                               "Liang et al. 2024, arXiv:2411.16085"};
  static constexpr Slot slots[] = {{"exp_avg"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("beta", beta, range::beta, "decay of the momentum");
  }
  auto step(Now) const {
    return [*this](auto& p, auto g, auto& m) {
      m = beta * m + (1 - beta) * g;
      p -= lr * select(m * g > 0, sign(m), 0 * m);  // 0 m, not 0: a NaN must not be hidden
    };
  }
};

}  // namespace

XGRAD_PLUGIN("cautious sign, an example", CautiousSign)
