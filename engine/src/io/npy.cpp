// SPDX-License-Identifier: BSD-3-Clause
// NumPy's file format, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#include <algorithm>
#include <array>
#include <cstring>

#include "xgrad/io.hpp"

namespace xgrad {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

template <class T> void convert(const std::byte* bytes, std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
}

struct Type {
  std::string_view name;
  std::size_t size;
  void (*convert)(const std::byte*, std::vector<double>&);
};
constexpr Type kTypes[] = {
    {"f4", 4, convert<float>},         {"f8", 8, convert<double>},       {"i1", 1, convert<std::int8_t>},
    {"u1", 1, convert<std::uint8_t>},  {"b1", 1, convert<std::uint8_t>}, {"i2", 2, convert<std::int16_t>},
    {"u2", 2, convert<std::uint16_t>}, {"i4", 4, convert<std::int32_t>}, {"u4", 4, convert<std::uint32_t>},
    {"i8", 8, convert<std::int64_t>},  {"u8", 8, convert<std::uint64_t>}};

/// What stands behind a key of the header, a Python dict.
std::string_view behind(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = header.substr(at + key.size());
  return rest.substr(std::min(rest.find_first_not_of(' '), rest.size()));
}

}  // namespace

NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& source) {
  const auto require = [&source](bool ok, const auto&... why) {
    if (!ok) fail(source, ": ", why...);
  };
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  require(text.starts_with(kMagic) && text.size() >= 12, "not an npy file");
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(text[i])); };
  const std::size_t major = byte(6), prefix = major == 1 ? 10 : 12;
  require(major >= 1 && major <= 3, "npy version ", major, "; expected 1 to 3");
  std::size_t length = byte(8) | byte(9) << 8;
  if (major > 1) length |= byte(10) << 16 | byte(11) << 24;
  require(length <= text.size() - prefix, "truncated: the header claims ", length, " bytes");
  const std::string header(text.substr(prefix, length));
  const std::string_view descr = behind(header, "'descr':"), order = behind(header, "'fortran_order':"),
                         shape = behind(header, "'shape':");
  const std::size_t quote = descr.find('\'', 1);
  require(descr.size() > 3 && descr[0] == '\'' && quote != std::string_view::npos && std::strchr("<>|=", descr[1]),
          "unsupported element type in ", header, "; expected float32, float64, integers or booleans");
  const std::string_view element = descr.substr(2, quote - 2);
  const bool fortran = order.starts_with("True");
  const std::string sizes(shape.substr(0, std::min(shape.find(')'), shape.size())));
  require((fortran || order.starts_with("False")) && sizes.starts_with("(") && sizes.size() < shape.size() &&
              sizes.find_first_not_of("0123456789, ", 1) == std::string::npos,
          "malformed header ", header);
  require(descr[1] != '>', "big-endian numbers; save with array.astype('<", element, "')");
  const auto* type =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Type& t) { return t.name == element; });
  require(type != std::end(kTypes), "unsupported element type '", element,
          "'; expected float32, float64, integers or booleans");

  NpyArray array;
  array.integers = type->name[0] != 'f';
  std::size_t count = 1;
  for (std::size_t at = 0; (at = sizes.find_first_of("0123456789", at)) != std::string::npos;) {
    const std::size_t end = std::min(sizes.find_first_not_of("0123456789", at), sizes.size());
    require(end - at < 18 && array.shape.rank() < Shape::kMaxRank, "shape ", sizes, ") is too large");
    const std::size_t n = std::stoull(sizes.substr(at, end - at));
    require(n == 0 || count <= text.size() / n, "shape ", sizes, ") is larger than the file");
    count *= n;
    array.shape.push_back(static_cast<std::int64_t>(n));
    at = end;
  }
  const std::size_t present = text.size() - prefix - length;
  require(present == count * type->size, "shape ", sizes, ") needs ", count * type->size,
          " bytes of data, the file has ", present);
  array.values.resize(count);
  type->convert(bytes.data() + prefix + length, array.values);
  if (fortran && array.shape.rank() > 1) {  // to row-major
    std::vector<double> rows(count);
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t rest = i, from = 0, stride = 1;
      std::array<std::size_t, Shape::kMaxRank> index{};
      for (std::size_t axis = array.shape.rank(); axis-- > 0;) {
        const auto n = static_cast<std::size_t>(array.shape[axis]);
        index[axis] = rest % n;
        rest /= n;
      }
      for (std::size_t axis = 0; axis < array.shape.rank(); ++axis) {
        from += index[axis] * stride;
        stride *= static_cast<std::size_t>(array.shape[axis]);
      }
      rows[i] = array.values[from];
    }
    array.values = std::move(rows);
  }
  return array;
}

template <class T> std::vector<std::byte> npy_bytes(const Shape& shape, const T* data) {
  std::string header = std::string("{'descr': '<") +
                       (std::is_same_v<T, float>    ? "f4"
                        : std::is_same_v<T, double> ? "f8"
                                                    : "i8") +
                       "', 'fortran_order': False, 'shape': " + shape.to_string() + ", }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string file(kMagic);
  file += '\x01';
  file += '\0';
  file += static_cast<char>(header.size() & 255);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  const auto text = std::as_bytes(std::span<const char>(file.data(), file.size()));
  std::vector<std::byte> bytes(text.begin(), text.end());
  const auto values = std::as_bytes(std::span<const T>(data, shape.size()));
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}
template std::vector<std::byte> npy_bytes(const Shape&, const float*);
template std::vector<std::byte> npy_bytes(const Shape&, const double*);
template std::vector<std::byte> npy_bytes(const Shape&, const std::int64_t*);

}  // namespace xgrad
