// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Transforms of gradients.
#include <limits>

#include "tensor_rules/math.hpp"
#include "xgrad/ops/creation.hpp"
#include "xgrad/optim/transform.hpp"
#include "xgrad/random.hpp"

namespace xgrad::optim::transform {

using config::About;
using config::Fields;
namespace range = config::range;
using tensor_rules::frobenius_norm;
using tensor_rules::toward;
using Places = std::span<const std::size_t>;

/// A transform that maps each gradient by itself: `Options::map(g, p)`.
template <class T, class Options> struct Mapped : Transform<T> {
  Options options;
  bool before(NamedTensors<T>& all, Places moving, std::int64_t) override {
    for (const std::size_t i : moving)
      if (all[i].tensor.size() > 0) all[i].tensor.set_grad(options.map(all[i].tensor.grad(), all[i].tensor.detach()));
    return true;
  }
};

struct ClipByValue {
  double limit = 1;
  static constexpr const char* name = "clip_by_value";
  static constexpr About about{"each element of the gradient within [-limit, limit]"};
  void describe(Fields& f) { f("limit", limit, range::positive, "the largest absolute value"); }
  template <class T> Tensor<T> map(const Tensor<T>& g, const Tensor<T>&) const { return clamp(g, -limit, limit); }
  template <class T> using Of = Mapped<T, ClipByValue>;
};

struct ClipByNorm {
  double max_norm = 1;
  static constexpr const char* name = "clip_by_norm";
  static constexpr About about{"each tensor's gradient at most max_norm long"};
  void describe(Fields& f) { f("max_norm", max_norm, range::positive, "the largest norm"); }
  template <class T> Tensor<T> map(const Tensor<T>& g, const Tensor<T>&) const {
    const double length = frobenius_norm(g);
    return length > max_norm ? max_norm / length * g : g;
  }
  template <class T> using Of = Mapped<T, ClipByNorm>;
};

struct ClipByRms {
  double threshold = 1;
  static constexpr const char* name = "clip_by_rms";
  static constexpr About about{"each tensor's gradient with a root mean square of at most threshold"};
  void describe(Fields& f) { f("threshold", threshold, range::positive, "the largest root mean square"); }
  template <class T> Tensor<T> map(const Tensor<T>& g, const Tensor<T>&) const {
    return g / std::max(1.0, tensor_rules::rms(g) / threshold);
  }
  template <class T> using Of = Mapped<T, ClipByRms>;
};

/// Norms are those of each output unit: of all axes but the first, or of a whole vector.
struct AdaptiveClip {
  double clip = 0.01, eps = 1e-3;
  static constexpr const char* name = "adaptive_clip";
  static constexpr About about{"each unit's gradient at most clip times as long as its parameters",
                               "Brock et al. 2021, arXiv:2102.06171"};
  void describe(Fields& f) {
    f("clip", clip, range::positive, "the largest ratio of the norms");
    f("eps", eps, range::positive, "the least norm of a unit's parameters");
  }
  template <class T> Tensor<T> map(const Tensor<T>& g, const Tensor<T>& p) const {
    const auto unit_norm = [](const Tensor<T>& x) {
      std::vector<std::int64_t> axes;
      for (std::size_t axis = x.rank() > 1 ? 1 : 0; axis < x.rank(); ++axis)
        axes.push_back(static_cast<std::int64_t>(axis));
      return x.rank() == 0 ? abs(x) : sqrt(sum(square(x), axes, true));
    };
    const Tensor<T> length = unit_norm(g), most = clip * maximum(unit_norm(p), eps);
    return where(length < most, g, g * (most / maximum(length, 1e-6)));
  }
  template <class T> using Of = Mapped<T, AdaptiveClip>;
};

struct Centralize {
  static constexpr const char* name = "centralize";
  static constexpr About about{"gradients of matrices and filters less their mean for each output unit",
                               "Yong et al. 2020, arXiv:2004.01461"};
  void describe(Fields&) {}
  template <class T> Tensor<T> map(const Tensor<T>& g, const Tensor<T>&) const {
    if (g.rank() < 2) return g;
    std::vector<std::int64_t> axes;
    for (std::size_t axis = 1; axis < g.rank(); ++axis) axes.push_back(static_cast<std::int64_t>(axis));
    return g - mean(g, axes, true);
  }
  template <class T> using Of = Mapped<T, Centralize>;
};

struct Normalize {
  double eps = 1e-30;
  static constexpr const char* name = "normalize";
  static constexpr About about{"each tensor's gradient at length 1"};
  void describe(Fields& f) { f("eps", eps, range::positive, "added to the norm"); }
  template <class T> Tensor<T> map(const Tensor<T>& g, const Tensor<T>&) const { return g / (frobenius_norm(g) + eps); }
  template <class T> using Of = Mapped<T, Normalize>;
};

/// g times coefficient |p| / (|g| + eps), norms at least min_norm; g itself where one of them is 0. As optax's.
struct TrustRatio {
  double coefficient = 1, min_norm = 0, eps = 0;
  static constexpr const char* name = "trust_ratio";
  static constexpr About about{"each tensor's gradient as long as its parameter",
                               "You, Gitman, Ginsburg 2017, arXiv:1708.03888"};
  void describe(Fields& f) {
    f("coefficient", coefficient, range::nonnegative, "multiplies that length");
    f("min_norm", min_norm, range::nonnegative, "what shorter parameters and gradients count as");
    f("eps", eps, range::nonnegative, "added to the gradient's norm");
  }
  template <class T> Tensor<T> map(const Tensor<T>& g, const Tensor<T>& p) const {
    const double p_norm = std::max(frobenius_norm(p), min_norm), g_norm = std::max(frobenius_norm(g), min_norm);
    return p_norm == 0 || g_norm == 0 ? g : coefficient * p_norm / (g_norm + eps) * g;
  }
  template <class T> using Of = Mapped<T, TrustRatio>;
};

struct OrthoGrad {
  double eps = 1e-30;
  static constexpr const char* name = "orthograd";
  static constexpr About about{"the gradient's part at right angles to the parameter, at the gradient's length",
                               "Prieto et al. 2025, arXiv:2501.04697"};
  void describe(Fields& f) { f("eps", eps, range::positive, "added to norms"); }
  template <class T> Tensor<T> map(const Tensor<T>& g, const Tensor<T>& p) const {
    const double along = static_cast<double>(sum(p * g).item()) / (static_cast<double>(sum(square(p)).item()) + eps);
    const Tensor<T> rest = g - along * p;
    return frobenius_norm(g) / (frobenius_norm(rest) + eps) * rest;
  }
  template <class T> using Of = Mapped<T, OrthoGrad>;
};

struct ZeroNonfinite {
  static constexpr const char* name = "zero_nonfinite";
  static constexpr About about{"0 in place of NaN and infinite elements of the gradient"};
  void describe(Fields&) {}
  template <class T> Tensor<T> map(const Tensor<T>& g, const Tensor<T>&) const {
    return where(abs(g) <= static_cast<double>(std::numeric_limits<T>::max()), g, 0);
  }
  template <class T> using Of = Mapped<T, ZeroNonfinite>;
};

struct ClipByGlobalNorm {
  double max_norm = 1, eps = 1e-6;
  enum : int { l2, l1, max };
  int norm = l2;
  bool error_if_nonfinite = false;
  static constexpr const char* name = "clip_by_global_norm";
  static constexpr About about{"all gradients together at most max_norm long (torch's clip_grad_norm_)"};
  void describe(Fields& f) {
    f("max_norm", max_norm, range::positive, "the largest norm");
    f("norm", norm, config::OneOf{"l2|l1|max"}, "of all elements together");
    f("eps", eps, range::nonnegative, "added to the norm (optax: 0)");
    f("error_if_nonfinite", error_if_nonfinite, "end with an error where the norm is NaN or infinite");
  }
  template <class T> double norm_of(const NamedTensors<T>& all, Places moving) const {
    double total = 0;
    for (const std::size_t i : moving) {
      const Tensor<T> g = all[i].tensor.grad();
      if (g.size() == 0) continue;
      if (norm == max) {
        const auto largest = static_cast<double>(amax(abs(g)).item());
        if (!(largest <= total)) total = largest;  // a NaN wins
      } else {
        total += static_cast<double>(sum(norm == l1 ? abs(g) : square(g)).item());
      }
    }
    return norm == l2 ? std::sqrt(total) : total;
  }
  template <class T, class Options = ClipByGlobalNorm> struct Of : Transform<T> {
    Options options;
    bool before(NamedTensors<T>& all, Places moving, std::int64_t) override {
      const double size = options.norm_of(all, moving);
      XGRAD_CHECK(!options.error_if_nonfinite || std::isfinite(size),
                  "clip_by_global_norm: the norm of the gradients is ", size);
      const double factor = options.max_norm / (size + options.eps);
      for (const std::size_t i : moving)
        if (factor < 1) all[i].tensor.set_grad(factor * all[i].tensor.grad());
      return true;
    }
  };
};

/// Normal noise of variance eta / t^gamma; a pure function of (seed, step, parameter, element).
struct AddNoise {
  double eta = 0.01, gamma = 0.55;
  std::int64_t seed = 0;
  static constexpr const char* name = "add_noise";
  static constexpr About about{"gradients with noise that fades", "Neelakantan et al. 2015, arXiv:1511.06807"};
  void describe(Fields& f) {
    f("eta", eta, range::nonnegative, "variance of the noise at the first step");
    f("gamma", gamma, range::nonnegative, "how fast it fades");
    f("seed", seed, range::nonnegative, "of the noise");
  }
  template <class T, class Options = AddNoise> struct Of : Transform<T> {
    Options options;
    bool before(NamedTensors<T>& all, Places moving, std::int64_t step) override {
      const double deviation = std::sqrt(options.eta / std::pow(static_cast<double>(step), options.gamma));
      for (const std::size_t i : moving) {
        const RandomKey key{static_cast<std::uint64_t>(options.seed),
                            RandomStream::noise + static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(step)};
        all[i].tensor.set_grad(all[i].tensor.grad() + normal<T>(all[i].tensor.shape(), 0, deviation, key));
      }
      return true;
    }
  };
};

/// One array of zeros for each parameter.
template <class T> std::vector<Tensor<T>> zeros_for(const NamedTensors<T>& parameters) {
  std::vector<Tensor<T>> result;
  for (const NamedTensor<T>& p : parameters) result.push_back(Tensor<T>::zeros(p.tensor.shape()));
  return result;
}

struct GrokFast {
  double alpha = 0.98, lambda = 2;
  static constexpr const char* name = "grokfast";
  static constexpr About about{"gradients with their slow part amplified", "Lee et al. 2024, arXiv:2405.20233"};
  void describe(Fields& f) {
    f("alpha", alpha, range::beta, "decay of the gradients' mean");
    f("lambda", lambda, range::nonnegative, "how much of the mean is added");
  }
  template <class T, class Options = GrokFast> struct Of : Transform<T> {
    Options options;
    void attach(const NamedTensors<T>& parameters) override {
      this->arrays = {{"mean", zeros_for(parameters)}};
      this->numbers.assign(parameters.size(), 0);  // gradients seen
    }
    bool before(NamedTensors<T>& all, Places moving, std::int64_t) override {
      for (const std::size_t i : moving) {
        const Tensor<T> g = all[i].tensor.grad();
        Tensor<T>& average = this->arrays[0].tensors[i];
        average = this->numbers[i]++ == 0 ? g.clone() : toward(average, g, 1 - options.alpha);
        all[i].tensor.set_grad(g + options.lambda * average);
      }
      return true;
    }
  };
};

template <class T> bool all_finite(const NamedTensors<T>& all, Places moving) {
  for (const std::size_t i : moving)
    for (const T value : all[i].tensor.grad().values())
      if (!std::isfinite(value)) return false;
  return true;
}

struct SkipNonfinite {
  std::int64_t max_consecutive = 10;
  static constexpr const char* name = "skip_nonfinite";
  static constexpr About about{"no step where a gradient is NaN or infinite, unless that goes on"};
  void describe(Fields& f) {
    f("max_consecutive", max_consecutive, range::count, "steps left out in a row; the next one is taken anyway");
  }
  template <class T, class Options = SkipNonfinite> struct Of : Transform<T> {
    Options options;
    void attach(const NamedTensors<T>&) override { this->numbers = {0}; }
    bool before(NamedTensors<T>& all, Places moving, std::int64_t) override {
      double& failures = this->numbers[0];
      failures = all_finite(all, moving) ? 0 : failures + 1;
      return failures == 0 || failures > static_cast<double>(options.max_consecutive);
    }
  };
};

struct SkipLarge {
  double max_norm = 100;
  static constexpr const char* name = "skip_large";
  static constexpr About about{"no step where all gradients together are longer than max_norm, or NaN"};
  void describe(Fields& f) { f("max_norm", max_norm, range::positive, "the largest norm that is taken"); }
  template <class T, class Options = SkipLarge> struct Of : Transform<T> {
    Options options;
    bool before(NamedTensors<T>& all, Places moving, std::int64_t) override {
      return ClipByGlobalNorm{}.norm_of(all, moving) <= options.max_norm;
    }
  };
};

struct Nonnegative {
  static constexpr const char* name = "nonnegative";
  static constexpr About about{"parameters that a step would make negative become 0"};
  void describe(Fields&) {}
  template <class T, class Options = Nonnegative> struct Of : Transform<T> {
    Options options;
    void after(NamedTensors<T>& all, Places moving) override {
      for (const std::size_t i : moving) {
        const Tensor<T> p = maximum(all[i].tensor.detach(), 0);
        std::copy_n(p.data(), p.size(), all[i].tensor.mutable_data());
      }
    }
  };
};

struct Accumulate {
  std::int64_t every = 2;
  bool mean = true;
  static constexpr const char* name = "accumulate";
  static constexpr About about{"one step for the mean gradient of several calls"};
  void describe(Fields& f) {
    f("every", every, range::count, "calls for each step");
    f("mean", mean, "step by the mean; false: by the sum");
  }
  template <class T, class Options = Accumulate> struct Of : Transform<T> {
    Options options;
    void attach(const NamedTensors<T>& parameters) override {
      this->arrays = {{"mean", zeros_for(parameters)}};
      this->numbers = {0};
    }
    bool before(NamedTensors<T>& all, Places moving, std::int64_t) override {
      const double count = ++this->numbers[0];
      const bool now = count == static_cast<double>(options.every);
      for (const std::size_t i : moving) {
        Tensor<T>& average = this->arrays[0].tensors[i];
        average = toward(average, all[i].tensor.grad(), 1 / count);
        if (now) all[i].tensor.set_grad(options.mean ? average : count * average);
      }
      if (now) attach(all);
      return now;
    }
  };
};

}  // namespace xgrad::optim::transform
