// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <limits>
#include <optional>

#include "registry.hpp"
#include "xgrad/optim/optimizer.hpp"

namespace xgrad::optim {

inline constexpr std::size_t kChunk = 16384;  // elements; fixed, so that threads do not show in the result

/// What a step works on; kept from step to step for its memory.
template <class T> struct Optimizer<T>::Work {
  /// The scalars of the parameters that share them, and their kernel.
  struct Prepared {
    alignas(16) std::array<std::byte, kKernelBytes> kernel;
    std::size_t group, parameter;  // whose sums and numbers a rule sees, if they are each tensor's own
    std::int64_t t;
    Now now;
    T gradient_scale, gradient_decay, parameter_decay, result_decay;
  };
  /// A parameter that moves.
  struct Member {
    std::size_t parameter, prepared;
    T* data;
    const T* gradient;
  };
  struct Chunk {
    std::size_t member, offset, size;
  };
  using Sums = std::array<double, kMaxSums>;

  std::vector<Prepared> prepared;
  std::vector<Member> members;         // in the order of groups
  std::vector<Chunk> chunks;           // of those that move element by element
  std::vector<std::size_t> shares;     // bounds into chunks
  std::vector<Sums> chunk_sums, sums;  // of each chunk; of each parameter, then of all of them
  std::vector<double> parts;
  std::vector<Tensor<T>> before;  // of each member, if its step is to be cautious

  /// Runs body(chunk index) over all chunks, threads taking shares of about equal size: small parameters are grouped,
  /// so that a thousand of them cost no more than one large one.
  template <class Body> void for_chunks(const Body& body) const;
};

}  // namespace xgrad::optim
