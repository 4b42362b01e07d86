// SPDX-License-Identifier: BSD-3-Clause
// What every instruction set's object files export. No include guard: dispatch.cpp includes it once for each of them,
// with XGRAD_ISA_NAMESPACE set to its namespace.
template <class T> const MapKernel<T>* arithmetic_kernels();
template <class T> const MapKernel<T>* math_kernels();
template <class T> const MapKernel<T>* activation_kernels();
template <class T> const MapKernel<T>* selection_kernels();
template <class T> const detail::Kernels<T>& kernel_table();
