// SPDX-License-Identifier: BSD-3-Clause
// A small language model, trained by a hand-written loop and then asked to go on with a text, character by character:
//
//     small_transformer [TEXT_FILE [STEPS]]
//
// Without a file it learns a nursery rhyme by heart, and exits with 1 if it does not.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <xgrad/nn/attention.hpp>
#include <xgrad/nn/embedding.hpp>
#include <xgrad/ops/loss.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/optim/optimizers.hpp>
#include <xgrad/random.hpp>

using namespace xgrad;

const char* const kRhyme =
    "This is the farmer sowing his corn, that kept the cock that crowed in the morn, that waked the priest all shaven "
    "and "
    "shorn, that married the man all tattered and torn, that kissed the maiden all forlorn, that milked the cow with "
    "the "
    "crumpled horn, that tossed the dog, that worried the cat, that killed the rat, that ate the malt that lay in the "
    "house that Jack built.\n";

/// Embedded characters and places, transformer layers that look back only, and the scores of the next character.
struct LanguageModel : nn::Module<float> {
  static constexpr std::int64_t kWidth = 64, kHeads = 4, kLayers = 2, kContext = 48;
  nn::Embedding<float> characters, places{kContext, kWidth};
  nn::Sequential<float> layers;
  nn::LayerNorm<float> norm{Shape{kWidth}};
  nn::Linear<float> head;

  explicit LanguageModel(std::int64_t vocabulary) : characters(vocabulary, kWidth), head(kWidth, vocabulary) {
    for (std::int64_t i = 0; i < kLayers; ++i)
      layers.append(std::make_shared<nn::TransformerEncoderLayer<float>>(
          kWidth, kHeads,
          nn::TransformerEncoderLayerOptions{
              .dim_feedforward = 4 * kWidth, .dropout = 0, .gelu = true, .norm_first = true, .is_causal = true}));
    register_module("characters", characters);
    register_module("places", places);
    register_module("layers", layers);
    register_module("norm", norm);
    register_module("head", head);
  }
  Tensor<float> forward(const Tensor<float>& x) override { return head(norm(layers(x))); }
  /// Characters (N, L) -> scores (N, L, vocabulary).
  Tensor<float> operator()(const Indices& text) {
    Indices order(Shape{text.shape()[1]});
    for (std::int64_t i = 0; i < text.shape()[1]; ++i) order.data()[i] = i;
    return forward(characters(text) + places(order));
  }
};

int main(int argc, char** argv) {
  std::string text = kRhyme;
  if (argc > 1) {
    std::ifstream file(argv[1], std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
    if (text.size() <= LanguageModel::kContext + 1) {
      std::fprintf(stderr, "small_transformer: \"%s\" cannot be read or is shorter than %lld characters\n", argv[1],
                   static_cast<long long>(LanguageModel::kContext + 2));
      return 2;
    }
  }
  const int steps = argc > 2 ? std::atoi(argv[2]) : 300;
  const std::set<char> letters(text.begin(), text.end());
  const std::string alphabet(letters.begin(), letters.end());
  std::map<char, std::int64_t> number;
  for (std::size_t i = 0; i < alphabet.size(); ++i) number[alphabet[i]] = static_cast<std::int64_t>(i);

  manual_seed(1);
  LanguageModel model(static_cast<std::int64_t>(alphabet.size()));
  optim::AdamW optimizer(model.named_parameters(), {.lr = 3e-3, .weight_decay = 0.01});

  constexpr std::int64_t kBatch = 16, kContext = LanguageModel::kContext;
  float last = 0;
  for (int step = 0; step < steps; ++step) {
    Indices input(Shape{kBatch, kContext}), target(Shape{kBatch * kContext});
    for (std::int64_t row = 0; row < kBatch; ++row) {
      const double where =
          uniform({2, RandomStream::user, static_cast<std::uint32_t>(step)}, static_cast<std::uint64_t>(row));
      const auto start = static_cast<std::size_t>(where * static_cast<double>(text.size() - kContext - 1));
      for (std::int64_t i = 0; i < kContext; ++i) {
        input.data()[row * kContext + i] = number[text[start + static_cast<std::size_t>(i)]];
        target.data()[row * kContext + i] = number[text[start + static_cast<std::size_t>(i) + 1]];
      }
    }
    optimizer.zero_grad();
    const auto scores = model(input);
    const auto loss = cross_entropy(reshape(scores, {kBatch * kContext, -1}), target);
    loss.backward();
    optimizer.clip_grad_norm(1.0);
    optimizer.step();
    last = loss.item();
    if (step % 50 == 0 || step + 1 == steps) std::printf("step %4d  loss %.4f\n", step, static_cast<double>(last));
  }

  model.eval();
  const InferenceMode inference;
  std::string written = text.substr(0, 12);
  while (written.size() < 200) {
    const std::string tail = written.substr(written.size() - std::min<std::size_t>(written.size(), kContext));
    Indices seen(Shape{1, static_cast<std::int64_t>(tail.size())});
    for (std::size_t i = 0; i < tail.size(); ++i) seen.data()[i] = number[tail[i]];
    const auto next = argmax(select(model(seen), 1, -1), -1);  // the scores after the last character
    written += alphabet[static_cast<std::size_t>(next.data()[0])];
  }
  std::printf("%s\n", written.c_str());
  return argc > 1 || last < 0.2f ? 0 : 1;
}
