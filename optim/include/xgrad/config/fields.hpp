// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The one declaration of a registered thing. A plain struct names its members once:
//
//     struct Lion {
//       double lr = 1e-4;
//       void describe(config::Fields& f) { f("lr", lr, range::nonnegative, "step size"); }
//     };
//
// Parsing, defaults, error messages, the JSON Schema, `xgrad info` and checkpoints all come from it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace xgrad::config {

class Value;

/// What a registered thing is, in one line, and where it comes from ("arXiv:1412.6980").
struct About {
  const char* doc;
  const char* source = "";
};

/// The numbers that a field accepts.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool open_low = false, open_high = false;

  bool contains(double value) const {
    return (open_low ? value > low : value >= low) && (open_high ? value < high : value <= high);
  }
  /// ">= 0", "> 0", "in [0, 1)", "any number"
  std::string text() const;
};
namespace range {
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr Range any{}, nonnegative{0, kInfinity, false, false}, positive{0, kInfinity, true, false},
    nonpositive{-kInfinity, 0, false, false}, unit{0, 1, false, false}, beta{0, 1, false, true},
    inside{0, 1, true, true};
/// Integers from 1.
inline constexpr Range count{1, kInfinity, false, false};
}  // namespace range

/// How long or how often: an integer (steps) or "500 steps", "5 epochs", "5%" of the run, "90s" ("st", "ep", "m", "h").
struct Duration {
  enum class Unit { steps, epochs, percent, seconds };
  double amount = 0;
  Unit unit = Unit::steps;

  std::string text() const;
  /// In steps, for a run of `total` steps with `per_epoch` steps in an epoch. Not for seconds.
  std::int64_t steps(std::int64_t per_epoch, std::int64_t total) const;
};

/// One to fifteen numbers, for structs that are copied as bytes.
struct FewNumbers {
  static constexpr std::size_t kMost = 15;
  double values[kMost] = {};  // the first member: a field of these numbers points here
  std::size_t count = 0;

  FewNumbers(std::initializer_list<double> list) {
    for (const double value : list) values[count++] = value;
  }
};

/// The names that a text field accepts, separated by bars: "min|max".
struct OneOf {
  const char* names;
};

class Fields;

struct Field {
  enum class Kind {
    number,
    integer,
    boolean,
    text,
    choice,
    variant,
    numbers,
    few_numbers,
    number_list,
    optional_number,
    optional_integer,
    duration,
    optional_duration,
    object,
    value
  };
  const char* name;
  const char* doc;
  Kind kind;
  void* place;
  std::size_t count = 0;  // of `numbers` and, at present, of `few_numbers`
  Range range{};
  const char* choices = "";  // of `choice` and `variant`
  bool is_required = false;
  const char* registry = "";                   // of `value`: which kind of registered thing it holds
  bool list = false;                           // of `value`: a list of them
  void (*describe)(void*, Fields&) = nullptr;  // of `object`

  Field& required() {
    is_required = true;
    return *this;
  }
};

/// What describe() is handed: collects the fields, which point into the very struct described.
class Fields {
 public:
  Field& operator()(const char* name, double& place, Range range, const char* doc);
  Field& operator()(const char* name, std::int64_t& place, Range range, const char* doc);
  Field& operator()(const char* name, bool& place, const char* doc);
  Field& operator()(const char* name, std::string& place, const char* doc);
  Field& operator()(const char* name, std::string& place, OneOf choices, const char* doc);
  /// A choice held as its place in the list, from 0: for structs that are copied as bytes.
  Field& operator()(const char* name, int& place, OneOf choices, const char* doc);
  template <std::size_t N>
  Field& operator()(const char* name, std::array<double, N>& place, Range range, const char* doc) {
    return numbers(name, place.data(), N, range, doc);
  }
  Field& operator()(const char* name, FewNumbers& place, Range range, const char* doc);
  Field& operator()(const char* name, std::vector<double>& place, Range range, const char* doc);
  Field& operator()(const char* name, std::optional<double>& place, Range range, const char* doc);
  Field& operator()(const char* name, std::optional<std::int64_t>& place, Range range, const char* doc);
  Field& operator()(const char* name, Duration& place, const char* doc);
  Field& operator()(const char* name, std::optional<Duration>& place, const char* doc);
  /// A registered thing of this kind ("layer", "optimizer", ...), or a list of them, or any JSON when the kind is "".
  Field& operator()(const char* name, Value& place, const char* registry, const char* doc, bool list = false);
  /// A described struct within this one.
  template <class Described>
  requires requires(Described& d, Fields& f) { d.describe(f); }
  Field& operator()(const char* name, Described& place, const char* doc) {
    return object(
        name, &place, [](void* p, Fields& f) { static_cast<Described*>(p)->describe(f); }, doc);
  }

  const std::vector<Field>& list() const { return fields_; }
  const Field* find(const std::string& name) const;

 private:
  Field& numbers(const char* name, double* place, std::size_t count, Range range, const char* doc);
  Field& object(const char* name, void* place, void (*describe)(void*, Fields&), const char* doc);
  Field& add(Field field);
  std::vector<Field> fields_;
};

/// The fields of `described`, pointing into it.
template <class Described> Fields fields_of(Described& described) {
  Fields fields;
  described.describe(fields);
  return fields;
}

}  // namespace xgrad::config
