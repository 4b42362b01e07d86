// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The driver's side of the formats of state.hpp.
#include "registry.hpp"

namespace xgrad::optim {

StateFormat format_of(const Slot& slot, const SharedOptions& options, std::size_t size);
/// Of one number.
template <class T> std::size_t bytes_of(StateFormat format) {
  return format == StateFormat::full ? sizeof(T) : format == StateFormat::bfloat16 ? 2 : 1;
}
/// safetensors' name of the numbers' type.
template <class T> const char* dtype_of(StateFormat format) {
  return format == StateFormat::bfloat16    ? "BF16"
         : format == StateFormat::eight_bit ? "U8"
         : sizeof(T) == sizeof(float)       ? "F32"
                                            : "F64";
}
inline std::size_t scale_count(std::size_t size) { return (size + kStateBlock - 1) / kStateBlock; }

template <class T> void fill_state(const SlotPlace& place, std::size_t size, T value);

/// What the random bits of rounding are functions of, besides slot and element.
struct Draw {
  RandomKey key;           ///< of seed, parameter and step
  std::uint64_t pass = 0;  ///< of the step's: each rounds by bits of its own
};
/// Runs a pass over a block whose slots lie at `places`, in whichever format.
template <class T>
void run_on_stored_state(const Pass<T>& pass, const void* kernel, const Block<T>& block,
                         const std::array<SlotPlace, kMaxSlots>& places, const Draw& draw, double* sums);

}  // namespace xgrad::optim
