// SPDX-License-Identifier: BSD-3-Clause
// The training loop. Trainer::step() is the whole idea; the rest says when to measure and to save.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <optional>
#include <utility>

#include "checkpoint.hpp"
#include "evaluation_point.hpp"
#include "report.hpp"
#include "run_folder.hpp"
#include "stopping.hpp"
#include "xgrad/autograd.hpp"
#include "xgrad/random.hpp"

namespace xgrad::train {
namespace {

/// By Ending.
constexpr const char* kStatus[] = {"running", "finished", "stopped", "diverged", "interrupted"};

template <class T> class Trainer {
 public:
  Trainer(Experiment<T>& experiment, const RunOptions& options, std::ostream& terminal)
      : e_(experiment), options_(options), folder_(options.out, options.replace),
        display_(terminal, options.quiet ? "none" : e_.config.log.progress, e_.total_steps, e_.steps_per_epoch) {}

  int run() {
    SignalWatch signals;
    begin();
    before_ = progress_.seconds;
    clock_.start();
    while (stopping_.ending() == Ending::none && progress_.step < e_.total_steps) {
      progress_.seconds = elapsed();
      if (const int signal = SignalWatch::received()) return interrupted(signal);
      if (SignalWatch::save_asked()) try_to_save();
      step();
    }
    if (stopping_.ending() == Ending::none)
      stopping_.end(Ending::finished, "all " + std::to_string(e_.total_steps) + " steps done");
    progress_.seconds = elapsed();
    return finish();
  }

  const nlohmann::ordered_json& summary() const { return summary_; }

 private:
  // ---- one step
  void step() {
    set_random_step(static_cast<std::uint32_t>(progress_.step));
    const Batch<T> batch =
        e_.data->training_batch(progress_.step / e_.steps_per_epoch, progress_.step % e_.steps_per_epoch);
    clock_.mark("data");

    const auto forward = [&] {
      e_.optimizer->zero_grad();
      return e_.loss((*e_.model)(batch.inputs), batch);
    };
    const Tensor<T> loss = forward();
    const auto value = static_cast<double>(loss.item());
    clock_.mark("forward");
    if (std::isfinite(value) && stopping_.training_loss(value)) return;

    if (std::isfinite(value)) loss.backward();
    clock_.mark("backward");
    double norm = std::isfinite(value) ? e_.optimizer->gradient_norm() : value;
    if (std::isfinite(norm)) {
      if (e_.clip && e_.clip->type == "norm") e_.optimizer->clip_grad_norm(e_.clip->max);
      if (e_.clip && e_.clip->type == "value") e_.optimizer->clip_grad_value(e_.clip->max);
      if (e_.optimizer->wants_curvature()) estimate_curvature(batch);
      e_.optimizer->step([&, first = true]() mutable {  // some ask for the loss again, at other points
        if (std::exchange(first, false)) return value;
        set_random_step(static_cast<std::uint32_t>(progress_.step));
        const Tensor<T> again = forward();
        again.backward();
        return static_cast<double>(again.item());
      });
    } else if (!skip_nonfinite(batch, value)) {
      return;
    }
    clock_.mark("optimizer");

    ++progress_.step;
    examples_ += batch.size;
    progress_.last_loss = value;
    if (std::isfinite(value)) {
      progress_.loss_sum += value;
      ++progress_.loss_count;
    }
    display_.step(progress_.step, value);
    if (due(e_.config.log.every, last_log_)) log(norm);
    if (e_.data->size(Split::val) > 0 && due(e_.config.eval.every, last_eval_)) evaluate();
    if (stopping_.ending() == Ending::none && due(e_.config.checkpoint.every, last_save_)) try_to_save();
  }

  /// From the same batch, with the same random numbers; or with targets that the model draws itself.
  void estimate_curvature(const Batch<T>& batch) {
    set_random_step(static_cast<std::uint32_t>(progress_.step));
    e_.optimizer->estimate_curvature([&] {
      const Tensor<T> output = (*e_.model)(batch.inputs);
      return e_.loss(output,
                     e_.optimizer->curvature() == optim::Curvature::gauss_newton ? e_.draw(output.detach()) : batch);
    });
  }

  /// The gradients or the loss are not finite: skip this update, or end the run. The step is repeated under watch to
  /// name the first operation and layer that made a NaN or an infinity: same batch, same random numbers, same bits.
  bool skip_nonfinite(const Batch<T>& batch, double loss) {
    std::string culprit = std::isfinite(loss) ? "the gradients are not finite" : "the loss is " + six_digits(loss);
    e_.optimizer->zero_grad();
    try {
      const DetectAnomaly watch;
      set_random_step(static_cast<std::uint32_t>(progress_.step));
      e_.loss((*e_.model)(batch.inputs), batch).backward();
      culprit += ": the norm of all gradients together overflows";
    } catch (const AnomalyError& error) { culprit += std::string(": ") + error.what(); }
    e_.optimizer->zero_grad();
    ++progress_.skipped;
    if (e_.config.train.on_nonfinite == "skip" && progress_.skipped <= e_.config.train.max_skips) {
      display_.line("step " + std::to_string(progress_.step) + ": update skipped, " + culprit);
      return true;
    }
    const auto saved = list_checkpoints(folder_.checkpoints());
    stopping_.end(Ending::diverged,
                  "at step " + std::to_string(progress_.step) + " " + culprit +
                      (saved.empty() ? "" : "; last good checkpoint: step " + std::to_string(saved.front().first)) +
                      "; try a smaller step size: optimizer.lr=" + six_digits(e_.optimizer->get("lr") / 3));
    return false;
  }

  // ---- now and then
  /// Seconds of this run, with those before it was resumed.
  double elapsed() const { return before_ + seconds_now() - started_; }
  /// Whether something periodic falls on this step; `last` is when it last did, for periods of time.
  bool due(const Duration& every, double& last) {
    if (every.unit == Duration::Unit::seconds) {
      if (seconds_now() - last < every.amount) return false;
      last = seconds_now();
      return true;
    }
    const std::int64_t steps = std::max<std::int64_t>(every.steps(e_.steps_per_epoch, e_.total_steps), 1);
    return progress_.step % steps == 0;
  }

  std::int64_t epoch() const { return (progress_.step + e_.steps_per_epoch - 1) / e_.steps_per_epoch; }
  void write(const Metrics& values) {
    metrics_->add(metrics_line(progress_.step, epoch(), values, std::is_same_v<T, float>));
  }

  void log(double norm) {
    if (progress_.loss_count == 0) return;
    const Metrics values{{"train/loss", progress_.loss_sum / static_cast<double>(progress_.loss_count)},
                         {"lr", e_.optimizer->get("lr")},
                         {"grad_norm", norm}};
    write(values);
    e_.optimizer->observe("train/loss", values.front().second);
    progress_.loss_sum = 0;
    progress_.loss_count = 0;
    if (e_.data->size(Split::val) == 0) display_.measured(progress_.step, values);
    clock_.mark("log");
  }

  void evaluate() {
    std::optional<EvaluationPoint<T>> point(std::in_place, e_, progress_.step);
    const Metrics values = measure(e_, Split::val);
    write(values);
    for (const auto& [name, value] : values) e_.optimizer->observe(name, value);
    Metrics shown = values;
    shown.insert(shown.begin(), {"train/loss", progress_.last_loss});
    display_.measured(progress_.step, shown);
    clock_.mark("eval");
    stopping_.measured(values);
    point.reset();
    if (!e_.keep_best) return;
    for (const auto& [name, value] : values)
      if (name == e_.keep_best->monitor) keep_if_best(value);
  }

  void keep_if_best(double value) {
    auto& best = progress_.best;
    const bool least = e_.keep_best->mode == "min";
    best.emplace_back(value, progress_.step);
    std::stable_sort(best.begin(), best.end(),
                     [least](const auto& a, const auto& b) { return least ? a.first < b.first : a.first > b.first; });
    if (static_cast<std::int64_t>(best.size()) > e_.keep_best->count) best.pop_back();
    if (std::any_of(best.begin(), best.end(), [&](const auto& entry) { return entry.second == progress_.step; }))
      try_to_save();
  }

  // ---- beginning, saving, ending
  void begin() {
    const bool restored = options_.resume && restore();
    progress_.stops.resize(e_.stop_rules.size());
    if (progress_.finished)
      throw CheckpointError("the run \"" + options_.out + "\" is already complete at step " +
                            std::to_string(progress_.step) + " (" + progress_.reason +
                            "); raise train.epochs or train.steps to go on");
    // Written only now: a run that cannot be resumed with other settings keeps its own.
    folder_.write("config.json", resolved(e_.config).dump(2) + "\n");
    metrics_ = std::make_unique<MetricsFile>(folder_, progress_.metrics_bytes);
    last_log_ = last_eval_ = last_save_ = seconds_now();
    if (!restored) save();  // so that a run killed at any moment has somewhere to go on from
  }

  /// From the newest checkpoint that is whole; damaged ones are named and passed over. False if there is none yet.
  bool restore() {
    auto all = list_checkpoints(folder_.checkpoints());
    if (!options_.from.empty()) all = {{0, options_.from}};
    std::string first_reason;
    bool restored = false;
    for (const auto& [step, path] : all) {
      try {
        progress_ = load_checkpoint(path, e_, stopping_.best());
        restored = true;
        if (!first_reason.empty())
          display_.line("warning: " + first_reason + "; going on from step " + std::to_string(step));
        break;
      } catch (const CheckpointError& error) {
        if (first_reason.empty()) first_reason = error.what();
      }
    }
    if (!restored && !all.empty()) throw CheckpointError(first_reason);
    if (!restored) display_.line("note: the run has no checkpoint; it begins anew");
    if (progress_.finished && progress_.step < e_.total_steps && progress_.reason.starts_with("all ")) {
      progress_.finished = false;  // the run was made longer
      progress_.metrics_bytes = before_final_bytes();
    }
    return restored;
  }
  /// Where the lines of the final measurement begin: a longer run takes them back.
  std::int64_t before_final_bytes() const {
    const auto bytes = read_file(folder_.file("metrics.jsonl"));
    const std::string_view all(reinterpret_cast<const char*>(bytes.data()),
                               static_cast<std::size_t>(progress_.metrics_bytes));
    const std::size_t last = all.size() < 2 ? std::string_view::npos : all.rfind('\n', all.size() - 2);
    return last == std::string_view::npos ? 0 : static_cast<std::int64_t>(last + 1);
  }

  void save() {
    progress_.metrics_bytes = metrics_->sync();
    save_checkpoint(folder_.checkpoints() + "/" + checkpoint_name(progress_.step), e_, progress_, stopping_.best());
    std::int64_t kept = 0;
    for (const auto& [step, path] : list_checkpoints(folder_.checkpoints())) {
      const std::int64_t s = step;
      const bool best = std::any_of(progress_.best.begin(), progress_.best.end(),
                                    [s](const auto& entry) { return entry.second == s; });
      if (kept++ >= e_.config.checkpoint.keep_last && !best) std::remove(path.c_str());
    }
    clock_.mark("checkpoint");
  }

  /// A disk that is full now may not be so when the next checkpoint is due; at the end it is an error.
  void try_to_save() {
    try {
      save();
      saves_fail_ = false;
    } catch (const OutputError& error) {
      if (std::exchange(saves_fail_, true)) return;  // said once
      display_.line("warning: " + std::string(error.what()) + "; the training goes on");
    }
  }

  int interrupted(int signal) {
    save();
    stopping_.end(Ending::interrupted, std::string(signal == SIGINT ? "SIGINT" : "SIGTERM") + " at step " +
                                           std::to_string(progress_.step) + "; go on with: xgrad resume " +
                                           options_.out);
    write_summary({});
    return 128 + signal;
  }

  int finish() {
    Metrics final;
    if (stopping_.ending() != Ending::diverged) {
      std::optional<EvaluationPoint<T>> point;
      if (stopping_.best().empty())
        point.emplace(e_, progress_.step);
      else
        stopping_.restore_best();
      for (const Split split : {Split::train, Split::val, Split::test})
        if (e_.data->size(split) > 0)
          for (const auto& entry : measure(e_, split)) final.push_back(entry);
      point.reset();
      clock_.mark("eval");
      write(final);
      display_.measured(e_.total_steps, final);
    } else {
      final.emplace_back("train/loss", progress_.last_loss);
    }
    progress_.finished = stopping_.ending() != Ending::diverged;
    if (progress_.finished) save();  // a diverged run leaves its last good checkpoint the newest
    write_summary(final);
    if (stopping_.ending() == Ending::diverged) return static_cast<int>(ExitCode::diverged);
    return options_.require_target && !stopping_.target_met() ? static_cast<int>(ExitCode::target) : 0;
  }

  void write_summary(const Metrics& final) {
    display_.finish();
    const auto number = [](double value) {
      return std::isfinite(value)
                 ? nlohmann::ordered_json(value)
                 : nlohmann::ordered_json(number_text(value, false).substr(1, number_text(value, false).size() - 2));
    };
    nlohmann::ordered_json values = nlohmann::ordered_json::object(), best = nlohmann::ordered_json::object();
    for (const auto& [name, value] : final) values[name] = number(value);
    for (std::size_t i = 0; i < e_.stop_rules.size(); ++i)
      if (progress_.stops[i].best_step >= 0)
        best[e_.stop_rules[i].monitor] = {{"value", number(progress_.stops[i].best)},
                                          {"step", progress_.stops[i].best_step}};
    if (e_.keep_best && !progress_.best.empty())
      best[e_.keep_best->monitor] = {{"value", number(progress_.best[0].first)}, {"step", progress_.best[0].second}};
    summary_ = {
        {"status", kStatus[static_cast<int>(stopping_.ending())]},
        {"reason", progress_.reason},
        {"steps", progress_.step},
        {"epochs", static_cast<double>(progress_.step) / static_cast<double>(e_.steps_per_epoch)},
        {"metrics", values},
        {"best", best},
        {"seconds", clock_.json(elapsed())},
        {"examples_per_second", std::round(static_cast<double>(examples_) / std::max(seconds_now() - started_, 1e-9))},
        {"peak_memory_bytes", peak_memory()},
        {"seed", e_.config.seed}};
    folder_.write("summary.json", summary_.dump(2) + "\n");
  }

  Experiment<T>& e_;
  const RunOptions& options_;
  RunFolder folder_;
  ProgressDisplay display_;
  std::unique_ptr<MetricsFile> metrics_;
  Progress progress_;
  Stopping<T> stopping_{e_, progress_};
  Clock clock_;
  std::size_t examples_ = 0;
  bool saves_fail_ = false;
  double started_ = seconds_now(), before_ = 0;
  double last_log_ = 0, last_eval_ = 0, last_save_ = 0;
  nlohmann::ordered_json summary_;
};

template <class T> int train(Config& config, const RunOptions& options, std::ostream& terminal) {
  Problems problems;
  Experiment<T> experiment = build<T>(config, problems);
  if (!problems.ok()) throw config::ConfigError(problems);
  const bool talks = !options.quiet && !options.json;
  if (talks) {
    if (!problems.list().empty()) terminal << problems.text();
    for (const std::string& note : experiment.data->notes()) terminal << "note: " << note << "\n";
    terminal << config.name << ": " << outline(experiment) << ", into " << options.out << std::endl;
  }
  RunOptions settled = options;
  settled.quiet = !talks;
  Trainer<T> trainer(experiment, settled, terminal);
  const int code = trainer.run();
  if (options.json)
    terminal << trainer.summary().dump(2) << std::endl;
  else
    terminal << summary_text(trainer.summary()) << std::flush;
  return code;
}

}  // namespace

int run_training(Config config, const RunOptions& options, std::ostream& terminal) {
  return config.dtype == "float64" ? train<double>(config, options, terminal) : train<float>(config, options, terminal);
}

}  // namespace xgrad::train
