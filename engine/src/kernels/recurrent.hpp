// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What follows the products in one time step of a recurrent cell, forward and backward: all gates in one pass.
#include "kernels/linear.hpp"

namespace xgrad::inline XGRAD_ISA {
namespace simd {

using xgrad::detail::CellRows;

/// f(row, column, lanes) over rows x hidden.
template <class T, class F> void for_cells(const CellRows<T>& step, F f) {
  for (std::size_t r = 0; r < step.rows; ++r)
    for_columns<T>(step.hidden, [&](std::size_t j, std::size_t n) { f(r, j, n); });
}
template <class T> Batch<T> sigmoid_of(Batch<T> x) { return activate<FusedActivation::sigmoid, T>(x); }
template <class T> Batch<T> tanh_of(Batch<T> x) { return activate<FusedActivation::tanh, T>(x); }
/// The gradient of this step's h: from its own use and from the step after.
template <class T> Batch<T> incoming(const CellRows<T>& step, std::size_t r, std::size_t j, std::size_t n) {
  return load_up_to(step.g + r * step.stride + j, n) + load_up_to(step.dh + r * step.hidden + j, n);
}

// h' = f(a)

template <FusedActivation activation, class T> [[gnu::flatten, gnu::noinline]] void rnn_rows(const CellRows<T>& step) {
  for_cells(step, [&](std::size_t r, std::size_t j, std::size_t n) {
    const Batch<T> a = load_up_to(step.gates + r * step.gates_stride + j, n) + load_up_to(step.bias + j, n);
    store_up_to(step.h + r * step.stride + j, activate<activation, T>(a), n);
  });
}

template <FusedActivation activation, class T>
[[gnu::flatten, gnu::noinline]] void rnn_backward_rows(const CellRows<T>& step) {
  for_cells(step, [&](std::size_t r, std::size_t j, std::size_t n) {
    const Batch<T> h = load_up_to(step.h + r * step.stride + j, n);
    const Batch<T> da = incoming(step, r, j, n) * slope<activation, T>(h);
    store_up_to(step.d_gates + r * step.gates_stride + j, da, n);
  });
}

// Gates i, f, g, o: c' = f c + i g, h' = o tanh(c').

template <class T> [[gnu::flatten, gnu::noinline]] void lstm_rows(const CellRows<T>& step) {
  const std::size_t hidden = step.hidden;
  for_cells(step, [&](std::size_t r, std::size_t j, std::size_t n) {
    T* gates = step.gates + r * step.gates_stride + j;
    const auto gate = [&](std::size_t k) {
      return load_up_to(gates + k * hidden, n) + load_up_to(step.bias + k * hidden + j, n);
    };
    const Batch<T> i = sigmoid_of<T>(gate(0)), f = sigmoid_of<T>(gate(1)), g = tanh_of<T>(gate(2)),
                   o = sigmoid_of<T>(gate(3));
    const Batch<T> c = f * load_up_to(step.c_before + r * step.c_before_stride + j, n) + i * g;
    store_up_to(gates, i, n);
    store_up_to(gates + hidden, f, n);
    store_up_to(gates + 2 * hidden, g, n);
    store_up_to(gates + 3 * hidden, o, n);
    store_up_to(step.c + r * step.stride + j, c, n);
    store_up_to(step.h + r * step.stride + j, Batch<T>(o * tanh_of<T>(c)), n);
  });
}

template <class T> [[gnu::flatten, gnu::noinline]] void lstm_backward_rows(const CellRows<T>& step) {
  const std::size_t hidden = step.hidden;
  for_cells(step, [&](std::size_t r, std::size_t j, std::size_t n) {
    const T* gates = step.gates + r * step.gates_stride + j;
    T* d = step.d_gates + r * step.gates_stride + j;
    const Batch<T> i = load_up_to(gates, n), f = load_up_to(gates + hidden, n), g = load_up_to(gates + 2 * hidden, n),
                   o = load_up_to(gates + 3 * hidden, n);
    const Batch<T> u = tanh_of<T>(load_up_to(step.c + r * step.stride + j, n)), dh = incoming(step, r, j, n);
    T* dc = step.dc + r * hidden + j;
    const Batch<T> t = load_up_to(dc, n) + dh * o * (Batch<T>(1) - u * u);
    const Batch<T> before = load_up_to(step.c_before + r * step.c_before_stride + j, n);
    store_up_to(d, Batch<T>(t * g * i * (Batch<T>(1) - i)), n);
    store_up_to(d + hidden, Batch<T>(t * before * f * (Batch<T>(1) - f)), n);
    store_up_to(d + 2 * hidden, Batch<T>(t * i * (Batch<T>(1) - g * g)), n);
    store_up_to(d + 3 * hidden, Batch<T>(dh * u * o * (Batch<T>(1) - o)), n);
    store_up_to(dc, Batch<T>(t * f), n);
  });
}

// Gates r, z, n and m = W_hn h + b_hn: n = tanh(a_n + r m), h' = (1 - z) n + z h.

template <class T> [[gnu::flatten, gnu::noinline]] void gru_rows(const CellRows<T>& step) {
  const std::size_t hidden = step.hidden;
  for_cells(step, [&](std::size_t r, std::size_t j, std::size_t n) {
    T* gates = step.gates + r * step.gates_stride + j;
    const auto gate = [&](std::size_t k) {
      return load_up_to(gates + k * hidden, n) + load_up_to(step.bias + k * hidden + j, n);
    };
    const Batch<T> reset = sigmoid_of<T>(gate(0)), z = sigmoid_of<T>(gate(1)), m = gate(3),
                   fresh = tanh_of<T>(gate(2) + reset * m);
    const Batch<T> before = load_up_to(step.h_before + r * step.h_before_stride + j, n);
    store_up_to(gates, reset, n);
    store_up_to(gates + hidden, z, n);
    store_up_to(gates + 2 * hidden, fresh, n);
    store_up_to(gates + 3 * hidden, m, n);
    store_up_to(step.h + r * step.stride + j, Batch<T>(fresh + z * (before - fresh)), n);
  });
}

template <class T> [[gnu::flatten, gnu::noinline]] void gru_backward_rows(const CellRows<T>& step) {
  const std::size_t hidden = step.hidden;
  for_cells(step, [&](std::size_t r, std::size_t j, std::size_t n) {
    const T* gates = step.gates + r * step.gates_stride + j;
    T* d = step.d_gates + r * step.gates_stride + j;
    const Batch<T> reset = load_up_to(gates, n), z = load_up_to(gates + hidden, n),
                   fresh = load_up_to(gates + 2 * hidden, n), m = load_up_to(gates + 3 * hidden, n);
    const Batch<T> before = load_up_to(step.h_before + r * step.h_before_stride + j, n);
    const Batch<T> dh = incoming(step, r, j, n);
    const Batch<T> da = dh * (Batch<T>(1) - z) * (Batch<T>(1) - fresh * fresh);
    store_up_to(d, Batch<T>(da * m * reset * (Batch<T>(1) - reset)), n);
    store_up_to(d + hidden, Batch<T>(dh * (before - fresh) * z * (Batch<T>(1) - z)), n);
    store_up_to(d + 2 * hidden, da, n);
    store_up_to(d + 3 * hidden, Batch<T>(da * reset), n);
    store_up_to(step.dh + r * hidden + j, Batch<T>(dh * z), n);
  });
}

}  // namespace simd
}  // namespace xgrad::inline XGRAD_ISA
