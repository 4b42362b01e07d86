// SPDX-License-Identifier: BSD-3-Clause
// The commands that use a trained model: eval, predict.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "xgrad/io.hpp"

namespace xgrad::cli {
namespace {

using train::Split;

/// The split that was asked for; without one the last that has rows, the test's first of all.
template <class T> Split choose_split(const train::Experiment<T>& experiment, const std::string& wanted) {
  std::string has;
  for (const Split split : {Split::test, Split::val, Split::train}) {
    if (experiment.data->size(split) == 0) continue;
    if (wanted.empty() || wanted == name_of(split)) return split;
    has += std::string(has.empty() ? "" : ", ") + name_of(split);
  }
  throw train::DataError("the split \"" + wanted + "\" of this run has no rows; it has " + has);
}

/// A word as a field of a csv file.
std::string csv_field(const std::string& word) {
  if (word.find_first_of(",\"\n\r") == std::string::npos) return word;
  std::string field = "\"";
  for (const char c : word) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + "\"";
}

/// What a model says of rows, in words and numbers.
template <class T> class Answers {
 public:
  Answers(const train::Experiment<T>& e, bool raw) : about_(e.data->about()), meant_(e.probabilities && !raw) {
    classes_ = e.classes;
    binary_ = !e.classes && e.probabilities != nullptr && about_.target.size() == 1 && !raw;
  }

  std::string header(std::size_t columns) const {
    std::string text = classes_ || binary_ ? "class" : "";
    for (std::size_t c = 0; c < columns; ++c) text += (text.empty() ? "" : ",") + csv_field(column(c, columns));
    return text + "\n";
  }
  void csv(std::string& text, const T* row, std::size_t columns) const {
    if (classes_ || binary_) text += csv_field(answer(row, columns)) + ",";
    numbers(text, row, columns);
    text += "\n";
  }
  void json(std::string& text, const T* row, std::size_t columns) const {
    text += "{";
    if (classes_ || binary_) text += "\"class\": " + nlohmann::json(answer(row, columns)).dump() + ", ";
    text += meant_ ? "\"probabilities\": [" : "\"output\": [";
    numbers(text, row, columns);
    text += "]}\n";
  }

 private:
  std::string class_name(std::size_t c) const {
    return c < about_.class_names.size() ? about_.class_names[c] : std::to_string(c);
  }
  std::string answer(const T* row, std::size_t columns) const {
    return class_name(binary_ ? *row >= T(0.5) : static_cast<std::size_t>(std::max_element(row, row + columns) - row));
  }
  std::string column(std::size_t c, std::size_t columns) const {
    if (meant_) return "p_" + class_name(binary_ ? 1 : c);
    if (!classes_ && columns == 1 && !about_.target_name.empty()) return about_.target_name;
    return "output_" + (classes_ ? class_name(c) : std::to_string(c));
  }
  static void numbers(std::string& text, const T* row, std::size_t columns) {
    for (std::size_t c = 0; c < columns; ++c) {
      if (c) text += ",";
      xgrad::detail::append_text(text, row[c]);
    }
  }

  const train::DataDescription& about_;
  bool meant_, classes_ = false, binary_ = false;
};

template <class T> std::string predictions(const train::SavedModel& saved, const PredictArguments& arguments) {
  config::Problems problems;
  auto experiment = train::build<T>(saved.config, problems, &saved.about);
  require(problems);
  train::load_model(experiment, saved);
  std::vector<double> inputs = train::read_inputs(arguments.input, saved.about, saved.config.data);
  experiment.data->transform(inputs);
  const Shape& sample = experiment.data->sample_shape();
  const std::size_t rows = inputs.size() / sample.size();
  const Answers<T> answers(experiment, arguments.raw);
  const NoGrad no_grad;
  experiment.model->eval();
  std::string text;
  std::vector<T> all;  // for npy
  Shape shape;
  const auto step = static_cast<std::size_t>(saved.config.eval.batch_size);
  for (std::size_t first = 0; first < rows; first += step) {
    const std::size_t count = std::min(step, rows - first);
    const auto from = inputs.begin() + static_cast<std::ptrdiff_t>(first * sample.size());
    Tensor<T> output =
        (*experiment.model)(Tensor<T>(sample.inserted(0, static_cast<std::int64_t>(count)),
                                      Storage<T>(from, from + static_cast<std::ptrdiff_t>(count * sample.size()))));
    if (experiment.probabilities && !arguments.raw) output = experiment.probabilities(output);
    shape = output.shape();
    const std::size_t columns = output.size() / count;
    if (first == 0 && arguments.format == "csv") text += answers.header(columns);
    if (arguments.format == "npy") all.insert(all.end(), output.data(), output.data() + output.size());
    for (std::size_t r = 0; r < count && arguments.format != "npy"; ++r)
      arguments.format == "csv" ? answers.csv(text, output.data() + r * columns, columns)
                                : answers.json(text, output.data() + r * columns, columns);
  }
  if (arguments.format != "npy") return text;
  shape[0] = static_cast<std::int64_t>(rows);
  const auto bytes = npy_bytes(shape, all.data());
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

int eval(const Common& common, const EvalArguments& arguments) {
  config::Problems problems;
  const train::SavedModel saved = train::open_model(arguments.run, arguments.overrides, problems);
  require(problems);
  return with_type(saved.config, [&]<class T>(T) {
    auto experiment = train::build<T>(saved.config, problems);
    require(problems);
    train::load_model(experiment, saved);
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (const auto& [name, value] : train::measure(experiment, choose_split(experiment, arguments.split))) {
      json[name] = value;
      if (!common.json) std::cout << name << " " << value << "\n";
    }
    if (common.json) std::cout << json.dump(2) << "\n";
    return 0;
  });
}

int predict(const Common&, const PredictArguments& arguments) {
  config::Problems problems;
  const train::SavedModel saved = train::open_model(arguments.run, arguments.overrides, problems);
  require(problems);
  const std::string text = with_type(saved.config, [&]<class T>(T) { return predictions<T>(saved, arguments); });
  if (arguments.output.empty()) {
    std::cout << text;
    return 0;
  }
  try {
    write_file_atomically(arguments.output, std::as_bytes(std::span<const char>(text.data(), text.size())));
  } catch (const Error& error) { throw train::OutputError(error.what()); }
  return 0;
}

}  // namespace xgrad::cli
