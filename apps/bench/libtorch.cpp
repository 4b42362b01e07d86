// SPDX-License-Identifier: BSD-3-Clause
// The peer: the same work in LibTorch's C++ API, as its users write it.
#include <map>
#include <torch/torch.h>

#include "bench.hpp"

namespace xgrad::bench {
namespace {

// A small GPT, attention written out as PyTorch 1.13 has it.
constexpr int64_t kLayers = 4, kHeads = 4, kSize = 128, kContext = 128, kVocabulary = 65;

struct GptBlockImpl : torch::nn::Module {
  torch::nn::LayerNorm norm1{nullptr}, norm2{nullptr};
  torch::nn::Linear qkv{nullptr}, projection{nullptr}, up{nullptr}, down{nullptr};
  torch::Tensor future = torch::ones({kContext, kContext}, torch::kBool).triu(1);

  GptBlockImpl() {
    norm1 = register_module("norm1", torch::nn::LayerNorm(torch::nn::LayerNormOptions({kSize})));
    norm2 = register_module("norm2", torch::nn::LayerNorm(torch::nn::LayerNormOptions({kSize})));
    qkv = register_module("qkv", torch::nn::Linear(kSize, 3 * kSize));
    projection = register_module("projection", torch::nn::Linear(kSize, kSize));
    up = register_module("up", torch::nn::Linear(kSize, 4 * kSize));
    down = register_module("down", torch::nn::Linear(4 * kSize, kSize));
  }
  torch::Tensor forward(torch::Tensor x) {
    const auto heads = qkv(norm1(x)).view({x.size(0), kContext, 3, kHeads, kSize / kHeads}).permute({2, 0, 3, 1, 4});
    const auto scores = heads[0].matmul(heads[1].transpose(-2, -1)) / std::sqrt(double(kSize / kHeads));
    const auto weights = scores.masked_fill(future, -INFINITY).softmax(-1);
    x = x + projection(weights.matmul(heads[2]).transpose(1, 2).reshape({x.size(0), kContext, kSize}));
    return x + down(torch::gelu(up(norm2(x))));
  }
};
TORCH_MODULE(GptBlock);

struct GptImpl : torch::nn::Module {
  torch::nn::Embedding tokens{nullptr}, positions{nullptr};
  torch::nn::Sequential blocks;
  torch::nn::LayerNorm norm{nullptr};
  torch::nn::Linear head{nullptr};

  GptImpl() {
    tokens = register_module("tokens", torch::nn::Embedding(kVocabulary, kSize));
    positions = register_module("positions", torch::nn::Embedding(kContext, kSize));
    for (int64_t i = 0; i < kLayers; ++i) blocks->push_back(GptBlock());
    register_module("blocks", blocks);
    norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({kSize})));
    head = register_module("head", torch::nn::Linear(kSize, kVocabulary));
  }
  torch::Tensor forward(const torch::Tensor& text) {
    return head(norm(blocks->forward(tokens(text) + positions(torch::arange(kContext)))));
  }
};
TORCH_MODULE(Gpt);

/// Model, optimizer and one fixed batch.
struct Training {
  torch::nn::Sequential model;
  std::unique_ptr<torch::optim::Optimizer> optimizer;
  std::function<torch::Tensor()> loss;
};

std::function<void()> step_of(std::shared_ptr<Training> training) {
  return [training] {
    training->optimizer->zero_grad();
    training->loss().backward();
    training->optimizer->step();
  };
}

}  // namespace

namespace {

torch::nn::Sequential mlp() {
  return torch::nn::Sequential(torch::nn::Linear(784, 512), torch::nn::ReLU(), torch::nn::Linear(512, 256),
                               torch::nn::ReLU(), torch::nn::Linear(256, 10));
}

/// SGD on the mean squared error of `model` on one batch.
std::function<void()> regression_step(int threads, torch::nn::Sequential model, torch::Tensor x, torch::Tensor target) {
  torch::set_num_threads(threads);
  auto training = std::make_shared<Training>();
  training->optimizer = std::make_unique<torch::optim::SGD>(model->parameters(), torch::optim::SGDOptions(1e-2));
  training->loss = [model, x, target]() mutable { return torch::mse_loss(model->forward(x), target); };
  return step_of(training);
}

}  // namespace

std::function<void()> libtorch_mlp_step(int threads, long batch, bool adam) {
  torch::set_num_threads(threads);
  torch::manual_seed(0);
  auto training = std::make_shared<Training>();
  training->model = mlp();
  if (adam)
    training->optimizer = std::make_unique<torch::optim::Adam>(training->model->parameters(), 1e-3);
  else
    training->optimizer = std::make_unique<torch::optim::SGD>(training->model->parameters(),
                                                              torch::optim::SGDOptions(1e-2).momentum(0.9));
  training->loss = [model = training->model, x = torch::rand({batch, 784}),
                    t = torch::randint(0, 10, {batch})]() mutable {
    return torch::nn::functional::cross_entropy(model->forward(x), t);
  };
  return step_of(training);
}

std::function<void()> libtorch_mlp_inference(int threads) {
  torch::set_num_threads(threads);
  torch::manual_seed(0);
  return [model = mlp(), x = torch::rand({1, 784})]() mutable {
    const torch::InferenceMode guard;
    model->forward(x);
  };
}

std::function<void()> libtorch_tiny_step(int threads) {
  torch::manual_seed(0);
  return regression_step(threads,
                         torch::nn::Sequential(torch::nn::Linear(2, 16), torch::nn::Tanh(), torch::nn::Linear(16, 16),
                                               torch::nn::Tanh(), torch::nn::Linear(16, 1)),
                         torch::rand({32, 2}), torch::rand({32, 1}));
}

