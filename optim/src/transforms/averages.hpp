// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Transforms that average parameters.
#include "transforms/gradients.hpp"

namespace xgrad::optim::transform {

template <class T> std::vector<Tensor<T>> copies_of(const NamedTensors<T>& parameters) {
  std::vector<Tensor<T>> result;
  for (const NamedTensor<T>& p : parameters) result.push_back(p.tensor.detach().clone());
  return result;
}

/// After every k steps slow += alpha (p - slow), p = slow. slow begins as the parameter before the first step.
struct Lookahead {
  std::int64_t k = 5;
  double alpha = 0.5;
  bool reset_state = false;
  static constexpr const char* name = "lookahead";
  static constexpr About about{"k steps forward, one part of the way back", "Zhang et al. 2019, arXiv:1907.08610"};
  void describe(Fields& f) {
    f("k", k, range::count, "steps between the returns");
    f("alpha", alpha, range::unit, "how much of the way is kept");
    f("reset_state", reset_state, "the optimizer begins anew after each return");
  }
  template <class T, class Options = Lookahead> struct Of : Transform<T> {
    Options options;
    void attach(const NamedTensors<T>& parameters) override {
      this->arrays = {{"slow", copies_of(parameters)}};
      this->numbers = {0};
    }
    bool before(NamedTensors<T>& all, Places, std::int64_t) override {
      if (this->numbers[0] == 0) this->arrays[0].tensors = copies_of(all);  // weights may have been loaded since
      return true;
    }
    bool resets() const override {
      return options.reset_state && static_cast<std::int64_t>(this->numbers[0]) % options.k == 0;
    }
    void after(NamedTensors<T>& all, Places) override {
      if (static_cast<std::int64_t>(++this->numbers[0]) % options.k != 0) return;
      for (std::size_t i = 0; i < all.size(); ++i) {
        Tensor<T>& slow = this->arrays[0].tensors[i];
        slow = toward(slow, all[i].tensor.detach(), options.alpha);
        std::copy_n(slow.data(), slow.size(), all[i].tensor.mutable_data());
      }
    }
  };
};

/// What averages share: eval() shows them.
template <class T> struct Averaged : Transform<T> {
  void attach(const NamedTensors<T>& parameters) override {
    this->arrays = {{"average", copies_of(parameters)}};
    this->numbers = {0, 0};  // averaged, seen
  }
  Tensor<T> evaluation(std::size_t parameter) const override {
    return this->numbers[0] > 0 ? this->arrays[0].tensors[parameter] : Tensor<T>();
  }
  bool has_evaluation() const override { return true; }
  void average(const NamedTensors<T>& all, double weight) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      Tensor<T>& mean = this->arrays[0].tensors[i];
      const Tensor<T> p = all[i].tensor.detach();
      mean = this->numbers[0] == 0 ? p.clone() : toward(mean, p, weight);
    }
    ++this->numbers[0];
  }
};

struct Ema {
  double decay = 0.999;
  bool warmup = false;
  static constexpr const char* name = "ema";
  static constexpr About about{"evaluates a moving average of the parameters", "Polyak, Juditsky 1992"};
  void describe(Fields& f) {
    f("decay", decay, range::unit, "of the average");
    f("warmup", warmup, "a decay of at most (1 + t) / (10 + t)");
  }
  template <class T, class Options = Ema> struct Of : Averaged<T> {
    Options options;
    void after(NamedTensors<T>& all, Places) override {
      const double t = this->numbers[0], limit = (1 + t) / (10 + t);
      this->average(all, 1 - (options.warmup && limit < options.decay ? limit : options.decay));
    }
  };
};

struct Swa {
  std::int64_t start = 0, every = 1;
  static constexpr const char* name = "swa";
  static constexpr About about{"evaluates the mean of the parameters from a step on",
                               "Izmailov et al. 2018, arXiv:1803.05407"};
  void describe(Fields& f) {
    f("start", start, range::nonnegative, "steps before the first one that counts");
    f("every", every, range::count, "steps between those that count");
  }
  template <class T, class Options = Swa> struct Of : Averaged<T> {
    Options options;
    void after(NamedTensors<T>& all, Places) override {
      const auto seen = static_cast<std::int64_t>(this->numbers[1]++);
      if (seen < options.start || (seen - options.start) % options.every != 0) return;
      this->average(all, 1 / (this->numbers[0] + 1));
    }
  };
};

}  // namespace xgrad::optim::transform
