// SPDX-License-Identifier: BSD-3-Clause
// A training step in steady state asks the system for no memory.
#pragma once
#include <cstddef>

#include "xgrad/memory.hpp"

#include <doctest/doctest.h>

std::size_t operator_new_calls();  // so far, of all threads; count_allocations.cpp

/// Runs `step` until the pool is filled, then a few times more: no new memory for arrays, and no operator new, unless
/// `own_heap` is false: what the step calls besides, as oneDNN, has a heap of its own.
template <class Step> void check_steady_state(const Step& step, bool own_heap = true) {
  for (int i = 0; i < 4; ++i) step();
  const std::size_t system = xgrad::memory_stats().system_allocations, calls = operator_new_calls();
  for (int i = 0; i < 5; ++i) step();
  if (own_heap) CHECK(operator_new_calls() == calls);
#ifdef XGRAD_POOL_MALLOC
  CHECK(xgrad::memory_stats().system_allocations > system);  // this build gives each block to the sanitizers
#else
  CHECK(xgrad::memory_stats().system_allocations == system);
#endif
}
