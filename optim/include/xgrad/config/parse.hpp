// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include "xgrad/config/value.hpp"

namespace xgrad::config {

/// Reads JSON with comments. Every mistake becomes a problem with its place; the result is then null.
/// Refused: duplicate keys, nesting over 64, numbers that overflow, text over 8 MiB or that is not UTF-8.
Value parse(const std::string& text, const std::string& source_name, Problems& problems);
/// The same for a file. A missing file's problem names the most similar one.
Value parse_file(const std::string& path, Problems& problems);

/// Applies `path=value`, `path+=value` (append to a list) or `~path` (remove); segments by "." or "[i]". The value is
/// JSON if it parses as JSON, otherwise a string.
void apply_override(Value& config, const std::string& assignment, Problems& problems);

}  // namespace xgrad::config
