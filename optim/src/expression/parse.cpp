// SPDX-License-Identifier: BSD-3-Clause
// Expressions by binding powers (Pratt 1973): one loop and one table.
#include "parse.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "xgrad/config/read.hpp"

namespace xgrad::optim::expression {
namespace {

struct Function {
  const char* name;
  std::size_t arguments;
  int (*make)(Graph& graph, const std::vector<int>& x);
};
template <Op op> int plain(Graph& graph, const std::vector<int>& x) {
  return graph.apply(op, x[0], x.size() > 1 ? x[1] : -1, x.size() > 2 ? x[2] : -1);
}
int sum(Graph& graph, const std::vector<int>& x) {
  XGRAD_CHECK(graph[x[0]].lane, "what is summed is the same for all elements");
  XGRAD_CHECK(!graph[x[0]].summed, "what is summed depends on another sum, mean or norm");
  return graph.sum(x[0]);
}
constexpr Function kFunctions[] = {
    {"abs", 1, plain<Op::abs>},
    {"sign", 1, plain<Op::sign>},
    {"sqrt", 1, plain<Op::sqrt>},
    {"exp", 1, plain<Op::exp>},
    {"log", 1, plain<Op::log>},
    {"tanh", 1, plain<Op::tanh>},
    {"max", 2, plain<Op::max>},
    {"min", 2, plain<Op::min>},
    {"pow", 2, plain<Op::pow>},
    {"where", 3, plain<Op::where>},
    {"sum", 1, sum},
    {"mean", 1,
     [](Graph& graph, const std::vector<int>& x) {
       return graph.apply(Op::div, sum(graph, x), graph.size_of_tensor());
     }},
    {"norm", 1,
     [](Graph& graph, const std::vector<int>& x) {
       return graph.apply(Op::sqrt, sum(graph, {graph.apply(Op::mul, x[0], x[0])}));
     }},
    {"square", 1, [](Graph& graph, const std::vector<int>& x) { return graph.apply(Op::mul, x[0], x[0]); }},
    {"sigmoid", 1,
     [](Graph& graph, const std::vector<int>& x) {  // (1 + tanh(x / 2)) / 2 overflows nowhere
       const int half = graph.number(0.5);
       const int curve = graph.apply(Op::tanh, graph.apply(Op::mul, half, x[0]));
       return graph.apply(Op::add, half, graph.apply(Op::mul, half, curve));
     }},
    {"clip", 3,
     [](Graph& graph, const std::vector<int>& x) {
       return graph.apply(Op::min, graph.apply(Op::max, x[0], x[1]), x[2]);
     }},
    {"lerp", 3,
     [](Graph& graph, const std::vector<int>& x) {  // x0 + w (x1 - x0), with the weights in double
       const int rest = graph.apply(Op::sub, graph.number(1), x[2]);
       return graph.apply(Op::add, graph.apply(Op::mul, rest, x[0]), graph.apply(Op::mul, x[2], x[1]));
     }},
};

/// Binary operators by binding power; right-associative ones bind their right side less.
struct Operator {
  const char* text;
  int left, right;
  Op op;
  bool exchanged = false;  // b op a
};
constexpr Operator kOperators[] = {
    {"<=", 1, 2, Op::less_equal}, {">=", 1, 2, Op::less_equal, true},
    {"==", 1, 2, Op::equal},      {"!=", 1, 2, Op::not_equal},
    {"<", 1, 2, Op::less},        {">", 1, 2, Op::less, true},
    {"+", 3, 4, Op::add},         {"-", 3, 4, Op::sub},
    {"**", 10, 9, Op::pow},       {"*", 5, 6, Op::mul},
    {"/", 5, 6, Op::div},         {"^", 10, 9, Op::pow},
};
constexpr int kNegation = 7, kDeepest = 64;

class Parser {
 public:
  Parser(const std::string& text, std::size_t start, Graph& graph, const Names& names)
      : text_(text), at_(start), graph_(graph), names_(names) {}

  int all() {
    const int node = expression(0);
    if (at_ < text_.size()) {
      if (text_[at_] == ')') refuse("\")\" without its \"(\"");
      if (text_[at_] == '=') refuse("one \"=\" too many", "each update is one assignment; \"==\" compares");
      refuse(std::string("expected an operator, found \"") + text_[at_] + "\"", "operators: + - * / ^ < <= > >= == !=");
    }
    return node;
  }

