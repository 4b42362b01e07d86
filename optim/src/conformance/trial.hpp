// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the checks work with: parameters and gradients that are the same for every optimizer, a training on them, the
// optimizer with each of its options, and where findings go.
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>

#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/embedding.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/optim/conformance.hpp"
#include "xgrad/random.hpp"

namespace xgrad::optim::conformance {

using Json = nlohmann::json;

constexpr int kSteps = 6;

/// Start values and gradients for parameters of given shapes: the same for every optimizer, made once.
struct Inputs {
  std::vector<Shape> shapes;
  std::vector<std::vector<double>> start;
  std::vector<std::vector<double>> gradients[kSteps];

  explicit Inputs(std::vector<Shape> wanted) : shapes(std::move(wanted)) {
    for (std::size_t p = 0; p < shapes.size(); ++p) {
      const auto numbers = [&](std::uint32_t stream, std::uint32_t step) {
        std::vector<double> values(shapes[p].size());
        for (std::size_t k = 0; k < values.size(); ++k)
          values[k] = normal({stream, static_cast<std::uint32_t>(p), step}, k);
        return values;
      };
      start.push_back(numbers(7, 0));
      for (int t = 0; t < kSteps; ++t) gradients[t].push_back(numbers(8, static_cast<std::uint32_t>(t)));
    }
  }
};

/// Ranks 0 to 3, and no elements at all.
inline const Inputs& small_inputs() {
  static const Inputs inputs(std::vector<Shape>{{5, 7}, {3}, {}, {0}, {17, 1, 2}});
  return inputs;
}
/// More than the driver gives to one thread at a time.
inline const Inputs& large_inputs() {
  static const Inputs inputs(std::vector<Shape>{{100'003}, {50, 50}, {1}, {40'000}});
  return inputs;
}

template <class T> Tensor<T> tensor_of(const Shape& shape, const std::vector<double>& values, double sign = 1) {
  Tensor<T> result = Tensor<T>::empty(shape);
  T* const elements = result.mutable_data();
  for (std::size_t k = 0; k < values.size(); ++k) elements[k] = static_cast<T>(sign * values[k]);
  return result;
}

template <class T> NamedTensors<T> parameters_of(const Inputs& inputs) {
  NamedTensors<T> result;
  for (std::size_t p = 0; p < inputs.shapes.size(); ++p)
    result.push_back(
        {"layer" + std::to_string(p) + ".weight", parameter(tensor_of<T>(inputs.shapes[p], inputs.start[p]))});
  return result;
}

/// The same gradient, kept as rows: that of <all rows of the parameter, gradient>.
template <class T> void set_rows(Tensor<T>& parameter, const Tensor<T>& gradient) {
  Indices rows(Shape{parameter.shape()[0]});
  std::iota(rows.data(), rows.data() + rows.size(), std::int64_t{0});
  EmbeddingOptions options;
  options.sparse = true;
  parameter.zero_grad();
  sum(embedding(parameter, rows, options) * gradient).backward();
}

/// Gradients, of the kind that the parameters' rules take.
template <class T> void set_gradients(Optimizer<T>& optimizer, const Inputs& inputs, int t, double sign = 1) {
  for (const auto& group : optimizer.groups())
    for (const std::size_t p : group.members) {
      Tensor<T> parameter = optimizer.parameters()[p].tensor;
      const Tensor<T> gradient = tensor_of<T>(inputs.shapes[p], inputs.gradients[t % kSteps][p], sign);
      if (group.rule.rows && parameter.size() > 0)
        set_rows(parameter, gradient);
      else
        parameter.set_grad(gradient);
    }
}

/// A step on the gradients that are there. Where the curvature is asked for it is that of half the sum of squares.
template <class T> void advance(Optimizer<T>& optimizer, double sign = 1) {
  if (optimizer.wants_curvature())
    optimizer.estimate_curvature([&] {
      Tensor<T> total = Tensor<T>(T{0});
      for (const auto& [name, tensor] : optimizer.parameters()) total = total + 0.5 * sign * sum(square(tensor));
      return total;
    });
  if (optimizer.needs_loss() || optimizer.needs_closure())
    optimizer.step([] { return 1.0; });
  else
    optimizer.step();
}

template <class T>
NamedTensors<T> trained(const Json& config, const Inputs& inputs, int steps = kSteps, double sign = 1) {
  NamedTensors<T> all = parameters_of<T>(inputs);
  const auto optimizer = make<T>(config, all);
  for (int t = 0; t < steps; ++t) {
    set_gradients(*optimizer, inputs, t, sign);
    advance(*optimizer, sign);
  }
  return all;
}

/// Where the two differ first, as text; empty if they have the same bits.
template <class T> std::string difference(const NamedTensors<T>& a, const NamedTensors<T>& b) {
  for (std::size_t p = 0; p < a.size(); ++p)
    for (std::size_t k = 0; k < a[p].tensor.size(); ++k) {
      const T x = a[p].tensor.data()[k], y = b[p].tensor.data()[k];
      if (std::memcmp(&x, &y, sizeof(T)) == 0) continue;
      std::string text = "element " + std::to_string(k) + " of \"" + a[p].name + "\": ";
      xgrad::detail::append_text(text, x);
      text += " against ";
      xgrad::detail::append_text(text, y);
      return text;
    }
  return "";
}

/// Collects what fails.
class Findings {
 public:
  Findings(const char* check, std::vector<Failure>& failures) : check_(check), failures_(failures) {}

  template <class... Parts> void expect(bool holds, const Json& config, const Parts&... parts) {
    if (holds) return;
    using xgrad::detail::append_text;
    std::string reason;
    (append_text(reason, parts), ...);
    failures_.push_back({check_, config.dump(), reason});
  }
  template <class... Parts> void expect_same(const std::string& difference, const Json& config, const Parts&... parts) {
    expect(difference.empty(), config, parts..., ": ", difference);
  }

 private:
  const char* check_;
  std::vector<Failure>& failures_;
};

struct Subject {
  const OptimizerRow& row;
  Json config;
  std::vector<Json> variants;  ///< the config, and the config with each option switched on

  Hyperparameters defaults() const { return parsed(config); }
  /// It asks for losses and moves all parameters together: what gradients alone decide does not concern it.
  bool minimizes() const { return row.float_rule.minimize != nullptr; }
  Json with(std::initializer_list<std::pair<const char*, Json>> changes) const {
    Json result = config;
    for (const auto& [key, value] : changes) result[key] = value;
    return result;
  }
  static Hyperparameters parsed(const Json& wanted) {
    return make<double>(wanted, NamedTensors<double>{})->groups()[0].hyperparameters;
  }
};

/// A check: its name, what it holds, and the test.
struct Entry {
  Check check;
  void (*run)(const Subject&, Findings&);
};
std::span<const Entry> entries();

}  // namespace xgrad::optim::conformance
