// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <map>

#include "graph.hpp"
#include "xgrad/error.hpp"

namespace xgrad::optim::expression {

/// A mistake in an expression: at which character, from 0.
class SyntaxError : public Error {
 public:
  SyntaxError(std::size_t place, const std::string& message, std::string hint = "")
      : Error(message), at(place), help(std::move(hint)) {}
  std::size_t at;
  std::string help;
};

/// Names and the nodes that they stand for at this point.
using Names = std::map<std::string, int>;

/// The node of an expression: numbers, names, + - * / ^, comparisons (1 or 0), functions. Throws SyntaxError.
int parse_expression(const std::string& text, Graph& graph, const Names& names);

/// "name = expression": name then stands for the node. Throws SyntaxError; `fixed` names cannot be assigned to.
std::string parse_assignment(const std::string& text, Graph& graph, Names& names,
                             const std::vector<std::string>& fixed);

bool is_name(const std::string& word);
/// "abs", "clip", ...
std::vector<std::string> function_names();

}  // namespace xgrad::optim::expression
