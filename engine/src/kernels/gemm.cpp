// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/gemm.hpp"

#include <cblas.h>
#include <dnnl.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <string_view>

#include "kernels/kernels.hpp"
#include "kernels/strided.hpp"
#include "xgrad/error.hpp"
#include "xgrad/isa.hpp"
#include "xgrad/storage.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::detail {
namespace {

// In single precision oneDNN's product is up to twice as fast as OpenBLAS's, but for small ones, where its call costs
// more.
constexpr std::size_t kOneDnnWork = 32'768;  // multiply-adds

// Short of AVX-512, oneDNN multiplies by a transposed A at half its speed, and by a B that is not transposed, in short
// sums, at two thirds: the copies that bring them to its best form are soon paid for.
constexpr std::size_t kCopyAFrom = 96;      // columns of the result
constexpr std::size_t kCopyBFrom = 128;     // rows
constexpr std::size_t kCopyBUpToSum = 512;  // elements of a sum

bool prefers_b_transposed() {
  static const bool narrow = std::string_view(instruction_set()) != "v4";
  return narrow;
}

/// x (rows x cols), transposed.
template <class T> Storage<T> transposed(Rows<const T> x, std::size_t rows, std::size_t cols) {
  Storage<T> copy(rows * cols);
  Box box;
  box.rank = 2;
  box.size = {static_cast<std::int64_t>(cols), static_cast<std::int64_t>(rows)};
  box.from_stride = {1, static_cast<std::int64_t>(x.stride)};
  box.to_stride = {static_cast<std::int64_t>(rows), 1};
  copy_box(box, x.data, copy.data());
  return copy;
}

// Both libraries, given several threads, cut a product differently for each number of them, and the sums with it. So
// they get one, and products are cut here: along the longer side of the result, in parts that depend on the sizes
// alone. It is as fast, and the result does not depend on the number of threads. A power of two suits most numbers of
// them.
constexpr std::size_t kPartWork = 150'000;  // multiply-adds that make a second thread worth its start
constexpr std::size_t kPartExtent = 64;     // rows or columns below which a part reads too much for what it computes
constexpr std::size_t kMostParts = 32;
constexpr std::size_t kPartUnit = 16;  // parts begin at multiples: with odd ones oneDNN takes up to twice the time

std::size_t part_count(std::size_t extent, std::size_t work) {
  std::size_t parts = 1;
  while (parts < kMostParts && extent >= 2 * parts * kPartExtent && work >= 2 * parts * kPartWork) parts *= 2;
  return parts;
}

/// Whether the kernel of our own beats a call of BLAS.
bool is_small(bool transpose_b, std::size_t m, std::size_t n, std::size_t k) {
  constexpr std::size_t kAnyShape = 512;  // multiply-adds
  const std::size_t work = m * n * k;
  if (work > kSmallProduct || k * (n + kSmallProductPadding - 1) > kSmallProduct || n == 1) return false;
  return work <= kAnyShape || (n >= 8 && m >= (transpose_b ? 8 : 4));
}

CBLAS_TRANSPOSE flag(bool transposed) { return transposed ? CblasTrans : CblasNoTrans; }

/// Returns oneDNN's status.
int product(bool ta, bool tb, int m, int n, int k, float alpha, Rows<const float> a, Rows<const float> b, float beta,
            Rows<float> c) {
  const int lda = static_cast<int>(a.stride), ldb = static_cast<int>(b.stride), ldc = static_cast<int>(c.stride);
  const std::size_t work = static_cast<std::size_t>(m) * static_cast<std::size_t>(n) * static_cast<std::size_t>(k);
  if (work >= kOneDnnWork)
    return dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, alpha, a.data, lda, b.data, ldb, beta, c.data, ldc);
  cblas_sgemm(CblasRowMajor, flag(ta), flag(tb), m, n, k, alpha, a.data, lda, b.data, ldb, beta, c.data, ldc);
  return dnnl_success;
}
int product(bool ta, bool tb, int m, int n, int k, double alpha, Rows<const double> a, Rows<const double> b,
            double beta, Rows<double> c) {
  const int lda = static_cast<int>(a.stride), ldb = static_cast<int>(b.stride), ldc = static_cast<int>(c.stride);
  if (m == 1)  // OpenBLAS does not see that a product is one with a vector
    cblas_dgemv(CblasRowMajor, flag(!tb), tb ? n : k, tb ? k : n, alpha, b.data, ldb, a.data, ta ? lda : 1, beta,
                c.data, 1);
  else if (n == 1)
    cblas_dgemv(CblasRowMajor, flag(ta), ta ? k : m, ta ? m : k, alpha, a.data, lda, b.data, tb ? 1 : ldb, beta, c.data,
                ldc);
  else
    cblas_dgemm(CblasRowMajor, flag(ta), flag(tb), m, n, k, alpha, a.data, lda, b.data, ldb, beta, c.data, ldc);
  return dnnl_success;
}

