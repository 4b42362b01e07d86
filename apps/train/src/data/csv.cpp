// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <charconv>
#include <cmath>

#include "data/files.hpp"

namespace xgrad::train {
namespace {

using Row = std::vector<std::string>;

struct Lines {
  std::vector<Row> rows;
  std::vector<std::size_t> numbers;  // the line of the file, from 1
};

char guess_delimiter(const std::string& line) {
  for (const char c : {',', ';', '\t'})
    if (line.find(c) != std::string::npos) return c;
  return line.find(' ') != std::string::npos ? ' ' : ',';
}

/// Fields of one line; quotes protect delimiters, doubled quotes stand for one.
Row split_line(const std::string& line, char delimiter) {
  Row row;
  std::string field;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"')
      field += line[++i];
    else if (c == '"')
      quoted = !quoted;
    else if (c == delimiter && !quoted) {
      if (delimiter != ' ' || !field.empty()) row.push_back(std::move(field));  // runs of blanks are one
      field.clear();
    } else
      field += c;
  }
  if (delimiter != ' ' || !field.empty()) row.push_back(std::move(field));
  for (std::string& f : row) {
    const std::size_t first = f.find_first_not_of(" \t"), last = f.find_last_not_of(" \t");
    f = first == std::string::npos ? "" : f.substr(first, last - first + 1);
  }
  return row;
}

bool parse_number(const std::string& field, double& value) {
  const char* begin = field.data() + (!field.empty() && field[0] == '+' ? 1 : 0);
  const auto [end, error] = std::from_chars(begin, field.data() + field.size(), value);
  return error == std::errc{} && end == field.data() + field.size() && !field.empty();
}

Lines split_text(const std::string& path, const std::string& text, const CsvOptions& options) {
  Lines lines;
  char delimiter = options.delimiter == "auto" ? '\0' : options.delimiter == "tab" ? '\t' : options.delimiter[0];
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (++number <= static_cast<std::size_t>(options.skip_rows) || line.find_first_not_of(" \t") == std::string::npos)
      continue;
    if (delimiter == '\0') delimiter = guess_delimiter(line);
    lines.rows.push_back(split_line(line, delimiter));
    lines.numbers.push_back(number);
    const std::size_t width = lines.rows.back().size(), expected = lines.rows[0].size();
    if (width != expected)
      throw DataError(path + ":" + std::to_string(number) + ": row has " + std::to_string(width) +
                      " fields, expected " + std::to_string(expected) +
                      (options.delimiter == "auto" ? "; is the delimiter right? set data.delimiter" : ""));
  }
  return lines;
}

bool all_numbers(const Row& row) {
  double ignored = 0;
  return std::all_of(row.begin(), row.end(),
                     [&](const std::string& f) { return f.empty() || parse_number(f, ignored); });
}

std::size_t target_column(const std::string& path, const config::Value& target, const Row& names, std::size_t width) {
  if (target.is(config::Value::Type::integer)) {
    const std::int64_t index = target.integer < 0 ? target.integer + static_cast<std::int64_t>(width) : target.integer;
    if (index < 0 || index >= static_cast<std::int64_t>(width))
      throw DataError(path + ": there is no column " + std::to_string(target.integer) +
                      " to be the target; columns are 0 to " + std::to_string(width - 1));
    return static_cast<std::size_t>(index);
  }
  const auto it = std::find(names.begin(), names.end(), target.string);
  if (it == names.end()) {
    const std::string close = config::nearest(target.string, names);
    throw DataError(path + ": there is no column \"" + target.string + "\"" +
                    (names.empty() ? "; the file has no header, give the target's number"
                                   : "; columns are: " + config::joined(names)) +
                    (close.empty() ? "" : " (did you mean \"" + close + "\"?)"));
  }
  return static_cast<std::size_t>(it - names.begin());
}

}  // namespace

