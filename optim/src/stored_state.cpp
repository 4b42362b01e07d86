// SPDX-License-Identifier: BSD-3-Clause
#include "stored_state.hpp"

#include <algorithm>

namespace xgrad::optim {

StateFormat format_of(const Slot& slot, const SharedOptions& options, std::size_t size) {
  if (slot.of_parameter || slot.exact) return StateFormat::full;
  if (options.state_format == "bfloat16") return StateFormat::bfloat16;
  return options.state_format == "8bit" && size >= kLeastQuantized ? StateFormat::eight_bit : StateFormat::full;
}

template <class T> void fill_state(const SlotPlace& place, std::size_t size, T value) {
  if (place.format == StateFormat::full) return void(std::fill_n(static_cast<T*>(place.numbers), size, value));
  T tile[kStateTile];
  std::fill_n(tile, kStateTile, value);
  for (std::size_t first = 0; first < size; first += kStateTile)
    state_codec<T>().encode(place, first, std::min(kStateTile, size - first), tile, RandomKey{}, 0);
}

template <class T>
void run_on_stored_state(const Pass<T>& pass, const void* kernel, const Block<T>& block,
                         const std::array<SlotPlace, kMaxSlots>& places, const Draw& draw, double* sums) {
  Block<T> part = block;
  const auto is_stored = [&](std::size_t s) { return places[s] && places[s].format != StateFormat::full; };
  bool any = false;
  for (std::size_t s = 0; s < kMaxSlots; ++s) {
    any |= is_stored(s);
    if (places[s] && !is_stored(s)) part.slots[s] = static_cast<T*>(places[s].numbers) + block.first;
  }
  if (!any) return pass.run(kernel, part, sums);
  const StateCodec<T>& codec = state_codec<T>();
  alignas(64) T tiles[kMaxSlots][kStateTile + 64 / sizeof(T)];  // not 4 KB apart: such addresses wait for each other
  for (std::size_t done = 0; done < block.n; done += kStateTile) {
    part.n = std::min(kStateTile, block.n - done);
    part.p = block.p + done;
    part.g = block.g + done;
    part.first = block.first + done;
    for (std::size_t s = 0; s < kMaxSlots; ++s)
      if (is_stored(s))
        codec.decode(places[s], part.first, part.n, part.slots[s] = tiles[s]);
      else if (places[s])
        part.slots[s] = static_cast<T*>(places[s].numbers) + part.first;
    pass.run(kernel, part, sums);
    for (std::size_t s = 0; s < kMaxSlots && !pass.keeps_state; ++s)
      if (is_stored(s))
        codec.encode(places[s], part.first, part.n, tiles[s], draw.key, (draw.pass * kMaxSlots + s) << 52);
  }
}

#define XGRAD_INSTANTIATE(T)                                                      \
  template void fill_state(const SlotPlace&, std::size_t, T);                     \
  template void run_on_stored_state(const Pass<T>&, const void*, const Block<T>&, \
                                    const std::array<SlotPlace, kMaxSlots>&, const Draw&, double*);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::optim
