// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// Bets on the coin that the gradient tosses, of the wealth won so far: L = max(L, |g|);  G += |g|;
/// R = max(R - g (p - p0), 0);  C -= g;  p = p0 + C (L + R) / (L max(G + L, alpha L)). As optax.contrib.cocob.
struct Cocob {
  double lr = 1, alpha = 100, eps = 1e-8;
  static constexpr const char* name = "cocob";
  static constexpr About about{"coin betting, without a step size", "Orabona, Tommasi 2017, arXiv:1705.07795"};
  static constexpr Slot slots[] = {{"initial", nullptr, nullptr, true},
                                   {"largest", nullptr, "eps"},
                                   {"total", nullptr, nullptr, false, true},
                                   {"reward", nullptr, nullptr, false, true},
                                   {"sum", nullptr, nullptr, false, true}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "multiplies the gradient; there is no need to tune it");
    f("alpha", alpha, range::positive, "holds back the first bets");
    f("eps", eps, range::positive, "where the largest gradient begins");
  }
  auto step(Now) const {
    return [*this](auto& p, auto g, auto& initial, auto& largest, auto& total, auto& reward, auto& sum) {
      g = lr * g;
      const auto size = abs(g);
      largest = max(largest, size);
      total += size;
      reward = max(0, reward - g * (p - initial));
      sum -= g;
      p = initial + sum * (largest + reward) / (largest * max(total + largest, alpha * largest));
    };
  }
};

using cocob = Family<Cocob>;

}  // namespace xgrad::optim::inline XGRAD_ISA
