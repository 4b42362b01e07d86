// SPDX-License-Identifier: BSD-3-Clause
// Runs keep what they have: whoever else wants their folder, whatever signals come, wherever the output goes.
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "train/process.hpp"

#include <doctest/doctest.h>

using Json = nlohmann::json;

namespace {

const char* const kConfig = R"({
  "data": { "type": "synthetic", "n": 400, "split": { "train": 0.8, "val": 0.2 } },
  "model": { "type": "sequential", "layers": [ { "type": "linear", "out": 8 }, "tanh", { "type": "linear", "out": 2 } ] },
  "loss": "cross_entropy", "metrics": ["accuracy"], "optimizer": { "type": "adam", "lr": 0.01 },
  "train": { "epochs": 3 }
})";

bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("--force does not touch a run that is going on, nor one that the new one could not replace") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  const auto result = run_shell(
      "$xgrad train " + config + " -o " + run + " train.epochs=1000000 -q & first=$!; " +  //
      "while ! ls " + run + "/checkpoints/*.safetensors > /dev/null 2>&1; do sleep 0.01; done; " + "$xgrad train " +
      config + " -o " + run + " --force; echo second $?; kill $first; wait $first; echo first $?");
  CHECK_MESSAGE(has(result.err, "is in use by process"), result.err);
  CHECK_MESSAGE(has(result.out, "second 8"), result.out);
  CHECK_MESSAGE(has(result.out, "first 143"), result.out);
  CHECK(run_xgrad({"resume", run, "train.epochs=1", "-q"}).code != 8);

  REQUIRE(run_xgrad({"train", config, "-o", run, "--force", "-q"}).code == 0);
  const std::string summary = read_text(run + "/summary.json");
  CHECK(run_xgrad({"train", config, "-o", run, "--force", "data.n=0"}).code == 3);
  CHECK(run_xgrad({"train", config, "-o", run, "--force", R"(data={"type":"csv","path":"nowhere.csv","target":0})"})
            .code == 4);
  CHECK(read_text(run + "/summary.json") == summary);
  CHECK(run_xgrad({"eval", run, "--split", "val"}).code == 0);
}

TEST_CASE("a resumption that fails leaves the run's settings as they were") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  REQUIRE(run_xgrad({"train", config, "-o", run, "-q"}).code == 0);
  const std::string before = read_text(run + "/config.json"), metrics = read_text(run + "/metrics.jsonl");
  CHECK(run_xgrad({"resume", run, "model.layers[0].out=9", "train.epochs=5", "--allow-change", "model"}).code == 5);
  CHECK(run_xgrad({"resume", run, "train.epochs=2"}).code == 5);
  CHECK(read_text(run + "/config.json") == before);
  CHECK(read_text(run + "/metrics.jsonl") == metrics);
}

TEST_CASE("a run without a checkpoint begins anew, says so, and keeps what was measured") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  REQUIRE(run_xgrad({"train", config, "-o", run, "-q"}).code == 0);
  const std::string metrics = read_text(run + "/metrics.jsonl");
  std::filesystem::remove_all(run + "/checkpoints");
  const auto resumed = run_xgrad({"resume", run});
  CHECK(resumed.code == 0);
  CHECK_MESSAGE(has(resumed.out, "the run has no checkpoint; it begins anew"), resumed.out);
  CHECK(read_text(run + "/metrics.jsonl") == metrics);
  CHECK(read_text(run + "/metrics.discarded.jsonl") == metrics);
}

TEST_CASE("files that a killed process left half written are removed") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  REQUIRE(run_xgrad({"train", config, "-o", run, "-q"}).code == 0);
  scratch.write("run/checkpoints/step-0000000009.xg.safetensors.aB3xYz", "half");
  scratch.write("run/summary.json.aB3xYz", "half");
  scratch.write("run/notes.json", "mine");
  REQUIRE(run_xgrad({"resume", run, "train.epochs=4", "-q"}).code == 0);
  CHECK_FALSE(std::filesystem::exists(run + "/checkpoints/step-0000000009.xg.safetensors.aB3xYz"));
  CHECK_FALSE(std::filesystem::exists(run + "/summary.json.aB3xYz"));
  CHECK(read_text(run + "/notes.json") == "mine");
}

