// SPDX-License-Identifier: BSD-3-Clause
// The configs that ship with xgrad do what they promise.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "train/process.hpp"

#include <doctest/doctest.h>

using Json = nlohmann::json;

namespace {

const std::string kConfigs = XGRAD_SOURCE_DIR "/configs/";

Json train(const std::string& config, const std::string& out, std::vector<std::string> overrides = {}, int code = 0) {
  std::vector<std::string> arguments = {"train", kConfigs + config, "-o", out, "--json", "--force"};
  arguments.insert(arguments.end(), overrides.begin(), overrides.end());
  const auto result = run_xgrad(arguments);
  REQUIRE_MESSAGE(result.code == code, config << ": " << result.err << result.out);
  return Json::parse(result.out);
}

}  // namespace

TEST_CASE("notebook: the first loss is 125.25, 15 updates reach 1.30, a small step does not, a large one diverges") {
  const ScratchFolder scratch;
  const Json done = train("notebook.json", scratch.path("a"));
  CHECK(done["status"] == "stopped");
  CHECK(done["steps"] == 15);
  CHECK(read_text(scratch.path("a/metrics.jsonl")).find("{\"step\": 1, \"epoch\": 1, \"train/loss\": 125.25,") == 0);
  const Json slow = train("notebook.json", scratch.path("b"), {"optimizer.lr=0.001"});
  CHECK(slow["status"] == "finished");
  CHECK(slow["metrics"]["train/loss"].get<double>() == doctest::Approx(6.0957).epsilon(1e-5));
  const Json wild = train("notebook.json", scratch.path("c"), {"optimizer.lr=0.14"}, 6);
  CHECK(wild["status"] == "diverged");
  CHECK(wild["reason"].get<std::string>().find("times the first (125.25)") != std::string::npos);
}

TEST_CASE("digits: at least 96.5 % of the test digits are right, three seeds") {
  const ScratchFolder scratch;
  for (const char* seed : {"0", "1", "2"}) {
    const Json done = train("digits_mlp.json", scratch.path("d"), {std::string("seed=") + seed});
    CHECK(done["metrics"]["test/accuracy"].get<double>() >= 0.965);
    for (const char* key : {"status", "reason", "steps", "epochs", "metrics", "best", "seconds", "examples_per_second",
                            "peak_memory_bytes", "seed"})
      CHECK(done.contains(key));
    CHECK(Json::parse(read_text(scratch.path("d/summary.json"))) == done);
  }
}

TEST_CASE("digits as pictures: a convolutional network trains, and its running statistics are in the checkpoint") {
  const ScratchFolder scratch;
  const Json done = train("digits_cnn.json", scratch.path("d"));
  CHECK(done["metrics"]["test/accuracy"].get<double>() >= 0.965);
  const auto measured = run_xgrad({"eval", scratch.path("d"), "--json"});
  REQUIRE_MESSAGE(measured.code == 0, measured.err);
  CHECK(Json::parse(measured.out)["test/accuracy"] == done["metrics"]["test/accuracy"]);
}

TEST_CASE("digits read row by row: an LSTM, three seeds, and attention instead") {
  const ScratchFolder scratch;
  for (const char* seed : {"0", "1", "2"}) {
    const Json done = train("digits_lstm.json", scratch.path("l"), {std::string("seed=") + seed});
    CHECK(done["metrics"]["test/accuracy"].get<double>() >= 0.96);
  }
  const std::string block =
      R"([{"type": "linear", "out": 32}, "positional", {"type": "transformer_block", "heads": 4, )"
      R"("dropout": 0}, {"type": "gru", "out": 32, "bidirectional": true}, {"type": "linear", "out": 10}])";
  const Json mixed = train("digits_lstm.json", scratch.path("m"), {"model.layers=" + block, "train.epochs=10"});
  CHECK(mixed["metrics"]["test/accuracy"].get<double>() >= 0.96);
}

TEST_CASE("iris and spirals learn") {
  const ScratchFolder scratch;
  CHECK(train("iris.json", scratch.path("i"))["metrics"]["train/accuracy"].get<double>() >= 0.95);
  CHECK(train("spirals.json", scratch.path("s"))["metrics"]["test/accuracy"].get<double>() >= 0.95);
}

TEST_CASE("eval measures the trained model") {
  const ScratchFolder scratch;
  const Json done = train("iris.json", scratch.path("run"));
  const auto measured = run_xgrad({"eval", scratch.path("run"), "--json"});
  REQUIRE(measured.code == 0);
  CHECK(Json::parse(measured.out)["test/accuracy"] == done["metrics"]["test/accuracy"]);
}

TEST_CASE("MNIST and Fashion-MNIST, where their files are") {
  const ScratchFolder scratch;
  const char* data = std::getenv("XGRAD_DATA");
  if (data && !read_text(std::string(data) + "/mnist/t10k-labels-idx1-ubyte.gz").empty()) {
    CHECK(train("mnist_mlp.json", scratch.path("m"))["metrics"]["test/accuracy"].get<double>() >= 0.98);
    CHECK(train("mnist_cnn.json", scratch.path("c"))["metrics"]["test/accuracy"].get<double>() >= 0.985);
  }
  if (!read_text("/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz").empty())
    CHECK(train("fashion_mnist_mlp.json", scratch.path("f"))["metrics"]["test/accuracy"].get<double>() >= 0.88);
}

TEST_CASE("the README's JSON trains") {
  const std::string readme = read_text(XGRAD_SOURCE_DIR "/README.md"), opening = "```json\n";
  const auto begin = readme.find(opening) + opening.size();
  std::string text = readme.substr(begin, readme.find("```", begin) - begin);
  const std::string folder = "configs/data";
  REQUIRE(text.find(folder) != std::string::npos);
  text.replace(text.find(folder), folder.size(), XGRAD_SOURCE_DIR "/configs/data");
  const ScratchFolder scratch;
  const auto run = run_xgrad({"train", scratch.write("mine.json", text), "--out", scratch.path("run")});
  CHECK_MESSAGE(run.code == 0, run.err);
  CHECK(Json::parse(read_text(scratch.path("run/summary.json")))["metrics"]["test/accuracy"].get<double>() > 0.9);
}

TEST_CASE("the schema knows every registered thing; list and info tell of it") {
  const auto schema = run_xgrad({"schema"});
  REQUIRE(schema.code == 0);
  const Json json = Json::parse(schema.out), listed = Json::parse(run_xgrad({"list", "--json"}).out);
  CHECK(listed.size() == 9);
  for (const auto& [kind, names] : listed.items())
    for (const auto& entry : names.items()) {
      const std::string& name = entry.key();
      CAPTURE(name);
      const auto info = run_xgrad({"info", kind, name});
      CHECK(info.code == 0);
      CHECK(info.out.find(entry.value().get<std::string>()) != std::string::npos);
      CHECK(schema.out.find("\"" + name + "\"") != std::string::npos);
    }
  CHECK(json["properties"].contains("optimizer"));
}
