// SPDX-License-Identifier: BSD-3-Clause
// The table of operations, family by family. See CONTRIBUTING.md, "Add an operation".
#include "engine/operations.hpp"

#define XGRAD_FAMILIES(X) \
  X(elementwise)          \
  X(activation)           \
  X(reduce)               \
  X(products)             \
  X(shape)                \
  X(loss)                 \
  X(scan)                 \
  X(indexing)             \
  X(convolution)          \
  X(pooling)              \
  X(normalization)        \
  X(attention)            \
  X(recurrent)            \
  X(decompositions)       \
  X(creation)

#define X(family) std::vector<OperationRow> family##_rows();
XGRAD_FAMILIES(X)
#undef X

const std::vector<OperationRow>& operations() {
  static const std::vector<OperationRow> all = [] {
    std::vector<OperationRow> rows;
    const auto append = [&rows](std::vector<OperationRow> more) {
      rows.insert(rows.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    };
#define X(family) append(family##_rows());
    XGRAD_FAMILIES(X)
#undef X
    return rows;
  }();
  return all;
}
