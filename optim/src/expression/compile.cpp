// SPDX-License-Identifier: BSD-3-Clause
// From the graph to instructions for a machine with one accumulator.
#include <algorithm>

#include "graph.hpp"
#include "xgrad/error.hpp"

namespace xgrad::optim::expression {
namespace {

using Kind = Operand::Kind;

class Compiler {
 public:
  explicit Compiler(const Update& update)
      : update_(update), graph_(update.graph), sums_(update.sums()), uses_(static_cast<std::size_t>(graph_.size())),
        memory_(uses_.size()), scalar_ops_(uses_.size(), -1) {
    program_.slot_count = update.slot_count;
    XGRAD_CHECK(sums_.size() <= kMaxSums, "expression: ", sums_.size(), " sums, means and norms; at most ", kMaxSums,
                " are possible");
  }

  Program step() {
    std::vector<bool> seen(uses_.size());
    for (const Update::Result& result : update_.results) count(result.node, seen);
    for (const Update::Result& result : update_.results) finish(result);
    return finished();
  }
  Program sums() {
    std::vector<bool> seen(uses_.size());
    for (const int sum : sums_) count(graph_[sum].a, seen);
    program_.sum_count = sums_.size();
    cells_ = static_cast<std::uint8_t>(cells_ + sums_.size());
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      load(graph_[sums_[i]].a);
      const int held = graph_[sums_[i]].a;
      push(Op::store, {Kind::cell, static_cast<std::uint8_t>(kFirstSumCell + i)});
      held_ = held;
    }
    return finished();
  }

 private:
  Program finished() {
    for (const auto& [cell, slot] : late_) {
      push(Op::load, cell);
      push(Op::store, slot);
    }
    XGRAD_CHECK(code_.size() < kMaxOps, "expression: the updates need ", code_.size() + 1, " instructions; at most ",
                kMaxOps, " are possible");
    push(Op::end);
    std::copy(code_.begin(), code_.end(), program_.instructions);
    return program_;
  }

  // ---- counting
  int& uses(int node) { return uses_[static_cast<std::size_t>(node)]; }
  Operand& memory(int node) { return memory_[static_cast<std::size_t>(node)]; }

  /// Counts how often each value is wanted.
  void count(int node, std::vector<bool>& seen) {
    ++uses(node);
    if (seen[static_cast<std::size_t>(node)] || !graph_[node].lane) return;
    seen[static_cast<std::size_t>(node)] = true;
    for (const int part : {graph_[node].a, graph_[node].b, graph_[node].c})
      if (part >= 0) count(part, seen);
  }

  // ---- the part in double
  std::uint16_t scalar_op(int node) {
    int& place = scalar_ops_[static_cast<std::size_t>(node)];
    if (place >= 0) return static_cast<std::uint16_t>(place);
    const Node& n = graph_[node];
    ScalarOp op{n.op, 0, 0, 0, n.value};
    if (n.op == Op::hyper) op.a = static_cast<std::uint16_t>(n.leaf);
    if (n.op == Op::sum)
      op.a = static_cast<std::uint16_t>(std::find(sums_.begin(), sums_.end(), node) - sums_.begin());
    else if (n.a >= 0)
      op.a = scalar_op(n.a);
    if (n.b >= 0) op.b = scalar_op(n.b);
    if (n.c >= 0) op.c = scalar_op(n.c);
    XGRAD_CHECK(program_.scalar_op_count < kMaxScalarOps, "expression: more than ", kMaxScalarOps,
                " numbers that depend on the step and the hyperparameters");
    place = static_cast<int>(program_.scalar_op_count);
    program_.scalar_ops[program_.scalar_op_count++] = op;
    return static_cast<std::uint16_t>(place);
  }
  Operand scalar(int node) {
    const std::uint16_t op = scalar_op(node);
    std::size_t i = 0;
    while (i < program_.scalar_count && program_.scalars[i] != op) ++i;
    if (i == program_.scalar_count) {
      XGRAD_CHECK(i < kMaxScalars, "expression: elements meet more than ", kMaxScalars,
                  " numbers that depend on the step and the hyperparameters");
      program_.scalars[program_.scalar_count++] = op;
    }
    return {Kind::scalar, static_cast<std::uint8_t>(i)};
  }

  // ---- where values are
  void push(Op op, Operand x = {}, Operand y = {}) {
    code_.push_back({op, x, y});
    held_ = -1;
  }
  bool in_memory(int node) {
    const Node& n = graph_[node];
    return !n.lane || n.op == Op::lane || memory(node).kind != Kind::none;
  }
  /// Where a value that is in memory lies; one of its uses is then served.
  Operand take(int node) {
    const Node& n = graph_[node];
    --uses(node);
    if (!n.lane) return scalar(node);
    if (memory(node).kind == Kind::cell && uses(node) == 0) free_cells_.push_back(memory(node).index);
    if (memory(node).kind != Kind::none) return memory(node);
    if (n.leaf < 2) return {Kind::cell, n.leaf == 0 ? kParameterCell : kGradientCell};
    return {Kind::slot, static_cast<std::uint8_t>(n.leaf - 2)};
  }
  Operand new_cell() {
    if (!free_cells_.empty()) {
      const std::uint8_t cell = free_cells_.back();
      free_cells_.pop_back();
      return {Kind::cell, cell};
    }
    XGRAD_CHECK(cells_ < kMaxCells, "expression: more than ", kMaxCells - 2,
                " intermediate results at a time; assign some of them to a state");
    return {Kind::cell, cells_++};
  }
  /// The accumulator holds `node`, which is wanted again.
  void keep(int node) {
    memory(node) = new_cell();
    push(Op::store, memory(node));
    held_ = node;
  }
  void put_in_memory(int node) {
    if (in_memory(node)) return;
    compute(node);
    keep(node);
  }
  /// Serves one use of a value: it is in the accumulator.
  void load(int node) {
    if (held_ == node) {
      take(node);
      held_ = -1;
    } else if (in_memory(node)) {
      push(Op::load, take(node));
    } else {
      compute(node);
      if (--uses(node) > 0) keep(node);
    }
  }

