// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The compiled elementwise functions, one kernel for each row of functions/*.inc.
#include "xgrad/map_loop.hpp"

namespace xgrad::detail {

#define XGRAD_UNARY0(function, ...) function,
#define XGRAD_UNARY1(function, ...) function,
#define XGRAD_UNARY2(function, ...) function,
#define XGRAD_BINARY0(function, ...) function,
#define XGRAD_BINARY1(function, ...) function,
#define XGRAD_MAP0(function, ...) function,
#define XGRAD_MAP1(function, ...) function,
#define XGRAD_MAP2(function, ...) function,
#define XGRAD_BINARY_MAP0(function, ...) function,
#define XGRAD_BINARY_MAP1(function, ...) function,
#define XGRAD_TERNARY_MAP0(function, ...) function,
#define XGRAD_TERNARY_MAP1(function, ...) function,
enum class Arithmetic : std::size_t {
#include "xgrad/functions/arithmetic.inc"
};
enum class Math : std::size_t {
#include "xgrad/functions/math.inc"
};
enum class Activations : std::size_t {
#include "xgrad/functions/activation.inc"
};
#include "xgrad/functions/undefine.inc"
enum class Selection : std::size_t { identity, select, less, less_equal, equal };

/// One instruction set's kernels, indexed by the enumerations.
template <class T> struct FunctionTable {
  const MapKernel<T>* arithmetic;
  const MapKernel<T>* math;
  const MapKernel<T>* activations;
  const MapKernel<T>* selection;
};
template <class T> const FunctionTable<T>& function_table();

template <class T> const MapKernel<T>& kernel_of(Arithmetic f) {
  return function_table<T>().arithmetic[static_cast<std::size_t>(f)];
}
template <class T> const MapKernel<T>& kernel_of(Math f) {
  return function_table<T>().math[static_cast<std::size_t>(f)];
}
template <class T> const MapKernel<T>& kernel_of(Activations f) {
  return function_table<T>().activations[static_cast<std::size_t>(f)];
}
template <class T> const MapKernel<T>& kernel_of(Selection f) {
  return function_table<T>().selection[static_cast<std::size_t>(f)];
}

}  // namespace xgrad::detail
