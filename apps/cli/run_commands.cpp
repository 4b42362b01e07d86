// SPDX-License-Identifier: BSD-3-Clause
// The commands that train and use models.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "xgrad/train/run.hpp"

namespace xgrad::cli {
namespace {

namespace fs = std::filesystem;
using config::Problems;
using train::Config;

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
  const std::string folder = train::run_folder_of(arguments.run);
  Config before = train::config_of_run(folder, {}, problems);
  require(problems);
  Config config = train::config_of_run(folder, arguments.overrides, problems);
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
  options.out = folder;
  options.from = !arguments.from.empty() ? arguments.from : fs::is_regular_file(arguments.run) ? arguments.run : "";
  options.resume = true;
  options.quiet = common.quiet;
  options.json = common.json;
  return train::run_training(std::move(config), options, std::cout);
}

int check(const Common& common, const std::vector<std::string>& configs, const std::vector<std::string>& overrides,
          const std::string& format) {
  bool mistakes = false, no_data = false;
  for (const std::string& path : configs) {
    Problems problems;
    const Config config = train::load_config(path, overrides, problems);
    std::string table, data_error;
    try {
      with_type(config, [&]<class T>(T) {
        auto experiment = train::build<T>(config, problems);
        if (problems.ok()) table = train::outline(experiment) + "\n" + experiment.optimizer->table();
      });
    } catch (const train::DataError& error) { data_error = error.what(); }
    mistakes |= !problems.ok();
    no_data |= !data_error.empty();
    const bool text = format == "text" && !common.json;
    if (!data_error.empty() && !text) problems.add("XG130", config.data, data_error);
    if (format == "json" || common.json)
      std::cout << problems.json().dump(2) << "\n";
    else if (format == "github")
      std::cout << problems.github();
    else if (!data_error.empty())
      std::cerr << "data error: " << data_error << "\n";
    else if (!problems.ok())
      std::cerr << problems.text();
    else if (!common.quiet)
      std::cout << problems.text() << path << ": ok: " << table;
  }
  return static_cast<int>(mistakes ? train::ExitCode::config : no_data ? train::ExitCode::data : train::ExitCode::done);
}

}  // namespace xgrad::cli
