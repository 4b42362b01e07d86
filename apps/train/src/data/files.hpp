// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <string>
#include <vector>

#include "xgrad/train/data.hpp"

namespace xgrad::train {

/// A file's bytes, or those of standard input ("-"), unpacked if it is gzip. Throws DataError.
std::string read_data_file(const std::string& path);

struct CsvOptions {
  std::string path;
  config::Value target, features;
  std::string header = "auto", delimiter = "auto", missing = "error";
  std::int64_t skip_rows = 0;
};
/// The options in a config's data section; what is wrong with them becomes a problem.
CsvOptions csv_options(const config::Value& data, config::Problems& problems);
/// Throws DataError with file, line, column and cure.
RawData read_csv(const std::string& path, const CsvOptions& options);
/// The inputs of a table `text` that is written as the training data was, with or without its targets.
std::vector<double> read_csv_inputs(const std::string& path, const std::string& text, const CsvOptions& options,
                                    const DataDescription& about);
/// The pictures of an IDX file, as numbers; `shape` becomes (N, height, width).
std::vector<double> idx_pictures(const std::string& path, const std::string& text, Shape& shape);
/// Pictures and their labels (either path may be empty) in MNIST's format.
void append_idx(RawData& data, const std::string& images, const std::string& labels);

}  // namespace xgrad::train
