// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "xgrad/io.hpp"

namespace xgrad {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kMostHeaderBytes = 100'000'000, kAlignment = 64;
constexpr const char *kMetadata = "__metadata__", *kChecksums = "xgrad.crc32c", *kWhole = "*";

template <class T> constexpr const char* dtype_of() {
  if constexpr (std::is_same_v<T, float>) return "F32";
  if constexpr (std::is_same_v<T, double>) return "F64";
  return "I64";
}
std::size_t bytes_of(const std::string& dtype) {
  return dtype == "U8" ? 1 : dtype == "BF16" ? 2 : dtype == "F32" ? 4 : dtype == "F64" || dtype == "I64" ? 8 : 0;
}

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

/// Of all metadata but the checksums, and of every array's name, type and shape.
std::uint32_t checksum_of_structure(const TensorFile& file) {
  std::uint32_t crc = 0;
  const auto take = [&crc](const std::string& text) {
    crc = crc32c(as_bytes(std::to_string(text.size()) + ":"), crc);
    crc = crc32c(as_bytes(text), crc);
  };
  for (const auto& [key, value] : file.metadata)
    if (key != kChecksums) take(key), take(value);
  for (const TensorFile::Entry& entry : file.entries)
    take(entry.name), take(entry.dtype), take(entry.shape.to_string());
  return crc;
}

}  // namespace

const TensorFile::Entry* TensorFile::find(std::string_view name) const {
  for (const Entry& entry : entries)
    if (entry.name == name) return &entry;
  return nullptr;
}

void TensorFile::add(const std::string& name, const std::string& dtype, const Shape& shape, const void* data) {
  XGRAD_CHECK(!find(name) && name != kMetadata, "TensorFile: two arrays named \"", name, "\"");
  const auto* const bytes = static_cast<const std::byte*>(data);
  entries.push_back({name, dtype, shape, {bytes, bytes + shape.size() * bytes_of(dtype)}});
}

void TensorFile::get(const std::string& name, const std::string& dtype, const Shape& shape, void* data) const {
  const Entry* entry = find(name);
  XGRAD_CHECK(entry, "TensorFile: no array \"", name, "\"");
  XGRAD_CHECK(entry->dtype == dtype && entry->shape == shape, "TensorFile: \"", name, "\" is ", entry->dtype, " ",
              entry->shape, "; expected ", dtype, " ", shape);
  if (!entry->bytes.empty()) std::memcpy(data, entry->bytes.data(), entry->bytes.size());
}

template <class T> void TensorFile::add(const std::string& name, const Shape& shape, const T* data) {
  add(name, dtype_of<T>(), shape, data);
}
template <class T> void TensorFile::get(const std::string& name, const Shape& shape, T* data) const {
  get(name, dtype_of<T>(), shape, data);
}

std::vector<std::byte> TensorFile::serialize() const {
  Json header = Json::object(), checksums = Json::object();
  std::size_t offset = 0;
  for (const Entry& entry : entries) {
    header[entry.name] = {{"dtype", entry.dtype},
                          {"shape", std::vector<std::int64_t>(entry.shape.begin(), entry.shape.end())},
                          {"data_offsets", {offset, offset + entry.bytes.size()}}};
    checksums[entry.name] = crc32c(entry.bytes);
    offset += entry.bytes.size();
  }
  checksums[kWhole] = checksum_of_structure(*this);
  Json meta = Json::object();
  for (const auto& [key, value] : metadata)
    if (key != kChecksums) meta[key] = value;
  meta[kChecksums] = checksums.dump();
  header[kMetadata] = meta;
  std::string text = header.dump();
  text.append((kAlignment - (8 + text.size()) % kAlignment) % kAlignment, ' ');

  std::vector<std::byte> bytes(8 + text.size() + offset);
  const std::uint64_t length = text.size();
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, text.data(), text.size());
  std::byte* place = bytes.data() + 8 + text.size();
  for (const Entry& entry : entries) {
    if (!entry.bytes.empty()) std::memcpy(place, entry.bytes.data(), entry.bytes.size());
    place += entry.bytes.size();
  }
  return bytes;
}

