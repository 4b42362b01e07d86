// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: indexing.
#include "engine/operations/rows.hpp"

std::vector<OperationRow> indexing_rows() { return {}; }
