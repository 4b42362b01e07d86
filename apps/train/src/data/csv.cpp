// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <charconv>
#include <cmath>

#include "data/files.hpp"

namespace xgrad::train {
namespace {

using Row = std::vector<std::string>;

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

bool is_missing(const std::string& field) { return field.empty() || field == "?" || field == "NA"; }

/// The text of a table: its fields, the names of its columns if it has a header, and where each row stands.
class Table {
 public:
  Table(std::string path, const std::string& text, const CsvOptions& options) : path_(std::move(path)) {
    split(text, options);
    if (rows.empty()) throw DataError(path_ + ": no rows");
    const Row& first = rows[0];
    double ignored = 0;
    const bool words =
        std::none_of(first.begin(), first.end(), [&](const auto& f) { return parse_number(f, ignored); });
    const bool empty = std::all_of(first.begin(), first.end(), [](const auto& f) { return f.empty(); });
    if (options.header == "true" || (options.header == "auto" && words && !empty && rows.size() > 1)) {
      names = first;
      rows.erase(rows.begin());
      lines_.erase(lines_.begin());
    }
    if (rows.empty()) throw DataError(path_ + ": only a header, no rows");
  }

  std::size_t width() const { return rows[0].size(); }
  std::string place(std::size_t row, std::size_t column) const {
    return path_ + ":" + std::to_string(lines_[row]) + ": column " + std::to_string(column) +
           (names.empty() ? "" : " \"" + names[column] + "\"") + ": ";
  }
  /// The number in a field that is not missing.
  double number(std::size_t row, std::size_t column) const {
    const std::string& field = rows[row][column];
    double value = 0;
    if (!parse_number(field, value))
      throw DataError(place(row, column) + "\"" + field + "\" is not a number" +
                      (field.find(',') != std::string::npos ? "; decimals need a point, or set data.delimiter" : ""));
    if (!std::isfinite(value)) throw DataError(place(row, column) + "\"" + field + "\" is not finite");
    return value;
  }
  /// The column of this name.
  std::size_t column(const std::string& name) const {
    const auto it = std::find(names.begin(), names.end(), name);
    if (it != names.end()) return static_cast<std::size_t>(it - names.begin());
    const std::string close = config::nearest(name, names);
    throw DataError(path_ + ": there is no column \"" + name + "\"" +
                    (names.empty() ? "; the file has no header, give the column's number"
                                   : "; columns are: " + config::joined(names)) +
                    (close.empty() ? "" : " (did you mean \"" + close + "\"?)"));
  }
  /// The column that a config means by a name or a number.
  std::size_t column(const config::Value& value, const char* what) const {
    if (!value.is(config::Value::Type::integer)) return column(value.string);
    const auto count = static_cast<std::int64_t>(width());
    const std::int64_t index = value.integer < 0 ? value.integer + count : value.integer;
    if (index < 0 || index >= count)
      throw DataError(path_ + ": there is no column " + std::to_string(value.integer) + " to be " + what +
                      "; columns are 0 to " + std::to_string(count - 1));
    return static_cast<std::size_t>(index);
  }

  std::vector<Row> rows;
  Row names;

 private:
  void split(std::string_view text, const CsvOptions& options) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (text.find('\0') != std::string_view::npos)
      throw DataError(path_ + ": is no text that can be read; save the table as csv in UTF-8");
    char delimiter = options.delimiter == "auto" ? '\0' : options.delimiter == "tab" ? '\t' : options.delimiter[0];
    std::size_t number = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      std::string line(text.substr(at, end - at));
      at = end + 1;
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (++number <= static_cast<std::size_t>(options.skip_rows) || line.find_first_not_of(" \t") == std::string::npos)
        continue;
      if (delimiter == '\0') delimiter = guess_delimiter(line);
      rows.push_back(split_line(line, delimiter));
      lines_.push_back(number);
      if (rows.back().size() != width())
        throw DataError(path_ + ":" + std::to_string(number) + ": row has " + std::to_string(rows.back().size()) +
                        " fields, expected " + std::to_string(width()) +
                        (options.delimiter == "auto" ? "; is the delimiter right? set data.delimiter" : ""));
    }
  }

  std::string path_;
  std::vector<std::size_t> lines_;  // of the file, from 1
};

}  // namespace

