// SPDX-License-Identifier: BSD-3-Clause
// The xgrad command: arguments in, exit code out. What the codes mean: train/run.hpp.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "commands.hpp"
#include "xgrad/isa.hpp"
#include "xgrad/optim/plugin.hpp"
#include "xgrad/threads.hpp"
#include "xgrad/train/run.hpp"

namespace {

using xgrad::train::ExitCode;

int code(ExitCode code) { return static_cast<int>(code); }

/// A standard stream that the caller closed would be the next file that is opened, and what is printed would go there.
void open_standard_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream)
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
}

/// `result`, if what was printed has arrived, or if its reader went away ("| head"); else 8.
int printed(int result) {
  std::cout.flush();
  if (std::cout && std::fflush(stdout) == 0 && !std::ferror(stdout)) return result;
  pollfd out{STDOUT_FILENO, 0, 0};
  if (::poll(&out, 1, 0) == 1 && out.revents & (POLLERR | POLLHUP)) return result;
  std::cerr << "output error: cannot write all of the output; is the disk full?\n";
  return result == 0 ? code(ExitCode::output) : result;
}

/// "trian" -> "train".
std::string unknown_command_hint(const CLI::App& app, const std::vector<std::string>& words) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  for (const std::string& word : words)
    if (!word.empty() && word[0] != '-') {
      if (std::find(names.begin(), names.end(), word) != names.end()) return "";
      const std::string close = xgrad::config::nearest(word, names);
      return "unknown command \"" + word + "\"" + (close.empty() ? "" : "; did you mean \"" + close + "\"?") +
             "   commands: " + xgrad::config::joined(names);
    }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  using namespace xgrad;
  open_standard_streams();
  std::signal(SIGPIPE, SIG_IGN);  // "| head" must not end a run: writing fails instead
  std::signal(SIGXFSZ, SIG_IGN);  // nor a limit of the size of files
  CLI::App app{"xgrad: training from a JSON file. Exit codes: 0 done, 2 usage, 3 config, 4 data, 5 checkpoint, 6 "
               "diverged, 7 target missed, 8 output, 9 plug-in, 130/143 interrupted after saving."};
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", std::string("xgrad " XGRAD_VERSION));
  cli::Common common;
  app.add_flag("-q,--quiet", common.quiet, "Say nothing but errors and the summary");
  app.add_flag("--json", common.json, "Results as JSON on standard output");
  app.add_option("--threads", common.threads, "Threads to use; 0: all of the machine")->check(CLI::Range(0, 1024));
  app.add_option("--plugin", common.plugins, "A shared library with more optimizers; as often as needed")
      ->envname("XGRAD_PLUGINS")
      ->delimiter(':')
      ->allow_extra_args(false);
  app.parse_complete_callback([&common] {
    if (common.threads > 0) set_num_threads(common.threads);
    for (const std::string& plugin : common.plugins) optim::load_plugin(plugin);
  });

  int result = 0;
  cli::TrainArguments train_arguments;
  auto* train_command = app.add_subcommand("train", "Train as a config says");
  train_command->add_option("config", train_arguments.config, "The config file")->required();
  train_command->add_option("overrides", train_arguments.overrides,
                            "path=value, path+=value or ~path: optimizer.lr=0.1");
  train_command->add_option("-o,--out", train_arguments.out, "The run folder; default: runs/NAME-NNN");
  train_command->add_flag("--force", train_arguments.force, "Replace a run that is already there");
  train_command->add_flag("--require-target", train_arguments.require_target,
                          "Exit with 7 unless a target rule was met");
  train_command->callback([&] { result = cli::train(common, train_arguments); });

  cli::ResumeArguments resume_arguments;
  auto* resume_command = app.add_subcommand("resume", "Go on with a run from its newest good checkpoint");
  resume_command->add_option("run", resume_arguments.run, "The run folder")->required();
  resume_command->add_option("overrides", resume_arguments.overrides, "Changed settings: train.epochs=20");
  resume_command->add_option("--from", resume_arguments.from, "This checkpoint instead of the newest");
  resume_command->add_option("--allow-change", resume_arguments.allowed,
                             "A setting that may differ from the run's: optimizer.lr");
  resume_command->callback([&] { result = cli::resume(common, resume_arguments); });

  cli::EvalArguments eval_arguments;
  auto* eval_command = app.add_subcommand("eval", "Measure a trained model");
  eval_command->add_option("run", eval_arguments.run, "A run folder or checkpoint")->required();
  eval_command->add_option("overrides", eval_arguments.overrides, "Changed settings: data.path=other.csv");
  eval_command->add_option("--split", eval_arguments.split, "train, val or test; default: test, or what there is")
      ->check(CLI::IsMember({"train", "val", "test"}));
  eval_command->callback([&] { result = cli::eval(common, eval_arguments); });

  cli::PredictArguments predict_arguments;
  auto* predict_command = app.add_subcommand("predict", "A trained model's outputs for new rows");
  predict_command->add_option("run", predict_arguments.run, "A run folder or checkpoint")->required();
  predict_command
      ->add_option("-i,--input", predict_arguments.input,
                   "New rows: csv or IDX (plain or gzip) or npy; - is standard input")
      ->required();
  predict_command->add_option("overrides", predict_arguments.overrides, "Changed settings: data.skip_rows=0");
  predict_command->add_flag("--raw", predict_arguments.raw, "The model's outputs instead of probabilities");
  predict_command->add_option("-o,--output", predict_arguments.output, "Where to; default: standard output");
  predict_command->add_option("--format", predict_arguments.format, "csv, jsonl or npy")
      ->check(CLI::IsMember({"csv", "jsonl", "npy"}));
  predict_command->callback([&] { result = cli::predict(common, predict_arguments); });

  std::vector<std::string> check_words;
  std::string check_format = "text";
  auto* check_command =
      app.add_subcommand("check", "Find every mistake in a config, its data and its model without training");
  check_command->add_option("config", check_words, "Config files, then overrides (path=value)")->required();
  check_command->add_option("--format", check_format, "text, json or github")
      ->check(CLI::IsMember({"text", "json", "github"}));
  check_command->callback([&] {
    std::vector<std::string> configs, overrides;
    for (const std::string& word : check_words)
      (word.find('=') != std::string::npos || word.starts_with("~") ? overrides : configs).push_back(word);
    result = cli::check(common, configs, overrides, check_format);
  });

  std::string kind, name;
  auto* list_command = app.add_subcommand(
      "list", "What there is: optimizers, schedules, layers, losses, metrics, data, transforms, stops");
  list_command->add_option("kind", kind, "One kind; default: all");
  list_command->callback([&] { result = cli::list(common, kind); });
  auto* info_command = app.add_subcommand("info", "The settings of one thing: info optimizer adamw");
  info_command->add_option("kind", kind, "Its kind")->required();
  info_command->add_option("name", name, "Its name; without it, all of the kind");
  info_command->callback([&] { result = name.empty() ? cli::list(common, kind) : cli::info(common, kind, name); });
  std::vector<std::string> conformance_names;
  auto* conformance_command =
      app.add_subcommand("conformance", "Check that optimizers keep what all optimizers promise; 1 if one does not");
  conformance_command->add_option("names", conformance_names, "Which; default: all");
  conformance_command->callback([&] { result = cli::conformance(common, conformance_names); });
  std::string schema_output;
  auto* schema_command = app.add_subcommand("schema", "The JSON Schema of config files, for editors");
  schema_command->add_option("-o,--output", schema_output, "Where to; default: standard output");
  schema_command->callback([&] { result = cli::schema(schema_output); });
  auto* version_command = app.add_subcommand("version", "The version, and what it runs on");
  version_command->callback([&] {
    std::cout << "xgrad " XGRAD_VERSION "\nkernels   " << instruction_set() << "\nthreads   " << num_threads()
              << std::endl;
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    if (argc == 1) {
      std::cerr << app.help();
      return code(ExitCode::usage);
    }
    const std::string hint = unknown_command_hint(app, {argv + 1, argv + argc});
    std::string command = "xgrad";
    for (const CLI::App* sub : app.get_subcommands()) command += " " + sub->get_name();
    std::cerr << command << ": " << (hint.empty() ? error.what() : hint) << "\nrun \"" << command
              << " --help\" for usage\n";
    return code(ExitCode::usage);
  } catch (const config::ConfigError& error) {
    std::cerr << error.what();
    return code(ExitCode::config);
  } catch (const train::DataError& error) {
    std::cerr << "data error: " << error.what() << "\n";
    return code(ExitCode::data);
  } catch (const train::CheckpointError& error) {
    std::cerr << "checkpoint error: " << error.what() << "\n";
    return code(ExitCode::checkpoint);
  } catch (const train::OutputError& error) {
    std::cerr << "output error: " << error.what() << "\n";
    return code(ExitCode::output);
  } catch (const optim::PluginError& error) {
    std::cerr << "plug-in error: " << error.what() << "\n";
    return code(ExitCode::plugin);
  } catch (const std::bad_alloc&) {
    std::cerr << "error: out of memory; try a smaller model or batch_size\n";
    return code(ExitCode::internal);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return code(ExitCode::internal);
  }
  return printed(result);
}
