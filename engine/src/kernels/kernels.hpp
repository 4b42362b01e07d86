// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The table of kernels: one copy for each instruction set, chosen once at start. Kernels know pointers and sizes, no
// graph.
#include <cstddef>
#include <cstdint>

namespace xgrad::detail {

/// As in ops/linalg.hpp, which kernels do not include.
enum class FusedActivation { none, relu, tanh, sigmoid, gelu };

/// Attention scores of some queries (rows) against the keys (cols), and which of them count.
template <class T> struct ScoreRows {
  T* scores;  ///< rows x cols, dense
  std::size_t rows, cols;
  const T* bias;  ///< added to row r: bias + r * bias_stride; may be null
  std::size_t bias_stride;
  const bool* keep;  ///< false where a key does not count, likewise; may be null
  std::size_t keep_stride;
  bool causal;
  std::size_t first;  ///< causal: the keys up to first + r count for row r
};

enum class Cell { rnn_tanh, rnn_relu, lstm, gru };
/// One time step of some sequences (rows) of a recurrent cell. A row of `gates` begins as the products of the weights
/// with x and h, without bias; forward leaves the gates there, backward reads them.
template <class T> struct CellRows {
  std::size_t rows, hidden;
  T* gates;  ///< the cell's gates side by side, hidden elements each
  std::size_t gates_stride;
  const T* bias;  ///< as a row of gates
  const T* h_before;
  std::size_t h_before_stride;
  const T* c_before;  ///< lstm
  std::size_t c_before_stride;
  T *h, *c;  ///< of this step; c: lstm
  std::size_t stride;
  // Backward.
  const T* g;  ///< the gradient of h from its own use, laid out as h
  T* dh;       ///< rows x hidden: from the step after; the gru leaves there what reaches h_before beside the gates
  T* dc;       ///< likewise of c: from the step after, then for c_before
  T* d_gates;  ///< out, laid out as gates
};

/// C = alpha A' B' + (accumulate ? C : 0) as in gemm.hpp, of at most kSmallProduct multiply-adds, and with at most as
/// many elements of B' when its rows are padded to a multiple of kSmallProductPadding.
constexpr std::size_t kSmallProduct = 4096, kSmallProductPadding = 16;
template <class T> struct SmallProduct {
  bool transpose_a, transpose_b;
  std::size_t m, n, k;
  T alpha;
  const T* a;
  std::size_t a_stride;
  const T* b;
  std::size_t b_stride;
  T* c;
  std::size_t c_stride;
  bool accumulate;
};

/// Results of a shifted product that are computed together.
constexpr std::size_t kShiftedRows = 4;

/// C = alpha A' B' + (accumulate ? C : 0), where element (i, p) of A' is a[i * a_row + p * a_inner] and B' was packed.
template <class T> struct PackedProduct {
  std::size_t m, n, k;
  T alpha;
  const T* a;
  std::size_t a_row, a_inner;
  const T* panels;
  T* c;
  std::size_t c_stride;
  bool accumulate;
};
/// Products of our own, where they were measured to be faster than those of BLAS and oneDNN (AVX2); else `panel` is 0.
template <class T> struct OwnProducts {
  std::size_t panel = 0;  ///< columns of B' that lie together
  /// B' (k x n), its element (p, j) at b[p * inner + j * column], as panels: k rows of `panel` elements each, padded
  void (*pack)(const T* b, std::size_t inner, std::size_t column, std::size_t k, std::size_t n, T* panels) = nullptr;
  void (*multiply)(const PackedProduct<T>& product) = nullptr;
};

/// square_sum: of (x - shift)^2; maximum and minimum: a NaN wins.
enum class Reducer { sum, square_sum, product, maximum, minimum };

template <class T> struct Kernels {
  /// target[i] += x[i]
  void (*add_in_place)(T* target, const T* x, std::size_t n);
  void (*small_product)(const SmallProduct<T>& product);
  OwnProducts<T> own_products;

  // Linear layers: y is rows x cols, bias has cols elements (may be null).
  /// y = activation(y + bias)
  void (*bias_activation)(T* y, const T* bias, std::size_t rows, std::size_t cols, FusedActivation activation);
  /// The same for gelu, whose derivative does not follow from its result: it goes to `slope` unless that is null.
  void (*bias_gelu)(T* y, const T* bias, T* slope, std::size_t rows, std::size_t cols);
  /// dx = g * activation'(from y; gelu: y holds the slopes); bias_gradient[j] (+)= sum over rows of dx. dx may be g;
  /// bias_gradient may be null.
  void (*bias_activation_backward)(const T* y, const T* g, T* dx, T* bias_gradient, bool keep, std::size_t rows,
                                   std::size_t cols, FusedActivation activation);

  // Convolutions: a row is one channel of a sample.
  /// y[r, j] += bias[r], then max(y, 0) if `relu`; bias may be null
  void (*bias_rows)(T* y, const T* bias, std::size_t rows, std::size_t cols, bool relu);
  /// sums[r] = sum of d[r, :], d = y > 0 ? g : 0, or g if y is null; d is written if given
  void (*masked_row_sums)(const T* y, const T* g, T* d, T* sums, std::size_t rows, std::size_t cols);

  // Products with a matrix whose rows are x[offsets[k]...], k < count: shifts of one array. n is at least shifted_span:
  // whole vectors are read.
  std::size_t shifted_span;
  /// y[r, i] = sum over k of weights[k * kShiftedRows + r] x[offsets[k] + i], r < kShiftedRows, i < n
  void (*shifted_product)(const T* x, const std::ptrdiff_t* offsets, std::size_t count, const T* weights, T* y,
                          std::size_t y_stride, std::size_t n);
  /// sums[k * kShiftedRows + r] += sum over i of g[r, i] x[offsets[k] + i]
  void (*shifted_dot_products)(const T* g, std::size_t g_stride, const T* x, const std::ptrdiff_t* offsets,
                               std::size_t count, std::size_t n, double* sums);

  // Windows of a plane: result i reads the elements offsets[k * results + i], one for each cell k of its window.
  /// y[i] = the first largest cell, a NaN if there is one; where[i] = its place
  void (*largest_cells)(const T* x, const std::int32_t* offsets, std::size_t cells, std::size_t results, T* y,
                        std::int32_t* where);
  /// y[i] = the weighted sum of the cells; weights are laid out as offsets
  void (*weigh_cells)(const T* x, const std::int32_t* offsets, const T* weights, std::size_t cells, std::size_t results,
                      T* y);
  /// The reverse: adds weight * g[i] to each cell of result i.
  void (*spread_cells)(const T* g, const std::int32_t* offsets, const T* weights, std::size_t cells,
                       std::size_t results, T* x);

  // Normalisation. A group is `segments` runs of `length` elements, `stride` apart.
  /// mean (0 unless `centered`) and the biased variance about it
  void (*moments)(const T* x, std::size_t segments, std::size_t length, std::size_t stride, bool centered, T* mean,
                  T* variance);
  /// y = (x - mean) scale + shift
  void (*normalize_segment)(const T* x, T* y, std::size_t n, T mean, T scale, T shift);
  /// sums = {sum of g, sum of g (x - mean)}
  void (*segment_gradient_sums)(const T* x, const T* g, std::size_t n, T mean, double* sums);
  /// dx = a g + b (x - mean) + c
  void (*normalize_segment_backward)(const T* x, const T* g, T* dx, std::size_t n, T mean, T a, T b, T c);
  /// y = (x - mean) rstd weight + bias along each row, rstd = 1 / sqrt(variance + eps); weight and bias may be null
  void (*normalize_rows)(const T* x, const T* weight, const T* bias, T* y, T* mean, T* rstd, std::size_t rows,
                         std::size_t cols, double eps, bool centered);
  /// Its gradients; dweight and dbias are added to; they and dx are left out if null.
  void (*normalize_rows_backward)(const T* x, const T* g, const T* weight, const T* mean, const T* rstd, T* dx,
                                  T* dweight, T* dbias, std::size_t rows, std::size_t cols, bool centered);

  // Reductions; x is rows x cols. `shift` is subtracted before squaring: one for each result, or null for 0.
  /// y[r] = row r reduced
  void (*reduce_rows)(Reducer reducer, const T* x, const T* shift, T* y, std::size_t rows, std::size_t cols);
  /// y[j] = column j reduced; rows of x are `stride` apart, there is at least one
  void (*reduce_columns)(Reducer reducer, const T* x, std::size_t stride, const T* shift, T* y, std::size_t rows,
                         std::size_t cols);

  // Along rows; x is rows x cols.
  void (*logsumexp_rows)(const T* x, T* y, std::size_t rows, std::size_t cols);
  void (*softmax_rows)(const T* x, T* y, std::size_t rows, std::size_t cols);
  void (*softmax_backward_rows)(const T* y, const T* g, T* dx, std::size_t rows, std::size_t cols);
  void (*log_softmax_rows)(const T* x, T* y, std::size_t rows, std::size_t cols);
  void (*log_softmax_backward_rows)(const T* y, const T* g, T* dx, std::size_t rows, std::size_t cols);

  // Attention.
  /// scores = softmax over the keys that count, 0 elsewhere; lse[r] = their logsumexp, +inf where there are none
  void (*attention_rows)(const ScoreRows<T>& block, T* lse);
  /// The same probabilities once more, from lse.
  void (*attention_again_rows)(const ScoreRows<T>& block, const T* lse);
  /// Rotates pairs of elements of x (rows x 2 half) by the angles of row r: cos_sin + r * 2 half holds half cosines,
  /// then half sines. Pairs are (i, i + half), or (2 i, 2 i + 1) if interleaved; `sign` -1 rotates back.
  void (*rotate_rows)(const T* x, T* y, const T* cos_sin, T sign, std::size_t rows, std::size_t half, bool interleaved);

  // Recurrent cells, by Cell.
  void (*cell_rows[4])(const CellRows<T>& step);
  void (*cell_backward_rows[4])(const CellRows<T>& step);

  // Losses.
  /// dx_j = a exp(x_j - lse) - b w_j; w may be null (then 1)
  void (*cross_entropy_gradient_row)(const T* x, T lse, T a, T b, const T* w, T* dx, std::size_t cols);
  T (*squared_distance)(const T* a, const T* b, std::size_t n);
  /// y = scale (a - b)
  void (*scaled_difference)(const T* a, const T* b, T scale, T* y, std::size_t n);
};

/// The kernels for this machine: the widest instruction set that was built and that the processor has.
template <class T> const Kernels<T>& kernels();

}  // namespace xgrad::detail
