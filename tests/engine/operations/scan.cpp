// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: scans, sorting.
#include "engine/operations/rows.hpp"

std::vector<OperationRow> scan_rows() { return {}; }
