// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/config/read.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "config/synonyms.hpp"
#include "xgrad/config/registry.hpp"

namespace xgrad::config {
namespace {

using Kind = Field::Kind;
using Type = Value::Type;
constexpr const char *kUnknownKey = "XG102", *kWrongType = "XG103", *kOutOfRange = "XG104", *kUnknownName = "XG105",
                     *kMissing = "XG106";

std::string spelled(const std::string& word) { return "\"" + word + "\""; }

class Setter {
 public:
  Setter(const Value& value, const Field& field, Problems& problems)
      : value_(value), field_(field), problems_(problems) {}

  void run() {
    switch (field_.kind) {
      case Kind::number: return number(*static_cast<double*>(field_.place));
      case Kind::integer: return integer(*static_cast<std::int64_t*>(field_.place));
      case Kind::boolean:
        if (!value_.is(Type::boolean)) return wrong("true or false");
        *static_cast<bool*>(field_.place) = value_.boolean;
        return;
      case Kind::text: return text(*static_cast<std::string*>(field_.place));
      case Kind::choice:
        if (const auto which = choice()) *static_cast<std::string*>(field_.place) = value_.string;
        return;
      case Kind::variant:
        if (const auto which = choice()) *static_cast<int*>(field_.place) = *which;
        return;
      case Kind::numbers: return numbers();
      case Kind::few_numbers: return few_numbers(*static_cast<FewNumbers*>(field_.place));
      case Kind::number_list: return number_list(*static_cast<std::vector<double>*>(field_.place));
      case Kind::optional_number: return optional(*static_cast<std::optional<double>*>(field_.place), &Setter::number);
      case Kind::optional_integer:
        return optional(*static_cast<std::optional<std::int64_t>*>(field_.place), &Setter::integer);
      case Kind::duration: *static_cast<Duration*>(field_.place) = parse_duration(value_, problems_); return;
      case Kind::optional_duration:
        if (!value_.is(Type::null))
          *static_cast<std::optional<Duration>*>(field_.place) = parse_duration(value_, problems_);
        return;
      case Kind::object: {
        Fields inner;
        field_.describe(field_.place, inner);
        return read(value_, inner, problems_, spelled(field_.name));
      }
      case Kind::value: *static_cast<Value*>(field_.place) = value_; return;
    }
  }

