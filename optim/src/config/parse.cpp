// SPDX-License-Identifier: BSD-3-Clause
// nlohmann's parser reads; this file keeps the places. The parser reports tokens in order, so a cursor that steps over
// the same tokens knows where each begins and ends.
#include "xgrad/config/parse.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "xgrad/config/read.hpp"

namespace xgrad::config {
namespace {

constexpr std::size_t kMostBytes = std::size_t{8} << 20, kMostDepth = 64;
constexpr const char* kSyntax = "XG100";

/// The first byte that is not valid UTF-8, or npos.
std::size_t invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = byte < 0x80                   ? 1
                               : byte >= 0xC2 && byte < 0xE0 ? 2
                               : byte >= 0xE0 && byte < 0xF0 ? 3
                               : byte >= 0xF0 && byte < 0xF5 ? 4
                                                             : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return i;
    i += length;
  }
  return std::string_view::npos;
}

class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  Reader(std::shared_ptr<const Source> source, Problems& problems)
      : source_(std::move(source)), text_(source_->text), problems_(problems) {
    if (text_.starts_with("\xEF\xBB\xBF")) cursor_ = 3;
  }
  Value take() { return std::move(root_); }

  bool null() override {
    return scalar(Value::Type::null, [](Value&) {});
  }
  bool boolean(bool b) override {
    return scalar(Value::Type::boolean, [b](Value& v) { v.boolean = b; });
  }
  bool number_integer(std::int64_t n) override {
    return scalar(Value::Type::integer, [n](Value& v) { v.integer = n, v.number = static_cast<double>(n); });
  }
  bool number_unsigned(std::uint64_t n) override {
    if (n <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return number_integer(static_cast<std::int64_t>(n));
    return number_float(static_cast<double>(n), {});
  }
  bool number_float(double n, const std::string&) override {
    return scalar(Value::Type::number, [n](Value& v) { v.number = n; });
  }
  bool string(std::string& s) override {
    return scalar(Value::Type::string, [&s](Value& v) { v.string = s; });
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool key(std::string& name) override {
    const Place place = token();
    last_was_key_ = true;
    Value& object = *open_.back();
    if (const auto* before = object.find(name)) {
      const auto [line, column] = line_column(text_, before->key_place.begin);
      problems_.add("XG101", place, object.path,
                    "duplicate key \"" + name + "\"" + (object.path.empty() ? "" : " in " + object.path) +
                        "; first at " + std::to_string(line) + ":" + std::to_string(column));
    }
    object.members.push_back({name, place, {}});
    object.members.back().value.path = object.path.empty() ? name : object.path + "." + name;
    return true;
  }
  bool start_object(std::size_t) override { return open(Value::Type::object); }
  bool start_array(std::size_t) override { return open(Value::Type::list); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override {
    skip();
    explain(error.what());
    return false;
  }

 private:
  /// Over blanks, comments and separators, to the next token.
  void skip() {
    while (cursor_ < text_.size()) {
      const char c = text_[cursor_];
      if (std::strchr(" \t\r\n", c) && c != '\0') {
        ++cursor_;
      } else if (c == ',' || c == ':') {
        last_comma_ = c == ',' ? cursor_ : last_comma_;
        ++cursor_;
      } else if (c == '/' && cursor_ + 1 < text_.size() && text_[cursor_ + 1] == '/') {
        cursor_ = std::min(text_.find('\n', cursor_), text_.size());
      } else if (c == '/' && cursor_ + 1 < text_.size() && text_[cursor_ + 1] == '*') {
        const std::size_t end = text_.find("*/", cursor_ + 2);
        if (end == std::string::npos) return;
        cursor_ = end + 2;
      } else {
        return;
      }
    }
  }

  /// The next token, stepped over.
  Place token() {
    skip();
    const std::size_t begin = cursor_;
    if (text_[cursor_] == '"') {
      for (++cursor_; text_[cursor_] != '"'; ++cursor_)
        if (text_[cursor_] == '\\') ++cursor_;
      ++cursor_;
    } else if (std::strchr("{}[]", text_[cursor_])) {
      ++cursor_;
    } else {
      while (cursor_ < text_.size() && !std::strchr(" \t\r\n,:]}/", text_[cursor_])) ++cursor_;
    }
    last_begin_ = begin;
    last_was_key_ = false;
    return {source_, begin, cursor_};
  }

  Value& next_value() {
    if (open_.empty()) return root_;
    Value& parent = *open_.back();
    if (parent.is(Value::Type::object)) return parent.members.back().value;
    parent.items.emplace_back();
    parent.items.back().path = parent.path + "[" + std::to_string(parent.items.size() - 1) + "]";
    return parent.items.back();
  }
  template <class Set> bool scalar(Value::Type type, Set set) {
    const Place place = token();
    Value& value = next_value();
    value.type = type;
    value.place = place;
    set(value);
    return true;
  }
  bool open(Value::Type type) {
    const Place place = token();
    if (open_.size() == kMostDepth) {
      problems_.add(kSyntax, place, "", "nesting deeper than " + std::to_string(kMostDepth));
      return false;
    }
    Value& value = next_value();
    value.type = type;
    value.place = place;
    open_.push_back(&value);
    return true;
  }
  bool close() {
    open_.back()->place.end = token().end;
    open_.pop_back();
    return true;
  }

  void problem(std::size_t begin, std::size_t end, std::string message, std::string help = "") {
    problems_.add(kSyntax, Place{source_, begin, end}, "", std::move(message), std::move(help));
  }

  /// Turns the parser's complaint about what stands at the cursor into advice.
  void explain(const std::string& what) {
    // 01 and 0x10 were taken for the number 0 and something behind it.
    if (last_begin_ != kNone && text_[last_begin_] == '0' && cursor_ > last_begin_ + 1 &&
        std::isalnum(static_cast<unsigned char>(text_[last_begin_ + 1]))) {
      const std::string number = text_.substr(last_begin_, word_end(last_begin_) - last_begin_);
      if (number.find_first_of(".eE") != 1)
        return problem(last_begin_, last_begin_ + number.size(), "not a JSON number: " + number,
                       "write for example 0.5");
    }
    const std::size_t at = cursor_;
    const auto opener = [&] {
      const auto [line, column] = line_column(text_, open_.back()->place.begin);
      return std::string(open_.back()->is(Value::Type::object) ? "object" : "list") + " opened at " +
             std::to_string(line) + ":" + std::to_string(column) + " is never closed";
    };
    if (what.find("out of range") != std::string::npos || what.find("number overflow") != std::string::npos)
      return problem(at, word_end(at), "number too large for a double: " + text_.substr(at, word_end(at) - at));
    if (at >= text_.size()) {
      if (open_.empty()) return problem(at, at, "config is empty; expected a JSON object");
      return problem(at, at, "unexpected end of file; " + opener());
    }
    const std::string word = text_.substr(at, word_end(at) - at);
    const char c = text_[at];
    if (open_.empty() && last_begin_ != kNone && c != '/')
      return problem(at, at + word.size(), "unexpected text after the end of the config");
    if (c == '/') {
      const auto [line, column] = line_column(text_, at);
      return problem(at, at + 2,
                     "comment opened at " + std::to_string(line) + ":" + std::to_string(column) + " is never closed");
    }
    if ((c == '}' || c == ']') && last_comma_ != kNone && only_blank_between(last_comma_ + 1, at))
      return problem(last_comma_, last_comma_ + 1, "a comma before the closing bracket; remove it");
    if (c == '\'') return problem(at, at + 1, "strings use double quotes");
    if (c == '"') {
      const bool closed = text_.find('"', at + 1) != std::string::npos;
      if (closed && !separator_before(at) && !open_.empty())
        return problem(at, word_end(at),
                       last_was_key_
                           ? "expected ':' after the key"
                           : "expected ',' or '" + std::string(open_.back()->is(Value::Type::object) ? "}" : "]") +
                                 "' after value");
      // "... - invalid string: forbidden character after backslash; last read: ..."
      const std::size_t detail = std::min(what.find("invalid string"), what.size());
      return problem(at, word_end(at),
                     closed ? what.substr(detail, what.find("; last read", detail) - detail)
                            : "the string that begins here is never closed");
    }
    if (!open_.empty() && !separator_before(at) && c != '/')
      return problem(at, word_end(at),
                     last_was_key_
                         ? "expected ':' after the key"
                         : "expected ',' or '" + std::string(open_.back()->is(Value::Type::object) ? "}" : "]") +
                               "' after value");
    const bool expects_key = !open_.empty() && open_.back()->is(Value::Type::object) && after_open_brace(at);
    if (word == "NaN" || word == "Infinity" || word == "-Infinity" || word == "nan" || word == "inf" || word == "-inf")
      return problem(at, at + word.size(), word + " is not JSON; use null, or leave the key out");
    if ((std::isalpha(static_cast<unsigned char>(c)) || c == '_') && expects_key)
      return problem(at, at + word.size(), "keys must be quoted: \"" + word + "\"");
    if (std::strchr(".+-0123456789", c))
      return problem(at, at + word.size(), "not a JSON number: " + word, "write for example 0.5");
    if (std::isalpha(static_cast<unsigned char>(c)))
      return problem(at, at + word.size(),
                     "\"" + word +
                         "\" is not JSON; expected true, false, null, a number, or a string in double quotes");
    return problem(at, at + 1, std::string("unexpected '") + c + "'");
  }

  static constexpr std::size_t kNone = std::string::npos;
  std::size_t word_end(std::size_t at) const {
    std::size_t end = at;
    while (end < text_.size() && !std::strchr(" \t\r\n,:]}{[", text_[end])) ++end;
    return std::max(end, std::min(at + 1, text_.size()));
  }
  bool only_blank_between(std::size_t from, std::size_t to) const {
    return std::all_of(text_.begin() + static_cast<std::ptrdiff_t>(from),
                       text_.begin() + static_cast<std::ptrdiff_t>(to),
                       [](char c) { return std::strchr(" \t\r\n", c) != nullptr; });
  }
  /// What stands before `at`, blanks and comments aside.
  char before(std::size_t at) const {
    while (at > 0 && std::strchr(" \t\r\n", text_[at - 1])) --at;
    return at > 0 ? text_[at - 1] : '\0';
  }
  bool separator_before(std::size_t at) const { return std::strchr(",:{[", before(at)) && before(at) != '\0'; }
  bool after_open_brace(std::size_t at) const { return before(at) == '{' || before(at) == ','; }

  std::shared_ptr<const Source> source_;
  const std::string& text_;
  Problems& problems_;
  Value root_;
  std::vector<Value*> open_;
  std::size_t cursor_ = 0, last_comma_ = kNone, last_begin_ = kNone;
  bool last_was_key_ = false;
};

}  // namespace

Value parse(const std::string& text, const std::string& source_name, Problems& problems) {
  const auto source = std::make_shared<const Source>(Source{source_name, text});
  const auto refuse = [&](std::size_t at, std::string message, std::string help = "") {
    problems.add(kSyntax, Place{source, at, at + 1}, "", std::move(message), std::move(help));
    return Value{};
  };
  if (text.size() > kMostBytes) return refuse(0, "config larger than 8 MiB; is this a data file?");
  if (const std::size_t zero = text.find('\0'); zero != std::string::npos)
    return refuse(zero, "does not look like text (found byte 0x00 at offset " + std::to_string(zero) + ")",
                  source_name.ends_with(".safetensors") ? "did you mean: xgrad resume " + source_name : "");
  if (const std::size_t bad = invalid_utf8(text); bad != std::string::npos)
    return refuse(bad, "invalid UTF-8 at byte " + std::to_string(bad));
  if (text.find_first_not_of(" \t\r\n\xEF\xBB\xBF") == std::string::npos)
    return refuse(0, "config is empty; expected a JSON object");
  Reader reader(source, problems);
  const bool complete =
      nlohmann::json::sax_parse(text.begin(), text.end(), &reader, nlohmann::json::input_format_t::json, true, true);
  return complete ? reader.take() : Value{};
}

Value parse_file(const std::string& path, Problems& problems) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    std::vector<std::string> configs;
    for (const auto& entry : fs::directory_iterator(path, error))
      if (entry.path().extension() == ".json") configs.push_back(entry.path().string());
    std::sort(configs.begin(), configs.end());
    problems.add("XG110", Place{}, path, "is a directory; expected a config file",
                 configs.empty() ? "" : "it has: " + joined(configs));
    return {};
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const std::string reason = std::strerror(errno);
    const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(folder, error)) files.push_back(entry.path().filename().string());
    const std::string close = nearest(fs::path(path).filename().string(), files);
    problems.add("XG110", Place{}, path, "cannot open \"" + path + "\": " + reason,
                 close.empty() ? ""
                               : "did you mean \"" +
                                     (fs::path(path).has_parent_path() ? (folder / close).string() : close) + "\"?");
    return {};
  }
  std::ostringstream text;
  text << file.rdbuf();
  return parse(text.str(), path, problems);
}

}  // namespace xgrad::config
