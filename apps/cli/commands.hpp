// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <string>
#include <vector>

#include "xgrad/train/run.hpp"

namespace xgrad::cli {

/// What all commands share.
struct Common {
  bool quiet = false, json = false;
  int threads = 0;
  std::vector<std::string> plugins;
};

struct TrainArguments {
  std::string config, out;
  std::vector<std::string> overrides;
  bool force = false, require_target = false;
};
struct ResumeArguments {
  std::string run, from;
  std::vector<std::string> overrides, allowed;
};
struct EvalArguments {
  std::string run, split;
  std::vector<std::string> overrides;
};
struct PredictArguments {
  std::string run, input, output, format = "csv";
  std::vector<std::string> overrides;
  bool raw = false;
};

// Each returns the process's exit code.
/// Throws ConfigError if there are any.
inline void require(const config::Problems& problems) {
  if (!problems.ok()) throw config::ConfigError(problems);
}
/// f called with a number of the config's type.
template <class F> auto with_type(const train::Config& config, F f) {
  return config.dtype == "float64" ? f(double{}) : f(float{});
}

int train(const Common& common, const TrainArguments& arguments);
int resume(const Common& common, const ResumeArguments& arguments);
int eval(const Common& common, const EvalArguments& arguments);
int predict(const Common& common, const PredictArguments& arguments);
int check(const Common& common, const std::vector<std::string>& configs, const std::vector<std::string>& overrides,
          const std::string& format);
/// The conformance kit on the optimizers of these names, on all without one; 1 if a check failed.
int conformance(const Common& common, const std::vector<std::string>& names);
int list(const Common& common, const std::string& kind);
int info(const Common& common, const std::string& kind, const std::string& name);
int schema(const std::string& output);

}  // namespace xgrad::cli
