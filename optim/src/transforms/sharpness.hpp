// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "transforms/averages.hpp"

namespace xgrad::optim::transform {

/// e = rho g / (|g| + eps), adaptive: rho p^2 g / (|p g| + eps), norms over all parameters; the step is by the gradient
/// at p + e. With alpha that gradient is less alpha times the first one's part at right angles to it (GSAM).
struct Sam {
  double rho = 0.05, eps = 1e-12, alpha = 0;
  bool adaptive = false;
  static constexpr const char* name = "sam";
  static constexpr About about{
      "steps by the gradient at the worst place nearby",
      "Foret et al. 2020, arXiv:2010.01412; adaptive: arXiv:2102.11600; GSAM: arXiv:2203.08065"};
  void describe(Fields& f) {
    f("rho", rho, range::nonnegative, "how far away the worst place is");
    f("eps", eps, range::nonnegative, "added to norms");
    f("alpha", alpha, range::unit, "weight of the surrogate gap (GSAM; 0.4 there)");
    f("adaptive", adaptive, "distances in proportion to the parameter (ASAM; rho 0.5 to 2 there)");
  }
  template <class T, class Options = Sam> struct Of : Transform<T> {
    Options options;
    std::vector<Tensor<T>> start, first;  // between ascend() and descend() only
    bool ascends() const override { return true; }
    void ascend(NamedTensors<T>& all, Places moving) override {
      start = copies_of(all);
      first.assign(all.size(), Tensor<T>());
      double squares = 0;
      for (const std::size_t i : moving) {
        first[i] = all[i].tensor.grad().clone();
        squares += static_cast<double>(sum(square(options.adaptive ? start[i] * first[i] : first[i])).item());
      }
      const double scale = options.rho / (std::sqrt(squares) + options.eps);
      for (const std::size_t i : moving) {
        const Tensor<T> e = scale * (options.adaptive ? square(start[i]) * first[i] : first[i]), p = start[i] + e;
        std::copy_n(p.data(), p.size(), all[i].tensor.mutable_data());
      }
    }
    void descend(NamedTensors<T>& all, Places moving) override {
      double product = 0, squares1 = 0, squares2 = 0;
      for (const std::size_t i : moving) {
        std::copy_n(start[i].data(), start[i].size(), all[i].tensor.mutable_data());
        if (options.alpha == 0 || !all[i].tensor.has_grad()) continue;
        const Tensor<T> second = all[i].tensor.grad();
        product += static_cast<double>(sum(first[i] * second).item());
        squares1 += static_cast<double>(sum(square(first[i])).item());
        squares2 += static_cast<double>(sum(square(second)).item());
      }
      const double norm1 = std::sqrt(squares1), norm2 = std::sqrt(squares2),
                   cosine = product / (norm1 * norm2 + options.eps), along = cosine * norm1 / (norm2 + options.eps);
      for (const std::size_t i : moving) {
        if (options.alpha == 0 || !all[i].tensor.has_grad()) continue;
        const Tensor<T> second = all[i].tensor.grad(), across = first[i] - along * second;
        all[i].tensor.set_grad(second - options.alpha * across);
      }
      start.clear();
      first.clear();
    }
  };
};

}  // namespace xgrad::optim::transform
