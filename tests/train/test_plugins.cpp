// SPDX-License-Identifier: BSD-3-Clause
// Plug-ins and the conformance kit as commands.
#include <nlohmann/json.hpp>

#include "process.hpp"

#include <doctest/doctest.h>

using Json = nlohmann::json;

namespace {

constexpr const char* kPlugin = XGRAD_EXAMPLE_PLUGIN;

}  // namespace

TEST_CASE("a plug-in's optimizer is listed, explained, trained with and resumed") {
  const Json listed = Json::parse(run_xgrad({"--plugin", kPlugin, "list", "optimizers", "--json"}).out);
  CHECK(listed["optimizers"].contains("cautious_sign"));
  const auto info = run_xgrad({"info", "optimizer", "cautious_sign", "--plugin", kPlugin});
  CHECK(info.code == 0);
  CHECK(info.out.find("decay of the momentum") != std::string::npos);

  const ScratchFolder scratch;
  const std::string config = std::string(XGRAD_SOURCE_DIR) + "/configs/spirals.json", run = scratch.path("run");
  const std::vector<std::string> options = {"optimizer={\"type\":\"cautious_sign\"}", "--quiet", "--plugin", kPlugin};
  const auto with_options = [&](std::vector<std::string> words) {
    words.insert(words.end(), options.begin(), options.end());
    return run_xgrad(words);
  };
  const auto trained = with_options({"train", config, "--out", run, "train.epochs=2"});
  CHECK_MESSAGE(trained.code == 0, trained.err);
  const auto alone = run_xgrad({"eval", run});
  CHECK(alone.code == 3);
  CHECK(alone.err.find("unknown optimizer \"cautious_sign\"") != std::string::npos);
  CHECK(run_xgrad({"eval", run, "--plugin", kPlugin}).code == 0);
}

TEST_CASE("a plug-in that cannot be loaded ends a command with 9") {
  const auto missing = run_xgrad({"list", "--plugin", "nowhere.so"});
  CHECK(missing.code == 9);
  CHECK(missing.err == "plug-in error: plug-in \"nowhere.so\" does not exist\n");
}

TEST_CASE("the conformance command") {
  const auto good = run_xgrad({"conformance", "adamw", "cautious_sign", "--plugin", kPlugin});
  CHECK(good.code == 0);
  CHECK(good.out.find("threads     ok") != std::string::npos);
  CHECK(good.out.find("2 optimizers, 0 failures") != std::string::npos);
  const Json json = Json::parse(run_xgrad({"conformance", "expression", "--json"}).out);
  CHECK(json == Json{{"optimizers", 1}, {"failures", Json::array()}});
  const auto unknown = run_xgrad({"conformance", "stable_adamv"});
  CHECK(unknown.code == 3);
  CHECK(unknown.err.find("did you mean \"stable_adamw\"?") != std::string::npos);
}
