// SPDX-License-Identifier: BSD-3-Clause
// The catalogue of bad input: each mistake has its exit code, its place and its words.
#include <cstring>
#include <filesystem>

#include "train/process.hpp"
#include "xgrad/config/value.hpp"

#include <doctest/doctest.h>

namespace {

struct Mistake {
  const char* name;
  std::string text;  ///< of the config file
  int code;
  const char* place;  ///< "line:column", or "@" and the text that begins there, or "" where a mistake has none
  const char* words;  ///< in the message
};

/// A small correct config with one piece replaced.
std::string with(const std::string& from, const std::string& to) {
  std::string text = R"({
  "version": 1,
  "data": { "type": "synthetic", "n": 40, "batch_size": 8, "split": { "train": 0.5, "val": 0.5 } },
  "model": { "type": "sequential", "layers": [ { "type": "linear", "out": 4 }, "relu", { "type": "linear", "out": 2 } ] },
  "loss": "cross_entropy",
  "metrics": ["accuracy"],
  "optimizer": { "type": "adam", "lr": 0.1 },
  "train": { "epochs": 2 }
})";
  if (from.empty()) return text;
  const std::size_t at = text.find(from);
  REQUIRE_MESSAGE(at != std::string::npos, "the correct config has no " << from);
  return text.replace(at, from.size(), to);
}
std::string optimizer(const std::string& fields) { return with("\"adam\", \"lr\": 0.1", fields); }

/// Its first layer replaced by one for sequences of two steps.
std::string sequences(const std::string& layer) {
  return with(
      "\"val\": 0.5 } },\n  \"model\": { \"type\": \"sequential\", \"layers\": [ { \"type\": \"linear\", \"out\": 4 }",
      "\"val\": 0.5 }, \"transforms\": [ { \"type\": \"reshape\", \"shape\": [2, 1] } ] },\n  \"model\": { "
      "\"type\": \"sequential\", \"layers\": [ " +
          layer);
}
/// Its first layer replaced by one that sees the data as they are.
std::string embedded(const std::string& layer) { return with("{ \"type\": \"linear\", \"out\": 4 }", layer); }

