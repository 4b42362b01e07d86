// SPDX-License-Identifier: BSD-3-Clause
#include "graph.hpp"

#include <algorithm>
#include <cmath>

namespace xgrad::optim::expression {

int Graph::add(Node node) {
  node.summed = node.op == Op::sum;
  for (const int part : {node.a, node.b, node.c}) {
    if (part < 0) continue;
    node.lane |= node.op != Op::sum && (*this)[part].lane;
    node.summed |= (*this)[part].summed;
  }
  const auto same = std::find(nodes_.begin(), nodes_.end(), node);
  if (same != nodes_.end()) return static_cast<int>(same - nodes_.begin());
  nodes_.push_back(node);
  return size() - 1;
}

int Graph::apply(Op op, int a, int b, int c) {
  const auto scalar = [this](int node) { return !(*this)[node].lane; };
  switch (op) {
    case Op::mul:
      if (scalar(b) && !scalar(a)) std::swap(a, b);
      // Scalars gather on the left, where they are multiplied once for each step: s (u x) = (s u) x.
      if (scalar(a) && (*this)[b].op == Op::mul && scalar((*this)[b].a) && !scalar(b))
        return apply(Op::mul, apply(Op::mul, a, (*this)[b].a), (*this)[b].b);
      if (is_number(a, 1)) return b;
      break;
    case Op::div:
      if (scalar(b) && !scalar(a)) return apply(Op::mul, apply(Op::div, number(1), b), a);
      break;
    case Op::pow:
      if (is_number(b, 1)) return a;
      if (is_number(b, 2)) return apply(Op::mul, a, a);
      if (is_number(b, 0.5)) return apply(Op::sqrt, a);
      if (is_number(b, -1)) return apply(Op::div, number(1), a);
      break;
    case Op::add:
      if ((*this)[b].op == Op::neg) return apply(Op::sub, a, (*this)[b].a);
      if ((*this)[a].op == Op::neg) return apply(Op::sub, b, (*this)[a].a);
      if (is_number(a, 0)) return b;
      if (is_number(b, 0)) return a;
      break;
    case Op::sub:
      if ((*this)[b].op == Op::neg) return apply(Op::add, a, (*this)[b].a);
      if (is_number(b, 0)) return a;
      break;
    case Op::neg:
      if ((*this)[a].op == Op::neg) return (*this)[a].a;
      break;
    default: break;
  }
  return add({op, a, b, c});
}

std::vector<int> Update::sums() const {
  std::vector<bool> wanted(static_cast<std::size_t>(graph.size()));
  for (const Result& result : results) wanted[static_cast<std::size_t>(result.node)] = true;
  std::vector<int> found;
  for (int node = graph.size() - 1; node >= 0; --node) {  // parts come before what is made of them
    if (!wanted[static_cast<std::size_t>(node)]) continue;
    if (graph[node].op == Op::sum) found.push_back(node);
    for (const int part : {graph[node].a, graph[node].b, graph[node].c})
      if (part >= 0) wanted[static_cast<std::size_t>(part)] = true;
  }
  return found;
}

double evaluate(Op op, double a, double b, double c) {
  switch (op) {
    case Op::neg: return -a;
    case Op::abs: return std::abs(a);
    case Op::sign: return std::isnan(a) ? a : static_cast<double>((a > 0) - (a < 0));
    case Op::sqrt: return std::sqrt(a);
    case Op::exp: return std::exp(a);
    case Op::log: return std::log(a);
    case Op::tanh: return std::tanh(a);
    case Op::add: return a + b;
    case Op::sub: return a - b;
    case Op::mul: return a * b;
    case Op::div: return a / b;
    case Op::max: return std::isnan(b) || a < b ? b : a;
    case Op::min: return std::isnan(b) || a > b ? b : a;
    case Op::pow: return std::pow(a, b);
    case Op::less: return a < b;
    case Op::less_equal: return a <= b;
    case Op::equal: return a == b;
    case Op::not_equal: return a != b;
    case Op::where: return a != 0 ? b : c;
    default: return 0;  // leaves: the caller's
  }
}

}  // namespace xgrad::optim::expression
