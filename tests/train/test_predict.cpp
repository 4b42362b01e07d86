// SPDX-License-Identifier: BSD-3-Clause
// A trained model applied to new rows, by its checkpoint alone.
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "train/process.hpp"
#include "xgrad/io.hpp"

#include <doctest/doctest.h>

using Json = nlohmann::json;

namespace {

/// Two flowers by two lengths, in words, one of them with a comma and quotes.
const char* const kFlowers = "petal,colour,sepal,name\n"
                             "1.4,3,5.1,iris\n1.3,1,4.9,iris\n1.5,2,5.0,iris\n1.2,4,4.8,iris\n"
                             "4.7,1,7.0,\"rose, \"\"red\"\"\"\n4.9,2,6.9,\"rose, \"\"red\"\"\"\n"
                             "4.5,3,6.4,\"rose, \"\"red\"\"\"\n4.6,4,6.6,\"rose, \"\"red\"\"\"\n";

std::string config(const std::string& data, const std::string& last, const std::string& loss) {
  return R"({"data": {)" + data +
         R"(, "transforms": ["normalize"], "batch_size": 4}, "model": {"type": "sequential", )" +
         R"("layers": ["flatten", {"type": "linear", "out": )" + last + R"(}]}, "loss": ")" + loss +
         R"(", "optimizer": {"type": "adam", "lr": 0.1}, "train": {"epochs": 30}, "checkpoint": {"every": "100%"}})";
}
const std::string kWords = R"("type": "csv", "path": "flowers.csv", "target": "name", "features": ["petal", "sepal"])";

std::vector<std::vector<std::string>> fields(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    rows.emplace_back();
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  return rows;
}

std::string trained(const ScratchFolder& scratch, const std::string& text) {
  const std::string run = scratch.path("run");
  const auto result = run_xgrad({"train", scratch.write("config.json", text), "-q", "--force", "-o", run});
  REQUIRE_MESSAGE(result.code == 0, result.err);
  return run;
}

}  // namespace

TEST_CASE("predict: classes by name and their probabilities, columns by name, in any order, with others beside them") {
  const ScratchFolder scratch;
  scratch.write("flowers.csv", kFlowers);
  const std::string run = trained(scratch, config(kWords, "2", "cross_entropy"));
  const auto positional = run_xgrad({"predict", run, "-i", scratch.write("rows.csv", "1.4,5.0\n4.8,6.8\n")});
  REQUIRE_MESSAGE(positional.code == 0, positional.err);
  CHECK_MESSAGE(positional.out.find("class,p_iris,\"p_rose, \"\"red\"\"\"\niris,0.9") == 0, positional.out);
  CHECK(positional.out.find("\n\"rose, \"\"red\"\"\",0.0") != std::string::npos);
  const auto named =
      run_xgrad({"predict", run, "-i", scratch.write("named.csv", "sepal,note,petal\n5.0,hello,1.4\n6.8,?,4.8\n")});
  CHECK_MESSAGE(named.out == positional.out, named.out << named.err);
  // The training data itself, targets and all; from a pipe, packed.
  const auto whole = run_shell("gzip -c " + scratch.path("flowers.csv") + " | $xgrad predict " + run + " -i -");
  CHECK_MESSAGE(fields(whole.out).size() == 9, whole.out << whole.err);
  const auto lines = run_xgrad({"predict", run, "-i", scratch.path("rows.csv"), "--format", "jsonl"});
  const Json first = Json::parse(lines.out.substr(0, lines.out.find('\n')));
  CHECK(first["class"] == "iris");
  CHECK(first["probabilities"][0].get<double>() + first["probabilities"][1].get<double>() == doctest::Approx(1));
  const auto raw = run_xgrad({"predict", run, "-i", scratch.path("rows.csv"), "--format", "jsonl", "--raw"});
  const Json outputs = Json::parse(raw.out.substr(0, raw.out.find('\n')))["output"];
  const double difference = outputs[1].get<double>() - outputs[0].get<double>();
  CHECK(first["probabilities"][0].get<double>() == doctest::Approx(1 / (1 + std::exp(difference))).epsilon(1e-5));
}

TEST_CASE("predict needs neither the training data nor the run folder, and is not changed by other data") {
  const ScratchFolder scratch;
  scratch.write("flowers.csv", kFlowers);
  const std::string run = trained(scratch, config(kWords + R"(, "missing": "mean")", "2", "cross_entropy")),
                    rows = scratch.write("rows.csv", "1.4,5.0\n,5.0\n");
  const auto before = run_xgrad({"predict", run, "-i", rows});
  REQUIRE_MESSAGE(before.code == 0, before.err);
  scratch.write("flowers.csv", "petal,colour,sepal,name\n1000,1,2,iris\n2000,3,3,rose\n");
  CHECK(run_xgrad({"predict", run, "-i", rows}).out == before.out);
  std::filesystem::remove(scratch.path("flowers.csv"));
  for (const auto& entry : std::filesystem::directory_iterator(run + "/checkpoints"))
    if (entry.path().string().find("-0000000000.") == std::string::npos)
      std::filesystem::rename(entry.path(), scratch.path("model.safetensors"));
  std::filesystem::remove_all(run);
  const auto alone = run_xgrad({"predict", scratch.path("model.safetensors"), "-i", rows});
  CHECK_MESSAGE(alone.out == before.out, alone.err);
}

