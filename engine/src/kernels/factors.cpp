// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/factors.hpp"

#include <cblas.h>

#include <algorithm>
#include <cmath>

#include "kernels/lapack.hpp"
#include "xgrad/storage.hpp"

namespace xgrad::detail {
namespace {

void trsm(CBLAS_SIDE side, CBLAS_UPLO uplo, CBLAS_TRANSPOSE trans, CBLAS_DIAG diag, int m, int n, const float* a,
          int lda, float* b) {
  cblas_strsm(CblasRowMajor, side, uplo, trans, diag, m, n, 1.0f, a, lda, b, n);
}
void trsm(CBLAS_SIDE side, CBLAS_UPLO uplo, CBLAS_TRANSPOSE trans, CBLAS_DIAG diag, int m, int n, const double* a,
          int lda, double* b) {
  cblas_dtrsm(CblasRowMajor, side, uplo, trans, diag, m, n, 1.0, a, lda, b, n);
}

/// Calls routine(work, size) twice: to learn the size of its workspace, and with it.
template <class T, class Routine> int with_workspace(const Routine& routine) {
  T size = 0;
  routine(&size, -1);
  Storage<T> work(std::max<std::size_t>(static_cast<std::size_t>(size), 1));
  return routine(work.data(), static_cast<int>(work.size()));
}

template <class T> void swap_rows(std::size_t k, T* b, std::size_t i, int pivot) {
  const auto other = static_cast<std::size_t>(pivot - 1);
  if (other != i) std::swap_ranges(b + i * k, b + (i + 1) * k, b + other * k);
}

}  // namespace

template <class T> int factor_lu(std::size_t n, T* a, int* pivots) {
  return lapack::getrf(static_cast<int>(n), a, pivots);
}

// With the transpose p l u: the array holds u^T in its lower triangle and l^T, whose diagonal is 1, in its upper one.
template <class T> void solve_lu(bool transposed, std::size_t n, std::size_t k, const T* lu, const int* pivots, T* b) {
  const int rows = static_cast<int>(n), cols = static_cast<int>(k);
  if (transposed) {
    for (std::size_t i = 0; i < n; ++i) swap_rows(k, b, i, pivots[i]);
    trsm(CblasLeft, CblasUpper, CblasTrans, CblasUnit, rows, cols, lu, rows, b);
    trsm(CblasLeft, CblasLower, CblasTrans, CblasNonUnit, rows, cols, lu, rows, b);
  } else {
    trsm(CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, rows, cols, lu, rows, b);
    trsm(CblasLeft, CblasUpper, CblasNoTrans, CblasUnit, rows, cols, lu, rows, b);
    for (std::size_t i = n; i-- > 0;) swap_rows(k, b, i, pivots[i]);
  }
}

template <class T> void invert_lu(std::size_t n, T* lu, const int* pivots) {
  with_workspace<T>([&](T* work, int size) { return lapack::getri(static_cast<int>(n), lu, pivots, work, size); });
}

template <class T> T lu_sign(std::size_t n, const T* lu, const int* pivots) {
  T sign = 1;
  for (std::size_t i = 0; i < n; ++i) {
    const T pivot = lu[i * n + i];
    if (pivot == 0) return 0;
    if ((pivot < 0) != (pivots[i] != static_cast<int>(i) + 1)) sign = -sign;
  }
  return sign;
}

template <class T>
void solve_triangle(bool left, bool upper, bool transposed, bool unit_diagonal, std::size_t rows, std::size_t cols,
                    const T* a, T* b) {
  trsm(left ? CblasLeft : CblasRight, upper ? CblasUpper : CblasLower, transposed ? CblasTrans : CblasNoTrans,
       unit_diagonal ? CblasUnit : CblasNonUnit, static_cast<int>(rows), static_cast<int>(cols), a,
       static_cast<int>(left ? rows : cols), b);
}

template <class T> int factor_cholesky(std::size_t n, T* a) {
  const int info = lapack::potrf('U', static_cast<int>(n), a);
  for (std::size_t i = 0; i < n; ++i) std::fill(a + i * n + i + 1, a + (i + 1) * n, T{0});
  return info;
}

template <class T> void factor_qr(std::size_t m, std::size_t n, T* a, T* r) {
  const int rows = static_cast<int>(m), cols = static_cast<int>(n);
  Storage<T> tau(n);
  with_workspace<T>([&](T* work, int size) { return lapack::gelqf(cols, rows, a, tau.data(), work, size); });
  for (std::size_t i = 0; i < n; ++i) {
    std::fill(r + i * n, r + i * n + i, T{0});
    std::copy(a + i * n + i, a + (i + 1) * n, r + i * n + i);
  }
  with_workspace<T>([&](T* work, int size) { return lapack::orglq(cols, rows, cols, a, tau.data(), work, size); });
}

template <class T> int factor_eigh(std::size_t n, T* a, T* w, T* v) {
  const int size = static_cast<int>(n);
  // LAPACK finds eigenvalues of NaN.
  if (!std::all_of(a, a + n * n, [](T value) { return std::isfinite(value); })) return 1;
  int info = 0, integers = 0;
  T reals = 0;
  lapack::syevd('V', 'U', size, a, w, &reals, -1, &integers, -1);
  Storage<T> work(static_cast<std::size_t>(reals));
  Storage<int> iwork(static_cast<std::size_t>(integers));
  info = lapack::syevd('V', 'U', size, a, w, work.data(), static_cast<int>(work.size()), iwork.data(),
                       static_cast<int>(iwork.size()));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) v[i * n + j] = a[j * n + i];
  return info;
}

template <class T> int factor_svd(std::size_t m, std::size_t n, T* a, T* u, T* s, T* vh) {
  const int rows = static_cast<int>(m), cols = static_cast<int>(n), k = std::min(rows, cols);
  Storage<int> iwork(8 * static_cast<std::size_t>(k));
  return with_workspace<T>([&](T* work, int size) {
    return lapack::gesdd('S', cols, rows, a, s, vh, cols, u, k, work, size, iwork.data());
  });
}

#define XGRAD_INSTANTIATE(T)                                                                    \
  template int factor_lu(std::size_t, T*, int*);                                                \
  template void solve_lu(bool, std::size_t, std::size_t, const T*, const int*, T*);             \
  template void invert_lu(std::size_t, T*, const int*);                                         \
  template T lu_sign(std::size_t, const T*, const int*);                                        \
  template void solve_triangle(bool, bool, bool, bool, std::size_t, std::size_t, const T*, T*); \
  template int factor_cholesky(std::size_t, T*);                                                \
  template void factor_qr(std::size_t, std::size_t, T*, T*);                                    \
  template int factor_eigh(std::size_t, T*, T*, T*);                                            \
  template int factor_svd(std::size_t, std::size_t, T*, T*, T*, T*);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::detail