  // ---- functions
  /// A product that nobody else wants.
  bool fusable(int node) { return graph_[node].op == Op::mul && !in_memory(node) && uses(node) == 1; }
  /// With the sum or difference of `other` and the product: whole, if both factors are in memory (`op(acc, x, y)` on an
  /// accumulator that holds other), or by `by_factor(acc, y, other)` on one that holds a factor.
  bool fuse(int product, int other, Op whole, Op by_factor) {
    if (!fusable(product)) return false;
    int x = graph_[product].a, y = graph_[product].b;
    if (held_ == y) std::swap(x, y);
    const bool factors = in_memory(x) && in_memory(y), beside = in_memory(y) && in_memory(other);
    if (!factors && !beside && in_memory(x) && in_memory(other)) std::swap(x, y);
    if (beside && (held_ == x || !factors)) {
      load(x);
    } else if (factors) {
      load(other);
      --uses(product);
      const Operand first = take(x), second = take(y);
      push(whole, first, second);
      return true;
    } else if (in_memory(y) && in_memory(other)) {
      load(x);
    } else {
      return false;
    }
    --uses(product);
    const Operand factor = take(y), rest = take(other);
    push(by_factor, factor, rest);
    return true;
  }
  /// `op(acc, x)`, or `reversed(acc, x)` on an accumulator that holds b.
  void binary(int a, int b, Op op, Op reversed) {
    if (held_ != a && (held_ == b || !in_memory(b)) && in_memory(a)) {
      load(b);
      push(reversed, take(a));
      return;
    }
    if (!in_memory(b)) put_in_memory(b);
    load(a);
    push(op, take(b));
  }
  /// The accumulator holds the value; uses of its parts are served.
  void compute(int node) {
    const Node n = graph_[node];
    switch (n.op) {
      case Op::add:
        if (!fuse(n.b, n.a, Op::add_product, Op::multiply_add) && !fuse(n.a, n.b, Op::add_product, Op::multiply_add))
          binary(n.a, n.b, Op::add, Op::add);
        break;
      case Op::sub:
        if (!fuse(n.b, n.a, Op::sub_product, Op::negated_multiply_add) &&
            !fuse(n.a, n.b, Op::product_sub, Op::multiply_sub))
          binary(n.a, n.b, Op::sub, Op::reversed_sub);
        break;
      case Op::div: binary(n.a, n.b, Op::div, Op::reversed_div); break;
      case Op::pow: binary(n.a, n.b, Op::pow, Op::reversed_pow); break;
      case Op::less: binary(n.a, n.b, Op::less, Op::greater); break;
      case Op::less_equal: binary(n.a, n.b, Op::less_equal, Op::greater_equal); break;
      case Op::where: {
        put_in_memory(n.b);
        put_in_memory(n.c);
        load(n.a);
        const Operand yes = take(n.b), no = take(n.c);
        push(Op::where, yes, no);
        break;
      }
      default:
        if (n.b >= 0) {
          binary(n.a, n.b, n.op, n.op);
        } else {
          load(n.a);
          push(n.op);
        }
    }
  }

  // ---- results
  void finish(const Update::Result& result) {
    const int node = result.node;
    if (held_ == node || in_memory(node)) {
      load(node);
    } else {
      compute(node);
      --uses(node);
    }
    const Operand slot{Kind::slot, static_cast<std::uint8_t>(result.lane - 2)};
    if (result.lane == 0) {
      push(Op::store_p);
    } else if (still_wanted(result.lane)) {
      const Operand cell = new_cell();
      push(Op::store, cell);
      late_.emplace_back(cell, slot);
    } else {
      push(Op::store, slot);
      if (!in_memory(node)) memory(node) = slot;
    }
    held_ = node;
    if (uses(node) > 0 && !in_memory(node)) keep(node);
  }
  /// Whether the old value of a slot is read later on.
  bool still_wanted(int lane) {
    for (int node = 0; node < graph_.size(); ++node)
      if (graph_[node].op == Op::lane && graph_[node].leaf == lane) return uses(node) > 0;
    return false;
  }

  const Update& update_;
  const Graph& graph_;
  std::vector<int> sums_;
  Program program_;
  std::vector<Instruction> code_;
  std::vector<int> uses_;        // of each node, still to be served
  std::vector<Operand> memory_;  // where a computed node was put
  std::vector<int> scalar_ops_;
  std::vector<std::uint8_t> free_cells_;
  std::uint8_t cells_ = 2;
  int held_ = -1;  // the node that the accumulator still holds
  std::vector<std::pair<Operand, Operand>> late_;
};

}  // namespace

Program compile(const Update& update) { return Compiler(update).step(); }
Program compile_sums(const Update& update) { return Compiler(update).sums(); }

}  // namespace xgrad::optim::expression
