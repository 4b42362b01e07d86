// SPDX-License-Identifier: BSD-3-Clause
// Chooses the kernels for this machine, once.
#include <iterator>

#include "kernels/instruction_sets.hpp"
#include "kernels/kernels.hpp"
#include "xgrad/error.hpp"
#include "xgrad/isa.hpp"

namespace xgrad {

namespace v1 {
template <class T> const detail::Kernels<T>& kernel_table();
}
namespace v3 {
template <class T> const detail::Kernels<T>& kernel_table();
}
namespace v4 {
template <class T> const detail::Kernels<T>& kernel_table();
}

namespace detail {
namespace {

struct Choice {
  std::size_t index;  // among those built
  const char* name;
};

Choice choose() {
  const struct {
    const char* name;
    bool runs_here;
  } built[] = {
#ifdef XGRAD_HAVE_ISA_v1
      {"v1", true},
#endif
#ifdef XGRAD_HAVE_ISA_v3
      {"v3", __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")},
#endif
#ifdef XGRAD_HAVE_ISA_v4
      {"v4", __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512cd")},
#endif
  };
  std::size_t best = std::size(built);
  for (std::size_t i = 0; i < std::size(built); ++i)
    if (built[i].runs_here) best = i;
  XGRAD_CHECK(best < std::size(built), "xgrad: this build has no kernels for this processor; it was built for wider ",
              "vectors only (XGRAD_ISAS)");
  return {best, built[best].name};
}

const Choice& choice() {
  static const Choice chosen = choose();
  return chosen;
}

}  // namespace

std::size_t instruction_set_index() { return choice().index; }

template <class T> const Kernels<T>& kernels() {
  static const Kernels<T>& chosen = XGRAD_OF_THIS_MACHINE(const Kernels<T>&, kernel_table<T>);
  return chosen;
}
template const Kernels<float>& kernels();
template const Kernels<double>& kernels();

}  // namespace detail

const char* instruction_set() { return detail::choice().name; }

}  // namespace xgrad