 private:
  void wrong(const std::string& expected) {
    std::string help;
    double ignored = 0;
    if (value_.is(Type::string)) {
      const std::string& s = value_.string;
      const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), ignored);
      if (error == std::errc{} && end == s.data() + s.size()) help = "remove the quotes";
    }
    problems_.add(kWrongType, value_, spelled(field_.name) + ": expected " + expected + ", found " + value_.describe(),
                  help);
  }
  bool in_range(double number, const Value& at) {
    if (field_.range.contains(number)) return true;
    std::string text = spelled(field_.name) + ": ";
    xgrad::detail::append_text(text, number);
    problems_.add(kOutOfRange, at, text + " is out of range; must be " + field_.range.text());
    return false;
  }
  void number(double& place) {
    if (!value_.is_number()) return wrong("a number");
    if (in_range(value_.number, value_)) place = value_.number;
  }
  void integer(std::int64_t& place) {
    constexpr double kExact = 9007199254740992.0;  // integers beyond are not all doubles
    if (!value_.is_number() ||
        (value_.is(Type::number) && (value_.number != std::floor(value_.number) || std::abs(value_.number) > kExact)))
      return wrong("an integer");
    const std::int64_t result = value_.is(Type::integer) ? value_.integer : static_cast<std::int64_t>(value_.number);
    if (in_range(static_cast<double>(result), value_)) place = result;
  }
  void text(std::string& place) {
    if (!value_.is(Type::string)) return wrong("a string");
    place = value_.string;
  }
  /// Which of the field's choices the value is; nothing, with a problem, if none.
  std::optional<int> choice() {
    const std::vector<std::string> names = alternatives(field_.choices);
    if (!value_.is(Type::string)) {
      wrong("one of " + joined(names));
      return std::nullopt;
    }
    const auto found = std::find(names.begin(), names.end(), value_.string);
    if (found != names.end()) return static_cast<int>(found - names.begin());
    const std::string close = nearest(value_.string, names);
    problems_.add(kUnknownName, value_, spelled(field_.name) + ": unknown name " + spelled(value_.string),
                  (close.empty() ? "" : "did you mean " + spelled(close) + "?   ") + "known: " + joined(names));
    return std::nullopt;
  }
  void numbers() {
    if (!value_.is(Type::list)) return wrong("a list of " + std::to_string(field_.count) + " numbers");
    if (value_.items.size() != field_.count)
      return problems_.add(kWrongType, value_,
                           spelled(field_.name) + " needs exactly " + std::to_string(field_.count) +
                               " numbers, found " + std::to_string(value_.items.size()));
    for (std::size_t i = 0; i < field_.count; ++i) element(value_.items[i], static_cast<double*>(field_.place)[i]);
  }
  void few_numbers(FewNumbers& place) {
    const std::string limits = "1 to " + std::to_string(FewNumbers::kMost) + " numbers";
    if (!value_.is(Type::list)) return wrong("a list of " + limits);
    if (value_.items.empty() || value_.items.size() > FewNumbers::kMost)
      return problems_.add(kWrongType, value_,
                           spelled(field_.name) + " needs " + limits + ", found " +
                               std::to_string(value_.items.size()));
    place.count = value_.items.size();
    for (std::size_t i = 0; i < place.count; ++i) element(value_.items[i], place.values[i]);
  }
  void number_list(std::vector<double>& place) {
    if (!value_.is(Type::list)) return wrong("a list of numbers");
    place.assign(value_.items.size(), 0);
    for (std::size_t i = 0; i < place.size(); ++i) element(value_.items[i], place[i]);
  }
  void element(const Value& item, double& place) {
    if (!item.is_number())
      problems_.add(kWrongType, item, spelled(field_.name) + ": expected a number, found " + item.describe());
    else if (in_range(item.number, item))
      place = item.number;
  }
  template <class T> void optional(std::optional<T>& place, void (Setter::*set)(T&)) {
    if (value_.is(Type::null)) return void(place.reset());
    place = T{};
    (this->*set)(*place);
  }

  const Value& value_;
  const Field& field_;
  Problems& problems_;
};

}  // namespace

std::vector<std::string> alternatives(const char* choices) {
  std::vector<std::string> result(1);
  for (; *choices; ++choices)
    if (*choices == '|')
      result.emplace_back();
    else
      result.back() += *choices;
  return result;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string nearest(const std::string& word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    // Optimal string alignment: edits and exchanges of neighbours.
    const std::size_t m = word.size(), n = candidate.size();
    std::vector<std::vector<std::size_t>> d(m + 1, std::vector<std::size_t>(n + 1));
    for (std::size_t i = 0; i <= m; ++i) d[i][0] = i;
    for (std::size_t j = 0; j <= n; ++j) d[0][j] = j;
    for (std::size_t i = 1; i <= m; ++i)
      for (std::size_t j = 1; j <= n; ++j) {
        const bool same = word[i - 1] == candidate[j - 1];
        d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (same ? 0 : 1)});
        if (i > 1 && j > 1 && word[i - 1] == candidate[j - 2] && word[i - 2] == candidate[j - 1])
          d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    if (d[m][n] < best_distance) {
      best_distance = d[m][n];
      best = candidate;
    }
  }
  return best;
}