const std::vector<Mistake>& mistakes() {
  static const std::vector<Mistake> all = {
      {"1 empty", "", 3, "1:1", "config is empty; expected a JSON object"},
      {"2 list at the top", "[1, 2]", 3, "1:1", "top level must be an object, found a list of 2"},
      {"3 missing comma", "{\n  \"version\": 1\n  \"seed\": 2\n}", 3, "3:3", "expected ',' or '}' after value"},
      {"3 misspelt true", "{\"a\": tru}", 3, "1:7", "\"tru\" is not JSON"},
      {"4 unclosed brace", "{\n  \"train\": {\n", 3, "3:1",
       "unexpected end of file; object opened at 2:12 is never closed"},
      {"5 single quotes", "{\"name\": 'x'}", 3, "1:10", "strings use double quotes"},
      {"6 unquoted key", "{name: 1}", 3, "1:2", "keys must be quoted: \"name\""},
      {"7 NaN", "{\"seed\": NaN}", 3, "1:10", "NaN is not JSON; use null, or leave the key out"},
      {"7 Infinity", "{\"seed\": -Infinity}", 3, "1:10", "-Infinity is not JSON"},
      {"8 no leading zero", "{\"seed\": .5}", 3, "1:10", "not a JSON number: .5"},
      {"8 no digit after point", "{\"seed\": 1.}", 3, "1:10", "not a JSON number: 1."},
      {"8 plus", "{\"seed\": +1}", 3, "1:10", "not a JSON number: +1"},
      {"8 hexadecimal", "{\"seed\": 0x10}", 3, "1:10", "not a JSON number: 0x10"},
      {"8 leading zero", "{\"seed\": 01}", 3, "1:10", "not a JSON number: 01"},
      {"9 too large", "{\"seed\": 1e999}", 3, "1:10", "number too large for a double"},
      {"10 duplicate key", with("\"lr\": 0.1", "\"lr\": 0.1, \"lr\": 0.2"), 3, "7:45",
       "duplicate key \"lr\" in optimizer; first at 7:34"},
      {"11 invalid UTF-8", "{\"name\": \"\xff\"}", 3, "1:11", "invalid UTF-8 at byte 10"},
      {"12 deep nesting", std::string(10'000, '['), 3, "1:65", "nesting deeper than 64"},
      {"13 unterminated comment", "{\n /* \"a\": 1}", 3, "2:2", "comment opened at 2:2 is never closed"},
      {"14 huge", "{\"name\": \"" + std::string(9 << 20, 'x') + "\"}", 3, "1:1",
       "config larger than 8 MiB; is this a data file?"},
      {"15 binary", std::string("{\"a\"\0}", 6), 3, "1:5", "does not look like text (found byte 0x00 at offset 4)"},
      {"trailing comma", "{\"seed\": 1,}", 3, "1:11", "a comma before the closing bracket; remove it"},
      {"missing colon", "{\"seed\" 1}", 3, "1:9", "expected ':' after the key"},
      {"17 unknown key", with("\"optimizer\"", "\"optmizer\""), 3, "7:3", "did you mean \"optimizer\"?"},
      {"18 a synonym", with("\"lr\"", "\"learning_rate\""), 3, "7:34", "did you mean \"lr\"?"},
      {"19 unknown optimizer", with("\"adam\"", "\"admw\""), 3, "7:26", "did you mean \"adamw\"?"},
      {"20 upper case", with("\"adam\"", "\"Adam\""), 3, "7:26", "names are lower case: \"adam\""},
      {"21 missing type", with("\"type\": \"adam\", ", ""), 3, "7:16", "optimizer needs \"type\""},
      {"22 quoted number", with("\"lr\": 0.1", "\"lr\": \"0.01\""), 3, "7:40",
       "expected a number, found string \"0.01\""},
      {"22 its cure", with("\"lr\": 0.1", "\"lr\": \"0.01\""), 3, "7:40", "remove the quotes"},
      {"23 negative lr", with("\"lr\": 0.1", "\"lr\": -1"), 3, "7:40", "\"lr\": -1 is out of range; must be >= 0"},
      {"24 boolean for number", with("\"lr\": 0.1", "\"lr\": true"), 3, "7:40",
       "expected a number, found boolean true"},
      {"25 too few betas", optimizer("\"adam\", \"betas\": [0.9]"), 3, "7:43",
       "\"betas\" needs exactly 2 numbers, found 1"},
      {"25 beta of 1", optimizer("\"adam\", \"betas\": [0.9, 1.0]"), 3, "7:49",
       "\"betas\": 1 is out of range; must be in [0, 1)"},
      {"26 batch of 0", with("\"batch_size\": 8", "\"batch_size\": 0"), 3, "@0, \"split",
       "\"batch_size\": 0 is out of range; must be >= 1"},
      {"26 batch of 3.7", with("\"batch_size\": 8", "\"batch_size\": 3.7"), 3, "@3.7",
       "expected an integer, found number 3.7"},
      {"27 negative momentum", optimizer("\"sgd\", \"momentum\": -0.5"), 3, "7:45",
       "\"momentum\": -0.5 is out of range"},
      {"28 nesterov alone", optimizer("\"sgd\", \"nesterov\": true"), 3, "7:16",
       "nesterov needs momentum > 0 and dampening = 0"},
      {"29 not a duration", with("\"epochs\": 2 }", "\"epochs\": 2 }, \"eval\": {\"every\": \"20 epocs\"}"), 3,
       "@\"20 epocs\"", "not a duration: \"20 epocs\""},
      {"30 schedule backwards",
       with("\"epochs\": 2 }", "\"epochs\": 2 }, \"schedule\": [{\"type\": \"linear\", \"until\": \"10%\"}, {\"type\": "
                               "\"cosine\", \"until\": \"5%\"}]"),
       3, "@\"5%\"", "schedule item 2 ends (step 0) before item 1 (step 1)"},
      {"31 warm-up too long",
       with("\"epochs\": 2 }", "\"epochs\": 2 }, \"schedule\": {\"type\": \"linear\", \"until\": 500}"), 3, "@500",
       "lasts until step 500 but the run has 6 steps"},
      {"33 group without members", with("\"lr\": 0.1", "\"groups\": [{\"match\": \"*.biass\", \"lr\": 1}]"), 3, "7:45",
       "group 1 \"*.biass\" matches no parameter"},
      {"33 the closest", with("\"lr\": 0.1", "\"groups\": [{\"match\": \"*.biass\", \"lr\": 1}]"), 3, "7:45",
       "closest: \"*.bias\" (2)"},
      {"34 in two groups", with("\"lr\": 0.1", "\"groups\": [{\"match\": \"0.bias\"}, {\"match\": \"*.bias\"}]"), 3,
       "7:66", "parameter \"0.bias\" is in groups 1 and 2"},
      {"38 newer version", with("\"version\": 1", "\"version\": 2"), 3, "2:14",
       "made for a newer xgrad; this one knows version 1"},
      {"43 wrong in", with("\"out\": 2 }", "\"out\": 2, \"in\": 32 }"), 3,
       "@{ \"type\": \"linear\", \"out\": 2, \"in\"", "in=32 but receives 4 (from layer 2 \"relu\""},
      {"44 a convolution of rows", with("\"relu\"", "{ \"type\": \"conv2d\", \"out\": 2, \"kernel\": 3 }"), 3,
       "@{ \"type\": \"conv2d\"", "layer \"conv2d\": needs samples of shape (C, H, W), receives (4,) (from layer 1"},
      {"44 its cure", with("\"relu\"", "{ \"type\": \"conv2d\", \"out\": 2, \"kernel\": 3 }"), 3,
       "@{ \"type\": \"conv2d\"", "{ \"type\": \"reshape\", \"shape\": [C, H, W] }"},
      {"45 a kernel larger than the picture",
       with("\"val\": 0.5 } },\n  \"model\": { \"type\": \"sequential\", \"layers\": [",
            "\"val\": 0.5 }, \"transforms\": [ { \"type\": \"reshape\", \"shape\": [1, 1, 2] } ] },\n  \"model\": { "
            "\"type\": \"sequential\", \"layers\": [ { \"type\": \"max_pool2d\", \"kernel\": 5 },"),
       3, "@{ \"type\": \"max_pool2d\"", "is 1 long with its padding, a window 5"},
      {"a layer without its kernel", with("\"relu\"", "\"max_pool2d\""), 3, "@\"max_pool2d\"",
       "layer \"max_pool2d\" needs \"kernel\""},
      {"a kernel of 0", with("\"relu\"", "{ \"type\": \"conv2d\", \"out\": 2, \"kernel\": 0 }"), 3, "@0 }, { \"type",
       "\"kernel\": 0 is too small; expected >= 1"},
      {"a padding's name",
       with("\"relu\"", "{ \"type\": \"conv2d\", \"out\": 2, \"kernel\": 3, \"padding\": \"full\" }"), 3, "@\"full\"",
       "expected \"same\", \"valid\" or numbers"},
      {"too many axes", with("\"relu\"", "{ \"type\": \"layer_norm\", \"axes\": 2 }"), 3, "@{ \"type\": \"layer_norm\"",
       "axes=2 for samples of shape (4,) (from layer 1"},
      {"groups that do not divide", with("\"relu\"", "{ \"type\": \"group_norm\", \"groups\": 3 }"), 3,
       "@{ \"type\": \"group_norm\"", "groups=3 must divide the 4 channels"},
      {"a recurrent layer of rows", with("\"relu\"", "{ \"type\": \"lstm\", \"out\": 2 }"), 3, "@{ \"type\": \"lstm\"",
       "layer \"lstm\": needs sequences, (steps, features), but receives shape (4,) (from layer 1"},
      {"its cure", with("\"relu\"", "{ \"type\": \"gru\", \"out\": 2 }"), 3, "@{ \"type\": \"gru\"",
       "{ \"type\": \"reshape\", \"shape\": [steps, features] }"},
      {"a recurrent layer without its size", with("\"relu\"", "\"rnn\""), 3, "@\"rnn\"", "layer \"rnn\" needs \"out\""},
      {"attention on rows", with("\"relu\"", "\"attention\""), 3, "@\"attention\"",
       "layer \"attention\": needs sequences, (steps, features), but receives shape (4,)"},
      {"heads that do not divide", sequences("{ \"type\": \"transformer_block\", \"heads\": 3 }"), 3,
       "@{ \"type\": \"transformer_block\"", "heads=3 does not divide the 1 features that it receives (from the data)"},
      {"no heads", sequences("{ \"type\": \"attention\", \"heads\": 0 }"), 3, "@0 }",
       "\"heads\": 0 is out of range; must be >= 1"},
      {"sinusoids of one feature", sequences("{ \"type\": \"positional\", \"learned\": false }"), 3,
       "@{ \"type\": \"positional\"", "sinusoids need an even number of features, but it receives 1"},
      {"a dropout of 2", sequences("{ \"type\": \"gru\", \"out\": 2, \"dropout\": 2 }"), 3, "@2 }",
       "\"dropout\": 2 is out of range; must be in [0, 1]"},
      {"an embedding of activations", with("\"relu\"", "{ \"type\": \"embedding\", \"count\": 3, \"out\": 2 }"), 3,
       "@{ \"type\": \"embedding\"", "needs the data's whole numbers, but receives what layer 1 \"linear\" makes"},
      {"an embedding's padding", embedded("{ \"type\": \"embedding\", \"count\": 3, \"out\": 2, \"padding\": 3 }"), 3,
       "@{ \"type\": \"embedding\"", "padding=3 is none of the 3, which are 0 to 2"},
      {"46 too few classes", with("\"out\": 2 }", "\"out\": 1 }"), 3, "4:12",
       "output 1, data has 2 classes (labels 0...1)"},
      {"50 all frozen", with("\"lr\": 0.1", "\"groups\": [{\"match\": \"*\", \"freeze\": true}]"), 3, "7:16",
       "all parameters are frozen: nothing to train"},
      {"steps and epochs", with("\"epochs\": 2", "\"epochs\": 2, \"steps\": 3"), 3, "8:27",
       "both \"epochs\" and \"steps\""},
      {"neither", with("\"epochs\": 2", ""), 3, "8:12", "needs \"epochs\" or \"steps\""},
      {"unknown layer", with("\"relu\"", "\"rleu\""), 3, "@\"rleu\"", "did you mean \"relu\"?"},
      {"unknown monitor",
       with("\"epochs\": 2 }",
            "\"epochs\": 2 }, \"stop\": {\"type\": \"target\", \"monitor\": \"val/acuracy\", \"above\": 1}"),
       3, "@\"val/acuracy\"", "is not measured while training; this run has: train/loss, val/loss, val/accuracy"},
      {"metric without classes", with("\"cross_entropy\"", "\"mse\""), 3, "6:15", "needs classes"},
      {"missing section", with("\"loss\": \"cross_entropy\",", ""), 3, "1:1", "the config needs \"loss\""},
      {"61 shares over 1", with("\"train\": 0.5, \"val\": 0.5", "\"train\": 0.7, \"val\": 0.5"), 4, "",
       "add up to 1.2"},
      {"61 an empty part", with("\"train\": 0.5, \"val\": 0.5", "\"train\": 0.99, \"val\": 0.005"), 4, "",
       "\"val\" gets no row"},
      {"51 missing file", with("\"synthetic\", \"n\": 40", "\"csv\", \"path\": \"nowhere.csv\", \"target\": 0"), 4, "",
       "cannot find \"nowhere.csv\"; looked for"},
  };
  return all;
}

std::string place_of(const Mistake& mistake) {
  if (*mistake.place != '@') return mistake.place;
  const std::size_t at = mistake.text.find(mistake.place + 1);
  REQUIRE(at != std::string::npos);
  const auto [line, column] = xgrad::config::line_column(mistake.text, at);
  return std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace

TEST_CASE("every mistake in a config is explained with its place") {
  const ScratchFolder scratch;
  const std::string path = scratch.path("config.json");
  const auto good = run_xgrad({"check", scratch.write("good.json", with("", ""))});
  REQUIRE_MESSAGE(good.code == 0, good.err);
  for (const Mistake& mistake : mistakes()) {
    CAPTURE(mistake.name);
    scratch.write("config.json", mistake.text);
    for (const char* command : {"check", "train"}) {
      const auto result = std::strcmp(command, "check") == 0 ? run_xgrad({"check", path})
                                                             : run_xgrad({"train", path, "-o", scratch.path("run")});
      CHECK_MESSAGE(result.code == mistake.code, command << ": " << result.err);
      CHECK_MESSAGE(result.err.find(mistake.words) != std::string::npos, command << ": " << result.err);
      if (*mistake.place)
        CHECK_MESSAGE(result.err.find(path + ":" + place_of(mistake) + ": error[") != std::string::npos,
                      command << ": " << result.err);
      CHECK_FALSE(std::filesystem::exists(scratch.path("run/config.json")));
    }
  }
}

TEST_CASE("all mistakes are told at once, by position") {
  const ScratchFolder scratch;
  const std::string path = scratch.write("config.json", R"({
  "data": { "type": "synthetic", "noize": 1, "batch_size": 0 },
  "model": { "type": "sequential", "layers": ["rleu"] },
  "loss": "mze",
  "optimizer": { "type": "adam", "lr": -1, "epz": 3 },
  "train": { "epochs": 0 }
})");
  const auto result = run_xgrad({"check", path});
  CHECK(result.code == 3);
  std::size_t at = 0;
  for (const char* words :
       {"noize", "\"batch_size\": 0", "\"rleu\"", "\"mze\"", "\"lr\": -1", "epz", "\"epochs\": 0"}) {
    const std::size_t found = result.err.find(words, at);
    CHECK_MESSAGE(found != std::string::npos, words << " is missing or out of order in\n" << result.err);
    at = found == std::string::npos ? at : found;
  }
  CHECK(run_xgrad({"check", path, "--format", "github"}).out.find("::error file=" + path + ",line=2,col=34") !=
        std::string::npos);
}

TEST_CASE("data files: what is wrong, where, and the cure") {
  const ScratchFolder scratch;
  struct Case {
    const char* name;
    std::string text;
    const char* options;
    const char* words;
  };
  const std::string rows = "1,2,0\n3,4,1\n";
  const Case cases[] = {
      {"52 text in a number", rows + "5,abc,1\n", "\"target\": 2", "data.csv:3: column 1: \"abc\" is not a number"},
      {"53 ragged", rows + "5,6\n", "\"target\": 2", "data.csv:3: row has 2 fields, expected 3"},
      {"53 empty cell", rows + "5,,1\n", "\"target\": 2", "missing value; set data.missing to \"drop\""},
      {"53 not finite", rows + "5,inf,1\n", "\"target\": 2", "\"inf\" is not finite"},
      {"54 unknown target", "a,b,c\n" + rows, "\"target\": \"cc\"",
       "there is no column \"cc\"; columns are: a, b, c (did you mean \"c\"?)"},
      {"54 target out of range", rows, "\"target\": 7", "there is no column 7 to be the target; columns are 0 to 2"},
      {"54 only a header", "a,b,c\n", "\"target\": \"c\", \"header\": true", "only a header, no rows"},
      {"54 no rows", "", "\"target\": 2", "no rows"},
      {"55 negative class", rows + "5,6,-1\n", "\"target\": 2", "target -1 of row 2 is no class"},
      {"57 damaged gzip", std::string("\x1f\x8b\x08\x00garbage", 11), "\"target\": 2", "gzip stream damaged at byte"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    scratch.write("data.csv", c.text);
    std::string config = with("\"type\": \"synthetic\", \"n\": 40",
                              std::string("\"type\": \"csv\", \"path\": \"data.csv\", ") + c.options);
    const auto result = run_xgrad({"train", scratch.write("config.json", config), "-o", scratch.path("run")});
    CHECK_MESSAGE(result.code == 4, result.err);
    CHECK_MESSAGE(result.err.find(c.words) != std::string::npos, result.err);
  }
  const auto idx = [](std::initializer_list<int> bytes) {
    std::string text;
    for (const int b : bytes) text += static_cast<char>(b);
    return text;
  };
  const std::string images = idx({0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4}),
                    labels = idx({0, 0, 8, 1, 0, 0, 0, 2, 0, 1});
  const std::pair<std::pair<std::string, std::string>, const char*> pictures[] = {
      {{idx({1, 2, 3, 4, 5}), labels}, "not an IDX file (bad magic number)"},
      {{labels, labels}, "are images and labels exchanged?"},
      {{images.substr(0, 19), labels}, "needs 20 bytes, the file has 19"},
      {{images, idx({0, 0, 8, 1, 0, 0, 0, 1, 0})}, "has 2 images"},
  };
  for (const auto& [files, words] : pictures) {
    scratch.write("images", files.first);
    scratch.write("labels", files.second);
    const std::string config =
        with("\"type\": \"synthetic\", \"n\": 40", "\"type\": \"idx\", \"images\": \"images\", \"labels\": \"labels\"");
    const auto result = run_xgrad({"train", scratch.write("config.json", config), "-o", scratch.path("run")});
    CHECK_MESSAGE(result.code == 4, result.err);
    CHECK_MESSAGE(result.err.find(words) != std::string::npos, result.err);
  }
}

TEST_CASE("data that an embedding has no row for") {
  const ScratchFolder scratch;
  scratch.write("data.csv", "0,2,0\n1,1,1\n2,0,0\n1,3,1\n");
  std::string config = embedded("{ \"type\": \"embedding\", \"count\": 3, \"out\": 2 }, \"flatten\"");
  const std::string synthetic = "\"type\": \"synthetic\", \"n\": 40",
                    split = ", \"split\": { \"train\": 0.5, \"val\": 0.5 }";
  config.replace(config.find(synthetic), synthetic.size(), "\"type\": \"csv\", \"path\": \"data.csv\", \"target\": 2");
  config.erase(config.find(split), split.size());
  const auto result = run_xgrad({"train", scratch.write("config.json", config), "-o", scratch.path("run")});
  CHECK_MESSAGE(result.code == 4, result.err);
  CHECK_MESSAGE(result.err.find("data error: layer \"embedding\": ") == 0, result.err);
  CHECK_MESSAGE(result.err.find("whole numbers from 0 to 2") != std::string::npos, result.err);
}

TEST_CASE("commands, overrides and files that are not there") {
  const ScratchFolder scratch;
  const std::string path = scratch.write("config.json", with("", ""));
  struct Case {
    std::vector<std::string> arguments;
    int code;
    const char* words;
  };
  const Case cases[] = {
      {{"trian", path}, 2, "unknown command \"trian\"; did you mean \"train\"?"},
      {{"train"}, 2, "config"},
      {{"train", path, "--frobnicate"}, 2, "frobnicate"},
      {{"train", scratch.path("confg.json")}, 3, "did you mean"},
      {{"train", scratch.path()}, 3, "is a directory; expected a config file"},
      {{"check", path, "lr=0.1"}, 3, "unknown key \"lr\" in the config"},
      {{"check", path, "optimizer.lrr=0.1"}, 3, "did you mean \"lr\"?"},
      {{"check", path, "model.layers[9].out=3"}, 3, "model.layers has 3 entries (0...2)"},
      {{"check", path, "optimizer.lr=fast"}, 3, "expected a number, found string \"fast\""},
      {{"resume", scratch.path("nowhere")}, 5, "cannot find the run"},
      {{"eval", "/usr"}, 5, "is not a run folder"},
      {{"list", "optimisers"}, 3, "did you mean \"optimizers\"?"},
      {{"info", "optimizer", "adm"}, 3, "did you mean \"adam\"?"},
      {{"train", path, "-o", "/proc/nowhere"}, 8, "cannot make the run folder"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.arguments.back());
    const auto result = run_xgrad(c.arguments);
    CHECK_MESSAGE(result.code == c.code, result.err);
    CHECK_MESSAGE(result.err.find(c.words) != std::string::npos, result.err);
  }
}

TEST_CASE("a NaN is traced to the operation and the layer that made it first") {
  const ScratchFolder scratch;
  // A weight of 1e30 makes the second layer overflow in float32.
  const std::string config =
      with("{ \"type\": \"linear\", \"out\": 4 }, \"relu\", { \"type\": \"linear\", \"out\": 2 }",
           "{ \"type\": \"linear\", \"out\": 4, \"init\": { \"type\": \"normal\", \"gain\": 1e30 } }, \"relu\", { "
           "\"type\": \"linear\", \"out\": 2, \"init\": { \"type\": \"normal\", \"gain\": 1e30 } }");
  const auto result = run_xgrad({"train", scratch.write("config.json", config), "-o", scratch.path("run")});
  CHECK(result.code == 6);
  CHECK_MESSAGE(result.out.find("of linear in layer \"2\" is") != std::string::npos, result.out);
  CHECK(read_text(scratch.path("run/summary.json")).find("\"status\": \"diverged\"") != std::string::npos);
}

TEST_CASE("cut and damaged configs never crash") {
  const ScratchFolder scratch;
  const std::string whole = with("", "");
  for (std::size_t cut = 0; cut < whole.size(); cut += 37) {
    const auto result = run_xgrad({"check", scratch.write("config.json", whole.substr(0, cut))});
    CHECK_MESSAGE(result.code == 3, "cut at " << cut << ": " << result.code << " " << result.err);
  }
}
