// SPDX-License-Identifier: BSD-3-Clause
// Training with optimizers that want more than gradients, and with those that evaluate other parameters than they
// train.
#include <nlohmann/json.hpp>

#include "train/process.hpp"
#include "xgrad/io.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

namespace {

/// Two classes in the plane, with batch norm and dropout.
Json spirals(const Json& optimizer) {
  return {{"version", 1},
          {"seed", 3},
          {"data",
           {{"type", "synthetic"},
            {"generator", "spirals"},
            {"n", 300},
            {"split", {{"train", 0.8}, {"val", 0.2}}},
            {"batch_size", 48}}},
          {"model",
           {{"type", "sequential"},
            {"layers",
             {{{"type", "linear"}, {"out", 16}},
              "batch_norm",
              "tanh",
              {{"type", "dropout"}, {"p", 0.1}},
              {{"type", "linear"}, {"out", 2}}}}}},
          {"loss", "cross_entropy"},
          {"optimizer", optimizer},
          {"train", {{"epochs", 6}}},
          {"eval", {{"every", "2 epochs"}}},
          {"checkpoint", {{"every", 7}}}};
}

std::string last_checkpoint(const std::string& run, std::int64_t step) {
  char name[64];
  std::snprintf(name, sizeof name, "/checkpoints/step-%010lld.xg.safetensors", static_cast<long long>(step));
  return run + name;
}
std::string tensor_bytes(const TensorFile& file, const std::string& name) {
  for (const auto& entry : file.entries)
    if (entry.name == name) return {reinterpret_cast<const char*>(entry.bytes.data()), entry.bytes.size()};
  FAIL("no tensor ", name);
  return "";
}
TensorFile opened(const std::string& path) { return TensorFile::parse(read_file(path), path); }

}  // namespace

TEST_CASE("optimizers that ask for the curvature train from JSON, and resume to the same bytes") {
  for (const char* type : {"sophia_g", "sophia_h"}) {
    CAPTURE(type);
    const ScratchFolder scratch;
    Json config = spirals({{"type", type}, {"lr", 0.02}, {"update_interval", 4}});
    if (std::string(type) == "sophia_g") config["optimizer"]["bs"] = 48;
    const std::string file = scratch.write("config.json", config.dump());
    const auto whole = run_xgrad({"train", file, "-q", "-o", scratch.path("whole")});
    REQUIRE_MESSAGE(whole.code == 0, whole.err);
    const Json summary = Json::parse(read_text(scratch.path("whole/summary.json")));
    CHECK(summary["metrics"]["train/loss"].get<double>() < 0.68);  // log 2 is what guessing gives
    REQUIRE(run_xgrad({"train", file, "train.epochs=3", "-q", "-o", scratch.path("part")}).code == 0);
    const auto resumed = run_xgrad({"resume", scratch.path("part"), "train.epochs=6", "-q"});
    REQUIRE_MESSAGE(resumed.code == 0, resumed.err);
    const TensorFile a = opened(last_checkpoint(scratch.path("whole"), 30)),
                     b = opened(last_checkpoint(scratch.path("part"), 30));
    for (const auto& entry : a.entries) CHECK(tensor_bytes(b, entry.name) == tensor_bytes(a, entry.name));
    CHECK(tensor_bytes(a, "optim.hessian.0.weight") != std::string(2 * 16 * sizeof(float), '\0'));
  }
}

