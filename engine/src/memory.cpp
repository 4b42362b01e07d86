// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>

namespace xgrad {
namespace {

// Size classes: multiples of 64 bytes up to 1 KiB, then four steps per doubling, so at most a fifth is wasted.
constexpr std::size_t kLine = 64, kSmall = 1024, kLargestCarved = std::size_t{1} << 18;
constexpr std::size_t kHugePage = std::size_t{1} << 21;
constexpr std::uint32_t kSmallClasses = kSmall / kLine, kClasses = kSmallClasses + 4 * 40;

constexpr std::uint32_t class_of(std::size_t bytes) {
  if (bytes <= kSmall) return static_cast<std::uint32_t>((std::max<std::size_t>(bytes, 1) + kLine - 1) / kLine - 1);
  const int doubling = std::bit_width(bytes - 1) - 1;  // 2^doubling < bytes <= 2^(doubling + 1)
  const std::size_t quarter = std::size_t{1} << (doubling - 2);
  const std::size_t step = (bytes - 1) / quarter - 4;
  return kSmallClasses + static_cast<std::uint32_t>(4 * (static_cast<std::size_t>(doubling) - 10) + step);
}
constexpr std::size_t bytes_of(std::uint32_t size_class) {
  if (size_class < kSmallClasses) return (size_class + 1) * kLine;
  const std::uint32_t doubling = (size_class - kSmallClasses) / 4 + 10, step = (size_class - kSmallClasses) % 4;
  return (std::size_t{1} << (doubling - 2)) * (step + 5);
}
static_assert(bytes_of(class_of(1)) == 64 && bytes_of(class_of(1024)) == 1024 && bytes_of(class_of(1025)) == 1280);
static_assert(bytes_of(class_of(1280)) == 1280 && bytes_of(class_of(1281)) == 1536 && bytes_of(class_of(2048)) == 2048);

struct Free {
  Free* next;
};

/// Free lists of one thread. Trivial, so that reaching it costs no initialisation check.
struct Pool {
  Free* lists[kClasses];
  char* slab;  // the rest of the slab that small blocks are carved from
  std::size_t slab_left;
  MemoryStats stats;  // but for `cached`, which is what is owned and not in use
  std::size_t owned;
};
constinit thread_local Pool pool{};

#ifndef XGRAD_POOL_MALLOC
// Blocks of threads that ended, for others to take.
std::mutex orphans_mutex;
Free* orphans[kClasses];

struct HandOver {  // constructed when a thread takes its first memory; runs at its end
  bool active = true;
  ~HandOver() {
    const std::lock_guard lock(orphans_mutex);
    for (std::uint32_t c = 0; c < kClasses; ++c)
      while (Free* block = pool.lists[c]) {
        pool.lists[c] = block->next;
        block->next = orphans[c];
        orphans[c] = block;
      }
  }
};
thread_local HandOver hand_over;
#endif

void* system_allocate(std::size_t bytes, bool huge_pages) {
  ++pool.stats.system_allocations;
  pool.owned += bytes;
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : kLine;
  void* block = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!block) throw std::bad_alloc();
  // A hint: refusal only costs speed. Only for pages that the block fills: a huge one is resident as a whole.
  if (huge_pages && bytes >= kHugePage) madvise(block, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return block;
}

#ifndef XGRAD_POOL_MALLOC
constexpr std::size_t kSlab =
    kHugePage;  // so that a thousand tensors of middling size do not lie on as many small pages

/// What is left of a slab goes to the free lists, in the largest blocks that it has room for.
void keep_rest_of_slab() {
  while (pool.slab_left > 0) {
    std::uint32_t size_class = class_of(pool.slab_left);
    if (bytes_of(size_class) > pool.slab_left) --size_class;
    auto* block = reinterpret_cast<Free*>(pool.slab);
    block->next = pool.lists[size_class];
    pool.lists[size_class] = block;
    pool.slab += bytes_of(size_class);
    pool.slab_left -= bytes_of(size_class);
  }
}

[[gnu::noinline]] void* refill(std::uint32_t size_class) {
  if (hand_over.active) {
    const std::lock_guard lock(orphans_mutex);
    if (Free* block = orphans[size_class]) {
      orphans[size_class] = block->next;
      pool.owned += bytes_of(size_class);
      return block;
    }
  }
  const std::size_t bytes = bytes_of(size_class);
  if (bytes > kLargestCarved) return system_allocate(bytes, true);
  if (pool.slab_left < bytes) {
    keep_rest_of_slab();
    pool.slab = static_cast<char*>(system_allocate(kSlab, pool.owned > 0));  // the first may stay nearly empty
    pool.slab_left = kSlab;
  }
  void* block = pool.slab;
  pool.slab += bytes;
  pool.slab_left -= bytes;
  return block;
}
#endif

}  // namespace

void* detail::allocate(std::size_t bytes, std::uint32_t& size_class) {
  std::size_t rounded;
  if (bytes <= kSmall) [[likely]] {  // class_of and bytes_of, in fewer instructions
    rounded = std::max((bytes + kLine - 1) / kLine * kLine, kLine);
    size_class = static_cast<std::uint32_t>(rounded / kLine - 1);
  } else {
    if (bytes > (std::size_t{1} << 46)) throw std::bad_alloc();
    size_class = class_of(bytes);
    rounded = bytes_of(size_class);
  }
  pool.stats.current += rounded;
  if (pool.stats.current > pool.stats.peak) pool.stats.peak = pool.stats.current;
#ifdef XGRAD_POOL_MALLOC  // sanitizers see every block
  return system_allocate(rounded, false);
#else
  if (Free* block = pool.lists[size_class]) [[likely]] {
    pool.lists[size_class] = block->next;
    return block;
  }
  return refill(size_class);
#endif
}

void detail::deallocate(void* block, std::uint32_t size_class) {
  const std::size_t rounded = bytes_of(size_class);
  pool.stats.current -= rounded;
#ifdef XGRAD_POOL_MALLOC
  pool.owned -= rounded;
  std::free(block);
#else
  auto* free_block = static_cast<Free*>(block);
  free_block->next = pool.lists[size_class];
  pool.lists[size_class] = free_block;
#endif
}

MemoryStats memory_stats() {
  MemoryStats stats = pool.stats;
  stats.cached = pool.owned - stats.current;
  return stats;
}
void reset_peak_memory() { pool.stats.peak = pool.stats.current; }

std::size_t trim_memory() {
  std::size_t given_back = 0;
  for (std::uint32_t c = class_of(kLargestCarved) + 1; c < kClasses; ++c)
    while (Free* block = pool.lists[c]) {
      pool.lists[c] = block->next;
      given_back += bytes_of(c);
      std::free(block);
    }
  pool.owned -= given_back;
  return given_back;
}

}  // namespace xgrad
