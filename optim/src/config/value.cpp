// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/config/value.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace xgrad::config {
namespace {

constexpr std::size_t kMostProblems = 20;

bool starts_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_code_point));
}

/// The line of a place, or of a long line what is around it, and below it a caret and waves.
std::string excerpt(std::string_view source, const Place& place, const std::string& gutter) {
  constexpr std::size_t kBefore = 120, kAfter = 80, kWaves = 60;
  const std::size_t at = std::min(place.begin, source.size());
  const std::size_t newline = at == 0 ? std::string_view::npos : source.rfind('\n', at - 1);
  std::size_t start = newline == std::string_view::npos ? 0 : newline + 1,
              stop = std::min(source.find('\n', at), source.size());
  const std::size_t end = std::clamp(place.end, at + 1, std::max(stop, at + 1));
  if (start == 0 && source.starts_with("\xEF\xBB\xBF")) start = std::min<std::size_t>(3, at);
  const bool cut = at - start > kBefore;
  if (cut)
    for (start = at - kBefore / 3; !starts_code_point(source[start]);) ++start;
  if (stop - at > kAfter)
    for (stop = at + kAfter; !starts_code_point(source[stop]);) --stop;
  std::string line = cut ? "..." : "";
  for (const char c : source.substr(start, stop - start))  // what a terminal would obey is not shown
    if (c != '\r') line += static_cast<unsigned char>(c) < ' ' && c != '\t' ? '?' : c == '\x7f' ? '?' : c;
  const std::size_t column = code_points(source.substr(start, at - start)) + (cut ? 3 : 0),
                    width = std::max<std::size_t>(1, code_points(source.substr(at, end - at)));
  return line + "\n" + gutter + std::string(column, ' ') + "^" + std::string(std::min(width, kWaves) - 1, '~') + "\n";
}

}  // namespace

LineColumn line_column(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte, text.size()));
  const std::size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  std::string_view line = before.substr(line_start);
  if (line_start == 0 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);  // a byte order mark is no column
  return {1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')), 1 + code_points(line)};
}

Value Value::from_json(const nlohmann::json& json, const std::string& path) {
  Value value;
  value.path = path;
  switch (json.type()) {
    case nlohmann::json::value_t::boolean:
      value.type = Type::boolean;
      value.boolean = json.get<bool>();
      break;
    case nlohmann::json::value_t::number_integer:
    case nlohmann::json::value_t::number_unsigned:
      value.type = Type::integer;
      value.integer = json.get<std::int64_t>();
      value.number = json.get<double>();
      break;
    case nlohmann::json::value_t::number_float:
      value.type = Type::number;
      value.number = json.get<double>();
      break;
    case nlohmann::json::value_t::string:
      value.type = Type::string;
      value.string = json.get<std::string>();
      break;
    case nlohmann::json::value_t::array:
      value.type = Type::list;
      for (const auto& item : json)
        value.items.push_back(from_json(item, path + "[" + std::to_string(value.items.size()) + "]"));
      break;
    case nlohmann::json::value_t::object:
      value.type = Type::object;
      for (const auto& [key, member] : json.items())
        value.members.push_back(
            {key, {}, from_json(member, path.empty() ? key : std::string(path).append(".").append(key))});
      break;
    default: break;
  }
  return value;
}

nlohmann::ordered_json Value::to_json() const {
  switch (type) {
    case Type::null: return nullptr;
    case Type::boolean: return boolean;
    case Type::integer: return integer;
    case Type::number: return number;
    case Type::string: return string;
    case Type::list: {
      auto json = nlohmann::ordered_json::array();
      for (const Value& item : items) json.push_back(item.to_json());
      return json;
    }
    case Type::object: break;
  }
  auto json = nlohmann::ordered_json::object();
  for (const Member& member : members) json[member.key] = member.value.to_json();
  return json;
}

const Value::Member* Value::find(std::string_view key) const {
  for (const Member& member : members)
    if (member.key == key) return &member;
  return nullptr;
}

