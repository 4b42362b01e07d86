// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: dense linear algebra.
#include "engine/operations/rows.hpp"

std::vector<OperationRow> decompositions_rows() { return {}; }