RawData read_csv(const std::string& path, const CsvOptions& options) {
  Lines lines = split_text(path, read_data_file(path), options);
  if (lines.rows.empty()) throw DataError(path + ": no rows");
  Row names;
  if (options.header == "true" ||
      (options.header == "auto" && !all_numbers(lines.rows[0]) && lines.rows.size() > 1 &&
       !std::all_of(lines.rows[0].begin(), lines.rows[0].end(), [](const std::string& f) { return f.empty(); }) &&
       std::none_of(lines.rows[0].begin(), lines.rows[0].end(), [](const std::string& f) {
         double x;
         return parse_number(f, x);
       }))) {
    names = lines.rows[0];
    lines.rows.erase(lines.rows.begin());
    lines.numbers.erase(lines.numbers.begin());
  }
  if (lines.rows.empty()) throw DataError(path + ": only a header, no rows");
  const std::size_t width = lines.rows[0].size();
  const bool has_target = !options.target.is(config::Value::Type::null);
  const std::size_t target = has_target ? target_column(path, options.target, names, width) : width;

  const auto place = [&](std::size_t row, std::size_t column) {
    return path + ":" + std::to_string(lines.numbers[row]) + ": column " + std::to_string(column) +
           (names.empty() ? "" : " \"" + names[column] + "\"") + ": ";
  };
  RawData data;
  std::vector<bool> holes;  // which numbers were missing
  double ignored = 0;
  bool words = false;
  if (has_target)
    for (const Row& row : lines.rows) words |= !parse_number(row[target], ignored);
  std::size_t kept = 0;
  for (std::size_t r = 0; r < lines.rows.size(); ++r) {
    const Row& row = lines.rows[r];
    const bool incomplete =
        std::any_of(row.begin(), row.end(), [](const std::string& f) { return f.empty() || f == "?" || f == "NA"; });
    if (incomplete && options.missing == "drop") continue;
    ++kept;
    for (std::size_t c = 0; c < width; ++c) {
      double value = 0;
      const bool missing = row[c].empty() || row[c] == "?" || row[c] == "NA";
      if (c == target && words) {
        if (missing) throw DataError(place(r, c) + "the target is missing; set data.missing to \"drop\"");
        const auto known = std::find(data.class_names.begin(), data.class_names.end(), row[c]);
        value = static_cast<double>(known - data.class_names.begin());
        if (known == data.class_names.end()) data.class_names.push_back(row[c]);
      } else if (missing) {
        if (options.missing == "error" || c == target)
          throw DataError(
              place(r, c) +
              "missing value; set data.missing to \"drop\" (leave such rows out) or \"mean\" (of the column)");
      } else if (!parse_number(row[c], value)) {
        const bool comma = row[c].find(',') != std::string::npos;
        throw DataError(place(r, c) + "\"" + row[c] + "\" is not a number" +
                        (comma ? "; decimals need a point, or set data.delimiter" : ""));
      } else if (!std::isfinite(value)) {
        throw DataError(place(r, c) + "\"" + row[c] + "\" is not finite");
      }
      if (c == target) {
        data.targets.push_back(value);
      } else {
        data.numbers.push_back(value);
        holes.push_back(missing);
      }
    }
  }
  const std::size_t columns = width - (has_target ? 1 : 0);
  if (kept == 0) throw DataError(path + ": every row has a missing value; set data.missing to \"mean\"");
  for (std::size_t c = 0; c < columns && options.missing == "mean"; ++c) {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t r = 0; r < kept; ++r)
      if (!holes[r * columns + c]) sum += data.numbers[r * columns + c], ++count;
    if (count == 0) throw DataError(path + ": column " + std::to_string(c) + " has no value at all");
    for (std::size_t r = 0; r < kept; ++r)
      if (holes[r * columns + c]) data.numbers[r * columns + c] = sum / static_cast<double>(count);
  }
  data.inputs_shape = Shape{static_cast<std::int64_t>(kept), static_cast<std::int64_t>(columns)};
  data.targets_shape = Shape{static_cast<std::int64_t>(kept)};
  return data;
}

}  // namespace xgrad::train