std::string Value::describe() const {
  switch (type) {
    case Type::null: return "null";
    case Type::boolean: return boolean ? "boolean true" : "boolean false";
    case Type::integer:
    case Type::number: {
      std::string text = "number ";
      xgrad::detail::append_text(text, number);
      return text;
    }
    case Type::string: return "string \"" + (string.size() > 40 ? string.substr(0, 40) + "..." : string) + "\"";
    case Type::list: return "a list of " + std::to_string(items.size());
    case Type::object: break;
  }
  return "an object";
}

void Problems::add(const char* code, Place place, std::string path, std::string message, std::string help) {
  problems_.push_back({code, std::move(place), std::move(path), std::move(message), std::move(help), false});
}

void Problems::warn(const char* code, const Value& at, std::string message) {
  problems_.push_back({code, at.place, at.path, std::move(message), "", true});
}

bool Problems::ok() const {
  return std::all_of(problems_.begin(), problems_.end(), [](const Problem& p) { return p.warning; });
}

std::vector<Problems::Problem> Problems::sorted() const {
  std::vector<Problem> result = problems_;
  std::stable_sort(result.begin(), result.end(), [](const Problem& a, const Problem& b) {
    static const std::string kNone;
    const std::string& a_name = a.place ? a.place.source->name : kNone;
    const std::string& b_name = b.place ? b.place.source->name : kNone;
    return a_name != b_name ? a_name < b_name : a.place.begin < b.place.begin;
  });
  return result;
}

std::string Problems::text() const {
  std::string text;
  std::size_t shown = 0;
  for (const Problem& problem : sorted()) {
    if (shown++ == kMostProblems) {
      text += "and " + std::to_string(problems_.size() - kMostProblems) + " more\n";
      break;
    }
    const std::string kind = std::string(problem.warning ? "warning[" : "error[") + problem.code + "]: ";
    if (!problem.place) {
      text += (problem.path.empty() ? "" : problem.path + ": ") + kind + problem.message + "\n";
    } else {
      const std::string& source = problem.place.source->text;
      const auto [line, column] = line_column(source, problem.place.begin);
      text += problem.place.source->name + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + kind +
              problem.message + "\n";
      std::string gutter = std::to_string(line);
      gutter.insert(0, gutter.size() < 5 ? 5 - gutter.size() : 0, ' ');
      text += gutter + " | " + excerpt(source, problem.place, std::string(gutter.size(), ' ') + " | ");
    }
    if (!problem.help.empty()) text += "   help: " + problem.help + "\n";
  }
  return text;
}

nlohmann::ordered_json Problems::json() const {
  auto result = nlohmann::ordered_json::array();
  for (const Problem& problem : sorted()) {
    nlohmann::ordered_json entry = {
        {"code", problem.code}, {"severity", problem.warning ? "warning" : "error"}, {"message", problem.message}};
    if (!problem.help.empty()) entry["help"] = problem.help;
    if (!problem.path.empty()) entry["path"] = problem.path;
    if (problem.place) {
      const auto [line, column] = line_column(problem.place.source->text, problem.place.begin);
      entry["file"] = problem.place.source->name;
      entry["line"] = line;
      entry["column"] = column;
    }
    result.push_back(entry);
  }
  return result;
}

std::string Problems::github() const {
  std::string text;
  for (const Problem& problem : sorted()) {
    text += problem.warning ? "::warning " : "::error ";
    if (problem.place) {
      const auto [line, column] = line_column(problem.place.source->text, problem.place.begin);
      text += "file=" + problem.place.source->name + ",line=" + std::to_string(line) +
              ",col=" + std::to_string(column) + ",";
    }
    text += std::string("title=") + problem.code + "::" + problem.message +
            (problem.help.empty() ? "" : " (" + problem.help + ")") + "\n";
  }
  return text;
}

}  // namespace xgrad::config
