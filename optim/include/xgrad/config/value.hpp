// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "xgrad/error.hpp"

namespace xgrad::config {

/// A text that values were read from.
struct Source {
  std::string name, text;
};

/// A range of bytes in a source; without one (values made in C++) only the path tells where.
struct Place {
  std::shared_ptr<const Source> source;
  std::size_t begin = 0, end = 0;

  explicit operator bool() const { return source != nullptr; }
};

/// A JSON value that knows where it was written.
class Value {
 public:
  enum class Type { null, boolean, integer, number, string, list, object };
  struct Member;

  Value() = default;
  static Value from_json(const nlohmann::json& json, const std::string& path = "");
  nlohmann::ordered_json to_json() const;

  Type type = Type::null;
  bool boolean = false;
  double number = 0;  ///< also of an integer
  std::int64_t integer = 0;
  std::string string;
  std::vector<Value> items;     ///< of a list
  std::vector<Member> members;  ///< of an object, in the order written
  Place place;
  std::string path;  ///< "optimizer.groups[0].lr"

  bool is(Type t) const { return type == t; }
  bool is_number() const { return type == Type::integer || type == Type::number; }
  const Member* find(std::string_view key) const;
  /// "string \"0.01\"", "number 3.7", "an object": for messages.
  std::string describe() const;
};

struct Value::Member {
  std::string key;
  Place key_place;
  Value value;
};

/// The errors found in a config: all of them, not the first.
class Problems {
 public:
  struct Problem {
    const char* code;
    Place place;
    std::string path, message, help;
    bool warning = false;
  };
  void add(const char* code, const Value& at, std::string message, std::string help = "") {
    add(code, at.place, at.path, std::move(message), std::move(help));
  }
  void add(const char* code, Place place, std::string path, std::string message, std::string help = "");
  void warn(const char* code, const Value& at, std::string message);
  bool ok() const;
  const std::vector<Problem>& list() const { return problems_; }
  /// By position: `file:line:column: error[XG102]: message`, the line, a caret, help. At most 20, then "and N more".
  std::string text() const;
  nlohmann::ordered_json json() const;
  /// Annotations for GitHub's CI.
  std::string github() const;

 private:
  std::vector<Problem> sorted() const;
  std::vector<Problem> problems_;
};

/// Thrown where a config cannot be used; what() is Problems::text().
class ConfigError : public Error {
 public:
  explicit ConfigError(const Problems& problems) : Error(problems.text()) {}
  explicit ConfigError(const std::string& text) : Error(text) {}
};

/// 1-based line and column (in code points) of a byte of the text.
struct LineColumn {
  std::size_t line, column;
};
LineColumn line_column(std::string_view text, std::size_t byte);

}  // namespace xgrad::config
