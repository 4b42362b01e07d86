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

template <class T> RunKernel<T> expression_machine() {
  [[maybe_unused]] const std::string isa = instruction_set();
#ifdef XGRAD_HAVE_ISA_v4
  if (isa == "v4") return v4::run_expression<T>;
#endif
#ifdef XGRAD_HAVE_ISA_v3
  if (isa == "v3") return v3::run_expression<T>;
#endif
#ifdef XGRAD_HAVE_ISA_v1
  return v1::run_expression<T>;
#else
  fail(kNoKernels);
#endif
}
template RunKernel<float> expression_machine();
template RunKernel<double> expression_machine();

template <class T> double sum_of_squares(const T* x, std::size_t n) {
  static const auto kernel = []() -> double (*)(const T*, std::size_t) {
    [[maybe_unused]] const std::string isa = instruction_set();
#ifdef XGRAD_HAVE_ISA_v4
    if (isa == "v4") return v4::sum_of_squares<T>;
#endif
#ifdef XGRAD_HAVE_ISA_v3
    if (isa == "v3") return v3::sum_of_squares<T>;
#endif
#ifdef XGRAD_HAVE_ISA_v1
    return v1::sum_of_squares<T>;
#else
    fail(kNoKernels);
#endif
  }();
  return kernel(x, n);
}
template double sum_of_squares(const float*, std::size_t);
template double sum_of_squares(const double*, std::size_t);

}  // namespace xgrad::optim
