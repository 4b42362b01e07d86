// SPDX-License-Identifier: BSD-3-Clause
// Every elementwise operation on Tensors, each from its one row in functions/*.inc.
#include "xgrad/ops/activation.hpp"

#include "kernels/functions.hpp"
#include "xgrad/map_apply.hpp"
#include "xgrad/number.hpp"

namespace xgrad {
namespace detail {
namespace {

template <class T, class F, class... Inputs>
Tensor<T> elementwise(const MapKernel<T>& kernel, const F& f, const Inputs&... inputs) {
  if constexpr (F::primitive)
    return apply_map(F::name, kernel, F::saves, f, inputs...);
  else
    return apply_map(F::name, kernel, (SavedMask{1} << sizeof...(Inputs)) - 1, f, inputs...);
}

}  // namespace
}  // namespace detail

#include "ops/define_operations.inc"
#define XGRAD_FAMILY Arithmetic
#include "xgrad/functions/arithmetic.inc"
#undef XGRAD_FAMILY
#define XGRAD_FAMILY Math
#include "xgrad/functions/math.inc"
#undef XGRAD_FAMILY
#define XGRAD_FAMILY Activations
#include "xgrad/functions/activation.inc"
#undef XGRAD_FAMILY
#include "ops/undefine_operations.inc"

}  // namespace xgrad
