// SPDX-License-Identifier: BSD-3-Clause
// Writes xgrad/optim/optimizers.hpp, a class and its options for each registered optimizer, to the standard output. The
// declarations are the source: names, types, defaults, ranges and docs.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "xgrad/optim/optimizer.hpp"

namespace {

using namespace xgrad;
using config::Field;
using Kind = Field::Kind;

std::string number(double value) {
  char text[64];
  if (std::isinf(value))
    return value > 0 ? "std::numeric_limits<double>::infinity()" : "-std::numeric_limits<double>::infinity()";
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return text;
}
std::string numbers(const double* values, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += (i ? ", " : "") + number(values[i]);
  return "{" + text + "}";
}
template <class T, class Text> std::string optional(const void* place, const Text& text) {
  const auto& value = *static_cast<const std::optional<T>*>(place);
  return value ? text(*value) : "{}";
}

struct Member {
  std::string type, value, range;  ///< range: what follows the place in describe()
};
Member member_of(const Field& f) {
  const auto whole = [](std::int64_t value) { return std::to_string(value); };
  switch (f.kind) {
    case Kind::number: return {"double", number(*static_cast<double*>(f.place)), "config::range::any, "};
    case Kind::integer: return {"std::int64_t", whole(*static_cast<std::int64_t*>(f.place)), "config::range::any, "};
    case Kind::boolean: return {"bool", *static_cast<bool*>(f.place) ? "true" : "false", ""};
    case Kind::choice: return {"std::string", "\"" + *static_cast<std::string*>(f.place) + "\"", ""};
    case Kind::variant:
      return {"std::string",
              "\"" + config::alternatives(f.choices)[static_cast<std::size_t>(*static_cast<int*>(f.place))] + "\"", ""};
    case Kind::numbers:
      return {"std::array<double, " + std::to_string(f.count) + ">", numbers(static_cast<double*>(f.place), f.count),
              "config::range::any, "};
    case Kind::few_numbers:
      return {"std::vector<double>", numbers(static_cast<double*>(f.place), f.count), "config::range::any, "};
    case Kind::text: return {"std::string", "\"" + *static_cast<std::string*>(f.place) + "\"", ""};
    case Kind::number_list: {
      const auto& list = *static_cast<std::vector<double>*>(f.place);
      return {"std::vector<double>", numbers(list.data(), list.size()), "config::range::any, "};
    }
    case Kind::optional_number:
      return {"std::optional<double>", optional<double>(f.place, number), "config::range::any, "};
    case Kind::optional_integer:
      return {"std::optional<std::int64_t>", optional<std::int64_t>(f.place, whole), "config::range::any, "};
    default: fail("write_optimizers: field \"", f.name, "\" is of a kind that has no type in C++ yet");
  }
}

std::string accepted(const Field& f) {
  if (*f.choices) {
    std::string text;
    for (const std::string& name : config::alternatives(f.choices)) text += (text.empty() ? "" : ", ") + name;
    return "; " + text;
  }
  const std::string range = f.range.text();
  return f.kind == Kind::boolean || range == "any number" ? "" : "; " + range;
}

void write(const optim::OptimizerRow& row) {
  optim::Hyperparameters defaults(row.float_rule);
  const config::Fields fields = defaults.fields();
  const std::string name = row.float_rule.class_name;
  std::string members, described;
  for (const Field& f : fields.list()) {
    const Member member = member_of(f);
    members += "  /// " + std::string(f.doc) + accepted(f) + "\n  " + member.type + " " + f.name + " = " +
               member.value + ";\n";
    described += std::string("    f(\"") + f.name + "\", " + f.name + ", " + member.range + "\"\");\n";
  }
  std::cout << "struct " << name << "Options {\n"
            << members << "  void describe(config::Fields& f) {\n"
            << described << "  }\n};\n/// " << row.name << ": " << row.float_rule.about.doc << ". "
            << row.float_rule.about.source << "\ntemplate <class T> class " << name
            << " : public Optimizer<T> {\n public:\n  explicit " << name << "(NamedTensors<T> parameters, " << name
            << "Options options = {},\n"
            << "      const std::vector<ParameterGroup>& groups = {})\n"
            << "      : Optimizer<T>(detail::make_from_options<T>(\"" << row.name
            << "\", config::fields_of(options), std::move(parameters), groups)) {}\n};\n\n";
}

}  // namespace

int main() {
  std::cout << "// SPDX-License-Identifier: BSD-3-Clause\n#pragma once\n"
               "// Written by the build from the declarations of the optimizers:\n//\n"
               "//     xgrad::optim::Adam optimizer(model.named_parameters(), {.lr = 1e-3});\n//\n"
               "// Throws config::ConfigError, by name, for a value that is out of range.\n"
               "#include \"xgrad/optim/options.hpp\"\n\nnamespace xgrad::optim {\n\n";
  for (const optim::OptimizerRow& row : optim::optimizers().rows())
    if (!row.describe_config) write(row);
  std::cout << "}  // namespace xgrad::optim\n";
}
