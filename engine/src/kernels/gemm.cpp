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

void product(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const float* a, int lda, const float* b,
             int ldb, float beta, float* c) {
  const std::size_t work = static_cast<std::size_t>(m) * static_cast<std::size_t>(n) * static_cast<std::size_t>(k);
  if (work >= kOneDnnWork) {
    const dnnl_status_t status = dnnl_sgemm(ta == CblasTrans ? 'T' : 'N', tb == CblasTrans ? 'T' : 'N', m, n, k, 1.0f,
                                            a, lda, b, ldb, beta, c, n);
    XGRAD_CHECK(status == dnnl_success, "matmul: oneDNN refused a product of ", m, " x ", k, " @ ", k, " x ", n,
                " with status ", static_cast<int>(status));
    return;
  }
  cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0f, a, lda, b, ldb, beta, c, n);
}
void product(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const double* a, int lda, const double* b,
             int ldb, double beta, double* c) {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1.0, a, lda, b, ldb, beta, c, n);
}

}  // namespace

template <class T>
void gemm(bool transpose_a, bool transpose_b, std::size_t m, std::size_t n, std::size_t k, const T* a, const T* b, T* c,
          bool accumulate) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (!accumulate) std::fill_n(c, m * n, T{0});
    return;
  }
  constexpr auto kLimit = static_cast<std::size_t>(std::numeric_limits<int>::max());
  XGRAD_CHECK(m <= kLimit && n <= kLimit && k <= kLimit, "matmul: a size of ", m, " x ", k, " @ ", k, " x ", n,
              " exceeds BLAS's limit of ", kLimit);
  product(transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans, static_cast<int>(m),
          static_cast<int>(n), static_cast<int>(k), a, static_cast<int>(transpose_a ? m : k), b,
          static_cast<int>(transpose_b ? k : n), accumulate ? T{1} : T{0}, c);
}

template void gemm(bool, bool, std::size_t, std::size_t, std::size_t, const float*, const float*, float*, bool);
template void gemm(bool, bool, std::size_t, std::size_t, std::size_t, const double*, const double*, double*, bool);

}  // namespace xgrad::detail