constexpr std::size_t kInner = 320;    // rows of B' packed at a time, at most: a panel stays in the first-level cache
constexpr std::size_t kColumns = 512;  // columns likewise: the panels stay near
constexpr std::size_t kPackedRowsOfTransposed = 256;
constexpr std::size_t kPackedRows = 32;  // rows of A that make packing B' worth its time

/// One factor of a product, transposed or not: element (i, j) at data[i * row + j * column].
template <class T> struct Factor {
  const T* data;
  std::size_t row, column;

  Factor(Rows<const T> x, bool transposed)
      : data(x.data), row(transposed ? 1 : x.stride), column(transposed ? x.stride : 1) {}
};

/// Columns first...first + count of C, whole panels but at the end, from B' packed piece by piece.
template <class T>
void own_product(std::size_t m, std::size_t k, T alpha, Factor<T> a, Factor<T> b, Rows<T> c, bool accumulate,
                 std::size_t first, std::size_t count) {
  const OwnProducts<T>& own = kernels<T>().own_products;
  const std::size_t padded = (std::min(count, kColumns) + own.panel - 1) / own.panel * own.panel;
  const std::size_t pieces = (k + kInner - 1) / kInner, most = (k + pieces - 1) / pieces;  // alike: C is read for each
  Storage<T> panels(padded * most);
  for (std::size_t j = first; j < first + count; j += kColumns) {
    const std::size_t columns = std::min(kColumns, first + count - j);
    for (std::size_t p = 0; p < k; p += most) {
      const std::size_t inner = std::min(most, k - p);
      own.pack(b.data + p * b.row + j * b.column, b.row, b.column, inner, columns, panels.data());
      own.multiply({m, columns, inner, alpha, a.data + p * a.column, a.row, a.column, panels.data(), c.data + j,
                    c.stride, accumulate || p > 0});
    }
  }
}

/// A product of our own, cut for the threads there are: the order of a sum does not depend on the cut.
template <class T>
void own_parallel_product(std::size_t m, std::size_t n, std::size_t k, T alpha, Factor<T> a, Factor<T> b, Rows<T> c,
                          bool accumulate) {
  constexpr std::size_t kLeastPanels = 4, kLeastRows = 48;
  const std::size_t panel = kernels<T>().own_products.panel, panels = (n + panel - 1) / panel;
  const std::size_t parts = std::min<std::size_t>(static_cast<std::size_t>(num_threads()), m * n * k / kPartWork);
  // Columns first: each part then packs what no other needs.
  const std::size_t across = std::clamp<std::size_t>(panels / kLeastPanels, 1, std::max<std::size_t>(parts, 1));
  const std::size_t down = std::clamp<std::size_t>(parts / across, 1, std::max<std::size_t>(m / kLeastRows, 1));
  parallel_for(across * down, [&](std::size_t part) {
    const std::size_t i = part / across, j = part % across;
    const std::size_t top = m * i / down, left = panels * j / across * panel,
                      right = std::min(n, panels * (j + 1) / across * panel);
    Factor<T> rows = a;
    rows.data += top * a.row;
    own_product(m * (i + 1) / down - top, k, alpha, rows, b, Rows<T>{c.data + top * c.stride, c.stride}, accumulate,
                left, right - left);
  });
}

}  // namespace

