// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/threads.hpp"

#include <omp.h>

#include "xgrad/error.hpp"

namespace xgrad {

// The only file that uses OpenMP: its pool is the one that the OpenMP build of OpenBLAS uses too, so that products and
// our own loops never compete for the cores.

void set_num_threads(int count) {
  XGRAD_CHECK(count >= 1 && count <= 1024, "set_num_threads: ", count, " threads; expected 1 to 1024");
  omp_set_num_threads(count);
}

int num_threads() { return omp_get_max_threads(); }

detail::SerialScope::SerialScope() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
detail::SerialScope::~SerialScope() { omp_set_num_threads(before_); }

void detail::parallel_run(std::size_t tasks, void (*run)(const void* body, std::size_t task), const void* body) {
  const auto threads = static_cast<std::size_t>(num_threads());
  const std::size_t team = tasks < threads ? tasks : threads;
  if (team <= 1 || omp_in_parallel()) {
    for (std::size_t task = 0; task < tasks; ++task) run(body, task);
    return;
  }
#pragma omp parallel num_threads(static_cast <int>(team))
  {
    const auto member = static_cast<std::size_t>(omp_get_thread_num());
    const auto members = static_cast<std::size_t>(omp_get_num_threads());
    for (std::size_t task = tasks * member / members, end = tasks * (member + 1) / members; task < end; ++task)
      run(body, task);
  }
}

}  // namespace xgrad
