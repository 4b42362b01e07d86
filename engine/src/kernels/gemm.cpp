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

#define XGRAD_INSTANTIATE(T)                                                                                      \
  template void gemm(bool, bool, std::size_t, std::size_t, std::size_t, T, Rows<const T>, Rows<const T>, Rows<T>, \
                     bool);                                                                                       \
  template void gemm(bool, bool, std::size_t, std::size_t, std::size_t, const T*, const T*, T*, bool);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::detail
