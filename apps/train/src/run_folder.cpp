// SPDX-License-Identifier: BSD-3-Clause
#include "run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <vector>

#include "xgrad/io.hpp"
#include "xgrad/train/run.hpp"

namespace xgrad::train {
namespace {

[[noreturn]] void system_failure(const std::string& what) { throw OutputError(what + ": " + std::strerror(errno)); }

void write_all(int file, const std::string& path, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(file, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) system_failure("cannot write \"" + path + "\"");
    data += n;
    size -= static_cast<std::size_t>(n);
  }
}

std::atomic<int> caught_signal{0};
std::atomic<std::time_t> caught_at{0};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<std::time_t>::is_always_lock_free &&
              std::atomic<bool>::is_always_lock_free);

std::atomic<bool> asked_to_save{false};

void on_signal(int number) {
  if (number == SIGHUP || number == SIGUSR1) {
    asked_to_save = true;
    return;
  }
  const std::time_t now = std::time(nullptr);
  if (caught_signal.load() != 0 && now - caught_at.load() <= 2) _exit(128 + number);
  caught_signal = number;
  caught_at = now;
}

/// Files that write_file_atomically() had not finished when its process was killed.
void remove_unfinished(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() < 8) continue;
    const std::string_view whole(name.data(), name.size() - 7);  // without ".XXXXXX"
    if (name[whole.size()] == '.' && (whole.ends_with(".json") || whole.ends_with(".xg.safetensors")))
      found.push_back(entry.path());
  }
  for (const fs::path& file : found) fs::remove(file, error);
}

}  // namespace

RunFolder::RunFolder(const std::string& path, bool replace) : path_(path) {
  std::error_code error;
  std::filesystem::create_directories(checkpoints(), error);
  if (error) throw OutputError("cannot make the run folder \"" + path + "\": " + error.message());
  const std::string name = file("lock");
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) system_failure("cannot write to the run folder \"" + path + "\"");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    char pid[32] = {};
    const ssize_t n = ::read(lock_, pid, sizeof pid - 1);
    ::close(lock_);
    throw OutputError("the run folder \"" + path + "\" is in use by process " + (n > 0 ? std::string(pid) : "?") +
                      "; choose another --out");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock_, 0) != 0 || ::write(lock_, pid.data(), pid.size()) < 0)
    system_failure("cannot write \"" + name + "\"");
  remove_unfinished(path);
  remove_unfinished(checkpoints());
  if (!replace) return;
  for (const char* old : {"config.json", "summary.json", "metrics.jsonl", "metrics.discarded.jsonl", "checkpoints"})
    if (std::filesystem::remove_all(file(old), error); error)
      throw OutputError("cannot remove \"" + file(old) + "\": " + error.message());
  std::filesystem::create_directories(checkpoints(), error);
}

RunFolder::~RunFolder() { ::close(lock_); }

void RunFolder::write(const std::string& name, const std::string& text) const {
  try {
    write_file_atomically(file(name), std::as_bytes(std::span<const char>(text.data(), text.size())));
  } catch (const Error& error) { throw OutputError(error.what()); }
}

MetricsFile::MetricsFile(const RunFolder& folder, std::int64_t bytes)
    : path_(folder.file("metrics.jsonl")), size_(bytes) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) system_failure("cannot open \"" + path_ + "\"");
  const off_t present = ::lseek(file_, 0, SEEK_END);
  if (present < bytes)
    throw CheckpointError("\"" + path_ + "\" has " + std::to_string(present) + " bytes, the checkpoint knows " +
                          std::to_string(bytes) + "; was it changed?");
  if (present > bytes) {  // kept, so that nothing measured is lost
    std::string rest(static_cast<std::size_t>(present - bytes), '\0');
    const ssize_t n = ::pread(file_, rest.data(), rest.size(), bytes);
    const std::string discarded = folder.file("metrics.discarded.jsonl");
    const int other = ::open(discarded.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (other < 0 || n < 0) system_failure("cannot write \"" + discarded + "\"");
    write_all(other, discarded, rest.data(), static_cast<std::size_t>(n));
    ::close(other);
  }
  if (::ftruncate(file_, bytes) != 0 || ::lseek(file_, bytes, SEEK_SET) < 0)
    system_failure("cannot cut \"" + path_ + "\"");
}

MetricsFile::~MetricsFile() { ::close(file_); }

void MetricsFile::add(const std::string& line) {
  write_all(file_, path_, line.data(), line.size());
  size_ += static_cast<std::int64_t>(line.size());
}

std::int64_t MetricsFile::sync() {
  if (::fsync(file_) != 0) system_failure("cannot sync \"" + path_ + "\"");
  return size_;
}

SignalWatch::SignalWatch() {
  caught_signal = 0;
  asked_to_save = false;
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}
SignalWatch::~SignalWatch() {
  for (std::size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}
int SignalWatch::received() { return caught_signal.load(); }
bool SignalWatch::save_asked() { return asked_to_save.exchange(false); }

}  // namespace xgrad::train
