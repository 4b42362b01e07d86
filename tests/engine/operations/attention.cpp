// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: attention, positions.
#include "engine/operations/rows.hpp"

std::vector<OperationRow> attention_rows() { return {}; }
