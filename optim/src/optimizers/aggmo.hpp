// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/optim/kernel.hpp"

namespace xgrad::optim::inline XGRAD_ISA {

/// K momenta side by side: b_i = beta_i b_i + g;  p -= lr (b_1 + ... + b_K) / K.
struct AggMo {
  double lr = 1e-3;
  config::FewNumbers betas{0, 0.9, 0.99};
  static constexpr const char* name = "aggmo";
  static constexpr About about{"the mean of several momenta", "Lucas et al. 2018, arXiv:1804.00325"};
  static constexpr Slot slots[] = {{"momentum_buffer_0", "betas[0]"}, {"momentum_buffer_1", "betas[1]"},
                                   {"momentum_buffer_2", "betas[2]"}, {"momentum_buffer_3", "betas[3]"},
                                   {"momentum_buffer_4", "betas[4]"}, {"momentum_buffer_5", "betas[5]"},
                                   {"momentum_buffer_6", "betas[6]"}, {"momentum_buffer_7", "betas[7]"}};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "the weights of the previous direction");
  }
  const char* check() const { return betas.count <= std::size(slots) ? nullptr : "takes at most 8 betas"; }
  auto step(Now) const {
    return [betas = betas, rate = lr / static_cast<double>(betas.count)](auto& p, auto g, auto&... buffers) {
      auto sum = 0 * g;
      std::size_t i = 0;
      const auto advance = [&](auto& b) {
        if (i >= betas.count) return;
        b = betas.values[i++] * b + g;
        sum += b;
      };
      (advance(buffers), ...);
      p -= rate * sum;
    };
  }
};

using aggmo = Family<AggMo>;

}  // namespace xgrad::optim::inline XGRAD_ISA
