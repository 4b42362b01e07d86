// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: matrix products, einsum.
#include "engine/operations/rows.hpp"

using namespace xgrad;

std::vector<OperationRow> products_rows() {
  return {
      {"matmul",
       F(matmul(x[0], x[1])),
       "",
       {{{{2, 3}}, {{3, 4}}},
        {{{3}}, {{3}}},
        {{{3}}, {{3, 2}}},
        {{{2, 3}}, {{3}}},
        {{{2, 2, 3}}, {{3, 2}}},
        {{{2, 2, 3}}, {{2, 3, 2}}},
        {{{2, 3}}, {{4, 3, 2}}},
        {{{3, 1, 2, 3}}, {{2, 3, 2}}},
        {{{5, 3}}, {{2, 3, 1}}}}},
      {"linear",
       F(linear(x[0], x[1], x[2])),
       "",
       {{{{4, 3}}, {{2, 3}}, {{2}}}, {{{2, 2, 3}}, {{2, 3}}, {{2}}}, {{{3}}, {{2, 3}}, {{2}}}}},
      {"linear", F(linear(x[0], x[1])), "", {{{{4, 3}}, {{2, 3}}}}},
      {"linear", F(linear(x[0], x[1], x[2], Activation::relu)), "", {{{{4, 3}}, {{5, 3}}, {{5}}}}},
      {"linear", F(linear(x[0], x[1], x[2], Activation::tanh)), "", {{{{4, 3}}, {{5, 3}}, {{5}}}}},
      {"linear", F(linear(x[0], x[1], x[2], Activation::sigmoid)), "", {{{{4, 3}}, {{5, 3}}, {{5}}}}},
  };
}
