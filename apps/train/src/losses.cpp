// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/ops/loss.hpp"

#include "xgrad/ops/activation.hpp"
#include "xgrad/ops/creation.hpp"
#include "xgrad/ops/elementwise.hpp"

#include "xgrad/train/model.hpp"

#include <cmath>

namespace xgrad::train {
namespace {

namespace range = config::range;

struct Mse {
  static constexpr const char* name = "mse";
  static constexpr config::About about{"mean squared error"};
  static constexpr bool classes = false;
  void describe(Fields&) {}
  template <class T> Tensor<T> operator()(const Tensor<T>& y, const Batch<T>& batch) const {
    return mse_loss(y, batch.targets);
  }
};
struct L1 {
  static constexpr const char* name = "l1";
  static constexpr config::About about{"mean absolute error"};
  static constexpr bool classes = false;
  void describe(Fields&) {}
  template <class T> Tensor<T> operator()(const Tensor<T>& y, const Batch<T>& batch) const {
    return l1_loss(y, batch.targets);
  }
};
struct Huber {
  double delta = 1;
  static constexpr const char* name = "huber";
  static constexpr config::About about{"squared near the target, absolute far from it"};
  static constexpr bool classes = false;
  void describe(Fields& f) { f("delta", delta, range::positive, "where it turns absolute"); }
  template <class T> Tensor<T> operator()(const Tensor<T>& y, const Batch<T>& batch) const {
    return huber_loss(y, batch.targets, delta);
  }
};
struct SmoothL1 {
  double beta = 1;
  static constexpr const char* name = "smooth_l1";
  static constexpr config::About about{"huber divided by beta"};
  static constexpr bool classes = false;
  void describe(Fields& f) { f("beta", beta, range::nonnegative, "where it turns absolute"); }
  template <class T> Tensor<T> operator()(const Tensor<T>& y, const Batch<T>& batch) const {
    return smooth_l1_loss(y, batch.targets, beta);
  }
};
struct Bce {
  static constexpr const char* name = "bce_with_logits";
  static constexpr config::About about{"binary cross entropy of logits against targets in [0, 1]"};
  static constexpr bool classes = false;
  void describe(Fields&) {}
  template <class T> Tensor<T> operator()(const Tensor<T>& y, const Batch<T>& batch) const {
    return bce_with_logits_loss(y, batch.targets);
  }
  template <class T> static Tensor<T> probabilities(const Tensor<T>& y) { return sigmoid(y); }
};
struct CrossEntropy {
  double label_smoothing = 0;
  std::vector<double> weight;
  static constexpr const char* name = "cross_entropy";
  static constexpr config::About about{"of a class against the softmax of the output"};
  static constexpr bool classes = true;
  void describe(Fields& f) {
    f("label_smoothing", label_smoothing, range::unit, "share of the target spread over all classes");
    f("weight", weight, range::nonnegative, "of each class");
  }
  template <class T> Tensor<T> operator()(const Tensor<T>& y, const Batch<T>& batch) const {
    CrossEntropyOptions<T> options;
    options.label_smoothing = label_smoothing;
    if (!weight.empty())
      options.weight =
          Tensor<T>(Shape{static_cast<std::int64_t>(weight.size())}, Storage<T>(weight.begin(), weight.end()));
    return cross_entropy(y, batch.labels, options);
  }
  template <class T> static Tensor<T> probabilities(const Tensor<T>& y) { return softmax(y, -1); }
};
struct Nll {
  static constexpr const char* name = "nll";
  static constexpr config::About about{"of a class against log-probabilities (after a log_softmax layer)"};
  static constexpr bool classes = true;
  void describe(Fields&) {}
  template <class T> Tensor<T> operator()(const Tensor<T>& y, const Batch<T>& batch) const {
    return nll_loss(y, batch.labels);
  }
  template <class T> static Tensor<T> probabilities(const Tensor<T>& y) { return exp(y); }
};

template <class T, class Loss> auto maker() {
  return [](const Value& value, Problems& problems) -> std::function<Tensor<T>(const Tensor<T>&, const Batch<T>&)> {
    Loss loss;
    if (value.is(Value::Type::object))
      config::read_into(loss, value, problems, std::string("loss \"") + Loss::name + "\"", {"type"});
    return [loss](const Tensor<T>& y, const Batch<T>& batch) { return loss(y, batch); };
  };
}

template <class T, class Loss> std::function<Tensor<T>(const Tensor<T>&)> meaning() {
  if constexpr (requires { &Loss::template probabilities<T>; })
    return [](const Tensor<T>& y) { return Loss::probabilities(y); };
  else
    return nullptr;
}

template <class T, class Loss> std::function<Batch<T>(const Tensor<T>&)> drawer() {
  if constexpr (requires { &Loss::template probabilities<T>; })
    return [](const Tensor<T>& y) -> Batch<T> {
      const Tensor<T> p = Loss::probabilities(y);
      if (!Loss::classes) return {{}, {}, bernoulli(p)};
      return {{}, Indices(Shape{p.shape()[0]}, multinomial(p, 1).values()), {}};
    };
  else
    return nullptr;
}

template <class Loss> LossRow row() {
  return {Loss::name,
          Loss::about,
          Loss::classes,
          config::visit_defaults<Loss>,
          maker<float, Loss>(),
          maker<double, Loss>(),
          meaning<float, Loss>(),
          meaning<double, Loss>(),
          drawer<float, Loss>(),
          drawer<double, Loss>()};
}

}  // namespace

const config::Registry<LossRow>& losses() {
  static const config::Registry<LossRow> registry = [] {
    config::Registry<LossRow> r("loss");
    r.add(row<Mse>());
    r.add(row<L1>());
    r.add(row<Huber>());
    r.add(row<SmoothL1>());
    r.add(row<Bce>());
    r.add(row<CrossEntropy>());
    r.add(row<Nll>());
    return r;
  }();
  return registry;
}

const config::Registry<MetricRow>& metrics() {
  static const config::Registry<MetricRow> registry = [] {
    using Sums = MetricSums;
    config::Registry<MetricRow> r("metric");
    r.add({"accuracy",
           {"share of samples whose class is found: the largest output, or a probability of 1/2"},
           true,
           [](const Sums& s) { return s.right / s.count; }});
    r.add({"mae", {"mean absolute error"}, false, [](const Sums& s) { return s.absolute / s.count; }});
    r.add({"rmse", {"root of the mean squared error"}, false, [](const Sums& s) {
             return std::sqrt(s.squared / s.count);
           }});
    r.add({"r2",
           {"share of the targets' variance that is explained: 1 at best, 0 for their mean"},
           false,
           [](const Sums& s) { return 1 - s.squared / (s.targets_squared - s.targets * s.targets / s.count); }});
    return r;
  }();
  return registry;
}

}  // namespace xgrad::train
