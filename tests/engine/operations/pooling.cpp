// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: pooling, resampling, unfold.
#include "engine/operations/rows.hpp"

std::vector<OperationRow> pooling_rows() { return {}; }
