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
#include "xgrad/functions/arithmetic.inc"
#include "xgrad/functions/math.inc"
#include "xgrad/functions/activation.inc"
#include "ops/undefine_operations.inc"

}  // namespace xgrad
