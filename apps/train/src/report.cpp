// SPDX-License-Identifier: BSD-3-Clause
#include "report.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <iostream>

namespace xgrad::train {
namespace {

std::string duration_text(double seconds) {
  char text[32];
  if (seconds < 60)
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  else if (seconds < 3600)
    std::snprintf(text, sizeof text, "%d:%02d min", static_cast<int>(seconds) / 60, static_cast<int>(seconds) % 60);
  else
    std::snprintf(text, sizeof text, "%d:%02d h", static_cast<int>(seconds) / 3600,
                  static_cast<int>(seconds) / 60 % 60);
  return text;
}

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", value);
  return text;
}

}  // namespace

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

nlohmann::ordered_json Clock::json(double total) const {
  nlohmann::ordered_json json = {{"total", std::round(total * 1000) / 1000}};
  for (const auto& [part, seconds] : parts_) json[part] = std::round(seconds * 1000) / 1000;
  return json;
}

ProgressDisplay::ProgressDisplay(std::ostream& out, const std::string& mode, std::int64_t total_steps,
                                 std::int64_t steps_per_epoch)
    : out_(out), total_(total_steps), per_epoch_(steps_per_epoch) {
  const bool terminal = &out == &std::cout && isatty(STDOUT_FILENO) != 0;
  bar_ = mode == "bar" || (mode == "auto" && terminal);
  lines_ = mode == "line" || (mode == "auto" && !terminal);
}

std::string ProgressDisplay::position(std::int64_t step) const {
  const std::int64_t epochs = (total_ + per_epoch_ - 1) / per_epoch_,
                     epoch = std::min((step + per_epoch_ - 1) / per_epoch_, epochs);
  return "step " + std::to_string(step) + "/" + std::to_string(total_) +
         (epochs > 1 ? "  epoch " + std::to_string(epoch) + "/" + std::to_string(epochs) : "");
}

void ProgressDisplay::step(std::int64_t step, double loss) {
  if (first_step_ < 0) first_step_ = step - 1;
  if (!bar_) return;
  const double now = seconds_now();
  if (now - drawn_ < 0.1 && step < total_) return;
  drawn_ = now;
  const double rate = static_cast<double>(step - first_step_) / std::max(now - start_, 1e-9);
  out_ << "\r\x1b[K" << position(step) << "  loss " << short_number(loss) << "  " << short_number(rate)
       << " steps/s  ETA " << duration_text(static_cast<double>(total_ - step) / std::max(rate, 1e-9)) << std::flush;
  open_ = true;
}

void ProgressDisplay::line(const std::string& text) {
  if (open_) out_ << "\r\x1b[K";
  open_ = false;
  out_ << text << std::endl;
}

void ProgressDisplay::measured(std::int64_t step, const Metrics& metrics) {
  if (!bar_ && !lines_) return;
  if (lines_ && step < next_line_ && step < total_) return;  // about twenty lines in all
  next_line_ = step + std::max<std::int64_t>(total_ / 20, 1);
  std::string text = position(step);
  for (const auto& [name, value] : metrics) text += "  " + name + " " + short_number(value);
  line(text);
}

void ProgressDisplay::finish() {
  if (open_) out_ << "\r\x1b[K" << std::flush;
  open_ = false;
}

std::string six_digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string number_text(double value, bool is_float) {
  if (std::isnan(value)) return "\"NaN\"";
  if (std::isinf(value)) return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  std::string text;
  if (is_float)
    xgrad::detail::append_text(text, static_cast<float>(value));
  else
    xgrad::detail::append_text(text, value);
  return text;
}

std::string metrics_line(std::int64_t step, std::int64_t epoch, const Metrics& metrics, bool is_float) {
  std::string text = "{\"step\": " + std::to_string(step) + ", \"epoch\": " + std::to_string(epoch);
  for (const auto& [name, value] : metrics)
    text += ", " + nlohmann::json(name).dump() + ": " + number_text(value, is_float);
  return text + "}\n";
}

std::int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

std::string summary_text(const nlohmann::ordered_json& summary) {
  std::string text = "status              " + summary.at("status").get<std::string>() + ": " +
                     summary.at("reason").get<std::string>() + "\n";
  const auto plain = [](const nlohmann::ordered_json& value) {
    return value.is_number_float() ? short_number(value.get<double>())
           : value.is_string()     ? value.get<std::string>()
                                   : value.dump();
  };
  for (const char* key : {"steps", "epochs", "examples_per_second", "peak_memory_bytes", "seed"}) {
    std::string name = key;
    name.resize(20, ' ');
    text += name + plain(summary.at(key)) + "\n";
  }
  for (const char* key : {"seconds", "metrics", "best"}) {
    std::string line;
    for (const auto& [name, value] : summary.at(key).items()) {
      line += (line.empty() ? "" : ", ") + name + " ";
      if (value.is_object())
        line += plain(value.at("value")) + " at step " + plain(value.at("step"));
      else
        line += plain(value);
    }
    std::string name = key;
    name.resize(20, ' ');
    if (!line.empty()) text += name + line + "\n";
  }
  return text;
}

}  // namespace xgrad::train
