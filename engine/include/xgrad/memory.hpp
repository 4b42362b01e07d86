// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstddef>
#include <cstdint>

namespace xgrad {

/// What the calling thread's caching allocator holds, in bytes.
struct MemoryStats {
  std::size_t current = 0;               ///< in use by arrays and graph nodes
  std::size_t peak = 0;                  ///< the most that was in use since the start or reset_peak_memory()
  std::size_t cached = 0;                ///< free, kept for reuse
  std::uint64_t system_allocations = 0;  ///< calls to the system's allocator so far; constant in a steady training step
};
MemoryStats memory_stats();
void reset_peak_memory();
/// Gives cached blocks larger than 256 KiB (smaller ones are carved from shared slabs) back to the system; returns the
/// bytes given back.
std::size_t trim_memory();

namespace detail {
/// A block of at least `bytes`, 64-byte aligned; `size_class` is what deallocate() needs to take it back.
void* allocate(std::size_t bytes, std::uint32_t& size_class);
void deallocate(void* block, std::uint32_t size_class);
}  // namespace detail

}  // namespace xgrad
