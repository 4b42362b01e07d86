// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// How the state of an optimizer lies in memory. Kernels never see it: the driver decodes a tile into the first cache,
// runs the kernel on it and encodes what came out, within one pass over memory.
#include <cstddef>
#include <cstdint>

namespace xgrad::optim {

/// full: as the parameter. bfloat16: 2 bytes, rounded at random to one of the two neighbours, so that small changes
/// survive on average (Zamirai et al. 2020, arXiv:2010.06192); the draw is a function of seed, parameter, step and
/// element. eight_bit: 1 byte and a scale for each 256, the nearest entry of the dynamic map of Dettmers et al. 2021,
/// arXiv:2110.02861; the unsigned map where no number of the 256 is negative, and there only 0 becomes 0, since roots
/// of these numbers divide.
enum class StateFormat : std::uint8_t { full, bfloat16, eight_bit };

inline constexpr std::size_t kStateBlock = 256;       ///< numbers that share a scale
inline constexpr std::size_t kStateTile = 1024;       ///< numbers that are decoded at a time
inline constexpr std::size_t kLeastQuantized = 4096;  ///< smaller tensors stay full under eight_bit

/// Where one slot of one parameter lies; null if it is not kept.
struct SlotPlace {
  void* numbers = nullptr;  ///< of T, bfloat16 or bytes
  float* scales = nullptr;  ///< of eight_bit; negative for a block that has the unsigned map
  StateFormat format = StateFormat::full;

  explicit operator bool() const { return numbers != nullptr; }
};

}  // namespace xgrad::optim
