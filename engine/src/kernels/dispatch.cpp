// SPDX-License-Identifier: BSD-3-Clause
// Chooses the kernels for this machine, once. XGRAD_HAVE_ISA_* say which instruction sets were built.
#include "kernels/functions.hpp"
#include "kernels/kernels.hpp"
#include "xgrad/error.hpp"
#include "xgrad/isa.hpp"

namespace xgrad {

#ifdef XGRAD_HAVE_ISA_v1
namespace v1 {
#include "kernels/isa_tables.hpp"
}
#endif
#ifdef XGRAD_HAVE_ISA_v3
namespace v3 {
#include "kernels/isa_tables.hpp"
}
#endif
#ifdef XGRAD_HAVE_ISA_v4
namespace v4 {
#include "kernels/isa_tables.hpp"
}
#endif

namespace detail {
namespace {

template <class T> struct Choice {
  FunctionTable<T> functions{};
  const Kernels<T>* kernels = nullptr;
  const char* name = "";
};

template <class T> Choice<T> choose() {
#define XGRAD_CHOOSE(isa)                                                                                              \
  return {                                                                                                             \
    {isa::arithmetic_kernels<T>(), isa::math_kernels<T>(), isa::activation_kernels<T>(), isa::selection_kernels<T>()}, \
        &isa::kernel_table<T>(), #isa                                                                                  \
  }
#ifdef XGRAD_HAVE_ISA_v4
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd"))
    XGRAD_CHOOSE(v4);
#endif
#ifdef XGRAD_HAVE_ISA_v3
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    XGRAD_CHOOSE(v3);
#endif
#ifdef XGRAD_HAVE_ISA_v1
  XGRAD_CHOOSE(v1);
#else
  fail("xgrad: this build has no kernels for this processor; it was built for wider vectors only (XGRAD_ISAS)");
#endif
#undef XGRAD_CHOOSE
}

template <class T> const Choice<T>& choice() {
  static const Choice<T> chosen = choose<T>();
  return chosen;
}

}  // namespace

template <class T> const Kernels<T>& kernels() { return *choice<T>().kernels; }
template <class T> const FunctionTable<T>& function_table() { return choice<T>().functions; }
template const Kernels<float>& kernels();
template const Kernels<double>& kernels();
template const FunctionTable<float>& function_table();
template const FunctionTable<double>& function_table();

}  // namespace detail

const char* instruction_set() { return detail::choice<float>().name; }

}  // namespace xgrad
