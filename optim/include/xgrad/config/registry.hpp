// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "xgrad/config/read.hpp"

namespace xgrad::config {

/// The valid name in {"type": NAME} or NAME. Any other is a problem; what it surely means ("Dense" is "linear") is
/// returned all the same, so that the settings beside it are checked, too; else "".
std::string name_in(const Value& value, const char* kind, const std::vector<std::string>& names, Problems& problems);

/// Shows `visit` the fields of a registered thing, with their defaults: for lists, schemas and documentation.
template <class Described> void visit_defaults(const std::function<void(Fields&)>& visit) {
  Described defaults;
  Fields fields = fields_of(defaults);
  visit(fields);
}

/// Registered things of one kind, by name. Rows have a member `name`.
template <class Row> class Registry {
 public:
  explicit Registry(const char* kind) : kind_(kind) {}

  /// Throws Error for a name taken.
  void add(Row row) {
    XGRAD_CHECK(!find(row.name), kind_, " \"", row.name, "\" is registered twice");
    rows_.push_back(std::move(row));
    std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return std::string_view(a.name) < b.name; });
  }
  const Row* find(std::string_view name) const {
    for (const Row& row : rows_)
      if (row.name == name) return &row;
    return nullptr;
  }
  const std::vector<Row>& rows() const { return rows_; }
  const char* kind() const { return kind_; }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const Row& row : rows_) result.push_back(row.name);
    return result;
  }

  /// The row that `value` asks for: {"type": NAME, ...} or just NAME; see name_in(). Null if there is none.
  const Row* resolve(const Value& value, Problems& problems) const {
    const std::string name = name_in(value, kind_, names(), problems);
    return name.empty() ? nullptr : find(name);
  }

 private:
  const char* kind_;
  std::vector<Row> rows_;
};

}  // namespace xgrad::config
