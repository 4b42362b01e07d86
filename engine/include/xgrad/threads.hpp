// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstddef>

namespace xgrad {

/// Threads that kernels and products use, at least 1. Default: the hardware's, or OMP_NUM_THREADS.
/// Results do not depend on it, bit for bit.
void set_num_threads(int count);
int num_threads();

namespace detail {

/// While it lives, what this thread starts runs in it alone: libraries whose results depend on the number of threads.
class SerialScope {
 public:
  SerialScope();
  ~SerialScope();
  SerialScope(const SerialScope&) = delete;
  SerialScope& operator=(const SerialScope&) = delete;

 private:
  int libraries_before_;
  bool before_;
};

void parallel_run(std::size_t tasks, void (*run)(const void* body, std::size_t task), const void* body);

}  // namespace detail

/// Calls body(task) for every task in [0, tasks), each thread a contiguous share as far as it keeps up. Runs in the
/// caller when there is one task, one thread, when already inside a task, or while another thread of the program has
/// the pool. What `body` throws reaches the caller; other tasks may then have run or not.
template <class Body> void parallel_for(std::size_t tasks, const Body& body) {
  if (tasks == 1) return body(std::size_t{0});
  detail::parallel_run(
      tasks, [](const void* context, std::size_t task) { (*static_cast<const Body*>(context))(task); }, &body);
}

}  // namespace xgrad
