// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Files: safetensors, npy, and writing that survives a crash.
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "xgrad/tensor.hpp"

namespace xgrad {

/// CRC-32C (Castagnoli) of `bytes`, continued from `before`.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

/// Replaces the file by `bytes` at once: written beside it, synced, renamed, the folder synced. Whatever fails or
/// whenever the machine stops, the path holds either the old bytes or the new. Throws Error with the path and the
/// system's reason.
void write_file_atomically(const std::string& path, std::span<const std::byte> bytes);
/// Throws Error naming the path and the reason.
std::vector<std::byte> read_file(const std::string& path);

/// Named arrays and text metadata in a safetensors file, which any safetensors reader understands. Every array and the
/// metadata carry a checksum (metadata key "xgrad.crc32c").
class TensorFile {
 public:
  struct Entry {
    std::string name;
    std::string dtype;  ///< "F32", "F64", "I64", "BF16" or "U8"
    Shape shape;
    std::vector<std::byte> bytes;
  };
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;

  template <class T> void add(const std::string& name, const Shape& shape, const T* data);
  /// Copies the array `name` to `data`. Throws Error unless it is there with this type and shape.
  template <class T> void get(const std::string& name, const Shape& shape, T* data) const;
  /// The same for an array whose type only its name tells.
  void add(const std::string& name, const std::string& dtype, const Shape& shape, const void* data);
  void get(const std::string& name, const std::string& dtype, const Shape& shape, void* data) const;
  const Entry* find(std::string_view name) const;

  std::vector<std::byte> serialize() const;
  /// Refuses, with Error naming `source`, whatever is not a complete, consistent safetensors file with matching
  /// checksums.
  static TensorFile parse(std::span<const std::byte> bytes, const std::string& source);
};

/// A little-endian NumPy array of float32, float64 or an integer or boolean type, in C or Fortran order.
struct NpyArray {
  Shape shape;
  std::vector<double> values;
  bool integers = false;
};
NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& source);
template <class T> std::vector<std::byte> npy_bytes(const Shape& shape, const T* data);

}  // namespace xgrad
