// SPDX-License-Identifier: BSD-3-Clause
// A run is a pure function of its config: however often it is killed and resumed, it ends in the same bytes.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "train/process.hpp"
#include "xgrad/io.hpp"
#include "xgrad/random.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

/// Dropout, clipping, a schedule, early stopping with restore_best, keep_best: everything that carries state.
const char* const kConfig = R"({
  "version": 1, "seed": 3,
  "data": { "type": "synthetic", "generator": "spirals", "n": 600, "noise": 0.05,
            "split": { "train": 0.7, "val": 0.2, "test": 0.1, "stratify": true },
            "transforms": ["normalize"], "batch_size": 32 },
  "model": { "type": "sequential", "layers": [
    { "type": "linear", "out": 48 }, "tanh", { "type": "dropout", "p": 0.1 }, { "type": "linear", "out": 48 }, "relu", { "type": "linear", "out": 2 } ] },
  "loss": "cross_entropy", "metrics": "accuracy",
  "optimizer": { "type": "adam", "lr": 0.01, "amsgrad": true, "groups": [ { "match": "*.bias", "lr_scale": 0.5 } ] },
  "schedule": [ { "type": "linear", "from": 0.1, "to": 1, "until": "10%" }, { "type": "cosine" } ],
  "train": { "epochs": 40, "clip": { "type": "norm", "max": 1 } },
  "stop": { "type": "early_stopping", "monitor": "val/loss", "patience": "15 epochs", "restore_best": true },
  "checkpoint": { "every": 7, "keep_best": { "monitor": "val/accuracy", "mode": "max" } },
  "log": { "every": 3 }
})";

/// What must be equal: the tensors of the last checkpoint, by name, and the metric lines.
struct Outcome {
  std::vector<std::pair<std::string, std::vector<std::byte>>> tensors;
  std::string metrics;
  bool operator==(const Outcome&) const = default;
};

Outcome outcome(const std::string& run) {
  Outcome result;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(run + "/checkpoints"))
    if (entry.path().string().ends_with(".safetensors")) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  REQUIRE(!files.empty());
  for (const auto& entry : TensorFile::parse(read_file(files.back()), files.back()).entries)
    result.tensors.emplace_back(entry.name, entry.bytes);
  result.metrics = read_text(run + "/metrics.jsonl");
  return result;
}

}  // namespace

TEST_CASE("a run killed by SIGKILL at random moments and resumed ends in the same bytes") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig);
  REQUIRE(run_xgrad({"train", config, "-q", "--threads", "1", "-o", scratch.path("whole")}).code == 0);
  const Outcome expected = outcome(scratch.path("whole"));
  REQUIRE(expected.metrics.size() > 1000);

  const char* wanted = std::getenv("XGRAD_KILL_RUNS");
  const int runs = wanted ? std::atoi(wanted) : 200;
  int kills = 0, equal = 0;
  for (int run = 0; run < runs; ++run) {
    const std::string folder = scratch.path("run");
    std::filesystem::remove_all(folder);
    for (std::uint64_t attempt = 0; attempt < 100; ++attempt) {
      // Up to three kills, anywhere from before the first file to after the last; then it may finish.
      const double moment = attempt < 3 ? 120 * uniform({11, static_cast<std::uint32_t>(run), 0}, attempt) : -1;
      const bool begun = std::filesystem::exists(folder + "/config.json");
      const auto result = begun ? run_xgrad({"resume", folder, "-q", "--threads", "1"}, moment)
                                : run_xgrad({"train", config, "-q", "--threads", "1", "-o", folder}, moment);
      if (result.code == 128 + SIGKILL) {
        ++kills;
        continue;
      }
      const bool complete =
          result.code == 5 && result.err.find("already complete") != std::string::npos;  // killed after its last save
      REQUIRE_MESSAGE((result.code == 0 || complete),
                      "run " << run << ": exit code " << result.code << " " << result.err);
      break;
    }
    if (outcome(folder) == expected)
      ++equal;
    else
      FAIL_CHECK("run " << run << " ended in other bytes");
  }
  MESSAGE(runs << " runs, " << kills << " kills, " << equal << " ended in the same bytes");
  CHECK(equal == runs);
  CHECK(kills > runs / 2);
}

