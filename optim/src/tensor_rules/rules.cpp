// SPDX-License-Identifier: BSD-3-Clause
// The built-in optimizers that see whole tensors or the closure.
#include "tensor_rules/factored.hpp"
#include "tensor_rules/lbfgs.hpp"
#include "tensor_rules/muon.hpp"
#include "tensor_rules/projected.hpp"
#include "tensor_rules/shampoo.hpp"
#include "tensor_rules/sparse_adam.hpp"
#include "xgrad/optim/optimizer.hpp"

namespace xgrad::optim {
namespace {

template <class... Rules> void add_all(config::Registry<OptimizerRow>& registry) {
  (registry.add({Rules::name, make_tensor_rule<float, Rules>(), make_tensor_rule<double, Rules>()}), ...);
}

}  // namespace

void add_tensor_rules(config::Registry<OptimizerRow>& registry) {
  using namespace tensor_rules;
  add_all<Adafactor, AdamP, Came, LBFGS, Muon, SgdP, Shampoo, Sm3, Soap, SparseAdam>(registry);
}

}  // namespace xgrad::optim
