// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// An optimizer's expressions, compiled: plain numbers that every instruction set's machine reads. The part that depends
// on the step and the hyperparameters alone is computed once for each step, in double; the rest for each element, by a
// machine with one accumulator.
#include <cstddef>
#include <cstdint>

namespace xgrad::optim::expression {

inline constexpr std::size_t kMaxSums = 4, kMaxHypers = 30, kMaxScalars = 30, kMaxScalarOps = 256, kMaxOps = 128,
                             kMaxCells = 16;

enum class Op : std::uint8_t {
  // leaves of the graph
  number,
  hyper,
  step,
  size,  // elements of the tensor
  sum,   // over them
  lane,
  // functions of one, two and three
  neg,
  abs,
  sign,
  sqrt,
  exp,
  log,
  tanh,
  add,
  sub,
  mul,
  div,
  max,
  min,
  pow,
  less,
  less_equal,
  equal,
  not_equal,
  where,
  // only of the machine; a is the accumulator, x and y are operands
  load,                  // x
  store,                 // to x
  store_p,               // to the parameter, after its decay
  reversed_sub,          // x - a
  reversed_div,          // x / a
  reversed_pow,          // x ^ a
  greater,               // a > x
  greater_equal,         // a >= x
  multiply_add,          // a x + y
  multiply_sub,          // a x - y
  negated_multiply_add,  // y - a x
  add_product,           // a + x y
  sub_product,           // a - x y
  product_sub,           // x y - a
  end
};

/// What an instruction reads or writes beside the accumulator. Cell 0 holds the parameter, cell 1 the gradient, as the
/// driver hands them to any kernel; the others what is needed again.
struct Operand {
  enum class Kind : std::uint8_t { none, cell, slot, scalar } kind = Kind::none;
  std::uint8_t index = 0;
};
inline constexpr std::uint8_t kParameterCell = 0, kGradientCell = 1, kFirstSumCell = 2;

struct Instruction {
  Op op = Op::end;
  Operand x, y;
};

/// One value of the part computed in double; a, b, c are earlier ones; a of a leaf says which hyper or sum it is.
struct ScalarOp {
  Op op = Op::number;
  std::uint16_t a = 0, b = 0, c = 0;
  double value = 0;  // of number
};

struct Program {
  ScalarOp scalar_ops[kMaxScalarOps];
  std::size_t scalar_op_count = 0;
  std::uint16_t scalars[kMaxScalars] = {};  // which of those values the instructions read
  std::size_t scalar_count = 0;
  Instruction instructions[kMaxOps];  // the last one is `end`
  std::size_t slot_count = 0;
  /// Of a pass before the step: it leaves the terms of sum i in cell kFirstSumCell + i.
  std::size_t sum_count = 0;
};

/// A step's kernel, as it lies in the driver's box.
struct Prepared {
  const Program* program;
  double scalars[kMaxScalars];
};

}  // namespace xgrad::optim::expression
