// SPDX-License-Identifier: BSD-3-Clause
#include "xgrad/error.hpp"

#include <array>
#include <charconv>

namespace xgrad::detail {
namespace {

template <class Number> void append_number(std::string& text, Number part) {
  std::array<char, 40> buffer;
  text.append(buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), part).ptr);
}

}  // namespace

void append_text(std::string& text, double part) { append_number(text, part); }
void append_text(std::string& text, float part) { append_number(text, part); }

}  // namespace xgrad::detail