TEST_CASE("SIGHUP saves and goes on; signals that were ignored stay so") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  const std::string wait =
      "while ! ls " + run + "/checkpoints/*0.xg.safetensors > /dev/null 2>&1; do sleep 0.01; done; ";
  const auto saved = run_shell(
      "$xgrad train " + config + " -o " + run + " checkpoint.every=1000000000 train.epochs=1000000 -q & p=$!; " + wait +
      "sleep 0.1; kill -HUP $p; sleep 0.3; ls " + run + "/checkpoints | wc -l; kill $p; wait $p; echo $?");
  CHECK_MESSAGE(saved.out.find("2\n") == 0, saved.out << saved.err);  // the first step's and the one that was asked for
  CHECK_MESSAGE(has(saved.out, "\n143\n"), saved.out);
  std::filesystem::remove_all(run);
  const auto ignored =
      run_shell("trap '' HUP INT; $xgrad train " + config + " -o " + run + " train.epochs=1000000 -q & p=$!; " + wait +
                "kill -INT $p; kill -HUP $p; sleep 0.1; kill $p; wait $p; echo $?");
  CHECK_MESSAGE(has(ignored.out, "\n143\n"), ignored.out);
}

TEST_CASE("output that cannot be written is an error; a reader that has enough is none") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  REQUIRE(run_xgrad({"train", config, "-o", run, "-q"}).code == 0);
  for (const std::string command : {"list", "schema", "info optimizer adam", "version"}) {
    const auto full = run_shell("$xgrad " + command + " > /dev/full");
    CHECK_MESSAGE(full.code == 8, command);
    CHECK_MESSAGE(has(full.err, "cannot write all of the output"), command << full.err);
  }
  CHECK(run_shell("$xgrad eval " + run + " --split val > /dev/full").code == 8);
  CHECK(run_shell("{ $xgrad schema; echo code $? >&2; } | head -1").err == "code 0\n");
}

TEST_CASE("a closed standard output does not end in a file of the run") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  REQUIRE(run_shell("$xgrad train " + config + " -o " + run + " <&- >&- 2>&-").code == 0);
  REQUIRE(run_xgrad({"train", config, "-o", scratch.path("other"), "-q"}).code == 0);
  CHECK(read_text(run + "/metrics.jsonl") == read_text(scratch.path("other/metrics.jsonl")));
  CHECK(read_text(run + "/lock").size() < 10);
}

TEST_CASE("a checkpoint that cannot be written is a warning while the run goes on, and an error at its end") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  const std::string begin = "$xgrad train " + config + " -o " + run + " train.epochs=1000000 & p=$!; while ! ls " +
                            run + "/checkpoints/*0.xg.safetensors > /dev/null 2>&1; do sleep 0.01; done; mv " + run +
                            "/checkpoints " + run + "/away; sleep 0.2; ";
  const auto back = run_shell(begin + "mv " + run + "/away " + run + "/checkpoints; kill $p; wait $p; echo code $?");
  CHECK_MESSAGE(has(back.out, "the checkpoints saved before are untouched; the training goes on"), back.out);
  CHECK_MESSAGE(has(back.out, "code 143"), back.out << back.err);
  std::filesystem::remove_all(run);
  const auto gone = run_shell(begin + "kill $p; wait $p; echo code $?");
  CHECK_MESSAGE(has(gone.out, "code 8"), gone.out << gone.err);
}

TEST_CASE("a limit of the size of files is an error, and what was saved before is whole") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), run = scratch.path("run");
  const auto limited =
      run_shell("ulimit -f 8; $xgrad train " + config + " -q -o " + run + " 'model.layers[0].out=2000'");
  CHECK(limited.code == 8);
  CHECK_MESSAGE(has(limited.err, "output error: cannot write"), limited.err);
  CHECK(std::filesystem::is_empty(run + "/checkpoints"));
}