RawData read_csv(const std::string& path, const CsvOptions& options) {
  const Table table(path, read_data_file(path), options);
  const std::size_t width = table.width(), target = table.column(options.target, "the target");
  RawData data;
  data.about.width = width;
  const auto add_input = [&](std::size_t column) {
    if (column == target) throw DataError(path + ": column " + std::to_string(column) + " is target and feature");
    data.about.places.push_back(static_cast<std::int64_t>(column));
    if (!table.names.empty()) data.about.columns.push_back(table.names[column]);
  };
  for (const config::Value& feature : options.features.items) add_input(table.column(feature, "a feature"));
  for (std::size_t c = 0; c < width && options.features.items.empty(); ++c)
    if (c != target) add_input(c);
  if (!table.names.empty()) data.about.target_name = table.names[target];
  const std::size_t columns = data.about.places.size();
  if (columns == 0) throw DataError(path + ": there is no column beside the target");

  std::vector<std::string>& words = data.about.class_names;
  double ignored = 0;
  for (const Row& row : table.rows)
    if (!is_missing(row[target]) && !parse_number(row[target], ignored)) words.emplace_back();
  if (!words.empty()) {  // all fields are words then
    words.clear();
    for (const Row& row : table.rows)
      if (!is_missing(row[target])) words.push_back(row[target]);
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
  }

  std::vector<bool> holes;  // which numbers were missing
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const Row& row = table.rows[r];
    const bool incomplete = is_missing(row[target]) ||
                            std::any_of(data.about.places.begin(), data.about.places.end(),
                                        [&](std::int64_t c) { return is_missing(row[static_cast<std::size_t>(c)]); });
    if (incomplete && options.missing == "drop") continue;
    if (is_missing(row[target]))
      throw DataError(table.place(r, target) + "the target is missing; set data.missing to \"drop\"");
    data.targets.push_back(
        words.empty() ? table.number(r, target)
                      : static_cast<double>(std::lower_bound(words.begin(), words.end(), row[target]) - words.begin()));
    for (const std::int64_t place : data.about.places) {
      const auto c = static_cast<std::size_t>(place);
      holes.push_back(is_missing(row[c]));
      if (holes.back() && options.missing == "error")
        throw DataError(
            table.place(r, c) +
            "missing value; set data.missing to \"drop\" (leave such rows out) or \"mean\" (of the column)");
      data.numbers.push_back(holes.back() ? 0 : table.number(r, c));
    }
  }
  const std::size_t kept = data.targets.size();
  if (kept == 0) throw DataError(path + ": every row has a missing value; set data.missing to \"mean\"");
  for (std::size_t c = 0; c < columns && options.missing == "mean"; ++c) {
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t r = 0; r < kept; ++r)
      if (!holes[r * columns + c]) sum += data.numbers[r * columns + c], ++count;
    if (count == 0) throw DataError(path + ": column " + std::to_string(data.about.places[c]) + " has no value at all");
    data.about.fill.push_back(sum / static_cast<double>(count));
    for (std::size_t r = 0; r < kept; ++r)
      if (holes[r * columns + c]) data.numbers[r * columns + c] = data.about.fill[c];
  }
  data.inputs_shape = Shape{static_cast<std::int64_t>(kept), static_cast<std::int64_t>(columns)};
  data.targets_shape = Shape{static_cast<std::int64_t>(kept)};
  return data;
}

std::vector<double> read_csv_inputs(const std::string& path, const std::string& text, const CsvOptions& options,
                                    const DataDescription& about) {
  const std::size_t columns = about.sample.size();
  // The lines that stood before the training data's table are not left out where they are rows.
  CsvOptions present = options;
  if (options.skip_rows > 0) {
    present.skip_rows = 0;
    const Row first = Table(path, text.substr(0, text.find('\n')), present).rows[0];
    double ignored = 0;
    if ((first.size() != columns && first.size() != about.width) ||
        !std::all_of(first.begin(), first.end(), [&](const std::string& f) { return parse_number(f, ignored); }))
      present.skip_rows = options.skip_rows;
  }
  const Table table(path, text, present);
  std::vector<std::size_t> places;
  if (!table.names.empty() && !about.columns.empty())
    for (const std::string& name : about.columns) places.push_back(table.column(name));
  else if (table.width() == columns)
    for (std::size_t c = 0; c < columns; ++c) places.push_back(c);
  else if (table.width() == about.width)
    places.assign(about.places.begin(), about.places.end());
  else
    throw DataError(path + ": rows of " + std::to_string(table.width()) + " numbers; the model wants " +
                    std::to_string(columns) +
                    (about.width > 0 ? ", or " + std::to_string(about.width) + " as in the training data" : ""));
  std::vector<double> numbers;
  for (std::size_t r = 0; r < table.rows.size(); ++r)
    for (std::size_t c = 0; c < columns; ++c) {
      const bool missing = is_missing(table.rows[r][places[c]]);
      if (missing && about.fill.empty())
        throw DataError(table.place(r, places[c]) + "missing value; the model was trained without any");
      numbers.push_back(missing ? about.fill[c] : table.number(r, places[c]));
    }
  return numbers;
}

}  // namespace xgrad::train
