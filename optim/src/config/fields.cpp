// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/config/fields.hpp"

#include <charconv>
#include <cmath>

#include "xgrad/error.hpp"

namespace xgrad::config {
namespace {

std::string number_text(double value) {
  std::string text;
  detail::append_text(text, value);
  return text;
}

}  // namespace

std::string Range::text() const {
  const bool from = std::isfinite(low), to = std::isfinite(high);
  if (from && to)
    return "in " + std::string(open_low ? "(" : "[") + number_text(low) + ", " + number_text(high) +
           (open_high ? ")" : "]");
  if (from) return (open_low ? "> " : ">= ") + number_text(low);
  if (to) return (open_high ? "< " : "<= ") + number_text(high);
  return "any number";
}

std::string Duration::text() const {
  static constexpr const char* kUnits[] = {" steps", " epochs", "%", "s"};
  return number_text(amount) + kUnits[static_cast<int>(unit)];
}

std::int64_t Duration::steps(std::int64_t per_epoch, std::int64_t total) const {
  switch (unit) {
    case Unit::steps: return std::llround(amount);
    case Unit::epochs: return std::llround(amount * static_cast<double>(per_epoch));
    case Unit::percent: return std::llround(amount / 100 * static_cast<double>(total));
    case Unit::seconds: break;
  }
  fail("Duration: ", text(), " is a time; expected steps, epochs or a percentage here");
}

Field& Fields::add(Field field) {
  fields_.push_back(field);
  return fields_.back();
}

using Kind = Field::Kind;

Field& Fields::operator()(const char* name, double& place, Range range, const char* doc) {
  return add({name, doc, Kind::number, &place, 0, range});
}
Field& Fields::operator()(const char* name, std::int64_t& place, Range range, const char* doc) {
  return add({name, doc, Kind::integer, &place, 0, range});
}
Field& Fields::operator()(const char* name, bool& place, const char* doc) {
  return add({name, doc, Kind::boolean, &place});
}
Field& Fields::operator()(const char* name, std::string& place, const char* doc) {
  return add({name, doc, Kind::text, &place});
}
Field& Fields::operator()(const char* name, std::string& place, OneOf choices, const char* doc) {
  Field& field = add({name, doc, Kind::choice, &place});
  field.choices = choices.names;
  return field;
}
Field& Fields::operator()(const char* name, int& place, OneOf choices, const char* doc) {
  Field& field = add({name, doc, Kind::variant, &place});
  field.choices = choices.names;
  return field;
}
Field& Fields::operator()(const char* name, FewNumbers& place, Range range, const char* doc) {
  return add({name, doc, Kind::few_numbers, &place, place.count, range});
}
Field& Fields::operator()(const char* name, std::vector<double>& place, Range range, const char* doc) {
  return add({name, doc, Kind::number_list, &place, 0, range});
}
Field& Fields::operator()(const char* name, std::optional<double>& place, Range range, const char* doc) {
  return add({name, doc, Kind::optional_number, &place, 0, range});
}
Field& Fields::operator()(const char* name, std::optional<std::int64_t>& place, Range range, const char* doc) {
  return add({name, doc, Kind::optional_integer, &place, 0, range});
}
Field& Fields::operator()(const char* name, Duration& place, const char* doc) {
  return add({name, doc, Kind::duration, &place});
}
Field& Fields::operator()(const char* name, std::optional<Duration>& place, const char* doc) {
  return add({name, doc, Kind::optional_duration, &place});
}
Field& Fields::operator()(const char* name, Value& place, const char* registry, const char* doc, bool list) {
  Field& field = add({name, doc, Kind::value, &place});
  field.registry = registry;
  field.list = list;
  return field;
}
Field& Fields::numbers(const char* name, double* place, std::size_t count, Range range, const char* doc) {
  return add({name, doc, Kind::numbers, place, count, range});
}
Field& Fields::object(const char* name, void* place, void (*describe)(void*, Fields&), const char* doc) {
  Field& field = add({name, doc, Kind::object, place});
  field.describe = describe;
  return field;
}

const Field* Fields::find(const std::string& name) const {
  for (const Field& field : fields_)
    if (field.name == name) return &field;
  return nullptr;
}

}  // namespace xgrad::config
