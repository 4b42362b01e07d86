// SPDX-License-Identifier: BSD-3-Clause
// Does every optimizer run at the speed of memory? A step over 10 million parameters, as one tensor and as 1,000,
// beside an in-place scale that moves as many bytes, the honest limit for read-modify-write. Then a table of the least
// times.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "memory.hpp"

namespace {

using namespace xgrad;

constexpr long kElements = 10'000'000;

struct Case {
  std::string label;
  nlohmann::json config;
  const char* passes;  ///< over the parameters in a step; "-" for operations on whole tensors
};

std::vector<Case> cases() {
  std::vector<Case> result;
  for (const optim::OptimizerRow& row : optim::optimizers().rows()) {
    const optim::Rule<float> rule = row.rule<float>();
    if (rule.rows) continue;  // those take an embedding's gradients only
    result.push_back({row.name, row.example ? nlohmann::json::parse(row.example) : nlohmann::json{{"type", row.name}},
                      rule.tensor ? "-" : rule.measure ? "2" : "1"});
  }
  result.push_back({"sgd momentum", {{"type", "sgd"}, {"momentum", 0.9}}, "1"});
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  std::string table = "optimizer tensors passes state_per_parameter ms GB/s share_of_scale times_libtorch\n";
  for (const Case& entry : cases())
    for (const int tensors : {1, 1000}) {
      const std::string workload = entry.label + " step, 10 M parameters in " + std::to_string(tensors);
      if (!bench::is_asked_for(workload, options)) continue;
      const auto optimizer = optim::make<float>(entry.config, bench::parameters_with_gradients(kElements, tensors));
      if (optimizer->needs_loss() || optimizer->needs_closure() || optimizer->wants_curvature())
        continue;  // their time is the loss's
      std::size_t kept = 0;
      for (const auto& state : optimizer->state()) kept += state.bytes / sizeof(float);
      const std::size_t numbers = 3 * kElements + 2 * kept;  // reads p, g and the state; writes p and the state
      const double bytes = 4.0 * static_cast<double>(numbers);
      std::vector<bench::Contender> contenders = {{"xgrad", [&] { optimizer->step(); }, 1, bytes},
                                                  {"in-place scale", bench::in_place_scale(numbers), 1, bytes}};
      bench::add_peer(
          contenders,
          {"libtorch", bench::libtorch_optimizer_step(entry.label, options.threads, tensors, kElements), 1, bytes});
      const std::vector<bench::Time> times = bench::compare(workload, options, contenders);
      char line[200];
      std::snprintf(line, sizeof(line), "%s %d %s %.2f %.2f %.1f %.2f ", entry.label.c_str(), tensors, entry.passes,
                    static_cast<double>(kept) / kElements, times[0].least, bytes / times[0].least / 1e6,
                    times[1].least / times[0].least);
      table += line + (times.size() > 2 ? std::to_string(times[2].least / times[0].least) : std::string("-")) + "\n";
    }
  std::fputs(table.c_str(), stdout);
}