TEST_CASE("predict: numbers, yes or no, pictures, arrays; many rows as few") {
  const ScratchFolder scratch;
  scratch.write("line.csv", "x;y\n1;2\n2;4\n3;6\n4;8\n");
  std::string run = trained(scratch, config(R"("type": "csv", "path": "line.csv", "target": "y")", "1", "mse"));
  const auto line = run_xgrad({"predict", run, "-i", scratch.write("x.csv", "2.5\n")});
  CHECK_MESSAGE(line.out.find("y\n") == 0, line.out << line.err);

  run = trained(scratch, config(R"("type": "synthetic", "n": 200)", "1", "bce_with_logits"));
  std::string rows;
  for (int i = 0; i < 700; ++i) rows += i % 2 ? "1,-0.5\n" : "0,1\n";
  const auto moons = run_xgrad({"predict", run, "-i", scratch.write("x.csv", rows)});
  const auto cells = fields(moons.out);
  REQUIRE_MESSAGE(cells.size() == 701, moons.err);
  CHECK(cells[0] == std::vector<std::string>{"class", "p_1"});
  for (std::size_t i = 1; i < cells.size(); ++i) {
    CHECK(cells[i] == cells[2 - i % 2]);
    CHECK(cells[i][0] == (i % 2 ? "0" : "1"));
    CHECK((std::stod(cells[i][1]) > 0.5) == (i % 2 == 0));
  }
  const auto array =
      run_xgrad({"predict", run, "-i", scratch.path("x.csv"), "--format", "npy", "-o", scratch.path("y.npy")});
  REQUIRE_MESSAGE(array.code == 0, array.err);
  const auto y = xgrad::parse_npy(xgrad::read_file(scratch.path("y.npy")), "y");
  CHECK(y.shape == xgrad::Shape{700, 1});
  CHECK(y.values[1] == doctest::Approx(std::stod(cells[2][1])));

  const std::string images("\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\2\1\2\xC8\4", 20), labels("\0\0\x08\1\0\0\0\2\0\1", 10);
  scratch.write("images", images);
  scratch.write("labels", labels);
  run = trained(scratch, config(R"("type": "idx", "images": "images", "labels": "labels")", "2", "cross_entropy"));
  const auto pictures = run_xgrad({"predict", run, "-i", scratch.path("images")});
  CHECK_MESSAGE(fields(pictures.out).size() == 3, pictures.err);
  CHECK(run_xgrad({"predict", run, "-i", scratch.write("x.csv", "1,2\n200,4\n")}).out == pictures.out);
}

TEST_CASE("predict: rows that do not fit the model") {
  const ScratchFolder scratch;
  scratch.write("flowers.csv", kFlowers);
  const std::string run = trained(scratch, config(kWords, "2", "cross_entropy"));
  struct Case {
    const char *text, *words;
  };
  const Case cases[] = {
      {"1,2,3\n", "rows of 3 numbers; the model wants 2, or 4 as in the training data"},
      {"sepal,petl\n1,2\n", "there is no column \"petal\"; columns are: sepal, petl (did you mean \"petl\"?)"},
      {"1,two\n", "rows.csv:1: column 1: \"two\" is not a number"},
      {"1,nan\n", "\"nan\" is not finite"},
      {"1,\n", "missing value; the model was trained without any"},
      {"", "no rows"},
  };
  for (const Case& c : cases) {
    const auto result = run_xgrad({"predict", run, "-i", scratch.write("rows.csv", c.text)});
    CHECK_MESSAGE(result.code == 4, c.words);
    CHECK_MESSAGE(result.err.find(c.words) != std::string::npos, result.err);
  }
  CHECK(run_xgrad({"predict", run, "-i", scratch.path("nowhere.csv")}).code == 4);
  CHECK(run_xgrad({"predict", run, "-i", scratch.path("flowers.csv"), "-o", scratch.path("no/folder.csv")}).code == 8);
}

TEST_CASE("lines before the training data's table are not looked for in new rows") {
  const ScratchFolder scratch;
  scratch.write("data.csv", "made by hand\n1,2,0\n3,4,1\n5,6,1\n");
  const std::string run = trained(
      scratch, config(R"("type": "csv", "path": "data.csv", "target": 2, "skip_rows": 1)", "2", "cross_entropy"));
  const auto bare = run_xgrad({"predict", run, "-i", scratch.write("rows.csv", "1,2\n3,4\n5,6\n")});
  CHECK_MESSAGE(fields(bare.out).size() == 4, bare.out << bare.err);
  CHECK(run_xgrad({"predict", run, "-i", scratch.path("data.csv")}).out == bare.out);
}
