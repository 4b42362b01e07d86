// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: movement.
#include "engine/operations/rows.hpp"

using namespace xgrad;

std::vector<OperationRow> shape_rows() {
  return {
      {"reshape", F(reshape(x[0], {-1, 2})), "", {{{{2, 3, 4}}}}},
      {"flatten", F(flatten(x[0], 1)), "", {{{{2, 3, 4}}}}},
      {"squeeze", F(squeeze(x[0], 1)), "", {{{{2, 1, 3}}}}},
      {"squeeze", F(squeeze(x[0])), "", {{{{2, 1, 3, 1}}}}},
      {"unsqueeze", F(unsqueeze(x[0], -1)), "", {{{{2, 3}}}}},
      {"transpose", F(transpose(x[0])), "", {{{{2, 3}}}, {{{2, 3, 4}}}, {{{40, 70}}}}},
      {"transpose", F(transpose(x[0], 0, 2)), "", {{{{2, 3, 4}}}}},
      {"permute", F(permute(x[0], {1, 2, 0})), "", {{{{2, 3, 4}}}}},
      {"permute", F(permute(x[0], {3, 0, 2, 1})), "", {{{{2, 3, 2, 4}}}}},
      {"expand", F(expand(x[0], Shape{2, 3, 4})), "", {{{{3, 1}}}, {{{}}}}},
      {"slice", F(slice(x[0], 1, 1)), "", {{{{2, 5}}}}},
      {"slice", F(slice(x[0], 0, -4, -1, 2)), "", {{{{6, 2}}}}},
      {"concat", F(concat<T>({x[0], x[1], x[0]}, 1)), "", {{{{2, 3}}, {{2, 1}}}}},
      {"stack", F(stack<T>({x[0], x[1]}, 1)), "", {{{{2, 3}}, {{2, 3}}}}},
  };
}
