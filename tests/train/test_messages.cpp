// SPDX-License-Identifier: BSD-3-Clause
// What is said to people who come from other tools, and how it looks.
#include <nlohmann/json.hpp>

#include "train/process.hpp"

#include <doctest/doctest.h>

using Json = nlohmann::json;

namespace {

const char* const kConfig = R"({
  "data": { "type": "synthetic", "n": 33, "batch_size": 32 },
  "model": { "type": "sequential", "layers": [ { "type": "linear", "out": 4 }, "tanh", { "type": "linear", "out": 2 } ] },
  "loss": "cross_entropy", "optimizer": { "type": "adam", "lr": 0.01 },
  "train": { "epochs": 2 }
})";

bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

/// Of float32.
std::string npy_header(const std::string& shape) {
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }";
  text.append(117 - text.size(), ' ') += '\n';
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + text;
}

/// The words come in this order.
void check_order(const std::string& text, std::initializer_list<const char*> words) {
  std::size_t at = 0;
  for (const char* word : words) {
    const std::size_t found = text.find(word, at);
    CHECK_MESSAGE(found != std::string::npos, word << " is missing or out of order in\n" << text);
    if (found != std::string::npos) at = found;
  }
}

}  // namespace

TEST_CASE("other tools' words are understood, and what stands beside them is checked") {
  const ScratchFolder scratch;
  const auto keras = run_xgrad({"check", scratch.write("keras.json", R"({
  "data": { "type": "synthetic", "batchSize": 8 },
  "model": { "type": "Sequential", "layers": [
    { "type": "Dense", "units": 8 }, "BatchNorm2d", "ReLU", { "type": "MaxPooling2D", "pool_size": 2 } ] },
  "criterion": "CrossEntropyLoss",
  "loss": "categorical_crossentropy",
  "metrics": ["acc"],
  "optimizer": { "type": "AdamW", "learning_rate": "1e-3" },
  "epochs": 3,
  "random_state": 3
})")});
  CHECK(keras.code == 3);
  check_order(keras.err,
              {"\"batchSize\"", "did you mean \"batch_size\"?", "names are lower case: \"sequential\"",
               "did you mean \"linear\"?", "\"units\"", "did you mean \"out\"?", "did you mean \"batch_norm\"?",
               "names are lower case: \"relu\"", "did you mean \"max_pool2d\"?", "did you mean \"kernel\"?",
               "\"criterion\"", "did you mean \"loss\"?", "did you mean \"cross_entropy\"?",
               "did you mean \"accuracy\"?", "names are lower case: \"adamw\"", "did you mean \"lr\"?", "\"epochs\"",
               "did you mean \"train.epochs\"?", "did you mean \"seed\"?"});
  CHECK_MESSAGE(!has(keras.err, "needs \"out\""), keras.err);  // told already
  const auto caffe = run_xgrad({"check", scratch.write("solver.json", R"({
  "net": "lenet.prototxt",
  "base_lr": 0.01,
  "max_iter": 1000,
  "momentum": 0.9,
  "lr_policy": "inv",
  "snapshot": 100,
  "batchsize": 3
})")});
  check_order(caffe.err, {"\"model\"?", "\"optimizer.lr\"?", "\"train.steps\"?", "\"optimizer.momentum\"?",
                          "\"schedule\"?", "\"checkpoint\"?", "\"data.batch_size\"?"});
  const std::string config = scratch.write("config.json", kConfig);
  CHECK(has(run_xgrad({"check", config, "lr=0.1"}).err, "did you mean \"optimizer.lr\"?"));
  CHECK(has(run_xgrad({"check", config, "loss=mae"}).err, "did you mean \"l1\"?"));
  CHECK(has(run_xgrad({"check", config, "optimizer.betas[0]=0.5"}).err, "give the whole list: optimizer.betas=[...]"));
  CHECK(has(run_xgrad({"check", config, "loss=3"}).err, "loss: expected a name or an object, found number 3"));
}

TEST_CASE("a data file that is missing does not hide the other mistakes; alone it says where it is asked for") {
  const ScratchFolder scratch;
  std::string text = kConfig;
  text.replace(text.find("\"synthetic\""), 11, "\"csv\", \"path\": \"no.csv\", \"target\": 0");
  text.replace(text.find(", \"n\": 33"), 9, "");
  const std::string config = scratch.write("config.json", text);
  const auto alone = run_xgrad({"check", config});
  CHECK(alone.code == 4);
  CHECK_MESSAGE(has(alone.err, "data error: cannot find \"no.csv\""), alone.err);
  CHECK_MESSAGE(has(alone.err, "\n   as " + config + ":2:36 says\n"), alone.err);
  const auto both = run_xgrad({"check", config, "optimizer.lr=-1"});
  CHECK(both.code == 3);
  CHECK_MESSAGE(has(both.err, "\"lr\": -1 is out of range"), both.err);
  CHECK_MESSAGE(has(both.err, config + ":2:36: error[XG130]: cannot find \"no.csv\""), both.err);
}

TEST_CASE("check goes on to the next config when a data file is missing") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig), lost = scratch.write("lost.json", R"({
  "data": { "type": "csv", "path": "no.csv", "target": 0 }, "model": { "type": "sequential", "layers": [ "relu" ] },
  "loss": "mse", "optimizer": "sgd", "train": { "steps": 1 } })");
  const auto both = run_xgrad({"check", lost, config});
  CHECK(both.code == 4);
  CHECK_MESSAGE(has(both.out, config + ": ok: 22 parameters, 33 training rows, 4 steps"), both.out);
  CHECK(has(both.err, "data error: cannot find \"no.csv\""));
  const auto json = run_xgrad({"check", lost, "--format", "json"});
  CHECK(json.code == 4);
  CHECK(Json::parse(json.out)[0]["code"] == "XG130");
}

