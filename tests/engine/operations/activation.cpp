// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: activations, gated units.
#include "engine/operations/rows.hpp"

using namespace xgrad;

std::vector<OperationRow> activation_rows() {
  return {
      unary("relu", F(relu(x[0])), ""),
      unary("relu6", F(relu6(x[0])), "", -3, 9),
      unary("leaky_relu", F(leaky_relu(x[0], 0.1)), ""),
      unary("elu", F(elu(x[0], 0.7)), ""),
      unary("selu", F(selu(x[0])), ""),
      unary("sigmoid", F(sigmoid(x[0])), ""),
      unary("log_sigmoid", F(log_sigmoid(x[0])), ""),
      unary("softplus", F(softplus(x[0], 1.5, 20)), ""),
      unary("hardtanh", F(hardtanh(x[0], -0.9, 1.1)), ""),
      unary("gelu", F(gelu(x[0])), ""),
      unary("gelu_tanh", F(gelu_tanh(x[0])), ""),
      unary("silu", F(silu(x[0])), ""),
      unary("mish", F(mish(x[0])), ""),
      unary("softsign", F(softsign(x[0])), ""),
      unary("hardswish", F(hardswish(x[0])), "", -4, 4),
  };
}
