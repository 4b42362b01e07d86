// SPDX-License-Identifier: BSD-3-Clause
#include "registry.hpp"

#include "xgrad/isa.hpp"
#include "xgrad/optim/optimizer.hpp"

namespace xgrad::optim {

#ifdef XGRAD_HAVE_ISA_v1
namespace v1 {
#include "optimizers/isa_rules.hpp"
}
#endif
#ifdef XGRAD_HAVE_ISA_v3
namespace v3 {
#include "optimizers/isa_rules.hpp"
}
#endif
#ifdef XGRAD_HAVE_ISA_v4
namespace v4 {
#include "optimizers/isa_rules.hpp"
}
#endif

namespace {

[[maybe_unused]] constexpr const char* kNoKernels =
    "xgrad: this build has no kernels for this processor; it was built for wider vectors only (XGRAD_ISAS)";

}  // namespace

config::Registry<OptimizerRow>& optimizers() {
  static config::Registry<OptimizerRow> registry = [] {
    config::Registry<OptimizerRow> r("optimizer");
    const std::string isa = instruction_set();
    const auto add = [&r](auto floats, auto doubles) {
      for (std::size_t i = 0; i < floats.count; ++i) r.add({floats.rows[i].name, floats.rows[i], doubles.rows[i]});
    };
#ifdef XGRAD_HAVE_ISA_v1
    if (isa == "v1") add(v1::builtin_rules<float>(), v1::builtin_rules<double>());
#endif
#ifdef XGRAD_HAVE_ISA_v3
    if (isa == "v3") add(v3::builtin_rules<float>(), v3::builtin_rules<double>());
#endif
#ifdef XGRAD_HAVE_ISA_v4
    if (isa == "v4") add(v4::builtin_rules<float>(), v4::builtin_rules<double>());
#endif
    r.add(expression_row());
    add_tensor_rules(r);
    return r;
  }();
  return registry;
}

#ifdef XGRAD_HAVE_ISA_v4
#define XGRAD_TRY_v4(function) \
  if (isa == "v4") return v4::function;
#else
#define XGRAD_TRY_v4(function)
#endif
#ifdef XGRAD_HAVE_ISA_v3
#define XGRAD_TRY_v3(function) \
  if (isa == "v3") return v3::function;
#else
#define XGRAD_TRY_v3(function)
#endif
#ifdef XGRAD_HAVE_ISA_v1
#define XGRAD_OTHERWISE(function) return v1::function;
#else
#define XGRAD_OTHERWISE(function) fail(kNoKernels);
#endif
/// The function of the best instruction set, as a pointer of this type.
#define XGRAD_BEST(type, function)                                          \
  []() -> type {                                                            \
    [[maybe_unused]] const std::string isa = instruction_set();             \
    XGRAD_TRY_v4(function) XGRAD_TRY_v3(function) XGRAD_OTHERWISE(function) \
  }()

template <class T> RunKernel<T> expression_machine() { return XGRAD_BEST(RunKernel<T>, run_expression<T>); }
template <class T> double sum_of_squares(const T* x, std::size_t n) {
  static const auto kernel = XGRAD_BEST(double (*)(const T*, std::size_t), sum_of_squares<T>);
  return kernel(x, n);
}
template <class T> const StateCodec<T>& state_codec() {
  static const StateCodec<T> codec{XGRAD_BEST(decltype(codec.decode), decode_state<T>),
                                   XGRAD_BEST(decltype(codec.encode), encode_state<T>)};
  return codec;
}

#define XGRAD_INSTANTIATE(T)                             \
  template RunKernel<T> expression_machine();            \
  template double sum_of_squares(const T*, std::size_t); \
  template const StateCodec<T>& state_codec();
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::optim
