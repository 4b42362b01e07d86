// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "tensor_rules/math.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::optim::tensor_rules {

/// Adam for gradients that are kept as rows (embeddings): a row that the gradient does not list stays as it is, its
/// means as well. eps is outside of the bias correction. As torch.optim.SparseAdam.
struct SparseAdam {
  double lr = 1e-3;
  std::array<double, 2> betas{0.9, 0.999};
  double eps = 1e-8, fallback_lr_scale = 1;
  static constexpr const char* name = "sparse_adam";
  static constexpr About about{"Adam on the rows that a sparse gradient lists", "Kingma, Ba 2014, arXiv:1412.6980"};
  static constexpr Traits traits{.reach = Reach::tensor};  // its shape decides between rows and the fallback
  static constexpr const char* fallback = "adam";
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "decay of the mean and of the mean square of the gradient");
    f("eps", eps, range::positive, "added to the root of the mean square");
    f("fallback_lr_scale", fallback_lr_scale, range::nonnegative, "lr of the fallback, which has the vectors");
  }
  bool fits(const Shape& p) const { return p.rank() >= 2; }
  std::vector<StateArray> arrays(const Shape& p) const { return {{"exp_avg", p}, {"exp_avg_sq", p}}; }

  template <class T> void rows(T* p, const SparseRows<T>& g, Tensor<T>* state, const Now& now) const {
    const std::size_t count = g.rows.size(), width = count == 0 ? 0 : g.values.size() / count;
    const auto rate = static_cast<T>(lr * std::sqrt(1 - std::pow(betas[1], now.t)) / (1 - std::pow(betas[0], now.t)));
    const T weight1 = static_cast<T>(1 - betas[0]), weight2 = static_cast<T>(1 - betas[1]), added = static_cast<T>(eps);
    T *const m = state[0].mutable_data(), *const v = state[1].mutable_data();
    const T* const values = g.values.data();
    const std::int64_t* const places = g.rows.data();
    parallel_for(count, [=](std::size_t i) {
      const std::size_t begin = static_cast<std::size_t>(places[i]) * width;
      for (std::size_t k = 0; k < width; ++k) {
        const T gradient = values[i * width + k];
        T &mean = m[begin + k], &square = v[begin + k];
        mean += weight1 * (gradient - mean);
        square += weight2 * (gradient * gradient - square);
        p[begin + k] -= rate * mean / (std::sqrt(square) + added);
      }
    });
  }
};

}  // namespace xgrad::optim::tensor_rules
