// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Expressions as a graph in which equal nodes are one: what is written twice is computed once, and an assignment only
// gives a node another name.
#include <string>
#include <vector>

#include "program.hpp"

namespace xgrad::optim::expression {

struct Node {
  Op op = Op::number;
  int a = -1, b = -1, c = -1;
  double value = 0;     ///< of a number
  int leaf = 0;         ///< of a hyper: which; of a lane: 0 the parameter, 1 the gradient, 2 + i slot i
  bool lane = false;    ///< differs from element to element
  bool summed = false;  ///< depends on a sum over the tensor

  bool operator==(const Node&) const = default;
};

class Graph {
 public:
  int number(double value) { return add({Op::number, -1, -1, -1, value}); }
  int hyper(int index) { return add({Op::hyper, -1, -1, -1, 0, index}); }
  int step() { return add({Op::step}); }
  int size_of_tensor() { return add({Op::size}); }
  /// Of a value that differs from element to element and depends on no other sum.
  int sum(int node) { return add({Op::sum, node}); }
  int lane(int index) { return add({Op::lane, -1, -1, -1, 0, index, true}); }
  /// The function of nodes; simplified, with scalar factors on the left.
  int apply(Op op, int a, int b = -1, int c = -1);

  const Node& operator[](int node) const { return nodes_[static_cast<std::size_t>(node)]; }
  int size() const { return static_cast<int>(nodes_.size()); }

 private:
  int add(Node node);
  bool is_number(int node, double value) const {
    return (*this)[node].op == Op::number && (*this)[node].value == value;
  }
  std::vector<Node> nodes_;
};

/// What an optimizer does to an element: values that become the parameter (lane 0) and slots (lane 2 + i), all from the
/// values before.
struct Update {
  struct Result {
    int lane, node;
  };
  Graph graph;
  std::vector<Result> results;
  std::size_t slot_count = 0;

  /// The sums that the results depend on, in the order in which programs number them.
  std::vector<int> sums() const;
};

/// The value of a function in double, as the scalar part computes it.
double evaluate(Op op, double a, double b, double c);

/// The step. Throws Error where a limit is exceeded.
Program compile(const Update& update);
/// The pass that measures the step's sums, if there are any.
Program compile_sums(const Update& update);

}  // namespace xgrad::optim::expression
