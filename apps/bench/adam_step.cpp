// SPDX-License-Identifier: BSD-3-Clause
// Does an optimizer run at the speed of memory? Adam over 10 million parameters, as one tensor and as 1,000, beside an
// in-place scale that moves as many bytes (reading and writing each), the honest limit for read-modify-write.
#include <nlohmann/json.hpp>

#include "bench.hpp"
#include "xgrad/optim/optimizer.hpp"
#include "xgrad/random.hpp"
#include "xgrad/storage.hpp"
#include "xgrad/threads.hpp"

int main(int argc, char** argv) {
  using namespace xgrad;
  constexpr long kElements = 10'000'000;
  constexpr double kAdamBytes = 28.0 * kElements;  // reads p, g, m, v; writes p, m, v
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);

  // 3.5 floats read and written per parameter: the same 28 bytes.
  Storage<float> scaled(static_cast<std::size_t>(kElements) * 7 / 2, 1.0f);
  const auto scale = [&] {
    constexpr std::size_t kChunk = 16384;
    float* data = scaled.data();
    const std::size_t size = scaled.size();
    parallel_for((size + kChunk - 1) / kChunk, [=](std::size_t chunk) {
      const std::size_t end = std::min(size, (chunk + 1) * kChunk);
      for (std::size_t i = chunk * kChunk; i < end; ++i) data[i] *= 1.0000001f;
    });
  };
  for (const int tensors : {1, 1000}) {
    NamedTensors<float> parameters;
    for (int i = 0; i < tensors; ++i) {
      const Shape shape{kElements / tensors};
      parameters.push_back({"p" + std::to_string(i), parameter(Tensor<float>::full(shape, 0.5f))});
      parameters.back().tensor.set_grad(Tensor<float>::full(shape, 0.25f));
    }
    const auto optimizer = optim::make<float>({{"type", "adam"}, {"lr", 1e-3}}, parameters);
    std::vector<bench::Contender> contenders = {{"xgrad", [&] { optimizer->step(); }, 1, kAdamBytes},
                                                {"in-place scale", scale, 1, kAdamBytes}};
    bench::add_peer(
        contenders,
        {"libtorch", bench::libtorch_optimizer_step("adam", options.threads, tensors, kElements), 1, kAdamBytes});
    bench::compare("adam step, 10 M parameters in " + std::to_string(tensors) + (tensors == 1 ? " tensor" : " tensors"),
                   options, std::move(contenders));
  }
}
