// SPDX-License-Identifier: BSD-3-Clause
// Does an optimizer run at the speed of memory? Adam over 10 million parameters, as one tensor and as 1,000, beside an
// in-place scale that moves as many bytes (reading and writing each), the honest limit for read-modify-write.
#include <nlohmann/json.hpp>

#include "memory.hpp"

int main(int argc, char** argv) {
  using namespace xgrad;
  constexpr long kElements = 10'000'000;
  constexpr std::size_t kMoved = 7 * kElements;  // reads p, g, m, v; writes p, m, v
  constexpr double kAdamBytes = 4.0 * kMoved;
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);

  const std::function<void()> scale = bench::in_place_scale(kMoved);
  for (const int tensors : {1, 1000}) {
    const auto optimizer = optim::make<float>({{"type", "adam"}, {"lr", 1e-3}},
                                              bench::parameters_with_gradients({kElements / tensors}, tensors));
    std::vector<bench::Contender> contenders = {{"xgrad", [&] { optimizer->step(); }, 1, kAdamBytes},
                                                {"in-place scale", scale, 1, kAdamBytes}};
    bench::add_peer(
        contenders,
        {"libtorch", bench::libtorch_optimizer_step("adam", options.threads, tensors, kElements), 1, kAdamBytes});
    bench::compare("adam step, 10 M parameters in " + std::to_string(tensors) + (tensors == 1 ? " tensor" : " tensors"),
                   options, std::move(contenders));
  }
}
