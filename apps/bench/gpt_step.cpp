// SPDX-License-Identifier: BSD-3-Clause
// How long does a training step of a small language model take? GPT of 4 layers, 4 heads, size 128, context 128, batch
// 16, 65 characters, AdamW.
#include <nlohmann/json.hpp>

#include "step.hpp"
#include "xgrad/nn/attention.hpp"
#include "xgrad/nn/embedding.hpp"
#include "xgrad/nn/normalization.hpp"
#include "xgrad/ops/loss.hpp"
#include "xgrad/random.hpp"
#include "xgrad/threads.hpp"

namespace {

using namespace xgrad;
constexpr std::int64_t kLayers = 4, kHeads = 4, kSize = 128, kContext = 128, kVocabulary = 65, kBatch = 16;

struct Gpt : nn::Module<float> {
  nn::Embedding<float> tokens{kVocabulary, kSize}, positions{kContext, kSize};
  nn::Sequential<float> blocks;
  nn::LayerNorm<float> norm{{kSize}};
  nn::Linear<float> head{kSize, kVocabulary};
  Indices order{Shape{kContext}};

  Gpt() {
    for (std::int64_t i = 0; i < kContext; ++i) order.data()[i] = i;
    register_module("tokens", tokens);
    register_module("positions", positions);
    for (int i = 0; i < kLayers; ++i)
      blocks.append(std::make_shared<nn::TransformerEncoderLayer<float>>(
          kSize, kHeads,
          nn::TransformerEncoderLayerOptions{
              .dim_feedforward = 4 * kSize, .dropout = 0, .gelu = true, .norm_first = true, .is_causal = true}));
    register_module("blocks", blocks);
    register_module("norm", norm);
    register_module("head", head);
  }
  Tensor<float> forward(const Tensor<float>& x) override { return head(norm(blocks(x))); }
  Tensor<float> operator()(const Indices& text) { return forward(tokens(text) + positions(order)); }
};

std::function<void()> gpt_step() {
  manual_seed(0);
  auto model = std::make_shared<Gpt>();
  Indices text(Shape{kBatch, kContext}), next(Shape{kBatch * kContext});
  const auto character = [](std::uint32_t stream, std::int64_t i) {
    return static_cast<std::int64_t>(static_cast<double>(kVocabulary) *
                                     uniform({stream, 0, 0}, static_cast<std::uint64_t>(i)));
  };
  for (std::int64_t i = 0; i < kBatch * kContext; ++i) {
    text.data()[i] = character(1, i);
    next.data()[i] = character(2, i);
  }
  return bench::step_of(optim::make<float>({{"type", "adamw"}, {"lr", 1e-3}}, model->named_parameters()),
                        [model, text, next] { return cross_entropy(flatten((*model)(text), 0, 1), next); });
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  bench::compare_steps("gpt 4 layers size 128 context 128 batch 16 adamw step", options,
                       {{"xgrad", gpt_step}, {"libtorch", [&] { return bench::libtorch_gpt_step(options.threads); }}});
}
