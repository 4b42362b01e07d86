// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <string>
#include <vector>

#include "xgrad/train/data.hpp"

namespace xgrad::train {

/// A file's bytes, unpacked if it is gzip. Throws DataError.
std::string read_data_file(const std::string& path);

struct CsvOptions {
  std::string path;
  config::Value target;
  std::string header = "auto", delimiter = "auto", missing = "error";
  std::int64_t skip_rows = 0;
};
/// Throws DataError with file, line, column and cure. Without a target all columns are inputs.
RawData read_csv(const std::string& path, const CsvOptions& options);
/// Pictures and their labels (either path may be empty) in MNIST's format.
void append_idx(RawData& data, const std::string& images, const std::string& labels);

}  // namespace xgrad::train
