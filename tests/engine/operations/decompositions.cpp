// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: dense linear algebra.
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

template <class X> X identity_like(const X& x) { return diag_embed(X::ones({x.shape().back()})); }

/// An invertible matrix made of any other.
template <class X> X regular(const X& x) { return x + 5 * identity_like(x); }
/// A symmetric positive definite one.
template <class X> X positive(const X& x) {
  return matmul(x, mT(x)) + static_cast<double>(x.shape().back()) * identity_like(x);
}
template <class Result> auto vectors_squared(const Result& eigh) {
  return flat(std::vector{eigh.eigenvalues, square(eigh.eigenvectors)});  // whatever their signs
}
template <class Result> auto svd_squared(const Result& svd) {
  return flat(std::vector{square(svd.u), svd.s, square(svd.vh)});
}

}  // namespace

std::vector<OperationRow> decompositions_rows() {
  const std::vector<Sample> squares = {{{{3, 3}}}, {{{2, 2, 2}}}, {{{1, 1}}}};
  const std::vector<Sample> tall = {{{{3, 3}}}, {{{4, 2}}}, {{{2, 3, 2}}}, {{{3, 1}}}};
  const std::vector<Sample> equations = {{{{3, 3}}, {{3, 2}}},
                                         {{{2, 3, 3}}, {{3, 2}}},
                                         {{{2, 3, 3}}, {{2, 3, 1}}},
                                         {{{2, 2}}, {{3, 1, 2, 2}}},
                                         {{{1, 1}}, {{1, 1}}}};
  return {
      {"inverse", F(inverse(regular(x[0]))), "torch.linalg.inv(regular(x[0]))", squares},
      {"solve", F(solve(regular(x[0]), x[1])), "torch.linalg.solve(regular(x[0]), x[1])", equations},
      {"solve",
       F(solve(regular(x[0]), x[1])),
       "torch.linalg.solve(regular(x[0]), x[1])",
       {{{{3, 3}}, {{3}}}, {{{2, 3, 3}}, {{2, 3}}}}},
      {"solve_triangular", F(solve_triangular(regular(x[0]), x[1])),
       "torch.linalg.solve_triangular(regular(x[0]), x[1], upper=False)", equations},
      {"solve_triangular", F(solve_triangular(regular(x[0]), x[1], {.upper = true})),
       "torch.linalg.solve_triangular(regular(x[0]), x[1], upper=True)", equations},
      {"solve_triangular",
       F(solve_triangular(x[0], x[1], {.upper = true, .unitriangular = true})),
       "torch.linalg.solve_triangular(x[0].triu(1) + torch.eye(3), x[1], upper=True, unitriangular=True)",
       {{{{3, 3}}, {{3, 2}}}}},
      {"solve_triangular",
       F(solve_triangular(regular(x[0]), x[1], {.left = false})),
       "torch.linalg.solve_triangular(regular(x[0]), x[1], upper=False, left=False)",
       {{{{3, 3}}, {{2, 3}}}, {{{2, 2, 2}}, {{3, 2}}}}},
      {"solve_triangular",
       F(solve_triangular(regular(x[0]), x[1], {.upper = true, .left = false})),
       "torch.linalg.solve_triangular(regular(x[0]), x[1], upper=True, left=False)",
       {{{{3, 3}}, {{2, 3}}}, {{{2, 2}}, {{2, 3, 2}}}}},
      {"det", F(det(x[0])), "torch.linalg.det(x[0])", squares},
      {"slogdet", F(slogdet(regular(x[0])).logabsdet), "torch.linalg.slogdet(regular(x[0]))[1]", squares},
      {"slogdet", F(slogdet(x[0]).sign), "torch.linalg.slogdet(x[0])[0]", squares, false, false},
      {"logdet", F(logdet(positive(x[0]))), "torch.logdet(positive(x[0]))", squares},
      {"cholesky", F(cholesky(positive(x[0]))), "torch.linalg.cholesky(positive(x[0]))", squares},
      {"qr", F(flat(std::vector{qr(x[0]).q, qr(x[0]).r})), "flat(*torch.linalg.qr(x[0]))", tall},
      {"qr", F(flat(std::vector{qr(x[0]).q, qr(x[0]).r})), "flat(*torch.linalg.qr(x[0]))", {{{{2, 4}}}, {{{2, 2, 3}}}}},
      {"eigh", F(vectors_squared(eigh(positive(x[0])))),
       "(lambda e: flat(e[0], e[1] ** 2))(torch.linalg.eigh(positive(x[0])))", squares},
      {"svd",
       F(svd_squared(svd(x[0]))),
       "(lambda s: flat(s[0] ** 2, s[1], s[2] ** 2))(torch.linalg.svd(x[0], full_matrices=False))",
       {{{{3, 3}}}, {{{4, 2}}}, {{{2, 4}}}, {{{2, 3, 2}}}, {{{1, 1}}}}},
      {"pinv", F(pinv(x[0])), "torch.linalg.pinv(x[0])", {{{{3, 2}}}, {{{2, 3}}}, {{{2, 3, 2}}}, {{{3, 3}}}}},
      {"lstsq",
       F(lstsq(x[0], x[1])),
       "torch.linalg.lstsq(*x).solution",
       {{{{4, 2}}, {{4, 3}}}, {{{2, 3}}, {{2, 1}}}, {{{2, 3, 2}}, {{2, 3, 1}}}}},
      {"matrix_power", F(matrix_power(x[0], 5)), "torch.linalg.matrix_power(x[0], 5)", squares},
      {"matrix_power", F(matrix_power(regular(x[0]), -2)), "torch.linalg.matrix_power(regular(x[0]), -2)", squares},
      {"matrix_power", F(matrix_power(x[0], 0) + 0 * x[0]), "torch.linalg.matrix_power(x[0], 0) + 0 * x[0]", squares},
      {"matrix_exp", F(matrix_exp(x[0])), "torch.linalg.matrix_exp(x[0])", squares},
      {"matrix_exp", F(matrix_exp(x[0])), "torch.linalg.matrix_exp(x[0])", {{{{3, 3}, -4, 4}}}},
  };
}
