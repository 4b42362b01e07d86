// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: matrix products, einsum.
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

/// einsum of all inputs; PyTorch takes the same spec.
template <class Einsum> OperationRow einsum_row(const char* spec, Einsum f, std::vector<Sample> samples) {
  return {"einsum", f, std::string("torch.einsum('") + spec + "', *x)", std::move(samples)};
}
#define EINSUM(spec, ...) einsum_row(spec, F(einsum<T>(spec, x)), __VA_ARGS__)

}  // namespace

std::vector<OperationRow> products_rows() {
  return {
      {"matmul",
       F(matmul(x[0], x[1])),
       "x[0] @ x[1]",
       {{{{2, 3}}, {{3, 4}}},
        {{{3}}, {{3}}},
        {{{3}}, {{3, 2}}},
        {{{2, 3}}, {{3}}},
        {{{2, 2, 3}}, {{3, 2}}},
        {{{2, 2, 3}}, {{2, 3, 2}}},
        {{{2, 3}}, {{4, 3, 2}}},
        {{{3, 1, 2, 3}}, {{2, 3, 2}}},
        {{{5, 3}}, {{2, 3, 1}}},
        {{{1, 1}}, {{1, 1}}},
        {{{3}}, {{2, 3, 2}}}}},
      {"linear",
       F(linear(x[0], x[1], x[2])),
       "F.linear(*x)",
       {{{{4, 3}}, {{2, 3}}, {{2}}}, {{{2, 2, 3}}, {{2, 3}}, {{2}}}, {{{3}}, {{2, 3}}, {{2}}}}},
      {"linear", F(linear(x[0], x[1])), "F.linear(*x)", {{{{4, 3}}, {{2, 3}}}}},
      {"linear", F(linear(x[0], x[1], x[2], Activation::relu)), "F.linear(*x).relu()", {{{{4, 3}}, {{5, 3}}, {{5}}}}},
      {"linear", F(linear(x[0], x[1], x[2], Activation::tanh)), "F.linear(*x).tanh()", {{{{4, 3}}, {{5, 3}}, {{5}}}}},
      {"linear",
       F(linear(x[0], x[1], x[2], Activation::gelu)),
       "F.gelu(F.linear(*x))",
       {{{{4, 3}}, {{5, 3}}, {{5}}}, {{{2, 1, 3}}, {{9, 3}}, {{9}}}}},
      {"linear", F(linear(x[0], x[1], {}, Activation::gelu)), "F.gelu(F.linear(*x))", {{{{4, 3}}, {{5, 3}}}}},
      {"linear",
       F(linear(x[0], x[1], x[2], Activation::sigmoid)),
       "F.linear(*x).sigmoid()",
       {{{{4, 3}}, {{5, 3}}, {{5}}}}},
      {"bmm", F(bmm(x[0], x[1])), "torch.bmm(*x)", {{{{2, 3, 2}}, {{2, 2, 4}}}, {{{1, 1, 3}}, {{1, 3, 1}}}}},
      {"addmm",
       F(addmm(x[0], x[1], x[2], 0.5, -2)),
       "torch.addmm(*x, beta=0.5, alpha=-2)",
       {{{{2, 4}}, {{2, 3}}, {{3, 4}}}, {{{4}}, {{2, 3}}, {{3, 4}}}, {{{}}, {{2, 1}}, {{1, 1}}}}},
      {"addmm", F(addmm(x[0], x[1], x[2])), "torch.addmm(*x)", {{{{2, 1}}, {{2, 3}}, {{3, 4}}}}},
      {"baddbmm",
       F(baddbmm(x[0], x[1], x[2], 2, 0.5)),
       "torch.baddbmm(*x, beta=2, alpha=0.5)",
       {{{{3, 2, 2}}, {{3, 2, 3}}, {{3, 3, 2}}}, {{{2}}, {{3, 2, 3}}, {{3, 3, 2}}}}},
      {"dot", F(dot(x[0], x[1])), "torch.dot(*x)", {{{{5}}, {{5}}}, {{{1}}, {{1}}}}},
      {"vdot", F(vdot(x[0], x[1])), "torch.vdot(*x)", {{{{4}}, {{4}}}}},
      {"inner",
       F(inner(x[0], x[1])),
       "torch.inner(*x)",
       {{{{2, 3}}, {{4, 3}}}, {{{3}}, {{3}}}, {{{2, 2, 3}}, {{3}}}, {{{}}, {{2, 3}}}}},
      {"outer", F(outer(x[0], x[1])), "torch.outer(*x)", {{{{3}}, {{4}}}, {{{1}}, {{2}}}}},
      {"tensordot",
       F(tensordot(x[0], x[1])),
       "torch.tensordot(*x)",
       {{{{2, 3, 4}}, {{3, 4, 2}}}, {{{2, 3}}, {{2, 3}}}}},
      {"tensordot",
       F(tensordot(x[0], x[1], {2, 0}, {0, -1})),
       "torch.tensordot(*x, ([2, 0], [0, -1]))",
       {{{{2, 3, 4}}, {{4, 5, 2}}}}},
      {"tensordot", F(tensordot(x[0], x[1], 0)), "torch.tensordot(*x, 0)", {{{{2, 3}}, {{2}}}, {{{}}, {{}}}}},
      {"bilinear",
       F(bilinear(x[0], x[1], x[2], x[3])),
       "F.bilinear(*x)",
       {{{{4, 3}}, {{4, 2}}, {{5, 3, 2}}, {{5}}}, {{{2, 2, 3}}, {{2, 2, 1}}, {{2, 3, 1}}, {{2}}}}},
      {"bilinear", F(bilinear(x[0], x[1], x[2])), "F.bilinear(*x)", {{{{3}}, {{2}}, {{2, 3, 2}}}}},
      {"kron", F(kron(x[0], x[1])), "torch.kron(*x)", {{{{2, 3}}, {{2, 2}}}, {{{2}}, {{2, 1, 3}}}, {{{}}, {{3}}}}},
      {"trace", F(trace(x[0])), "torch.trace(x[0])", {{{{3, 3}}}, {{{2, 4}}}, {{{1, 1}}}}},
      EINSUM("ij,jk->ik", {{{{2, 3}}, {{3, 4}}}}),
      EINSUM("ij,kj", {{{{2, 3}}, {{4, 3}}}}),
      EINSUM("ji,jk->ki", {{{{3, 2}}, {{3, 4}}}}),
      EINSUM(" b i j , b j k -> b i k ", {{{{2, 3, 2}}, {{2, 2, 3}}}, {{{1, 1, 1}}, {{1, 1, 1}}}}),
      EINSUM("bhqd,bkhd->bhqk", {{{{2, 2, 3, 2}}, {{2, 3, 2, 2}}}}),
      EINSUM("...ij,...jk->...ik", {{{{2, 1, 2, 3}}, {{3, 3, 2}}}, {{{2, 3}}, {{2, 3, 2}}}}),
      EINSUM("i...,...->...i", {{{{2, 1, 3}}, {{2, 1}}}, {{{2, 1}}, {{1, 1}}}}),
      EINSUM("...i->", {{{{2, 3}}}}),
      EINSUM("ii", {{{{3, 3}}}, {{{1, 1}}}}),
      EINSUM("ii->i", {{{{3, 3}}}}),
      EINSUM("iji,j->ij", {{{{3, 2, 3}}, {{2}}}}),
      EINSUM("ba", {{{{2, 3}}}}),
      EINSUM("ijk->j", {{{{2, 3, 2}}}}),
      EINSUM("i,j->ij", {{{{2}}, {{3}}}}),
      EINSUM("i,i", {{{{4}}, {{4}}}}),
      EINSUM("bi,bi->b", {{{{3, 4}}, {{3, 4}}}}),
      EINSUM("ij,ij->ji", {{{{2, 3}}, {{2, 3}}}}),
      EINSUM("ijl,k->ik", {{{{2, 2, 2}}, {{3}}}}),
      EINSUM(",ij", {{{{}}, {{2, 3}}}}),
      EINSUM("ij,jk,kl->il", {{{{2, 3}}, {{3, 4}}, {{4, 2}}}}),
      EINSUM("bn,anm,bm->ba", {{{{2, 3}}, {{4, 3, 2}}, {{2, 2}}}}),
      EINSUM("ea,fb,abcd,gc,hd->efgh", {{{{2, 2}}, {{1, 2}}, {{2, 2, 2, 2}}, {{3, 2}}, {{2, 2}}}}),
  };
}
#undef EINSUM
