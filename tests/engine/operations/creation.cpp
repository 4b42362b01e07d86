// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: creation.
#include "engine/operations/rows.hpp"

std::vector<OperationRow> creation_rows() { return {}; }
