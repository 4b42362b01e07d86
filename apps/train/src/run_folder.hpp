// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <string>

namespace xgrad::train {

/// A run's folder: one process at a time writes to it. Throws OutputError.
class RunFolder {
 public:
  /// Makes the folder if need be and locks it.
  explicit RunFolder(const std::string& path);
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

/// While it lives, SIGINT and SIGTERM only set a flag; a second one within two seconds ends the process at once.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  /// The signal that arrived, or 0.
  static int received();
};

}  // namespace xgrad::train
