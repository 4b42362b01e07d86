// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <functional>

#include "xgrad/config/fields.hpp"
#include "xgrad/config/value.hpp"

namespace xgrad::config {

/// Fills the fields from an object; everything wrong becomes a problem: unknown keys (with the nearest valid one),
/// wrong types, numbers out of range, missing keys. `what` names the object: `optimizer "adamw"`. Keys beginning "x-"
/// are notes and ignored, as are the keys in `also_known` ("type").
void read(const Value& object, const Fields& fields, Problems& problems, const std::string& what,
          const std::vector<std::string>& also_known = {});

/// `described` filled from `object`.
template <class Described>
void read_into(Described& described, const Value& object, Problems& problems, const std::string& what,
               const std::vector<std::string>& also_known = {}) {
  read(object, fields_of(described), problems, what, also_known);
}

/// The fields' present values as JSON; fields that are optional and unset are left out.
nlohmann::ordered_json dump(const Fields& fields);
/// A JSON Schema (draft-07) of an object with these fields.
nlohmann::ordered_json schema(const Fields& fields);
/// One line per field: name, default, range, doc.
std::string table(const Fields& fields);

Duration parse_duration(const Value& value, Problems& problems);

/// The candidate nearest to `word` in spelling (optimal string alignment, at most a third of its letters), or "".
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);
/// The names in the choices of a field, "min|max".
std::vector<std::string> alternatives(const char* choices);
/// "a, b, c"
std::string joined(const std::vector<std::string>& words);

}  // namespace xgrad::config
