// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: activations, gated units, softmax.
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

/// Each of the axis, the first one, one of three, a scalar.
const std::vector<Sample> along_axis = {{{{2, 3, 4}}}, {{{5}}}, {{{1, 3}}}, {{{3, 1}}}, {{{}}}};
const RandomKey kKey{1, 2, 3};

}  // namespace

std::vector<OperationRow> activation_rows() {
  return {
      unary("relu", F(relu(x[0])), "F.relu(x[0])"),
      unary("relu6", F(relu6(x[0])), "F.relu6(x[0])", -3, 9),
      unary("leaky_relu", F(leaky_relu(x[0], 0.1)), "F.leaky_relu(x[0], 0.1)"),
      unary("elu", F(elu(x[0], 0.7)), "F.elu(x[0], 0.7)"),
      unary("selu", F(selu(x[0])), "F.selu(x[0])"),
      unary("celu", F(celu(x[0], 0.5)), "F.celu(x[0], 0.5)"),
      unary("hardtanh", F(hardtanh(x[0], -0.9, 1.1)), "F.hardtanh(x[0], -0.9, 1.1)"),
      unary("gelu", F(gelu(x[0])), "F.gelu(x[0])"),
      unary("gelu_tanh", F(gelu_tanh(x[0])), "F.gelu(x[0], approximate='tanh')"),
      unary("silu", F(silu(x[0])), "F.silu(x[0])"),
      unary("mish", F(mish(x[0])), "F.mish(x[0])"),
      unary("softsign", F(softsign(x[0])), "F.softsign(x[0])"),
      unary("hardsigmoid", F(hardsigmoid(x[0])), "F.hardsigmoid(x[0])", -4, 4, 1e-8),  // PyTorch's 1 / 6 is a float
      unary("hardswish", F(hardswish(x[0])), "F.hardswish(x[0])", -4, 4),
      unary("tanhshrink", F(tanhshrink(x[0])), "F.tanhshrink(x[0])"),
      unary("softshrink", F(softshrink(x[0], 0.6)), "F.softshrink(x[0], 0.6)"),
      unary("hardshrink", F(hardshrink(x[0], 0.6)), "F.hardshrink(x[0], 0.6)"),
      unary("threshold", F(threshold(x[0], 0.1, -3)), "F.threshold(x[0], 0.1, -3)"),
      binary("negative_scaled", F(negative_scaled(x[0], x[1])), "torch.where(x[0] > 0, x[0], x[0] * x[1])"),
      {"prelu",
       F(prelu(x[0], x[1])),
       "F.prelu(x[0], x[1])",
       {{{{2, 3}}, {{3}}}, {{{2, 3}}, {{1}}}, {{{2, 3, 4}}, {{3}}}, {{{2, 1, 4}}, {{1}}}}},
      {"prelu", F(prelu(x[0], x[1])), "torch.where(x[0] > 0, x[0], x[0] * x[1])", {{{{5}}, {{5}}}, {{{}}, {{}}}}},
      unary("rrelu", F(rrelu(x[0], 0.1, 0.4, false, kKey)), "F.rrelu(x[0], 0.1, 0.4)"),
      unary("rrelu", F(rrelu(x[0], 0.1, 0.4, true, kKey)), ""),
      // gated units
      binary("sigmoid_gate", F(sigmoid_gate(x[0], x[1])), "x[0] * torch.sigmoid(x[1])"),
      binary("swiglu", F(swiglu(x[0], x[1])), "F.silu(x[0]) * x[1]"),
      binary("geglu", F(geglu(x[0], x[1])), "F.gelu(x[0]) * x[1]"),
      binary("reglu", F(reglu(x[0], x[1])), "F.relu(x[0]) * x[1]"),
      {"glu", F(glu(x[0])), "F.glu(x[0])", {{{{3, 4}}}, {{{2}}}, {{{2, 3, 6}}}}},
      {"glu", F(glu(x[0], -2)), "F.glu(x[0], -2)", {{{{2, 3}}}, {{{3, 4, 2}}}}},
      // along an axis
      {"softmax", F(softmax(x[0])), "F.softmax(x[0], -1)", along_axis},
      {"softmax", F(softmax(x[0], 0)), "F.softmax(x[0], 0)", along_axis},
      {"softmax", F(softmax(x[0], -2)), "F.softmax(x[0], -2)", {{{{2, 3, 4}}}, {{{2, 1}}}}},
      {"softmax", F(softmax(x[0])), "F.softmax(x[0], -1)", {{{{2, 1500}, -20, 20}}}},
      {"log_softmax", F(log_softmax(x[0])), "F.log_softmax(x[0], -1)", along_axis},
      {"log_softmax", F(log_softmax(x[0], 1)), "F.log_softmax(x[0], 1)", {{{{2, 3, 4}}}}},
      {"softmin", F(softmin(x[0], 0)), "F.softmin(x[0], 0)", along_axis},
      {"gumbel_softmax", F(gumbel_softmax(x[0], 0.7, false, 0, kKey)), "", {{{{3, 4}}}, {{{5}}}}},
  };
}