TEST_CASE("--threads holds before and behind the command") {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--threads", "1", "version"}, {"version", "--threads", "1"}})
    CHECK(has(run_xgrad(words).out, "threads   1\n"));
  CHECK(has(run_xgrad({"version", "--threads", "3"}).out, "threads   3\n"));
}

TEST_CASE("excerpts: what terminals obey is not shown, long lines are cut around the place, text is whole") {
  const ScratchFolder scratch;
  const auto coloured = run_xgrad({"check", scratch.write("a.json", "{\"name\": \"a\", \"x\x1b[31m\": 1}")});
  CHECK(coloured.code == 3);
  CHECK_FALSE(has(coloured.err.substr(coloured.err.find('\n')), "\x1b"));
  const auto binary = run_xgrad({"check", scratch.write("b.safetensors", std::string("{\"a\0\": 1}", 9))});
  CHECK_MESSAGE(has(binary.err, "did you mean: xgrad resume"), binary.err);
  std::string line = "{\"description\": \"";
  for (int i = 0; i < 200; ++i) line += "\xE6\x97\xA5";
  const auto longer = run_xgrad(
      {"check", scratch.write("c.json", line + "\", \"optmizer\": 1, \"tags\": \"" + std::string(300, 'x') + "\"}")});
  CHECK_MESSAGE(has(longer.err, "..."), longer.err);
  const std::size_t shown = longer.err.find("\"optmizer\": 1");
  REQUIRE(shown != std::string::npos);
  const std::size_t caret = longer.err.find("^~~~~~~~~~\n", shown);
  CHECK_MESSAGE(caret != std::string::npos, longer.err);
  CHECK(Json(longer.err).dump().size() > 0);  // throws where a character is cut
  CHECK(has(run_xgrad({"check", scratch.write("d.json", "{\"name\": \"a\\qb\"}")}).err,
            "error[XG100]: invalid string: forbidden character after backslash\n"));
  CHECK(has(run_xgrad({"check", scratch.write("e.json", "{\"name\": 1} x")}).err,
            "unexpected text after the end of the config"));
}

TEST_CASE("monitors, splits and batches that do not fit") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig);
  const auto monitor = run_xgrad(
      {"check", config, R"(stop=[{"type":"early_stopping"},{"type":"target","monitor":"val/los","below":1}])"});
  CHECK_MESSAGE(has(monitor.err, "give data.split a share for \"val\""), monitor.err);
  const auto lone = run_xgrad({"check", config, R"(model.layers=["batch_norm",{"type":"linear","out":2}])"});
  CHECK(lone.code == 3);
  CHECK_MESSAGE(has(lone.err, "an epoch has a batch of one sample"), lone.err);
  CHECK(run_xgrad({"check", config, R"(model.layers=["batch_norm",{"type":"linear","out":2}])", "data.drop_last=true"})
            .code == 0);
  const auto large = run_xgrad({"check", config, "model.layers[0].out=4000000000000"});
  CHECK(large.code == 3);
  CHECK_MESSAGE(has(large.err, "more than this machine's memory holds"), large.err);
  CHECK(has(run_xgrad({"check", config, "name=a/b"}).err, "cannot have \"/\""));
  const auto unused = run_xgrad({"train", config, "data.split.train=0.5", "-o", scratch.path("run")});
  CHECK_MESSAGE(has(unused.out, "rows are in no part"), unused.out);
  scratch.write("words.csv", "x,y\n1,a\n2,b\n");
  const auto words = run_xgrad({"check", config, R"(data={"type":"csv","path":"words.csv","target":"y"})", "loss=mse"});
  CHECK(words.code == 4);
  CHECK_MESSAGE(has(words.err, "the targets are words (a, ...), but this loss wants numbers"), words.err);
}

