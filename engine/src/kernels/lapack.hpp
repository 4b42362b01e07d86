// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The LAPACK routines in use: Fortran symbols, contained in OpenBLAS. Matrices are column-major; a character argument
// brings its length at the end of the list. The overloads return LAPACK's info.
#include <cstddef>

#define XGRAD_LAPACK(p, T)                                                                                        \
  extern "C" {                                                                                                    \
  void p##getrf_(const int* m, const int* n, T* a, const int* lda, int* pivots, int* info);                       \
  void p##getri_(const int* n, T* a, const int* lda, const int* pivots, T* work, const int* lwork, int* info);    \
  void p##potrf_(const char* uplo, const int* n, T* a, const int* lda, int* info, std::size_t);                   \
  void p##gelqf_(const int* m, const int* n, T* a, const int* lda, T* tau, T* work, const int* lwork, int* info); \
  void p##orglq_(const int* m, const int* n, const int* k, T* a, const int* lda, const T* tau, T* work,           \
                 const int* lwork, int* info);                                                                    \
  void p##syevd_(const char* jobz, const char* uplo, const int* n, T* a, const int* lda, T* w, T* work,           \
                 const int* lwork, int* iwork, const int* liwork, int* info, std::size_t, std::size_t);           \
  void p##gesdd_(const char* jobz, const int* m, const int* n, T* a, const int* lda, T* s, T* u, const int* ldu,  \
                 T* vt, const int* ldvt, T* work, const int* lwork, int* iwork, int* info, std::size_t);          \
  }                                                                                                               \
  namespace xgrad::detail::lapack {                                                                               \
  inline int getrf(int n, T* a, int* pivots) {                                                                    \
    int info = 0;                                                                                                 \
    p##getrf_(&n, &n, a, &n, pivots, &info);                                                                      \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int getri(int n, T* a, const int* pivots, T* work, int lwork) {                                          \
    int info = 0;                                                                                                 \
    p##getri_(&n, a, &n, pivots, work, &lwork, &info);                                                            \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int potrf(char uplo, int n, T* a) {                                                                      \
    int info = 0;                                                                                                 \
    p##potrf_(&uplo, &n, a, &n, &info, 1);                                                                        \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int gelqf(int m, int n, T* a, T* tau, T* work, int lwork) {                                              \
    int info = 0;                                                                                                 \
    p##gelqf_(&m, &n, a, &m, tau, work, &lwork, &info);                                                           \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int orglq(int m, int n, int k, T* a, const T* tau, T* work, int lwork) {                                 \
    int info = 0;                                                                                                 \
    p##orglq_(&m, &n, &k, a, &m, tau, work, &lwork, &info);                                                       \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int syevd(char jobz, char uplo, int n, T* a, T* w, T* work, int lwork, int* iwork, int liwork) {         \
    int info = 0;                                                                                                 \
    p##syevd_(&jobz, &uplo, &n, a, &n, w, work, &lwork, iwork, &liwork, &info, 1, 1);                             \
    return info;                                                                                                  \
  }                                                                                                               \
  inline int gesdd(char jobz, int m, int n, T* a, T* s, T* u, int ldu, T* vt, int ldvt, T* work, int lwork,       \
                   int* iwork) {                                                                                  \
    int info = 0;                                                                                                 \
    p##gesdd_(&jobz, &m, &n, a, &m, s, u, &ldu, vt, &ldvt, work, &lwork, iwork, &info, 1);                        \
    return info;                                                                                                  \
  }                                                                                                               \
  }
XGRAD_LAPACK(s, float)
XGRAD_LAPACK(d, double)
#undef XGRAD_LAPACK
