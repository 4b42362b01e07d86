// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <string>
#include <vector>

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
  std::string run, split = "test";
  std::vector<std::string> overrides;
};
struct PredictArguments {
  std::string run, input, output, format = "csv";
};

// Each returns the process's exit code.
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
