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

/// After every k steps slow += alpha (p - slow), p = slow. slow begins as the parameter before the first step. pullback
/// does to the optimizer's momentum b what is done to p, with a slow momentum that begins as 0; reset sets it to 0.
struct Lookahead {
  std::int64_t k = 5;
  double alpha = 0.5;
  bool reset_state = false;
  enum : int { none, reset, pull };
  int pullback = none;
  static constexpr const char* name = "lookahead";
  static constexpr About about{"k steps forward, one part of the way back", "Zhang et al. 2019, arXiv:1907.08610"};
  void describe(Fields& f) {
    f("k", k, range::count, "steps between the returns");
    f("alpha", alpha, range::unit, "how much of the way is kept");
    f("reset_state", reset_state, "the optimizer begins anew after each return");
    f("pullback", pullback, config::OneOf{"none|reset|pullback"}, "what becomes of the momentum then");
  }
  template <class T, class Options = Lookahead> struct Of : Transform<T> {
    Options options;
    void attach(const NamedTensors<T>& parameters) override {
      this->arrays = {{"slow", copies_of(parameters)}};
      if (options.pullback == pull) this->arrays.push_back({"slow_momentum", zeros_for(parameters)});
      this->numbers = {0};
    }
    bool before(NamedTensors<T>& all, Places, std::int64_t) override {
      if (this->numbers[0] == 0) this->arrays[0].tensors = copies_of(all);  // weights may have been loaded since
      return true;
    }
    bool resets() const override { return options.reset_state && returned(); }
    bool moves_momentum() const override { return options.pullback != none; }
    void move_momentum(std::size_t parameter, std::span<T> momentum) override {
      if (!returned()) return;
      if (options.pullback == reset) return void(std::fill(momentum.begin(), momentum.end(), T{0}));
      T* const slow = this->arrays[1].tensors[parameter].mutable_data();
      const T weight = static_cast<T>(options.alpha);
      for (std::size_t i = 0; i < momentum.size(); ++i) momentum[i] = slow[i] += weight * (momentum[i] - slow[i]);
    }
    void after(NamedTensors<T>& all, Places) override {
      ++this->numbers[0];
      if (!returned()) return;
      for (std::size_t i = 0; i < all.size(); ++i) {
        Tensor<T>& slow = this->arrays[0].tensors[i];
        slow = toward(slow, all[i].tensor.detach(), options.alpha);
        std::copy_n(slow.data(), slow.size(), all[i].tensor.mutable_data());
      }
    }
    /// Whether the present step ends k of them.
    bool returned() const { return static_cast<std::int64_t>(this->numbers[0]) % options.k == 0; }
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
  std::optional<std::int64_t> overwrite_every;
  static constexpr const char* name = "ema";
  static constexpr About about{"evaluates a moving average of the parameters", "Polyak, Juditsky 1992"};
  void describe(Fields& f) {
    f("decay", decay, range::unit, "of the average");
    f("warmup", warmup, "a decay of at most (1 + t) / (10 + t)");
    f("overwrite_every", overwrite_every, range::count,
      "steps after which the parameters become their average, again and again (Keras); null: never");
  }
  template <class T, class Options = Ema> struct Of : Averaged<T> {
    Options options;
    void after(NamedTensors<T>& all, Places) override {
      const double t = this->numbers[0], limit = (1 + t) / (10 + t);
      this->average(all, 1 - (options.warmup && limit < options.decay ? limit : options.decay));
      if (!options.overwrite_every || static_cast<std::int64_t>(t + 1) % *options.overwrite_every != 0) return;
      for (std::size_t i = 0; i < all.size(); ++i) {
        const Tensor<T>& average = this->arrays[0].tensors[i];
        std::copy_n(average.data(), average.size(), all[i].tensor.mutable_data());
      }
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
