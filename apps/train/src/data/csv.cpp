// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <charconv>
#include <cmath>
#include <deque>
#include <span>
#include <string_view>

#include "data/files.hpp"

namespace xgrad::train {
namespace {

using Field = std::string_view;

char guess_delimiter(std::string_view line) {
  for (const char c : {',', ';', '\t'})
    if (line.find(c) != std::string_view::npos) return c;
  return line.find(' ') != std::string_view::npos ? ' ' : ',';
}

Field trimmed(Field field) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!field.empty() && blank(field.front())) field.remove_prefix(1);
  while (!field.empty() && blank(field.back())) field.remove_suffix(1);
  return field;
}

bool parse_number(Field field, double& value) {
  const char* begin = field.data() + (!field.empty() && field[0] == '+' ? 1 : 0);
  const auto [end, error] = std::from_chars(begin, field.data() + field.size(), value);
  return error == std::errc{} && end == field.data() + field.size() && !field.empty();
}
bool is_number(Field field) {
  double ignored = 0;
  return parse_number(field, ignored);
}
bool is_missing(Field field) { return field.size() < 3 && (field.empty() || field == "?" || field == "NA"); }

/// The text of a table: its fields, the names of its columns if it has a header, and where each row stands.
class Table {
 public:
  Table(std::string path, std::string text, const CsvOptions& options)
      : path_(std::move(path)), text_(std::move(text)) {
    split(options);
    if (lines_.empty()) throw DataError(path_ + ": no rows");
    const std::span<const Field> first = row(0);
    const bool words = std::none_of(first.begin(), first.end(), is_number);
    const bool empty = std::all_of(first.begin(), first.end(), [](Field f) { return f.empty(); });
    if (options.header == "true" || (options.header == "auto" && words && !empty && rows() > 1)) {
      names.assign(first.begin(), first.end());
      fields_.erase(fields_.begin(), fields_.begin() + static_cast<std::ptrdiff_t>(width_));
      lines_.erase(lines_.begin());
    }
    if (lines_.empty()) throw DataError(path_ + ": only a header, no rows");
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  std::size_t rows() const { return lines_.size(); }
  std::size_t width() const { return width_; }
  std::span<const Field> row(std::size_t r) const { return {fields_.data() + r * width_, width_}; }
  Field field(std::size_t r, std::size_t c) const { return fields_[r * width_ + c]; }
  std::string place(std::size_t row, std::size_t column) const {
    return path_ + ":" + std::to_string(lines_[row]) + ": column " + std::to_string(column) +
           (names.empty() ? "" : " \"" + names[column] + "\"") + ": ";
  }
  /// The number in a field that is not missing.
  double number(std::size_t r, std::size_t c) const {
    double value = 0;
    const bool good = parse_number(field(r, c), value);
    if (good && std::isfinite(value)) return value;
    const std::string text(field(r, c));
    throw DataError(place(r, c) + "\"" + text + (good ? "\" is not finite" : "\" is not a number") +
                    (text.find(',') != std::string::npos ? "; decimals need a point, or set data.delimiter" : ""));
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

  std::vector<std::string> names;

 private:
  /// Adds the fields of one line; quotes protect delimiters, doubled quotes stand for one.
  void split_line(std::string_view line, char delimiter) {
    const bool quotes = line.find('"') != std::string_view::npos;
    while (true) {
      std::size_t end = 0;
      for (bool quoted = false; end < line.size() && (quoted || line[end] != delimiter); ++end)
        quoted ^= quotes && line[end] == '"';
      Field field = trimmed(line.substr(0, end));
      if (quotes && field.find('"') != Field::npos) {
        std::string bare;
        for (std::size_t i = 0, inside = 0; i < field.size(); ++i)
          if (field[i] != '"')
            bare += field[i];
          else if (inside && i + 1 < field.size() && field[i + 1] == '"')
            bare += field[++i];
          else
            inside = !inside;
        field = trimmed(unquoted_.emplace_back(std::move(bare)));
      }
      if (delimiter != ' ' || !field.empty()) fields_.push_back(field);  // runs of blanks are one
      if (end >= line.size()) return;
      line.remove_prefix(end + 1);
    }
  }
  void split(const CsvOptions& options) {
    std::string_view text = text_;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (text.find('\0') != std::string_view::npos)
      throw DataError(path_ + ": is no text that can be read; save the table as csv in UTF-8");
    char delimiter = options.delimiter == "auto" ? '\0' : options.delimiter == "tab" ? '\t' : options.delimiter[0];
    std::size_t number = 0;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      std::string_view line = text.substr(at, end - at);
      at = end + 1;
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (++number <= static_cast<std::size_t>(options.skip_rows) ||
          line.find_first_not_of(" \t") == std::string_view::npos)
        continue;
      if (delimiter == '\0') delimiter = guess_delimiter(line);
      const std::size_t before = fields_.size();
      split_line(line, delimiter);
      const std::size_t width = fields_.size() - before;
      if (lines_.empty()) width_ = width;
      lines_.push_back(number);
      if (width != width_)
        throw DataError(path_ + ":" + std::to_string(number) + ": row has " + std::to_string(width) +
                        " fields, expected " + std::to_string(width_) +
                        (options.delimiter == "auto" ? "; is the delimiter right? set data.delimiter" : ""));
    }
  }

  std::string path_, text_;
  std::deque<std::string> unquoted_;  // fields that are not written as they are
  std::vector<Field> fields_;
  std::vector<std::size_t> lines_;  // of the file, from 1
  std::size_t width_ = 0;
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
  bool has_words = false;  // then all targets are words
  for (std::size_t r = 0; r < table.rows(); ++r)
    has_words |= !is_missing(table.field(r, target)) && !is_number(table.field(r, target));
  if (has_words) {
    for (std::size_t r = 0; r < table.rows(); ++r)
      if (!is_missing(table.field(r, target))) words.emplace_back(table.field(r, target));
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
  }

  std::vector<bool> holes;  // which numbers were missing
  for (std::size_t r = 0; r < table.rows(); ++r) {
    const std::span<const Field> row = table.row(r);
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
    const Table first(path, text.substr(0, text.find('\n')), present);
    if ((first.width() != columns && first.width() != about.width) ||
        !std::all_of(first.row(0).begin(), first.row(0).end(), is_number))
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
  for (std::size_t r = 0; r < table.rows(); ++r)
    for (std::size_t c = 0; c < columns; ++c) {
      const bool missing = is_missing(table.field(r, places[c]));
      if (missing && about.fill.empty())
        throw DataError(table.place(r, places[c]) + "missing value; the model was trained without any");
      numbers.push_back(missing ? about.fill[c] : table.number(r, places[c]));
    }
  return numbers;
}

}  // namespace xgrad::train
