// SPDX-License-Identifier: BSD-3-Clause
#include "bench.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace xgrad::bench {
namespace {

double milliseconds_now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double resident_megabytes() {
  long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1048576;
}

double peak_resident_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  options.start_mb = resident_megabytes();
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (has_value && std::strcmp(argv[i], "--threads") == 0)
      options.threads = std::atoi(argv[++i]);
    else if (has_value && std::strcmp(argv[i], "--seconds") == 0)
      options.seconds = std::atof(argv[++i]);
    else if (has_value && std::strcmp(argv[i], "--only") == 0)
      options.only = argv[++i];
    else
      options.threads = 0;
    if (options.threads < 1 || !(options.seconds > 0)) {
      std::fprintf(stderr, "usage: %s [--threads N] [--seconds S] [--only PEER]\n", argv[0]);
      std::exit(2);
    }
  }
  return options;
}

std::vector<Time> compare(const std::string& workload, const Options& options, std::vector<Contender> contenders) {
  constexpr int kRounds = 15;
  contenders.erase(std::remove_if(contenders.begin(), contenders.end(),
                                  [&](const Contender& contender) { return !options.runs(contender.peer); }),
                   contenders.end());
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
        "\"first_ms\": %.4g, \"rss_mb\": %.1f, \"grown_mb\": %.1f, \"times_first\": %.3f",
        workload.c_str(), contenders[i].peer.c_str(), options.threads, median, samples.front(),
        times[i].repetitions * kRounds, times[i].first, peak_resident_megabytes(),
        peak_resident_megabytes() - options.start_mb, median / result[0].median);
    if (contenders[i].bytes > 0)
      std::printf(", \"gb_per_s\": %.2f", contenders[i].bytes / (median * contenders[i].units) / 1e6);
    std::printf("}\n");
  }
  std::fflush(stdout);
  return result;
}

}  // namespace xgrad::bench
