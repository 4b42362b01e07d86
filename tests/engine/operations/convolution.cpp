// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: convolutions.
#include "engine/operations/rows.hpp"

std::vector<OperationRow> convolution_rows() { return {}; }
