// SPDX-License-Identifier: BSD-3-Clause
#include "bench.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace xgrad::bench {
namespace {

double milliseconds_now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// An entry of the process' status, in megabytes.
double status_megabytes(const char* entry) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(entry, 0) == 0) return std::atof(line.c_str() + std::strlen(entry)) / 1024;
  return 0;
}

/// What a process of its own measures for this workload and peer; 0 if it cannot.
double peak_megabytes(const std::string& workload, const std::string& peer, int threads) {
  const std::string command = "'" + std::filesystem::read_symlink("/proc/self/exe").string() + "' --threads " +
                              std::to_string(threads) + " --memory-of '" + workload + "' '" + peer + "'";
  double result = 0;
  if (std::FILE* output = popen(command.c_str(), "r")) {
    if (std::fscanf(output, "%lf", &result) != 1) result = 0;
    pclose(output);
  }
  return result;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  options.start_mb = status_megabytes("RssAnon:");
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (has_value && std::strcmp(argv[i], "--threads") == 0)
      options.threads = std::atoi(argv[++i]);
    else if (has_value && std::strcmp(argv[i], "--seconds") == 0)
      options.seconds = std::atof(argv[++i]);
    else if (has_value && std::strcmp(argv[i], "--workload") == 0)
      options.only = argv[++i];
    else if (i + 2 < argc && std::strcmp(argv[i], "--memory-of") == 0) {
      options.workload = argv[++i];
      options.peer = argv[++i];
    } else
      options.threads = 0;
    if (options.threads < 1 || !(options.seconds > 0)) {
      std::fprintf(stderr, "usage: %s [--threads N] [--seconds S] [--workload TEXT] [--memory-of WORKLOAD PEER]\n",
                   argv[0]);
      std::exit(2);
    }
  }
  return options;
}

bool is_asked_for(const std::string& workload, const Options& options) {
  return options.workload.empty() && workload.find(options.only) != std::string::npos;
}

std::vector<Time> compare(const std::string& workload, const Options& options, std::vector<Contender> contenders) {
  constexpr int kRounds = 15;
  if (!is_asked_for(workload, options)) return {};
  struct Times {
    double first = 0;
    int repetitions = 1;
    std::vector<double> samples;  // milliseconds per unit
  };
  std::vector<Times> times(contenders.size());
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    Times& time = times[i];
    double start = milliseconds_now();
    contenders[i].run();
    time.first = milliseconds_now() - start;
    for (int warm = 0; warm < 3; ++warm) contenders[i].run();
    start = milliseconds_now();
    contenders[i].run();
    const double one = std::max(milliseconds_now() - start, 1e-4);
    time.repetitions = std::max(1, static_cast<int>(options.seconds * 1000 / kRounds / one));
  }
  for (int round = 0; round < kRounds; ++round)
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const double start = milliseconds_now();
      for (int r = 0; r < times[i].repetitions; ++r) contenders[i].run();
      times[i].samples.push_back((milliseconds_now() - start) / times[i].repetitions / contenders[i].units);
    }
  std::vector<Time> result;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    std::vector<double>& samples = times[i].samples;
    std::sort(samples.begin(), samples.end());
    const double median = samples[samples.size() / 2];
    result.push_back({median, samples.front()});
    std::printf(
        "{\"workload\": \"%s\", \"peer\": \"%s\", \"threads\": %d, \"ms_median\": %.6g, \"ms_min\": %.6g, \"n\": %d, "
        "\"first_ms\": %.4g, \"times_first\": %.3f",
        workload.c_str(), contenders[i].peer.c_str(), options.threads, median, samples.front(),
        times[i].repetitions * kRounds, times[i].first, median / result[0].median);
    if (contenders[i].peak_mb > 0) std::printf(", \"peak_mb\": %.1f", contenders[i].peak_mb);
    if (contenders[i].bytes > 0)
      std::printf(", \"gb_per_s\": %.2f", contenders[i].bytes / (median * contenders[i].units) / 1e6);
    std::printf("}\n");
  }
  std::fflush(stdout);
  return result;
}

void compare_steps(const std::string& workload, const Options& options, const std::vector<Trainer>& trainers) {
  if (!options.workload.empty()) {
    constexpr int kSteps = 5;
    for (const Trainer& trainer : trainers)
      if (options.workload == workload && options.peer == trainer.peer) {
        const std::function<void()> step = trainer.make();
        for (int i = 0; i < kSteps; ++i) step();
        std::printf("%.1f\n", status_megabytes("VmHWM:") - status_megabytes("RssFile:") - options.start_mb);
      }
    return;
  }
  if (!is_asked_for(workload, options)) return;
  std::vector<Contender> contenders;
  for (const Trainer& trainer : trainers)
    if (std::function<void()> step = trainer.make())
      contenders.push_back({.peer = trainer.peer,
                            .run = std::move(step),
                            .peak_mb = peak_megabytes(workload, trainer.peer, options.threads)});
  compare(workload, options, std::move(contenders));
}

}  // namespace xgrad::bench
