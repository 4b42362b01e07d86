// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <atomic>
#include <cstdint>

namespace xgrad::detail {

/// Reference counts are plain numbers, for a graph belongs to one thread. A count with this bit set belongs to
/// something that share_between_threads() was told of, and is changed atomically. The bit is never cleared: such a
/// count is never 1.
inline constexpr std::uint32_t kSharedCount = 1u << 31;

inline std::uint32_t count_of(const std::uint32_t& count) {
  return std::atomic_ref(const_cast<std::uint32_t&>(count)).load(std::memory_order_relaxed);
}
// Out of the way: what is left is short enough to stand wherever a handle is copied.
[[gnu::cold, gnu::noinline]] inline void increment_shared(std::uint32_t& count) {
  std::atomic_ref(count).fetch_add(1, std::memory_order_relaxed);
}
[[gnu::cold, gnu::noinline]] inline bool decrement_shared(std::uint32_t& count) {
  return std::atomic_ref(count).fetch_sub(1, std::memory_order_acq_rel) == kSharedCount + 1;
}
inline void increment(std::uint32_t& count) {
  const std::uint32_t now = count_of(count);
  if (now & kSharedCount) [[unlikely]]
    return increment_shared(count);
  count = now + 1;
}
/// True when nothing is left.
inline bool decrement(std::uint32_t& count) {
  const std::uint32_t now = count_of(count);
  if (now & kSharedCount) [[unlikely]]
    return decrement_shared(count);
  count = now - 1;
  return now == 1;
}

}  // namespace xgrad::detail