TEST_CASE("what only a step would have found is found before it") {
  const ScratchFolder scratch;
  const std::string config = scratch.write("config.json", kConfig);
  scratch.write("line.csv", "1,2\n2,3.5\n3,7\n4,7.5\n");
  struct Case {
    std::vector<std::string> overrides;
    int code;
    const char* words;
  };
  const Case cases[] = {
      {{R"(loss={"type":"cross_entropy","weight":[1,2,3]})"},
       3,
       "the first samples do not pass: cross_entropy: weight"},
      {{R"(data={"type":"csv","path":"line.csv","target":1})", "loss=bce_with_logits", "model.layers[2].out=1"},
       4,
       "target 2 of row 0; loss \"bce_with_logits\" wants 0 to 1"},
      {{"log.every=0"}, 3, "\"every\": 0 is no period"},
      {{"checkpoint.every=0%"}, 3, "\"every\": 0 is no period"},
      {{R"(stop={"type":"early_stopping","monitor":"train/loss","patience":"3s"})"}, 3, "not in time"},
  };
  for (const Case& c : cases) {
    std::vector<std::string> words = {"check", config};
    words.insert(words.end(), c.overrides.begin(), c.overrides.end());
    const auto result = run_xgrad(words);
    CHECK_MESSAGE(result.code == c.code, result.err);
    CHECK_MESSAGE(has(result.err, c.words), result.err);
  }
}

TEST_CASE("numbers that are none are found before the training") {
  const ScratchFolder scratch;
  scratch.write("y.npy", npy_header("(2,)") + std::string(8, '\0'));
  scratch.write("x.npy", npy_header("(2, 2)") + std::string(12, '\0') + std::string("\0\0\xC0\x7F", 4));
  const std::string config = scratch.write("config.json", kConfig);
  const auto result = run_xgrad({"check", config, R"(data={"type":"npy","inputs":"x.npy","targets":"y.npy"})"});
  CHECK(result.code == 4);
  CHECK_MESSAGE(has(result.err, "input 1 of row 1 is nan; leave such rows out"), result.err);
}

TEST_CASE("a word too few on the command line") {
  CHECK(has(run_xgrad({}).err, "Subcommands:"));
  CHECK(run_xgrad({}).code == 2);
  CHECK(has(run_xgrad({"predict", "run"}).err, "xgrad predict: --input is required\nrun \"xgrad predict --help\""));
  CHECK(run_xgrad({"info", "metric"}).out == run_xgrad({"list", "metrics"}).out);
}

TEST_CASE("metrics of numbers agree with their definitions, accuracy of yes or no with the predictions") {
  const ScratchFolder scratch;
  scratch.write("line.csv", "1,2\n2,3.5\n3,7\n4,7.5\n");
  const std::string config = scratch.write("config.json", R"({
  "data": { "type": "csv", "path": "line.csv", "target": 1 },
  "model": { "type": "sequential", "layers": [ { "type": "linear", "out": 1, "init": { "type": "values", "weight": [[2]], "bias": [0] } } ] },
  "loss": "mse", "metrics": ["mae", "rmse", "r2"], "optimizer": { "type": "sgd", "lr": 0 }, "train": { "steps": 1 }
})");
  const auto numbers = run_xgrad({"train", config, "-o", scratch.path("run"), "--json"});
  REQUIRE_MESSAGE(numbers.code == 0, numbers.err);
  const Json measured =
      Json::parse(numbers.out)["metrics"];  // errors 0, 0.5, -1, 0.5; targets around 5: -3, -1.5, 2, 2.5
  CHECK(measured["train/mae"].get<double>() == doctest::Approx(0.5));
  CHECK(measured["train/rmse"].get<double>() == doctest::Approx(0.6123724357));
  CHECK(measured["train/r2"].get<double>() == doctest::Approx(1 - 1.5 / 21.5));
  const auto wrong = run_xgrad({"check", config, "metrics=[\"accuracy\"]"});
  CHECK_MESSAGE(has(wrong.err, "metric \"accuracy\" needs classes; loss \"mse\" has none"), wrong.err);
  const std::string moons = scratch.write("moons.json", R"({
  "data": { "type": "synthetic", "n": 400, "split": { "train": 0.8, "val": 0.2 } },
  "model": { "type": "sequential", "layers": [ { "type": "linear", "out": 8 }, "tanh", { "type": "linear", "out": 1 } ] },
  "loss": "bce_with_logits", "metrics": ["accuracy"], "optimizer": { "type": "adam", "lr": 0.05 }, "train": { "epochs": 40 }
})");
  const auto binary = run_xgrad({"train", moons, "-o", scratch.path("moons"), "--json"});
  REQUIRE_MESSAGE(binary.code == 0, binary.err);
  CHECK(Json::parse(binary.out)["metrics"]["val/accuracy"].get<double>() > 0.9);
  CHECK(has(run_xgrad({"check", moons, "metrics=[\"r2\"]", "loss=cross_entropy"}).err, "needs numbers"));
}
