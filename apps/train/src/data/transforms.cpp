// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>

#include "xgrad/train/data.hpp"

namespace xgrad::train {
namespace {

using config::Fields;
using config::Value;
namespace range = config::range;
using Rows = std::vector<std::int64_t>;
using Apply = TransformRow::Apply;

struct Scale {
  double by = 1, offset = 0;
  static constexpr const char* name = "scale";
  static constexpr config::About about{"x * by + offset"};
  void describe(Fields& f) {
    f("by", by, range::any, "factor");
    f("offset", offset, range::any, "added afterwards");
  }
  Apply fit(const std::vector<double>&, Shape&, const Rows&, std::vector<double>&, std::vector<std::string>&) const {
    return [*this](std::vector<double>& x) {
      for (double& value : x) value = value * by + offset;
    };
  }
};

struct Normalize {
  std::optional<double> mean, std;
  bool per_feature = true;
  static constexpr const char* name = "normalize";
  static constexpr config::About about{
      "(x - mean) / std, by default fitted on the training rows, each feature for itself"};
  void describe(Fields& f) {
    f("mean", mean, range::any, "given instead of fitted");
    f("std", std, range::positive, "given instead of fitted");
    f("per_feature", per_feature, "fit each feature for itself, or all together");
  }
  Apply fit(const std::vector<double>& x, Shape& shape, const Rows& training, std::vector<double>& fitted,
            std::vector<std::string>& notes) const {
    const std::size_t columns = shape.size(), groups = per_feature ? columns : 1;
    if (!fitted.empty()) return apply(fitted);
    std::vector<double> center(groups, mean.value_or(0)), spread(groups, std.value_or(1));
    const auto over_training = [&](std::size_t group, auto f) {
      for (const std::int64_t row : training)
        for (std::size_t c = group; c < columns; c += per_feature ? columns : 1)
          f(x[static_cast<std::size_t>(row) * columns + c]);
    };
    const double count = static_cast<double>(training.size() * (per_feature ? 1 : columns));
    for (std::size_t g = 0; g < groups; ++g) {
      if (!mean) {
        double sum = 0;
        over_training(g, [&](double v) { sum += v; });
        center[g] = sum / count;
      }
      if (std) continue;
      double squares = 0;
      over_training(g, [&](double v) { squares += (v - center[g]) * (v - center[g]); });
      spread[g] = std::sqrt(squares / count);
      if (spread[g] > 0) continue;
      spread[g] = 1;
      if (notes.size() < 5)
        notes.push_back("normalize: feature " + std::to_string(g) + " is the same in all training rows: left unscaled");
    }
    fitted = std::move(center);
    fitted.insert(fitted.end(), spread.begin(), spread.end());
    return apply(fitted);
  }
  static Apply apply(const std::vector<double>& fitted) {  // the means, then the deviations
    return [fitted](std::vector<double>& rows) {
      const std::size_t groups = fitted.size() / 2;
      for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i] = (rows[i] - fitted[i % groups]) / fitted[groups + i % groups];
    };
  }
};

struct Flatten {
  static constexpr const char* name = "flatten";
  static constexpr config::About about{"each sample as one list of numbers"};
  void describe(Fields&) {}
  Apply fit(const std::vector<double>&, Shape& shape, const Rows&, std::vector<double>&,
            std::vector<std::string>&) const {
    shape = Shape{static_cast<std::int64_t>(shape.size())};
    return [](std::vector<double>&) {};
  }
};

struct Reshape {
  std::vector<double> shape;
  static constexpr const char* name = "reshape";
  static constexpr config::About about{"each sample in another shape of as many numbers"};
  void describe(Fields& f) { f("shape", shape, range::count, "of one sample: [channels, height, width]").required(); }
  Apply fit(const std::vector<double>&, Shape& row, const Rows&, std::vector<double>&,
            std::vector<std::string>&) const {
    Shape wanted;
    for (const double size : shape) wanted.push_back(static_cast<std::int64_t>(size));
    if (wanted.size() != row.size())
      throw DataError("transform reshape: samples have shape " + row.to_string() +
                      ", which has not as many numbers as " + wanted.to_string());
    row = wanted;
    return [](std::vector<double>&) {};
  }
};

template <class Transform> TransformRow row() {
  return {Transform::name, Transform::about, config::visit_defaults<Transform>,
          [](const Value& value, config::Problems& problems) -> TransformRow::Fit {
            Transform transform;
            if (value.is(Value::Type::object))
              config::read_into(transform, value, problems, std::string("transform \"") + Transform::name + "\"",
                                {"type"});
            return [transform](const std::vector<double>& x, Shape& shape, const Rows& training,
                               std::vector<double>& fitted, std::vector<std::string>& notes) {
              return transform.fit(x, shape, training, fitted, notes);
            };
          }};
}

}  // namespace

const config::Registry<TransformRow>& transforms() {
  static const config::Registry<TransformRow> registry = [] {
    config::Registry<TransformRow> r("transform");
    r.add(row<Scale>());
    r.add(row<Normalize>());
    r.add(row<Flatten>());
    r.add(row<Reshape>());
    return r;
  }();
  return registry;
}

}  // namespace xgrad::train