TensorFile TensorFile::parse(std::span<const std::byte> bytes, const std::string& source) {
  const auto refuse = [&source](const auto&... why) { fail(source, ": not a usable checkpoint: ", why...); };
  const auto require = [&](bool ok, const auto&... why) {
    if (!ok) refuse(why...);
  };
  require(bytes.size() >= 8, "the file has ", bytes.size(), " bytes, less than a header");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  require(length <= kMostHeaderBytes, "its header claims ", length, " bytes");
  require(length <= bytes.size() - 8, "truncated: the header claims ", length, " bytes, the file has ",
          bytes.size() - 8, " more");
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + 8;

  require(std::find(text, text + length, '\0') == text + length, "its header has a zero byte");

  // Duplicate names would silently overwrite one another.
  std::vector<std::vector<std::string>> open;
  bool duplicate = false;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > 8) duplicate = true;
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end && !open.empty()) open.pop_back();
    if (event == Json::parse_event_t::key && !open.empty()) {
      auto& names = open.back();
      if (names.size() < 4096 && std::find(names.begin(), names.end(), value.get<std::string>()) != names.end())
        duplicate = true;
      names.push_back(value.get<std::string>());
    }
    return true;
  };
  const Json header = Json::parse(text, text + length, watch, false);
  require(!header.is_discarded() && header.is_object(), "its header is not a JSON object");
  require(!duplicate, "its header has a name twice");

  TensorFile file;
  const std::size_t data_size = bytes.size() - 8 - length;
  std::size_t expected = 0;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadata) {
      require(value.is_object(), "its metadata is not an object");
      for (const auto& [key, item] : value.items()) {
        require(item.is_string(), "metadata \"", key, "\" is not text");
        file.metadata[key] = item.get<std::string>();
      }
      continue;
    }
    require(value.is_object() && value.size() == 3 && value.contains("dtype") && value["dtype"].is_string() &&
                value.contains("shape") && value["shape"].is_array() && value.contains("data_offsets") &&
                value["data_offsets"].is_array() && value["data_offsets"].size() == 2,
            "the entry of \"", name, "\" is malformed");
    Entry entry{name, value["dtype"].get<std::string>(), {}, {}};
    const std::size_t width = bytes_of(entry.dtype);
    require(width > 0, "\"", name, "\" has the unknown type \"", entry.dtype, "\"");
    require(value["shape"].size() <= Shape::kMaxRank, "\"", name, "\" has ", value["shape"].size(), " axes");
    std::size_t count = 1;
    for (const auto& size : value["shape"]) {
      require(size.is_number_unsigned(), "\"", name, "\" has a size that is no natural number");
      const auto n = size.get<std::uint64_t>();
      require(n == 0 || count <= data_size / n, "\"", name, "\" is larger than the file");
      count *= n;
      entry.shape.push_back(static_cast<std::int64_t>(n));
    }
    require(value["data_offsets"][0].is_number_unsigned() && value["data_offsets"][1].is_number_unsigned(), "\"", name,
            "\" has malformed offsets");
    const auto begin = value["data_offsets"][0].get<std::uint64_t>(),
               end = value["data_offsets"][1].get<std::uint64_t>();
    require(begin == expected && end >= begin && end <= data_size, "the data of \"", name, "\" at ", begin, " to ", end,
            " leave a hole, overlap, or lie beyond the end (", data_size, ")");
    require(end - begin == count * width, "\"", name, "\" has ", end - begin, " bytes; its shape ", entry.shape,
            " needs ", count * width);
    const std::byte* data = bytes.data() + 8 + length;
    entry.bytes.assign(data + begin, data + end);
    expected = end;
    file.entries.push_back(std::move(entry));
  }
  require(expected == data_size, data_size - expected, " bytes at its end belong to no array");

  const auto stored = file.metadata.find(kChecksums);
  require(stored != file.metadata.end(), "it has no checksums (metadata \"", kChecksums,
          "\"); was it written by another program?");
  const Json checksums = Json::parse(stored->second, nullptr, false);
  const auto matches = [&](const std::string& name, std::uint32_t crc) {
    return checksums.is_object() && checksums.contains(name) && checksums[name].is_number_unsigned() &&
           checksums[name].get<std::uint64_t>() == crc;
  };
  require(matches(kWhole, checksum_of_structure(file)), "checksum mismatch in its header");
  for (const Entry& entry : file.entries)
    require(matches(entry.name, crc32c(entry.bytes)), "checksum mismatch in tensor \"", entry.name, "\"");
  return file;
}

#define XGRAD_INSTANTIATE(T)                                                 \
  template void TensorFile::add(const std::string&, const Shape&, const T*); \
  template void TensorFile::get(const std::string&, const Shape&, T*) const;
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
XGRAD_INSTANTIATE(std::int64_t)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