TEST_CASE("sparse_adam trains an embedding from JSON, and resumes to the same bytes") {
  const ScratchFolder scratch;
  Json rows = Json::array(), labels = Json::array();
  for (int i = 0; i < 60; ++i) {  // pairs of words 0 to 5; the class says whether they are alike. 6 and 7 do not occur
    rows.push_back({i % 6, i / 6 % 6});
    labels.push_back(i % 6 % 2 == i / 6 % 2 ? 1 : 0);
  }
  Json config = spirals(
      {{"type", "sparse_adam"}, {"lr", 0.05}, {"groups", {{{"match", {"2.*", "4.*"}}, {"by_fallback", true}}}}});
  config["data"] = {{"type", "inline"}, {"inputs", rows}, {"targets", labels}, {"batch_size", 4}};
  config["model"]["layers"] = {{{"type", "embedding"}, {"count", 8}, {"out", 4}, {"sparse", true}},
                               "flatten",
                               {{"type", "linear"}, {"out", 8}},
                               "tanh",
                               {{"type", "linear"}, {"out", 2}}};
  config["train"] = {{"epochs", 20}, {"clip", {{"type", "norm"}, {"max", 1}}}};
  config.erase("eval");
  const std::string file = scratch.write("config.json", config.dump());
  const auto whole = run_xgrad({"train", file, "-q", "-o", scratch.path("whole")});
  REQUIRE_MESSAGE(whole.code == 0, whole.err);
  const Json summary = Json::parse(read_text(scratch.path("whole/summary.json")));
  CHECK(summary["metrics"]["train/loss"].get<double>() < 0.1);  // log 2 is what guessing gives
  REQUIRE(run_xgrad({"train", file, "train.epochs=7", "-q", "-o", scratch.path("part")}).code == 0);
  const auto resumed = run_xgrad({"resume", scratch.path("part"), "train.epochs=20", "-q"});
  REQUIRE_MESSAGE(resumed.code == 0, resumed.err);
  const TensorFile a = opened(last_checkpoint(scratch.path("whole"), 300)),
                   b = opened(last_checkpoint(scratch.path("part"), 300));
  CHECK(a.entries.size() == b.entries.size());
  for (const auto& entry : a.entries) CHECK(tensor_bytes(b, entry.name) == tensor_bytes(a, entry.name));
  const std::string zeros(2 * 4 * sizeof(float), '\0');
  for (const char* name : {"optim.exp_avg.0.weight", "optim.exp_avg_sq.0.weight"}) {
    CHECK(tensor_bytes(a, name).substr(6 * 4 * sizeof(float)) == zeros);  // words that no batch had
    CHECK(tensor_bytes(a, name).substr(4 * 4 * sizeof(float), zeros.size()) != zeros);
  }
  config["model"]["layers"][0].erase("sparse");
  const auto dense = run_xgrad({"train", scratch.write("dense.json", config.dump()), "-o", scratch.path("dense")});
  CHECK(dense.code != 0);
  CHECK_MESSAGE(dense.err.find("the gradient of \"0.weight\" (8, 4) is dense") != std::string::npos, dense.err);
}

TEST_CASE("targets are drawn only where the loss says how") {
  const ScratchFolder scratch;
  Json config = spirals({{"type", "sophia_g"}});
  config["data"] = {{"type", "synthetic"}, {"generator", "linear"}, {"n", 64}, {"batch_size", 16}};
  config["model"]["layers"] = {{{"type", "linear"}, {"out", 1}}};
  config["loss"] = "mse";
  config.erase("eval");
  const auto result = run_xgrad({"check", scratch.write("config.json", config.dump())});
  CAPTURE(result.err);
  CHECK(result.code == 3);
  CHECK(result.err.find("optimizer \"sophia_g\" draws targets from the model's output; loss \"mse\" does not say how "
                        "(cross_entropy, nll and bce_with_logits do)") != std::string::npos);
}

TEST_CASE("averaged parameters are evaluated and kept with batch norms' statistics of their own") {
  const ScratchFolder scratch;
  const Json optimizer = {{"type", "adam"}, {"lr", 0.02}, {"transforms", {{{"type", "swa"}, {"start", 5}}}}};
  const std::string file = scratch.write("config.json", spirals(optimizer).dump()), run = scratch.path("run");
  const auto trained = run_xgrad({"train", file, "-q", "-o", run});
  REQUIRE_MESSAGE(trained.code == 0, trained.err);
  const TensorFile last = opened(last_checkpoint(run, 30));
  for (const char* name : {"1.running_mean", "1.running_var"})
    CHECK(tensor_bytes(last, std::string("eval.") + name) != tensor_bytes(last, std::string("buffer.") + name));
  CHECK(tensor_bytes(last, "eval.0.weight") != tensor_bytes(last, "model.0.weight"));
  // What a run measured at its end is what its checkpoint gives.
  const Json summary = Json::parse(read_text(run + "/summary.json"));
  const auto measured = run_xgrad({"eval", run, "--split", "val", "--json"});
  REQUIRE_MESSAGE(measured.code == 0, measured.err);
  CHECK(Json::parse(measured.out)["val/loss"].get<double>() == summary["metrics"]["val/loss"].get<double>());
  // Training itself does not notice that it is measured.
  REQUIRE(run_xgrad({"train", file, "eval.every=\"6 epochs\"", "-q", "-o", scratch.path("unmeasured")}).code == 0);
  const TensorFile other = opened(last_checkpoint(scratch.path("unmeasured"), 30));
  for (const char* name : {"model.0.weight", "buffer.1.running_mean", "eval.1.running_var"})
    CHECK(tensor_bytes(other, name) == tensor_bytes(last, name));
}
