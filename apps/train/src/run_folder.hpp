// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <csignal>
#include <iterator>
#include <string>

namespace xgrad::train {

/// A run's folder: one process at a time writes to it. Throws OutputError.
class RunFolder {
 public:
  /// Makes the folder if need be, locks it, and removes what killed processes left half written; with `replace` the
  /// run that is there, too.
  RunFolder(const std::string& path, bool replace);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string checkpoints() const { return file("checkpoints"); }
  void write(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
  int lock_ = -1;
};

/// metrics.jsonl: lines are added; what lies behind a checkpoint can be cut off.
class MetricsFile {
 public:
  /// Opens the file and keeps its first `bytes` bytes; the rest goes to metrics.discarded.jsonl.
  MetricsFile(const RunFolder& folder, std::int64_t bytes);
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;
  void add(const std::string& line);
  /// Everything added is on the disk afterwards; returns the file's size.
  std::int64_t sync();

 private:
  std::string path_;
  int file_ = -1;
  std::int64_t size_ = 0;
};

/// While it lives, SIGINT and SIGTERM only set a flag; a second one within two seconds ends the process at once. SIGHUP
/// and SIGUSR1 ask for a checkpoint. Signals that were ignored before (nohup) still are.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  /// The signal that arrived, or 0.
  static int received();
  /// Whether a checkpoint was asked for since the last call.
  static bool save_asked();

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
  struct sigaction before_[std::size(kSignals)];
};

}  // namespace xgrad::train
