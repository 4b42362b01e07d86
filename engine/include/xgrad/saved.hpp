// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstdint>

namespace xgrad {

/// Which values an operation's backward reads: bit k is input k, bit 31 the output.
using SavedMask = std::uint32_t;
inline constexpr SavedMask kSaveNothing = 0, kSaveInput = 1, kSaveInputs = 3, kSaveOutput = 1u << 31;

}  // namespace xgrad
