// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: normalisation, dropout.
#include "engine/operations/rows.hpp"

using namespace xgrad;

std::vector<OperationRow> normalization_rows() {
  return {
      {"dropout", F(dropout(x[0], 0.4, true, RandomKey{1, 2, 3})), "", reducible},
  };
}
