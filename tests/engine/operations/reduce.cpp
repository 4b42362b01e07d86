// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: reductions.
#include "engine/operations/rows.hpp"

using namespace xgrad;

std::vector<OperationRow> reduce_rows() {
  return {
      {"sum", F(sum(x[0])), "", reducible},
      {"sum", F(sum(x[0], {-1, 0})), "", {{{{2, 3, 4}}}}},
      {"sum", F(sum(x[0], 0, true)), "", reducible},
      {"sum", F(sum(x[0], 1)), "", {{{{2, 3, 4}}}}},
      {"mean", F(mean(x[0])), "", reducible},
      {"mean", F(mean(x[0], -1, true)), "", reducible},
      {"sum_to", F(sum_to(x[0], Shape{3, 1})), "", {{{{2, 3, 4}}}}},
      {"var", F(var(x[0])), "", reducible},
      {"var", F(var(x[0], {0, 2}, 0, true)), "", {{{{2, 3, 4}}}}},
      {"amax", F(amax(x[0])), "", reducible},
      {"std", F(xgrad::std(x[0], -1)), "", {{{{2, 3, 4}}}, {{{5}}}}},
      {"amax", F(amax(x[0], 1, true)), "", {{{{2, 3, 4}}}}},
      {"amin", F(amin(x[0], -1)), "", reducible},
      {"logsumexp", F(logsumexp(x[0], -1)), "", reducible},
      {"logsumexp", F(logsumexp(x[0], {0, 1}, true)), "", {{{{2, 3, 4}}}}},
      {"max", F(max(x[0], -1).values), "", reducible},
      {"max", F(max(x[0], 1, true).values), "", {{{{2, 3, 4}}}}},
      {"min", F(min(x[0], 0).values), "", reducible},
      {"argmax", F(x[0] * 1), "", reducible, false, false},
      {"argmin", F(x[0] * 1), "", reducible, false, false},
  };
}
