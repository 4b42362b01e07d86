// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/optim/transform.hpp"

#include "transforms/averages.hpp"
#include "transforms/gradients.hpp"
#include "transforms/sharpness.hpp"

namespace xgrad::optim {
namespace {

/// A transform's struct holds its options and, in Of<T>, what it does with them.
template <class Options> TransformRow row() {
  const auto make = []<class T>(const config::Value& value, config::Problems& problems, T) {
    auto transform = std::make_unique<typename Options::template Of<T>>();
    if (value.is(config::Value::Type::object))
      config::read_into(transform->options, value, problems, std::string("transform \"") + Options::name + "\"",
                        {"type"});
    return transform;
  };
  return {Options::name, Options::about, config::visit_defaults<Options>,
          [make](const config::Value& v, config::Problems& p) { return make(v, p, float{}); },
          [make](const config::Value& v, config::Problems& p) { return make(v, p, double{}); }};
}

template <class... Options> void add_all(config::Registry<TransformRow>& registry) {
  (registry.add(row<Options>()), ...);
}

}  // namespace

config::Registry<TransformRow>& transforms() {
  static config::Registry<TransformRow> registry = [] {
    using namespace transform;
    config::Registry<TransformRow> r("transform");
    add_all<ClipByValue, ClipByNorm, ClipByGlobalNorm, ClipByRms, AdaptiveClip, Centralize, Normalize, TrustRatio,
            OrthoGrad, AddNoise, GrokFast, ZeroNonfinite, SkipNonfinite, SkipLarge, Nonnegative, Accumulate, Lookahead,
            Ema, Swa, Sam>(r);
    return r;
  }();
  return registry;
}

template <class T>
std::vector<std::unique_ptr<Transform<T>>> make_transforms(const config::Value& list, config::Problems& problems) {
  std::vector<std::unique_ptr<Transform<T>>> result;
  if (!list.is(config::Value::Type::list)) {
    problems.add("XG103", list, "\"transforms\": expected a list, found " + list.describe());
    return result;
  }
  for (const config::Value& item : list.items) {
    const TransformRow* row = transforms().resolve(item, problems);
    if (!row) continue;
    if constexpr (std::is_same_v<T, float>)
      result.push_back(row->make_float(item, problems));
    else
      result.push_back(row->make_double(item, problems));
  }
  return result;
}
template std::vector<std::unique_ptr<Transform<float>>> make_transforms(const config::Value&, config::Problems&);
template std::vector<std::unique_ptr<Transform<double>>> make_transforms(const config::Value&, config::Problems&);

}  // namespace xgrad::optim
