// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "xgrad/autograd.hpp"

namespace xgrad {
namespace {

/// As it stands between double quotes in DOT.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

}  // namespace

template <class T> std::string to_dot(const Tensor<T>& result, const NamedTensors<T>& parameters) {
  std::unordered_map<const Node<T>*, std::string> names;
  for (const NamedTensor<T>& parameter : parameters) names.emplace(parameter.tensor.node(), parameter.name);
  std::vector<const Node<T>*> nodes, stack{result.node()};
  std::unordered_set<const Node<T>*> seen{result.node()};
  while (!stack.empty()) {
    const Node<T>* node = stack.back();
    stack.pop_back();
    nodes.push_back(node);
    for (std::uint32_t k = 0; k < node->input_count; ++k)
      if (seen.insert(node->inputs[k]).second) stack.push_back(node->inputs[k]);
  }
  std::sort(nodes.begin(), nodes.end(), [](const auto* a, const auto* b) { return a->sequence < b->sequence; });

  std::unordered_map<const Node<T>*, std::size_t> numbers;
  for (std::size_t i = 0; i < nodes.size(); ++i) numbers[nodes[i]] = i;
  std::string text =
      "digraph xgrad {\n  rankdir=BT;\n  node [fontname=\"sans-serif\", shape=box, style=\"rounded,filled\", "
      "fillcolor=white];\n";
  std::string edges;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node<T>& node = *nodes[i];
    const auto named = names.find(&node);
    const std::string label = named != names.end()                                      ? escaped(named->second)
                              : node.is_leaf() && node.requires_grad()                  ? "parameter"
                              : node.is_leaf() && std::string_view(node.name) == "leaf" ? "constant"
                                                                                        : node.name;
    const char* look = !node.is_leaf()        ? ""
                       : node.requires_grad() ? ", style=filled, fillcolor=lightblue"
                                              : ", style=filled, fillcolor=lightgrey";
    text += "  n" + std::to_string(i) + " [label=\"" + label + "\\n" + node.shape.to_string() + "\"" + look + "];\n";
    for (std::uint32_t k = 0; k < node.input_count; ++k)
      edges += "  n" + std::to_string(numbers[node.inputs[k]]) + " -> n" + std::to_string(i) + ";\n";
  }
  return text + edges + "}\n";
}

template std::string to_dot(const Tensor<float>&, const NamedTensors<float>&);
template std::string to_dot(const Tensor<double>&, const NamedTensors<double>&);

}  // namespace xgrad