void read(const Value& object, const Fields& fields, Problems& problems, const std::string& what,
          const std::vector<std::string>& also_known) {
  if (!object.is(Type::object))
    return problems.add(kWrongType, object, what + ": expected an object, found " + object.describe());
  std::vector<std::string> known = also_known, meant;
  for (const Field& field : fields.list()) known.emplace_back(field.name);
  for (const Value::Member& member : object.members) {
    if (member.key.starts_with("x-") || std::find(also_known.begin(), also_known.end(), member.key) != also_known.end())
      continue;
    if (const Field* field = fields.find(member.key)) {
      Setter(member.value, *field, problems).run();
      continue;
    }
    std::string close = meant_key(member.key, known);
    if (close.empty()) close = nearest(member.key, known);
    problems.add(kUnknownKey, member.key_place, member.value.path, "unknown key " + spelled(member.key) + " in " + what,
                 (close.empty() ? "" : "did you mean " + spelled(close) + "?   ") + "keys: " + joined(known));
    meant.push_back(std::move(close));
  }
  for (const Field& field : fields.list())
    if (field.is_required && !object.find(field.name) &&
        std::find(meant.begin(), meant.end(), field.name) == meant.end())  // told already
      problems.add(kMissing, object, what + " needs " + spelled(field.name) + ": " + field.doc);
}

std::string name_in(const Value& value, const char* kind, const std::vector<std::string>& names, Problems& problems) {
  const Value* type = &value;
  if (value.is(Type::object)) {
    const Value::Member* member = value.find("type");
    if (!member) {
      problems.add(kMissing, value, std::string(kind) + " needs \"type\"", "one of " + joined(names));
      return "";
    }
    type = &member->value;
  }
  if (!type->is(Type::string)) {
    problems.add(kWrongType, *type,
                 std::string(kind) + ": expected a name" + (type == &value ? " or an object" : "") + ", found " +
                     type->describe(),
                 "one of " + joined(names));
    return "";
  }
  const std::string& name = type->string;
  if (std::find(names.begin(), names.end(), name) != names.end()) return name;
  const std::string sure = meant_name(name, names), close = sure.empty() ? nearest(name, names) : sure;
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  problems.add(kUnknownName, *type, "unknown " + std::string(kind) + " " + spelled(name),
               sure == lower && !sure.empty() ? "names are lower case: " + spelled(sure)
               : !sure.empty()
                   ? "did you mean " + spelled(sure) + "?"
                   : (close.empty() ? "" : "did you mean " + spelled(close) + "?   ") + "known: " + joined(names));
  return sure;
}

Duration parse_duration(const Value& value, Problems& problems) {
  const auto refuse = [&](const std::string& text) {
    problems.add(
        kWrongType, value, text,
        "write a number of steps, or for example \"500 steps\", \"5 epochs\", \"5%\", \"90s\", \"10m\", \"1h\"");
    return Duration{};
  };
  if (value.is(Type::integer)) {
    if (value.integer < 0) return refuse("a duration cannot be negative");
    return {static_cast<double>(value.integer), Duration::Unit::steps};
  }
  if (!value.is(Type::string)) return refuse("not a duration: " + value.describe());
  const std::string& text = value.string;
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  std::string unit(end, text.data() + text.size());
  unit.erase(std::remove(unit.begin(), unit.end(), ' '), unit.end());
  struct Name {
    const char* name;
    Duration::Unit unit;
    double factor;
  };
  using Unit = Duration::Unit;
  static constexpr Name kNames[] = {{"steps", Unit::steps, 1},   {"step", Unit::steps, 1},   {"st", Unit::steps, 1},
                                    {"epochs", Unit::epochs, 1}, {"epoch", Unit::epochs, 1}, {"ep", Unit::epochs, 1},
                                    {"%", Unit::percent, 1},     {"s", Unit::seconds, 1},    {"m", Unit::seconds, 60},
                                    {"h", Unit::seconds, 3600}};
  if (error == std::errc{} && amount >= 0 && std::isfinite(amount))
    for (const Name& name : kNames)
      if (unit == name.name) return {amount * name.factor, name.unit};
  return refuse("not a duration: \"" + text + "\"");
}

}  // namespace xgrad::config
