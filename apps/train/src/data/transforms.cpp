// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>

#include "xgrad/train/data.hpp"

namespace xgrad::train {
namespace {

using config::Fields;
using config::Value;
namespace range = config::range;
using Rows = TransformRow::TrainingRows;
using Apply = TransformRow::Apply;

struct Scale {
  double by = 1, offset = 0;
  static constexpr const char* name = "scale";
  static constexpr config::About about{"x * by + offset"};
  void describe(Fields& f) {
    f("by", by, range::any, "factor");
    f("offset", offset, range::any, "added afterwards");
  }
  Apply fit(const Rows&, Shape&, std::vector<double>&, std::vector<std::string>&) const {
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
  Apply fit(const Rows& training, Shape& shape, std::vector<double>& fitted, std::vector<std::string>& notes) const {
    if (!fitted.empty()) return apply(fitted);
    const std::size_t columns = shape.size(), groups = per_feature ? columns : 1;
    std::vector<double> center(groups, mean.value_or(0)), spread(groups, std.value_or(1));
    if (!mean) center = means(training, columns, groups, [](double v, std::size_t) { return v; });
    if (!std) {
      spread =
          means(training, columns, groups, [&](double v, std::size_t g) { return (v - center[g]) * (v - center[g]); });
      for (std::size_t g = 0; g < groups; ++g) {
        spread[g] = std::sqrt(spread[g]);
        if (spread[g] > 0) continue;
        spread[g] = 1;
        if (notes.size() < 5)
          notes.push_back("normalize: feature " + std::to_string(g) +
                          " is the same in all training rows: left unscaled");
      }
    }
    fitted = std::move(center);
    fitted.insert(fitted.end(), spread.begin(), spread.end());
    return apply(fitted);
  }

 private:
  /// Of f(value, group) over the training rows, for each group of columns.
  template <class F>
  static std::vector<double> means(const Rows& training, std::size_t columns, std::size_t groups, const F& f) {
    std::vector<double> result(groups);
    std::size_t count = 0;
    training([&](const double* row) {
      for (std::size_t c = 0; c < columns; ++c) {
        const std::size_t group = groups == 1 ? 0 : c;
        result[group] += f(row[c], group);
      }
      count += columns / groups;
    });
    for (double& value : result) value /= static_cast<double>(count);
    return result;
  }
  static Apply apply(const std::vector<double>& fitted) {  // the means, then the deviations
    return [fitted](std::vector<double>& rows) {
      const std::size_t groups = fitted.size() / 2;
      for (std::size_t start = 0; start < rows.size(); start += groups)
        for (std::size_t g = 0; g < groups; ++g) rows[start + g] = (rows[start + g] - fitted[g]) / fitted[groups + g];
    };
  }
};

struct Flatten {
  static constexpr const char* name = "flatten";
  static constexpr config::About about{"each sample as one list of numbers"};
  void describe(Fields&) {}
  Apply fit(const Rows&, Shape& shape, std::vector<double>&, std::vector<std::string>&) const {
    shape = Shape{static_cast<std::int64_t>(shape.size())};
    return [](std::vector<double>&) {};
  }
};

struct Reshape {
  std::vector<double> shape;
  static constexpr const char* name = "reshape";
  static constexpr config::About about{"each sample in another shape of as many numbers"};
  void describe(Fields& f) { f("shape", shape, range::count, "of one sample: [channels, height, width]").required(); }
  Apply fit(const Rows&, Shape& row, std::vector<double>&, std::vector<std::string>&) const {
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
  return {
      Transform::name, Transform::about, config::visit_defaults<Transform>,
      [](const Value& value, config::Problems& problems) -> TransformRow::Fit {
        Transform transform;
        if (value.is(Value::Type::object))
          config::read_into(transform, value, problems, std::string("transform \"") + Transform::name + "\"", {"type"});
        return [transform](const Rows& training, Shape& shape, std::vector<double>& fitted,
                           std::vector<std::string>& notes) { return transform.fit(training, shape, fitted, notes); };
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
