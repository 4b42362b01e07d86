// SPDX-License-Identifier: BSD-3-Clause
// Does every optimizer run at the speed of memory? A step over 10 million parameters, as one tensor and as 1,000,
// beside an in-place scale that moves as many bytes, the honest limit for read-modify-write. Then a table of the least
// times, with the numbers that are kept for each parameter and the bytes that one pass must move.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "memory.hpp"

namespace {

using namespace xgrad;

constexpr long kElements = 10'000'000;

struct Case {
  std::string label;
  nlohmann::json config;
  int passes;  ///< over the parameters in a step; 0: operations on whole tensors, tried on 1,000 matrices
};

std::vector<Case> cases() {
  std::vector<Case> result;
  for (const optim::OptimizerRow& row : optim::optimizers().rows()) {
    const optim::Rule<float> rule = row.rule<float>();
    if (rule.rows) continue;  // those take an embedding's gradients only
    const int passes = rule.tensor ? 0 : rule.measure ? 2 : 1;
    result.push_back(
        {row.name, row.example ? nlohmann::json::parse(row.example) : nlohmann::json{{"type", row.name}}, passes});
  }
  result.push_back({"sgd momentum", {{"type", "sgd"}, {"momentum", 0.9}}, 1});
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  std::string table =
      "| optimizer | tensors | passes | state | MB moved | ms | GB/s | of in-place scale | times LibTorch |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (const Case& entry : cases())
    for (const int tensors : {1, 1000}) {
      const bool matrices = entry.passes == 0;
      const Shape shape = matrices ? Shape{100, kElements / tensors / 100} : Shape{kElements / tensors};
      const std::string workload = entry.label + " step, 10 M parameters in " + std::to_string(tensors);
      if ((matrices && tensors == 1) || !bench::is_asked_for(workload, options)) continue;
      const auto optimizer = optim::make<float>(entry.config, bench::parameters_with_gradients(shape, tensors));
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
      char line[200], ratio[32] = "";
      if (times.size() > 2) std::snprintf(ratio, sizeof(ratio), "%.1f", times[2].least / times[0].least);
      std::snprintf(line, sizeof(line), "| %s | %d | %d | %.2f | %.0f | %.1f | %.1f | %.0f %% | %s |\n",
                    entry.label.c_str(), tensors, entry.passes, static_cast<double>(kept) / kElements, bytes / 1e6,
                    times[0].least, bytes / times[0].least / 1e6, 100 * times[1].least / times[0].least, ratio);
      table += line;
    }
  std::fputs(table.c_str(), stdout);
}
