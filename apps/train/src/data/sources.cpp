// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/files.hpp"
#include "xgrad/io.hpp"
#include "xgrad/random.hpp"

namespace xgrad::train {
namespace {

using config::Fields;
using config::Problems;
using config::Value;
namespace range = config::range;

/// Keys of DataOptions, which stand beside a source's own.
std::vector<std::string> shared_keys() {
  DataOptions options;
  std::vector<std::string> keys{"type"};
  const Fields fields = config::fields_of(options);
  for (const config::Field& field : fields.list()) keys.emplace_back(field.name);
  return keys;
}

template <class Source> DataRow row() {
  return {Source::name, Source::about, config::visit_defaults<Source>,
          [](const Value& value, Problems& problems) -> std::function<RawData(const DataPaths&)> {
            Source source;
            config::read_into(source, value, problems, std::string("data \"") + Source::name + "\"", shared_keys());
            if constexpr (requires { source.check(value, problems); }) source.check(value, problems);
            return [source](const DataPaths& paths) { return source.load(paths); };
          }};
}

struct Csv {
  CsvOptions options;
  Value header;
  static constexpr const char* name = "csv";
  static constexpr config::About about{"a table of numbers as text, plain or gzip"};
  void describe(Fields& f) {
    f("path", options.path, "the file; beside the config, or in XGRAD_DATA").required();
    f("target", options.target, "", "the column to predict: its name, or its number from 0 (negative: from the end)")
        .required();
    f("features", options.features, "",
      "the columns to predict from, by name or number, in this order; default: all but the target");
    f("header", header, "", "whether the first row has names: true, false or \"auto\" (default)");
    f("delimiter", options.delimiter, "between fields: one character, \"tab\" or \"auto\"");
    f("missing", options.missing, config::OneOf{"error|drop|mean"},
      "empty cells: refuse, drop the row, or take the column's mean");
    f("skip_rows", options.skip_rows, range::nonnegative, "lines before the table");
  }
  void check(const Value& value, Problems& problems) {
    using Type = Value::Type;
    if (header.is(Type::boolean))
      options.header = header.boolean ? "true" : "false";
    else if (!header.is(Type::null) && !(header.is(Type::string) && header.string == "auto"))
      problems.add("XG103", header, "\"header\": expected true, false or \"auto\", found " + header.describe());
    if (value.find("target") && !options.target.is(Type::integer) && !options.target.is(Type::string))
      problems.add("XG103", options.target,
                   "\"target\": expected a column's name or number, found " + options.target.describe());
    const auto is_column = [](const Value& v) { return v.is(Type::integer) || v.is(Type::string); };
    const std::vector<Value>& features = options.features.items;
    if (value.find("features") && (features.empty() || !std::all_of(features.begin(), features.end(), is_column)))
      problems.add("XG103", options.features,
                   "\"features\": expected a list of columns' names or numbers, found " + options.features.describe());
    if (options.delimiter != "auto" && options.delimiter != "tab" && options.delimiter.size() != 1)
      problems.add("XG104", value.find("delimiter")->value,
                   "\"delimiter\": expected one character, \"tab\" or \"auto\"");
  }
  RawData load(const DataPaths& paths) const { return read_csv(paths.find(options.path), options); }
};

struct Idx {
  std::string images, labels, test_images, test_labels;
  static constexpr const char* name = "idx";
  static constexpr config::About about{"pictures and labels in MNIST's format, plain or gzip"};
  void describe(Fields& f) {
    f("images", images, "training pictures").required();
    f("labels", labels, "their labels").required();
    f("test_images", test_images, "pictures of the test set, if it is given");
    f("test_labels", test_labels, "their labels");
  }
  void check(const Value& value, Problems& problems) const {
    if (test_images.empty() != test_labels.empty())
      problems.add("XG106", value, "\"test_images\" and \"test_labels\" go together");
  }
  RawData load(const DataPaths& paths) const {
    RawData data;
    const std::string pictures = paths.find(images);  // asked for in this order
    append_idx(data, pictures, paths.find(labels));
    if (test_images.empty()) return data;
    data.test_begin = data.rows();
    const std::string test_pictures = paths.find(test_images);
    append_idx(data, test_pictures, paths.find(test_labels));
    return data;
  }
};

struct Npy {
  std::string inputs, targets;
  static constexpr const char* name = "npy";
  static constexpr config::About about{"two NumPy arrays with a row for each sample"};
  void describe(Fields& f) {
    f("inputs", inputs, "array (N, ...)").required();
    f("targets", targets, "array (N) of classes or numbers, or (N, ...)").required();
  }
  RawData load(const DataPaths& paths) const {
    const auto read = [&paths](const std::string& name_) {
      const std::string path = paths.find(name_);
      try {
        NpyArray array = parse_npy(read_file(path), path);
        if (array.shape.rank() == 0) throw DataError(path + ": a scalar; expected a row for each sample");
        return array;
      } catch (const DataError&) { throw; } catch (const Error& error) {
        throw DataError(error.what());
      }
    };
    NpyArray x = read(inputs), y = read(targets);
    if (x.shape[0] != y.shape[0])
      throw DataError(inputs + " has " + std::to_string(x.shape[0]) + " rows, " + targets + " " +
                      std::to_string(y.shape[0]));
    RawData data;
    data.inputs_shape = x.shape.rank() == 1 ? x.shape.inserted(1, 1) : x.shape;
    data.numbers = std::move(x.values);
    data.targets_shape = y.shape;
    data.targets = std::move(y.values);
    return data;
  }
};

struct Inline {
  Value inputs, targets;
  static constexpr const char* name = "inline";
  static constexpr config::About about{"numbers written in the config itself"};
  void describe(Fields& f) {
    f("inputs", inputs, "", "a list with a row for each sample").required();
    f("targets", targets, "", "a list with a row, a number or a class for each sample").required();
  }
  static void flatten(const Value& value, std::size_t depth, Shape& shape, std::vector<double>& numbers,
                      Problems& problems) {
    if (value.is_number()) {
      if (depth != shape.rank()) problems.add("XG103", value, "a number where the other rows have a list");
      return numbers.push_back(value.number);
    }
    if (!value.is(Value::Type::list))
      return problems.add("XG103", value, "expected numbers, found " + value.describe());
    const auto size = static_cast<std::int64_t>(value.items.size());
    if (numbers.empty() && depth == shape.rank() && depth < Shape::kMaxRank) shape.push_back(size);
    if (depth >= shape.rank() || shape[depth] != size)
      return problems.add("XG103", value,
                          "this row has " + std::to_string(size) + " entries" +
                              (depth < shape.rank() ? ", the first has " + std::to_string(shape[depth]) : ""));
    for (const Value& item : value.items) flatten(item, depth + 1, shape, numbers, problems);
  }
  RawData parse(Problems& problems) const {
    RawData data;
    flatten(inputs, 0, data.inputs_shape, data.numbers, problems);
    flatten(targets, 0, data.targets_shape, data.targets, problems);
    if (data.inputs_shape.rank() == 1) data.inputs_shape.push_back(1);
    if (problems.ok() && (data.inputs_shape.rank() == 0 || data.inputs_shape.size() == 0))
      problems.add("XG103", inputs, "\"inputs\": no samples");
    else if (problems.ok() && (data.targets_shape.rank() == 0 || data.targets_shape[0] != data.inputs_shape[0]))
      problems.add("XG103", targets,
                   "\"targets\" has " +
                       std::string(data.targets_shape.rank() == 0 ? "no" : std::to_string(data.targets_shape[0])) +
                       " rows, \"inputs\" " + std::to_string(data.inputs_shape[0]));
    return data;
  }
  void check(const Value&, Problems& problems) const {
    if (problems.ok()) parse(problems);
  }
  RawData load(const DataPaths&) const {
    Problems none;
    return parse(none);
  }
};

struct Synthetic {
  std::string generator = "moons";
  std::int64_t n = 1000, classes = 2, features = 2, seed = 0;
  double noise = 0.1;
  static constexpr const char* name = "synthetic";
  static constexpr config::About about{
      "made-up points: two classes (moons, spirals, xor), clusters (blobs), or a line or sine to fit"};
  void describe(Fields& f) {
    f("generator", generator, config::OneOf{"moons|spirals|blobs|linear|sine|xor"}, "which shape");
    f("n", n, range::count, "samples");
    f("noise", noise, range::nonnegative, "deviation of the normal noise");
    f("classes", classes, config::Range{2, 1000, false, false}, "of blobs and spirals");
    f("features", features, range::count, "of linear and blobs");
    f("seed", seed, range::nonnegative, "which points");
  }
  RawData load(const DataPaths&) const {
    RawData data;
    const bool wide = generator == "linear" || generator == "blobs";
    const std::int64_t columns = wide ? features : generator == "sine" ? 1 : 2;
    data.inputs_shape = Shape{n, columns};
    data.targets_shape = generator == "linear" || generator == "sine" ? Shape{n, 1} : Shape{n};
    // Every number is a function of its place, whatever n is.
    const auto stream = [this](std::uint32_t which) {
      return RandomKey{static_cast<std::uint64_t>(seed), RandomStream::synthetic + which, 0};
    };
    const auto scatter = [&](std::int64_t i, std::int64_t c) {
      return noise * normal(stream(0), static_cast<std::uint64_t>(i * columns + c));
    };
    const auto draw = [&](std::int64_t i) { return uniform(stream(1), static_cast<std::uint64_t>(i)); };
    for (std::int64_t i = 0; i < n; ++i) {
      const auto point = [&](double x, double y, std::int64_t label) {
        data.numbers.push_back(x + scatter(i, 0));
        data.numbers.push_back(y + scatter(i, 1));
        data.targets.push_back(static_cast<double>(label));
      };
      if (generator == "moons") {
        const double angle = std::numbers::pi * draw(i);
        if (i % 2 == 0)
          point(std::cos(angle), std::sin(angle), 0);
        else
          point(1 - std::cos(angle), 0.5 - std::sin(angle), 1);
      } else if (generator == "spirals") {
        const std::int64_t label = i % classes;
        const double t = std::sqrt(draw(i)), angle = 3 * std::numbers::pi * t + 2 * std::numbers::pi *
                                                                                    static_cast<double>(label) /
                                                                                    static_cast<double>(classes);
        point(t * std::cos(angle), t * std::sin(angle), label);
      } else if (generator == "xor") {
        const double x = 2 * draw(2 * i) - 1, y = 2 * draw(2 * i + 1) - 1;
        point(x, y, (x > 0) != (y > 0));
      } else if (generator == "blobs") {
        const std::int64_t label = i % classes;
        for (std::int64_t c = 0; c < columns; ++c)
          data.numbers.push_back(4 * (2 * uniform(stream(2), static_cast<std::uint64_t>(label * columns + c)) - 1) +
                                 scatter(i, c));
        data.targets.push_back(static_cast<double>(label));
      } else {
        double y = 0;
        for (std::int64_t c = 0; c < columns; ++c) {
          const double x = 2 * draw(i * columns + c) - 1;
          data.numbers.push_back(x);
          y += generator == "sine" ? std::sin(std::numbers::pi * x)
                                   : x * (2 * uniform(stream(2), static_cast<std::uint64_t>(c)) - 1);
        }
        data.targets.push_back(y + noise * normal(stream(0), static_cast<std::uint64_t>(i)));
      }
    }
    return data;
  }
};

}  // namespace

CsvOptions csv_options(const Value& data, Problems& problems) {
  Csv source;
  config::read_into(source, data, problems, "data \"csv\"", shared_keys());
  source.check(data, problems);
  return source.options;
}

const config::Registry<DataRow>& data_sources() {
  static const config::Registry<DataRow> registry = [] {
    config::Registry<DataRow> r("data");
    r.add(row<Csv>());
    r.add(row<Idx>());
    r.add(row<Npy>());
    r.add(row<Inline>());
    r.add(row<Synthetic>());
    return r;
  }();
  return registry;
}

}  // namespace xgrad::train
