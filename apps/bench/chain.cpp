// SPDX-License-Identifier: BSD-3-Clause
// What does a graph node cost? 10,000 chained adds of one element, forward and backward; time per node.
#include "bench.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/threads.hpp"

int main(int argc, char** argv) {
  using namespace xgrad;
  constexpr int kLength = 10'000;
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);

  Tensor<float> x = parameter(Tensor<float>::ones({1}));
  std::vector<bench::Contender> contenders = {{"xgrad",
                                               [&] {
                                                 Tensor<float> y = x;
                                                 for (int i = 0; i < kLength; ++i) y = y + x;
                                                 y.backward();
                                                 x.zero_grad();
                                               },
                                               kLength}};
  bench::add_peer(contenders, {"libtorch", bench::libtorch_chain(options.threads, kLength), kLength});
  bench::compare("chained add, one element, per node", options, std::move(contenders));
}
