// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <string>
#include <vector>

/// Runs the built xgrad command as its users do.
struct ProcessResult {
  int code = -1;  ///< exit code; 128 + signal if one ended it
  std::string out, err;
};
/// `kill_after_ms` >= 0: SIGKILL after so long, unless it ended before. `signal` to send instead.
ProcessResult run_xgrad(const std::vector<std::string>& arguments, double kill_after_ms = -1, int signal = 9);

/// A line of shell, in which $xgrad is the built command.
ProcessResult run_shell(const std::string& line);
ProcessResult run_command(std::vector<std::string> words, double kill_after_ms = -1, int signal = 9);

/// A fresh folder that disappears with the object.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string path(const std::string& name = "") const { return name.empty() ? path_ : path_ + "/" + name; }
  /// Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
};

std::string read_text(const std::string& path);
