// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "xgrad/io.hpp"

namespace xgrad {
namespace {

/// Eight tables, so that eight bytes are folded at a time.
constexpr auto kTables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
    tables[0][i] = crc;
  }
  for (std::uint32_t i = 0; i < 256; ++i)
    for (std::size_t t = 1; t < 8; ++t) tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
  return tables;
}();

[[noreturn]] void system_failure(const std::string& path, const char* what) {
  const int reason = errno;
  fail("cannot ", what, " \"", path, "\": ", std::strerror(reason),
       reason == ENOSPC || reason == EDQUOT ? "; free some space"
       : reason == EROFS                    ? "; choose a place that can be written"
                                            : "");
}

/// An open file descriptor; closing is checked where it matters.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
  std::uint32_t crc = ~before;
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t n = bytes.size();
  for (; n >= 8; p += 8, n -= 8) {
    std::uint32_t low, high;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + 4, 4);
    low ^= crc;
    crc = kTables[7][low & 255] ^ kTables[6][low >> 8 & 255] ^ kTables[5][low >> 16 & 255] ^ kTables[4][low >> 24] ^
          kTables[3][high & 255] ^ kTables[2][high >> 8 & 255] ^ kTables[1][high >> 16 & 255] ^ kTables[0][high >> 24];
  }
  for (; n > 0; ++p, --n) crc = crc >> 8 ^ kTables[0][(crc ^ *p) & 255];
  return ~crc;
}

void write_file_atomically(const std::string& path, std::span<const std::byte> bytes) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  std::string temporary = path + ".XXXXXX";
  Descriptor file(::mkstemp(temporary.data()));
  if (file.number() < 0) system_failure(path, "create a file beside");
  struct Remove {  // whatever goes wrong, nothing stays behind
    std::string path;
    ~Remove() {
      if (!path.empty()) ::unlink(path.c_str());
    }
  } remove{temporary};
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(file.number(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) system_failure(path, "write");
    done += static_cast<std::size_t>(n);
  }
  if (::fchmod(file.number(), 0644) != 0) system_failure(path, "set the permissions of");
  if (::fsync(file.number()) != 0) system_failure(path, "sync");
  if (!file.close()) system_failure(path, "close");
  if (::rename(temporary.c_str(), path.c_str()) != 0) system_failure(path, "rename to");
  remove.path.clear();
  Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (directory.number() < 0 || ::fsync(directory.number()) != 0) system_failure(folder.string(), "sync the folder");
}

std::vector<std::byte> read_file(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY));
  if (file.number() < 0) system_failure(path, "open");
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) system_failure(path, "read");
  if (S_ISDIR(status.st_mode)) fail("cannot read \"", path, "\": it is a directory");
  // What is no plain file, a pipe for example, does not know its size.
  const bool plain = S_ISREG(status.st_mode);
  std::vector<std::byte> bytes(plain ? static_cast<std::size_t>(status.st_size) : std::size_t{1} << 16);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.number(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) system_failure(path, "read");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
    if (!plain && done == bytes.size()) bytes.resize(2 * done);
  }
  if (plain && done < bytes.size()) fail("cannot read \"", path, "\": it became shorter while it was read");
  bytes.resize(done);
  return bytes;
}

}  // namespace xgrad