std::function<void()> libtorch_linear_step(int threads) {
  torch::manual_seed(0);
  return regression_step(threads, torch::nn::Sequential(torch::nn::Linear(4, 4)), torch::rand({16, 4}),
                         torch::rand({16, 4}));
}

std::function<void()> libtorch_lstm_step(int threads) {
  torch::set_num_threads(threads);
  torch::manual_seed(0);
  torch::nn::LSTM lstm(torch::nn::LSTMOptions(128, 128));
  torch::nn::Linear head(128, 10);
  std::vector<torch::Tensor> parameters = lstm->parameters();
  for (const torch::Tensor& parameter : head->parameters()) parameters.push_back(parameter);
  auto training = std::make_shared<Training>();
  training->optimizer = std::make_unique<torch::optim::Adam>(parameters, torch::optim::AdamOptions(1e-3));
  training->loss = [lstm, head, x = torch::rand({64, 32, 128}), t = torch::randint(0, 10, {32})]() mutable {
    return torch::nn::functional::cross_entropy(head(std::get<0>(lstm(x))[63]), t);
  };
  return step_of(training);
}

std::function<void()> libtorch_cnn_step(int threads) {
  using torch::nn::Conv2d;
  torch::set_num_threads(threads);
  torch::manual_seed(0);
  auto training = std::make_shared<Training>();
  training->model = torch::nn::Sequential(Conv2d(torch::nn::Conv2dOptions(1, 32, 3)), torch::nn::ReLU(),
                                          Conv2d(torch::nn::Conv2dOptions(32, 64, 3)), torch::nn::ReLU(),
                                          torch::nn::MaxPool2d(2), torch::nn::Flatten(), torch::nn::Linear(9216, 128),
                                          torch::nn::ReLU(), torch::nn::Linear(128, 10));
  training->optimizer =
      std::make_unique<torch::optim::AdamW>(training->model->parameters(), torch::optim::AdamWOptions(1e-3));
  training->loss = [model = training->model, x = torch::rand({64, 1, 28, 28}),
                    t = torch::randint(0, 10, {64})]() mutable {
    return torch::nn::functional::cross_entropy(model->forward(x), t);
  };
  return step_of(training);
}

namespace {

template <class Layer> std::function<void()> forward_backward(int threads, Layer layer, torch::Tensor x) {
  torch::set_num_threads(threads);
  x.set_requires_grad(true);
  return [layer, x, g = torch::ones_like(x)]() mutable {
    layer->forward(x).backward(g);
    x.mutable_grad().reset();
    layer->zero_grad();
  };
}

}  // namespace

std::function<void()> libtorch_layer_norm(int threads, long rows, long cols) {
  return forward_backward(threads, torch::nn::LayerNorm(torch::nn::LayerNormOptions({cols})),
                          torch::rand({rows, cols}));
}
std::function<void()> libtorch_batch_norm(int threads) {
  return forward_backward(threads, torch::nn::BatchNorm2d(32), torch::rand({64, 32, 28, 28}));
}

std::function<void()> libtorch_gpt_step(int threads) {
  torch::set_num_threads(threads);
  torch::manual_seed(0);
  Gpt model;
  auto training = std::make_shared<Training>();
  training->optimizer = std::make_unique<torch::optim::AdamW>(model->parameters(), torch::optim::AdamWOptions(1e-3));
  const auto text = torch::randint(0, kVocabulary, {16, kContext}),
             next = torch::randint(0, kVocabulary, {16 * kContext});
  training->loss = [model, text, next]() mutable {
    return torch::nn::functional::cross_entropy(model(text).view({-1, kVocabulary}), next);
  };
  return step_of(training);
}

std::function<void()> libtorch_chain(int threads, int length) {
  torch::set_num_threads(threads);
  auto x = torch::ones({1}, torch::requires_grad());
  return [x, length]() mutable {
    torch::Tensor y = x;
    for (int i = 0; i < length; ++i) y = y + x;
    y.backward();
    x.mutable_grad().reset();
  };
}

std::function<void()> libtorch_optimizer_step(const std::string& optimizer, int threads, int tensors, long elements) {
  using Parameters = std::vector<torch::Tensor>;
  using Made = std::shared_ptr<torch::optim::Optimizer>;
  using Make = Made (*)(const Parameters&);
  static const std::map<std::string, Make> makers = {
      {"sgd", [](const Parameters& p) -> Made { return std::make_shared<torch::optim::SGD>(p, 1e-3); }},
      {"sgd momentum",
       [](const Parameters& p) -> Made {
         return std::make_shared<torch::optim::SGD>(p, torch::optim::SGDOptions(1e-3).momentum(0.9));
       }},
      {"adam", [](const Parameters& p) -> Made { return std::make_shared<torch::optim::Adam>(p); }},
      {"adamw", [](const Parameters& p) -> Made { return std::make_shared<torch::optim::AdamW>(p); }},
      {"rmsprop", [](const Parameters& p) -> Made { return std::make_shared<torch::optim::RMSprop>(p); }},
      {"adagrad", [](const Parameters& p) -> Made { return std::make_shared<torch::optim::Adagrad>(p); }}};
  const auto maker = makers.find(optimizer);
  if (maker == makers.end()) return {};
  torch::set_num_threads(threads);
  Parameters parameters;
  for (int i = 0; i < tensors; ++i) {
    parameters.push_back(torch::rand({elements / tensors}, torch::requires_grad()));
    parameters.back().mutable_grad() = torch::rand({elements / tensors});
  }
  return [made = maker->second(parameters)] { made->step(); };
}

}  // namespace xgrad::bench
