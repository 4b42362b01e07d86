// SPDX-License-Identifier: BSD-3-Clause
// A pool of threads in which nobody waits for a thread that has not begun. The caller and the workers claim tasks one
// by one, each first from a contiguous share of its own, which the next operation's share matches, then from the
// others'. OpenMP's regions end when each of their threads has come by: beside another busy process every region of a
// step may then cost a time slice of the system's, and training becomes tens of times slower.
#include "xgrad/threads.hpp"

#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "xgrad/error.hpp"

namespace xgrad {
namespace {

constexpr int kMostThreads = 1024;
// An idle worker first looks again and again, then lets others run in between, then sleeps: about a tenth of a
// millisecond in all, longer than most gaps in a training step.
constexpr int kPauses = 500, kYields = 200;

std::atomic<int> thread_count{0};  // 0: nobody has asked yet
thread_local bool serial = false;  // in a task, or in a SerialScope

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

class Pool {
 public:
  using Run = void (*)(const void* body, std::size_t task);

  /// False if another thread's tasks are running.
  bool try_run(std::size_t tasks, std::size_t team, Run run, const void* body) {
    const std::unique_lock lock(caller_, std::try_to_lock);
    if (!lock) return false;
    const detail::SerialScope scope;
    const std::uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
    hire(team - 1, generation - 1);
    run_ = run;
    body_ = body;
    unfinished_.store(tasks, std::memory_order_relaxed);
    team_.store(team, std::memory_order_relaxed);
    for (std::size_t member = 0; member < team; ++member) {
      Share& share = shares_[member];
      const std::size_t begin = tasks * member / team;
      share.end = tasks * (member + 1) / team;
      share.state.store(std::uint64_t{generation} << 32 | (share.end - begin), std::memory_order_release);
    }
    generation_.store(generation, std::memory_order_release);
    generation_.notify_all();
    work(0, generation);
    while (!wait([&] { return unfinished_.load(std::memory_order_acquire) == 0; })) {}
    if (failed_.load(std::memory_order_relaxed)) {
      failed_.store(false, std::memory_order_relaxed);
      std::rethrow_exception(std::exchange(error_, nullptr));
    }
    return true;
  }

 private:
  struct alignas(64) Share {
    std::atomic<std::uint64_t> state{0};  // generation << 32 | tasks that nobody has claimed
    std::size_t end = 0;
  };

  /// Fewer than `count` workers will do, if the system grants no more.
  void hire(std::size_t count, std::uint32_t generation) try {
    for (; workers_ < count; ++workers_) std::thread(&Pool::serve, this, workers_ + 1, generation).detach();
  } catch (const std::system_error&) {}

  /// Looks for a while whether `done`.
  template <class Done> static bool wait(const Done& done) {
    for (int i = 0; i < kPauses; ++i, pause())
      if (done()) return true;
    for (int i = 0; i < kYields; ++i, std::this_thread::yield())
      if (done()) return true;
    return false;
  }

  /// What a worker reads of a job (run_, body_, end) stays until the job is done, and it is not done before every
  /// claimed task is: so it is read after a claim only.
  static bool claim(Share& share, std::uint32_t generation, std::size_t& task) {
    std::uint64_t state = share.state.load(std::memory_order_acquire);
    do {
      if (state >> 32 != generation || static_cast<std::uint32_t>(state) == 0) return false;
    } while (!share.state.compare_exchange_weak(state, state - 1, std::memory_order_acquire));
    task = share.end - static_cast<std::uint32_t>(state);
    return true;
  }

  void work(std::size_t member, std::uint32_t generation) {
    const std::size_t team = team_.load(std::memory_order_relaxed);
    std::size_t finished = 0, task = 0;
    for (std::size_t k = 0; k < team; ++k)
      while (claim(shares_[(member + k) % team], generation, task)) {
        try {
          run_(body_, task);
        } catch (...) {
          if (!failed_.exchange(true)) error_ = std::current_exception();
        }
        ++finished;
      }
    if (finished > 0) unfinished_.fetch_sub(finished, std::memory_order_acq_rel);
  }

  [[noreturn]] void serve(std::size_t member, std::uint32_t seen) {
    omp_set_num_threads(1);
    serial = true;
    for (;;) {
      if (!wait([&] { return generation_.load(std::memory_order_relaxed) != seen; }))
        generation_.wait(seen, std::memory_order_relaxed);
      seen = generation_.load(std::memory_order_acquire);
      if (member < team_.load(std::memory_order_relaxed)) work(member, seen);
    }
  }

  std::mutex caller_;
  std::size_t workers_ = 0;
  alignas(64) std::atomic<std::uint32_t> generation_{0};
  std::atomic<std::size_t> team_{0};
  Run run_ = nullptr;
  const void* body_ = nullptr;
  alignas(64) std::atomic<std::size_t> unfinished_{0};
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
  std::array<Share, kMostThreads> shares_;
};

Pool& pool() {
  static Pool* const forever = new Pool;  // its workers sleep in it when the program ends
  return *forever;
}

}  // namespace

void set_num_threads(int count) {
  XGRAD_CHECK(count >= 1 && count <= kMostThreads, "set_num_threads: ", count, " threads; expected 1 to ",
              kMostThreads);
  thread_count = count;
}

int num_threads() {
  if (serial) return 1;
  int count = thread_count.load(std::memory_order_relaxed);
  if (count == 0) thread_count = count = std::min(omp_get_max_threads(), kMostThreads);
  return count;
}

detail::SerialScope::SerialScope() : libraries_before_(omp_get_max_threads()), before_(std::exchange(serial, true)) {
  omp_set_num_threads(1);
}
detail::SerialScope::~SerialScope() {
  omp_set_num_threads(libraries_before_);
  serial = before_;
}

void detail::parallel_run(std::size_t tasks, void (*run)(const void* body, std::size_t task), const void* body) {
  const std::size_t team = std::min<std::size_t>(tasks, static_cast<std::size_t>(num_threads()));
  if (team > 1 && pool().try_run(tasks, team, run, body)) return;
  for (std::size_t task = 0; task < tasks; ++task) run(body, task);
}

}  // namespace xgrad
