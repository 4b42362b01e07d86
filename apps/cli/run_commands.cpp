// SPDX-License-Identifier: BSD-3-Clause
// The commands that train and use models.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "commands.hpp"
#include "xgrad/io.hpp"
#include "xgrad/train/run.hpp"

namespace xgrad::cli {
namespace {

namespace fs = std::filesystem;
using config::Problems;
using train::Config;

void require(const Problems& problems) {
  if (!problems.ok()) throw config::ConfigError(problems);
}

/// runs/NAME-001 or the next number that is free.
std::string next_folder(const std::string& name) {
  for (int i = 1;; ++i) {
    char number[16];
    std::snprintf(number, sizeof number, "-%03d", i);
    std::string folder = "runs/" + name + number;
    if (!fs::exists(folder)) return folder;
  }
}

/// Settings that a resumed run may change: those that only say how long, when to stop, or what is written down.
bool may_change(const std::string& path, const std::vector<std::string>& allowed) {
  for (const char* free :
       {"log", "checkpoint", "name", "description", "tags", "x-", "train.epochs", "train.steps", "stop", "eval"})
    if (path.starts_with(free)) return true;
  for (const std::string& key : allowed)
    if (path == key || path.starts_with(key + ".") || path.starts_with(key + "[")) return true;
  return false;
}

template <class F> auto with_type(const Config& config, F f) {
  return config.dtype == "float64" ? f(double{}) : f(float{});
}

template <class T> train::Experiment<T> trained(const std::string& run, const std::vector<std::string>& overrides) {
  Problems problems;
  const train::SavedRun saved = train::open_run(run, overrides, problems);
  require(problems);
  if (saved.checkpoint.empty()) throw train::CheckpointError("the run \"" + run + "\" has no checkpoint yet");
  train::Experiment<T> experiment = train::build<T>(saved.config, problems);
  require(problems);
  train::load_model(experiment, saved.checkpoint);
  return experiment;
}

Config config_of(const std::string& run, const std::vector<std::string>& overrides) {
  Problems problems;
  Config config = train::open_run(run, overrides, problems).config;
  require(problems);
  return config;
}

template <class T> void predict_rows(const PredictArguments& arguments, std::ostream& out) {
  auto experiment = trained<T>(arguments.run, {});
  const Shape sample = experiment.data->sample_shape();
  const std::vector<double> numbers = train::read_rows(arguments.input, sample.size());
  const auto rows = static_cast<std::int64_t>(numbers.size() / sample.size());
  const NoGrad no_grad;
  experiment.model->eval();
  std::vector<double> transformed = numbers;
  experiment.data->transform(transformed);
  const Tensor<T> output =
      (*experiment.model)(Tensor<T>(sample.inserted(0, rows), Storage<T>(transformed.begin(), transformed.end())));
  if (arguments.format == "npy") {
    const auto bytes = npy_bytes(output.shape(), output.data());
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return;
  }
  const std::size_t columns = output.size() / static_cast<std::size_t>(rows);
  const bool classes = experiment.accuracy;
  const auto name = [&](std::size_t c) {
    return c < experiment.data->class_names().size() ? experiment.data->class_names()[c] : std::to_string(c);
  };
  if (arguments.format == "csv") {
    if (classes) out << "class,";
    for (std::size_t c = 0; c < columns; ++c) out << (c ? "," : "") << "output_" << c;
    out << "\n";
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* row = output.data() + static_cast<std::size_t>(r) * columns;
    const auto best = static_cast<std::size_t>(std::max_element(row, row + columns) - row);
    std::string line;
    for (std::size_t c = 0; c < columns; ++c) {
      line += c ? "," : "";
      xgrad::detail::append_text(line, row[c]);
    }
    if (arguments.format == "csv")
      out << (classes ? name(best) + "," : "") << line << "\n";
    else
      out << "{" << (classes ? "\"class\": " + nlohmann::json(name(best)).dump() + ", " : "") << "\"output\": [" << line
          << "]}\n";
  }
}

}  // namespace

int train(const Common& common, const TrainArguments& arguments) {
  Problems problems;
  Config config = train::load_config(arguments.config, arguments.overrides, problems);
  if (problems.list().empty() || problems.ok()) {
    train::RunOptions options;
    options.out = arguments.out.empty() ? next_folder(config.name) : arguments.out;
    options.quiet = common.quiet;
    options.json = common.json;
    options.require_target = arguments.require_target;
    options.replace = arguments.force;
    std::error_code error;
    if (!arguments.force && fs::exists(fs::path(options.out) / "config.json", error))
      throw train::OutputError(
          "the run folder \"" + options.out + "\" already has a run; go on with \"xgrad resume " + options.out +
          "\", replace it with --force, or choose another --out (free: " + next_folder(config.name) + ")");
    return train::run_training(std::move(config), options, std::cout);
  }
  // The rest is built as far as it can be, so that all mistakes are told at once.
  with_type(config, [&]<class T>(T) { train::build<T>(config, problems); });
  throw config::ConfigError(problems);
}

int resume(const Common& common, const ResumeArguments& arguments) {
  Problems problems;
  Config before = train::open_run(arguments.run, {}, problems).config;
  require(problems);
  Config config = train::open_run(arguments.run, arguments.overrides, problems).config;
  require(problems);
  const auto old_settings = train::resolved(before).flatten(), new_settings = train::resolved(config).flatten();
  const auto compare = [&](const auto& a, const auto& b) {
    for (const auto& [pointer, value] : a.items()) {
      if (b.contains(pointer) && b[pointer] == value) continue;
      std::string path = pointer.substr(1);
      std::replace(path.begin(), path.end(), '/', '.');
      if (!may_change(path, arguments.allowed))
        problems.add("XG112", config::Place{}, path,
                     "differs from the run that is resumed (" +
                         (old_settings.contains(pointer) ? old_settings[pointer].dump() : "unset") + " there)",
                     "if that is meant, add --allow-change " + path);
    }
  };
  compare(new_settings, old_settings);
  if (problems.ok()) compare(old_settings, new_settings);
  require(problems);
  train::RunOptions options;
  options.out = fs::is_regular_file(arguments.run) ? fs::absolute(arguments.run).parent_path().parent_path().string()
                                                   : arguments.run;
  options.from = !arguments.from.empty() ? arguments.from : fs::is_regular_file(arguments.run) ? arguments.run : "";
  options.resume = true;
  options.quiet = common.quiet;
  options.json = common.json;
  return train::run_training(std::move(config), options, std::cout);
}

int eval(const Common& common, const EvalArguments& arguments) {
  const Config config = config_of(arguments.run, arguments.overrides);
  return with_type(config, [&]<class T>(T) {
    auto experiment = trained<T>(arguments.run, arguments.overrides);
    const train::Split split = arguments.split == "train" ? train::Split::train
                               : arguments.split == "val" ? train::Split::val
                                                          : train::Split::test;
    if (experiment.data->size(split) == 0)
      throw train::DataError("the split \"" + arguments.split + "\" of this run has no rows");
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (const auto& [name, value] : train::measure(experiment, split)) {
      json[name] = value;
      if (!common.json) std::cout << name << " " << value << "\n";
    }
    if (common.json) std::cout << json.dump(2) << "\n";
    return 0;
  });
}

int predict(const Common&, const PredictArguments& arguments) {
  const Config config = config_of(arguments.run, {});
  std::ostringstream text;
  with_type(config, [&]<class T>(T) { predict_rows<T>(arguments, text); });
  const std::string all = text.str();
  if (arguments.output.empty()) {
    std::cout << all;
  } else {
    try {
      write_file_atomically(arguments.output, std::as_bytes(std::span<const char>(all.data(), all.size())));
    } catch (const Error& error) { throw train::OutputError(error.what()); }
  }
  return 0;
}

int check(const Common& common, const std::vector<std::string>& configs, const std::vector<std::string>& overrides,
          const std::string& format) {
  bool all_good = true;
  for (const std::string& path : configs) {
    Problems problems;
    const Config config = train::load_config(path, overrides, problems);
    std::string table;
    with_type(config, [&]<class T>(T) {
      auto experiment = train::build<T>(config, problems);
      if (experiment.optimizer) table = experiment.optimizer->table();
    });
    all_good &= problems.ok();
    if (format == "json" || common.json)
      std::cout << problems.json().dump(2) << "\n";
    else if (format == "github")
      std::cout << problems.github();
    else if (!problems.ok())
      std::cerr << problems.text();
    else if (!common.quiet)
      std::cout << problems.text() << path << ": ok\n" << table;
  }
  return all_good ? 0 : static_cast<int>(train::ExitCode::config);
}

}  // namespace xgrad::cli