template <class T>
void gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, T alpha, Rows<const T> a,
          Rows<const T> b, Rows<T> c, bool accumulate) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (!accumulate)
      for (std::size_t i = 0; i < m; ++i) std::fill_n(c.data + i * c.stride, n, T{0});
    return;
  }
  if (is_small(transpose_b, m, n, k))
    return kernels<T>().small_product(
        {transpose_a, transpose_b, m, n, k, alpha, a.data, a.stride, b.data, b.stride, c.data, c.stride, accumulate});
  // Measured: oneDNN is faster where B' would be packed by rows for few rows of A, and for wide gradients of weights.
  const bool own_is_faster =
      m >= (transpose_b ? kPackedRowsOfTransposed : kPackedRows) && n > 1 && !(transpose_a && n > kColumns);
  if (kernels<T>().own_products.panel > 0 && own_is_faster)
    return own_parallel_product(m, n, k, alpha, Factor<T>(a, transpose_a), Factor<T>(b, transpose_b), c, accumulate);
  constexpr auto kLimit = static_cast<std::size_t>(std::numeric_limits<int>::max());
  XGRAD_CHECK(std::max({m, n, k, a.stride, b.stride, c.stride}) <= kLimit, "matmul: a size of ", m, " x ", k, " @ ", k,
              " x ", n, " exceeds BLAS's limit of ", kLimit);
  Storage<T> a_copy, b_copy;
  if (std::is_same_v<T, float> && prefers_b_transposed()) {
    if (transpose_a && n >= kCopyAFrom) {
      a_copy = transposed(a, k, m);
      a = {a_copy.data(), k};
      transpose_a = false;
    }
    if (!transpose_b && m >= kCopyBFrom && k <= kCopyBUpToSum) {
      b_copy = transposed(b, k, n);
      b = {b_copy.data(), k};
      transpose_b = true;
    }
  }
  const bool by_rows = m >= n;
  const std::size_t extent = std::max(m, n), parts = part_count(extent, m * n * k);
  const auto boundary = [&](std::size_t part) {
    return part == parts ? extent : extent * part / parts / kPartUnit * kPartUnit;
  };
  std::atomic<int> status{dnnl_success};
  parallel_for(parts, [&](std::size_t part) {
    const SerialScope serial;
    const std::size_t first = boundary(part), count = boundary(part + 1) - first;
    const std::size_t row = by_rows ? first : 0, column = by_rows ? 0 : first;
    const int result =
        product(transpose_a, transpose_b, static_cast<int>(by_rows ? count : m), static_cast<int>(by_rows ? n : count),
                static_cast<int>(k), alpha, Rows<const T>{a.data + row * (transpose_a ? 1 : a.stride), a.stride},
                Rows<const T>{b.data + column * (transpose_b ? b.stride : 1), b.stride}, accumulate ? T{1} : T{0},
                Rows<T>{c.data + row * c.stride + column, c.stride});
    if (result != dnnl_success) status = result;
  });
  XGRAD_CHECK(status == dnnl_success, "matmul: oneDNN refused a product of ", m, " x ", k, " @ ", k, " x ", n,
              " with status ", status.load());
}

template <class T>
void gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, const T* a, const T* b, T* c,
          bool accumulate) {
  gemm(transpose_a, transpose_b, m, n, k, T{1}, Rows<const T>{a, transpose_a ? m : k},
       Rows<const T>{b, transpose_b ? k : n}, Rows<T>{c, n}, accumulate);
}

template <class T>
RightFactor<T>::RightFactor(std::size_t rows, bool transpose_b, std::size_t k, std::size_t n, Rows<const T> b)
    : transposed_(transpose_b), k_(k), b_(b) {
  const OwnProducts<T>& own = kernels<T>().own_products;
  if (own.panel == 0 || rows < kPackedRows) return;
  padded_ = (n + own.panel - 1) / own.panel * own.panel;
  panels_ = Storage<T>(k * padded_);
  const Factor<T> factor(b, transpose_b);
  for (std::size_t p = 0; p < k; p += kInner)
    own.pack(factor.data + p * factor.row, factor.row, factor.column, std::min(kInner, k - p), n,
             panels_.data() + p * padded_);
}

template <class T>
void RightFactor<T>::multiply(std::size_t m, std::size_t n, T alpha, Rows<const T> a, Rows<T> c,
                              bool accumulate) const {
  if (panels_.size() == 0) {
    const SerialScope serial;
    return gemm(false, transposed_, m, n, k_, alpha, a, b_, c, accumulate);
  }
  for (std::size_t p = 0; p < k_; p += kInner)
    kernels<T>().own_products.multiply({m, n, std::min(kInner, k_ - p), alpha, a.data + p, a.stride, 1,
                                        panels_.data() + p * padded_, c.data, c.stride, accumulate || p > 0});
}

#define XGRAD_INSTANTIATE(T)                                                                                      \
  template class RightFactor<T>;                                                                                  \
  template void gemm(bool, bool, std::size_t, std::size_t, std::size_t, T, Rows<const T>, Rows<const T>, Rows<T>, \
                     bool);                                                                                       \
  template void gemm(bool, bool, std::size_t, std::size_t, std::size_t, const T*, const T*, T*, bool);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::detail
