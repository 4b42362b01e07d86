// SPDX-License-Identifier: BSD-3-Clause
// Plug-ins: the example, the code of docs/write-an-optimizer.md as it is printed there, and what is refused.
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "xgrad/optim/conformance.hpp"
#include "xgrad/optim/plugin.hpp"

#include <doctest/doctest.h>

using namespace xgrad;
using Json = nlohmann::json;

namespace {

void check_conforms(const Json& config) {
  for (const auto& failure : optim::conformance::run(config))
    FAIL_CHECK(std::string(failure.check) << ": " << failure.reason << "\n  " << failure.config);
}

std::string guide() {
  std::ifstream file(std::string(XGRAD_SOURCE_DIR) + "/docs/write-an-optimizer.md");
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("the example plug-in loads once, and conforms") {
  CHECK(optim::optimizers().find("cautious_sign") == nullptr);
  optim::load_plugin(XGRAD_PLUGIN_example);
  optim::load_plugin(XGRAD_PLUGIN_example);
  REQUIRE(optim::optimizers().find("cautious_sign") != nullptr);
  check_conforms({{"type", "cautious_sign"}});
}

TEST_CASE("the guide's optimizers are as good as it says") {
  const std::size_t before = optim::optimizers().rows().size();
  optim::load_plugin(XGRAD_PLUGIN_guide);
  std::size_t loaded = 0;
  for (const optim::OptimizerRow& row : optim::optimizers().rows())
    if (std::string_view(row.name).starts_with("my_")) {
      ++loaded;
      check_conforms({{"type", row.name}});
    }
  CHECK(loaded == 5);
  CHECK(optim::optimizers().rows().size() == before + loaded);
}

TEST_CASE("the guide's configs are optimizers that conform") {
  const std::string text = guide();
  std::size_t found = 0;
  for (std::size_t at = text.find("```json\n"); at != std::string::npos; at = text.find("```json\n", at + 1), ++found) {
    const std::size_t start = at + 8;
    check_conforms(Json::parse(text.substr(start, text.find("```", start) - start)));
  }
  CHECK(found == 3);
}

TEST_CASE("a library that is no plug-in of this xgrad is refused, with the reason") {
  CHECK_THROWS_WITH_AS(optim::load_plugin("/no/such/plugin.so"), "plug-in \"/no/such/plugin.so\" does not exist",
                       optim::PluginError);
  const std::string text = std::string(XGRAD_SOURCE_DIR) + "/README.md";
  CHECK_THROWS_WITH_AS(optim::load_plugin(text), doctest::Contains("is not a shared library that can be loaded"),
                       optim::PluginError);
  CHECK_THROWS_WITH_AS(optim::load_plugin(XGRAD_PLUGIN_no_entry), doctest::Contains("has no function xgrad_plugin"),
                       optim::PluginError);
  CHECK_THROWS_WITH_AS(optim::load_plugin(XGRAD_PLUGIN_other_abi),
                       doctest::Contains("was built for plug-in interface 999 (rows of 8 bytes), this xgrad has 3"),
                       optim::PluginError);
  CHECK_THROWS_WITH_AS(optim::load_plugin(XGRAD_PLUGIN_taken_name),
                       doctest::Contains("(two optimizers) defines the optimizer \"adam\", a name that is taken"),
                       optim::PluginError);
  CHECK(optim::optimizers().find("first_of_two") == nullptr);
}
