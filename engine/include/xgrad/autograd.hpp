// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

struct GradOptions {
  bool retain_graph = false;  ///< keep what the operations saved, so that backward may run here again
  bool create_graph = false;  ///< make the gradients differentiable (implies retain_graph)
  bool allow_unused = false;  ///< an input that the outputs do not depend on gets an undefined Tensor, not an Error
};

/// The gradients of sum_i <outputs[i], grad_outputs[i]> with respect to `inputs`; touches no tensor's grad().
/// `grad_outputs` may be empty if every output has one element (then 1). Throws Error for an input not reached unless
/// allow_unused, for shapes that differ, and as Tensor::backward does.
template <class T>
std::vector<Tensor<T>> grad(const std::vector<Tensor<T>>& outputs, const std::vector<Tensor<T>>& inputs,
                            const std::vector<Tensor<T>>& grad_outputs = {}, GradOptions options = {});
/// One scalar output, one input.
template <class T> Tensor<T> grad(const Tensor<T>& output, const Tensor<T>& input, GradOptions options = {}) {
  return grad<T>({output}, {input}, {}, options)[0];
}

/// Thrown by DetectAnomaly.
class AnomalyError : public Error {
 public:
  using Error::Error;
};

/// While it lives, every operation's result and every gradient is checked: the first NaN or infinity throws Error with
/// the operation, the shapes and the layer (see Scope). Slow; for finding out.
class DetectAnomaly {
 public:
  DetectAnomaly() : before_(std::exchange(detail::graph_state.anomaly, true)) {}
  ~DetectAnomaly() { detail::graph_state.anomaly = before_; }
  DetectAnomaly(const DetectAnomaly&) = delete;
  DetectAnomaly& operator=(const DetectAnomaly&) = delete;

 private:
  bool before_;
};

/// Names what is being computed ("encoder.0"), for DetectAnomaly. Scopes nest; modules open one for each layer.
class Scope {
 public:
  explicit Scope(const char* name);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
};

/// The graph that led to `result` in the DOT language (draw it with graphviz): operations with their shapes in the
/// order of computation, parameters in blue under their names in `parameters`, constants in grey. Draw it before
/// backward, which frees the graph.
template <class T> std::string to_dot(const Tensor<T>& result, const NamedTensors<T>& parameters = {});

struct GradcheckOptions {
  double step = 1e-6;  ///< of the central difference
  double absolute_tolerance = 1e-5;
  double relative_tolerance = 1e-3;
  std::uint64_t seed = 0;  ///< of the fixed random weights that make the result a scalar
};
struct GradcheckResult {
  bool passed = true;
  double worst_difference = 0;  ///< |analytic - numeric| where it exceeds its tolerance most
  std::string message;          ///< which input and element failed, with both values; empty if passed
  explicit operator bool() const { return passed; }
};
using DoubleFunction = std::function<Tensor<double>(const std::vector<Tensor<double>>&)>;

/// Compares the gradients of f with central differences of sum(weights * f(inputs)) in float64, for every element of
/// every input that requires a gradient.
GradcheckResult gradcheck(const DoubleFunction& f, const std::vector<Tensor<double>>& inputs,
                          GradcheckOptions options = {});
/// The same for the gradient of f: second derivatives.
GradcheckResult gradgradcheck(const DoubleFunction& f, const std::vector<Tensor<double>>& inputs,
                              GradcheckOptions options = {});

}  // namespace xgrad
