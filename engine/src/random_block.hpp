// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <Random123/philox.h>

#include "xgrad/random.hpp"

namespace xgrad::detail {

/// Four 32-bit words: random_bits(key, 4 * block) and the next three.
inline r123::Philox4x32::ctr_type random_block(RandomKey key, std::uint64_t block) {
  return r123::Philox4x32()(
      {{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), key.step, key.stream}},
      {{static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)}});
}

}  // namespace xgrad::detail
