// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/gemm.hpp"

#include <cblas.h>
#include <dnnl.h>

#include <algorithm>
#include <limits>

#include "xgrad/error.hpp"

namespace xgrad::detail {
namespace {

// In single precision oneDNN's product is up to twice as fast as OpenBLAS's, but for small ones, where its call costs
// more.
constexpr std::size_t kOneDnnWork = 32'768;  // multiply-adds

void product(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, float alpha, const float* a, int lda,
             const float* b, int ldb, float beta, float* c, int ldc) {
  const std::size_t work = static_cast<std::size_t>(m) * static_cast<std::size_t>(n) * static_cast<std::size_t>(k);
  if (work >= kOneDnnWork) {
    const dnnl_status_t status = dnnl_sgemm(ta == CblasTrans ? 'T' : 'N', tb == CblasTrans ? 'T' : 'N', m, n, k, alpha,
                                            a, lda, b, ldb, beta, c, ldc);
    XGRAD_CHECK(status == dnnl_success, "matmul: oneDNN refused a product of ", m, " x ", k, " @ ", k, " x ", n,
                " with status ", static_cast<int>(status));
    return;
  }
  cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
void product(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, double alpha, const double* a, int lda,
             const double* b, int ldb, double beta, double* c, int ldc) {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
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
  constexpr auto kLimit = static_cast<std::size_t>(std::numeric_limits<int>::max());
  XGRAD_CHECK(std::max({m, n, k, a.stride, b.stride, c.stride}) <= kLimit, "matmul: a size of ", m, " x ", k, " @ ", k,
              " x ", n, " exceeds BLAS's limit of ", kLimit);
  product(transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, static_cast<int>(m),
          static_cast<int>(n), static_cast<int>(k), alpha, a.data, static_cast<int>(a.stride), b.data,
          static_cast<int>(b.stride), accumulate ? T{1} : T{0}, c.data, static_cast<int>(c.stride));
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
