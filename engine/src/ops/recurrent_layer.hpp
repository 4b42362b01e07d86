// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "kernels/kernels.hpp"
#include "xgrad/ops/recurrent.hpp"

namespace xgrad::detail {

/// Rows of weight_hh (in units of H), and the columns of a step's gates where their product with h belongs: added to
/// the product with x, or beside it.
struct CellPart {
  std::size_t row, rows, column;
  bool add;
};
struct CellForm {
  Cell cell;
  const char* name;
  std::size_t gates;  // rows of the weights, in units of H
  std::size_t width;  // what is kept of a step, in units of H: the gates; for the GRU also its hidden share of n
  std::size_t part_count;
  CellPart parts[2];
};
const CellForm& form_of(Cell cell);

/// One layer in one direction. Row (t, n) of x, the gates and the output belongs to step t of sequence n.
struct RecurrentPlan {
  const CellForm* form;
  std::size_t steps, batch, input, hidden;
  bool batch_first, reverse;
  bool final_cell;  // the LSTM's last c follows the output, as `batch` more rows

  std::size_t rows() const { return steps * batch; }
  std::size_t width() const { return form->width * hidden; }
  std::size_t row(std::size_t t, std::size_t n) const { return batch_first ? n * steps + t : t * batch + n; }
  std::size_t row_step() const { return batch_first ? steps : 1; }  // from a sequence to the next
  /// The i-th step to be taken.
  std::size_t time(std::size_t i) const { return reverse ? steps - 1 - i : i; }
  /// Sequences that go together through all steps.
  std::size_t block() const;
  bool has_cell() const { return form->cell == Cell::lstm; }
};

/// The output's rows, and the final c behind them if the plan says so, as one node. h and c may be undefined: zeros.
template <class T>
Tensor<T> recurrent_layer(const RecurrentPlan& plan, const Tensor<T>& x, const RecurrentState<T>& state,
                          const RecurrentWeights<T>& weights);

}  // namespace xgrad::detail