TEST_CASE("SIGTERM saves, says how to go on, and the resumed run ends in the same bytes") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig);
  const auto stopped =
      run_xgrad({"train", config, "train.epochs=4000", "stop=[]", "-o", scratch.path("run")}, 300, SIGTERM);
  REQUIRE(stopped.code == 128 + SIGTERM);
  CHECK(stopped.out.find("xgrad resume " + scratch.path("run")) != std::string::npos);
  CHECK(read_text(scratch.path("run/summary.json")).find("\"interrupted\"") != std::string::npos);
}

TEST_CASE("a damaged checkpoint is passed over with a warning, all damaged ones are an error") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  REQUIRE(run_xgrad({"train", config, "train.epochs=6", "stop=[]", "-q", "-o", run}).code == 0);
  REQUIRE(
      run_xgrad({"train", config, "train.epochs=10", "stop=[]", "schedule=[]", "-q", "-o", scratch.path("x")}).code ==
      0);
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(run + "/checkpoints"))
    files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() >= 2);
  std::string bytes = read_text(files.back());
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  scratch.write("run/checkpoints/" + files.back().substr(files.back().rfind('/') + 1), bytes);
  const auto named = run_xgrad({"resume", run, "--from", files.back()});
  CHECK(named.code == 5);
  CHECK(named.err.find("checksum mismatch") != std::string::npos);
  const auto resumed = run_xgrad({"resume", run});
  CHECK(resumed.code == 0);
  CHECK(resumed.out.find("checksum mismatch") != std::string::npos);
}

TEST_CASE("a checkpoint of another format is refused by its number") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  REQUIRE(run_xgrad({"train", config, "train.epochs=2", "stop=[]", "schedule=[]", "-q", "-o", run}).code == 0);
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(run + "/checkpoints")) path = entry.path().string();
  TensorFile file = TensorFile::parse(read_file(path), path);
  file.metadata["xgrad.format"] = "1";
  write_file_atomically(path, file.serialize());
  const auto refused = run_xgrad({"resume", run, "--from", path, "train.epochs=3"});
  CHECK(refused.code == 5);
  CHECK_MESSAGE(refused.err.find("checkpoint format 1; this xgrad reads format 3: use the xgrad that wrote it") !=
                    std::string::npos,
                refused.err);
}

TEST_CASE("a resumed run has the hyperparameters of its config, not those that were saved") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  REQUIRE(run_xgrad({"train", config, "train.epochs=2", "stop=[]", "schedule=[]", "-q", "-o", run}).code == 0);
  const auto resumed =
      run_xgrad({"resume", run, "train.epochs=3", "-q", "optimizer.lr=0.005", "--allow-change", "optimizer.lr"});
  REQUIRE_MESSAGE(resumed.code == 0, resumed.err);
  const std::string metrics = read_text(run + "/metrics.jsonl");
  CHECK(metrics.find("\"lr\": 0.01,") != std::string::npos);
  CHECK(metrics.rfind("\"lr\": 0.005,") > metrics.rfind("\"lr\": 0.01,"));
}

TEST_CASE("a finished run is not resumed; a longer one is; other changes need --allow-change") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  REQUIRE(run_xgrad({"train", config, "train.epochs=3", "stop=[]", "schedule=[]", "-q", "-o", run}).code == 0);
  const auto again = run_xgrad({"resume", run});
  CHECK(again.code == 5);
  CHECK(again.err.find("already complete") != std::string::npos);
  const auto changed = run_xgrad({"resume", run, "optimizer.lr=0.5"});
  CHECK(changed.code == 3);
  CHECK(changed.err.find("--allow-change optimizer.lr") != std::string::npos);
  REQUIRE(run_xgrad({"resume", run, "train.epochs=5", "-q"}).code == 0);
  REQUIRE(run_xgrad({"train", config, "train.epochs=5", "stop=[]", "schedule=[]", "-q", "-o", scratch.path("whole")})
              .code == 0);
  CHECK(outcome(run) == outcome(scratch.path("whole")));  // as if it had been that long from the start
  const auto occupied = run_xgrad({"train", config, "-o", run});
  CHECK(occupied.code == 8);
  CHECK(occupied.err.find("--force") != std::string::npos);
}