 private:
  [[noreturn]] void refuse(const std::string& message, const std::string& help = "") const {
    throw SyntaxError(at_, message, help);
  }
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool next_is(char c) {
    skip_blanks();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  const Operator* next_operator() {
    skip_blanks();
    for (const Operator& op : kOperators)
      if (text_.compare(at_, std::char_traits<char>::length(op.text), op.text) == 0) return &op;
    return nullptr;
  }

  int expression(int power) {
    if (++depth_ > kDeepest) refuse("nested deeper than " + std::to_string(kDeepest));
    int left = operand();
    while (const Operator* op = next_operator()) {
      if (op->left < power) break;
      at_ += std::char_traits<char>::length(op->text);
      int right = expression(op->right);
      if (op->exchanged) std::swap(left, right);
      left = graph_.apply(op->op, left, right);
    }
    --depth_;
    return left;
  }
  int operand() {
    skip_blanks();
    if (at_ >= text_.size()) refuse("it ends where a number, a name or \"(\" is expected");
    const char c = text_[at_];
    if (take('-')) return graph_.apply(Op::neg, expression(kNegation));
    if (take('+')) return expression(kNegation);
    if (c == '(') {
      const std::size_t opened = at_++;
      const int node = expression(0);
      close(opened);
      return node;
    }
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '.') return number();
    if (std::isalpha(static_cast<unsigned char>(c)) || c == '_') return name();
    refuse(std::string("expected a number, a name or \"(\", found \"") + c + "\"");
  }
  void close(std::size_t opened) {
    if (take(')')) return;
    at_ = opened;
    refuse("\"(\" without its \")\"");
  }
  int number() {
    double value = 0;
    const char* const first = text_.data() + at_;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), value);
    if (error != std::errc{}) refuse("not a number");
    at_ += static_cast<std::size_t>(end - first);
    return graph_.number(value);
  }
  int name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    const std::string word = text_.substr(start, at_ - start);
    if (next_is('(')) return call(word, start);
    if (const auto known = names_.find(word); known != names_.end()) return known->second;
    at_ = start;
    std::vector<std::string> all;
    for (const auto& [name, node] : names_) all.push_back(name);
    const std::string close = config::nearest(word, all);
    refuse("unknown name \"" + word + "\"",
           (close.empty() ? "" : "did you mean \"" + close + "\"?   ") + "names: " + config::joined(all));
  }
  int call(const std::string& word, std::size_t start) {
    const auto* const function =
        std::find_if(std::begin(kFunctions), std::end(kFunctions), [&](const Function& f) { return word == f.name; });
    if (function == std::end(kFunctions)) {
      at_ = start;
      const std::string close = config::nearest(word, function_names());
      refuse("unknown function \"" + word + "\"", (close.empty() ? "" : "did you mean \"" + close + "\"?   ") +
                                                      "functions: " + config::joined(function_names()));
    }
    const std::size_t opened = at_++;
    std::vector<int> arguments;
    do arguments.push_back(expression(0));
    while (take(','));
    close(opened);
    if (arguments.size() != function->arguments) {
      at_ = start;
      refuse("\"" + word + "\" takes " + std::to_string(function->arguments) + " arguments, found " +
             std::to_string(arguments.size()));
    }
    try {
      return function->make(graph_, arguments);
    } catch (const Error& error) {
      at_ = start;
      refuse("\"" + word + "\": " + error.what());
    }
  }

  const std::string& text_;
  std::size_t at_;
  Graph& graph_;
  const Names& names_;
  int depth_ = 0;
};

}  // namespace

bool is_name(const std::string& word) {
  return !word.empty() && !std::isdigit(static_cast<unsigned char>(word[0])) &&
         std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

std::vector<std::string> function_names() {
  std::vector<std::string> result;
  for (const Function& function : kFunctions) result.emplace_back(function.name);
  return result;
}

int parse_expression(const std::string& text, Graph& graph, const Names& names) {
  return Parser(text, 0, graph, names).all();
}

std::string parse_assignment(const std::string& text, Graph& graph, Names& names,
                             const std::vector<std::string>& fixed) {
  const std::size_t equals = text.find('=');
  const std::size_t start = std::min(text.find_first_not_of(" \t\n"), text.size());
  if (equals == std::string::npos || text.compare(equals, 2, "==") == 0)
    throw SyntaxError(start, "expected an assignment", "write \"name = expression\", for example \"p = p - lr*g\"");
  std::string name = text.substr(start, equals - start);
  name.erase(name.find_last_not_of(" \t\n") + 1);
  if (!is_name(name)) throw SyntaxError(start, "\"" + name + "\" is not a name that can be assigned to");
  if (std::find(fixed.begin(), fixed.end(), name) != fixed.end())
    throw SyntaxError(start, "\"" + name + "\" cannot be assigned to", "assign to p, a state or a new name");
  names[name] = Parser(text, equals + 1, graph, names).all();
  return name;
}

}  // namespace xgrad::optim::expression
