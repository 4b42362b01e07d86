// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace xgrad {

/// Every error that xgrad throws. Its text says where, what was found and what was expected:
/// `matmul: inner sizes differ: (32, 784) @ (10, 784); ...`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {
inline void append_text(std::string& text, std::string_view part) { text += part; }
inline void append_text(std::string& text, const char* part) { text += part; }
inline void append_text(std::string& text, const std::string& part) { text += part; }
inline void append_text(std::string& text, bool part) { text += part ? "true" : "false"; }
void append_text(std::string& text, double part);
void append_text(std::string& text, float part);
template <class Integer>
requires std::is_integral_v<Integer>
void append_text(std::string& text, Integer part) { text += std::to_string(part); }
}  // namespace detail

/// Throws Error with the parts (text, numbers, shapes) joined. Cold: a message is only built when something failed.
template <class... Parts> [[noreturn, gnu::cold, gnu::noinline]] void fail(const Parts&... parts) {
  using detail::append_text;
  std::string text;
  (append_text(text, parts), ...);
  throw Error(text);
}

}  // namespace xgrad

/// Throws xgrad::Error built from the further arguments unless `condition` holds.
#define XGRAD_CHECK(condition, ...) \
  do {                              \
    if (!(condition)) [[unlikely]]  \
      ::xgrad::fail(__VA_ARGS__);   \
  } while (false)
