// SPDX-License-Identifier: BSD-3-Clause
// The peer: the same work in LibTorch's C++ API, as its users write it.
#include <torch/torch.h>

#include "bench.hpp"

namespace xgrad::bench {
namespace {

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

std::function<void()> libtorch_mlp_step(int threads) {
  torch::set_num_threads(threads);
  torch::manual_seed(0);
  auto training = std::make_shared<Training>();
  training->model = torch::nn::Sequential(torch::nn::Linear(784, 512), torch::nn::ReLU(), torch::nn::Linear(512, 256),
                                          torch::nn::ReLU(), torch::nn::Linear(256, 10));
  training->optimizer =
      std::make_unique<torch::optim::Adam>(training->model->parameters(), torch::optim::AdamOptions(1e-3));
  training->loss = [model = training->model, x = torch::rand({128, 784}), t = torch::randint(0, 10, {128})]() mutable {
    return torch::nn::functional::cross_entropy(model->forward(x), t);
  };
  return step_of(training);
}

std::function<void()> libtorch_tiny_step(int threads) {
  torch::set_num_threads(threads);
  torch::manual_seed(0);
  auto training = std::make_shared<Training>();
  training->model = torch::nn::Sequential(torch::nn::Linear(2, 16), torch::nn::Tanh(), torch::nn::Linear(16, 16),
                                          torch::nn::Tanh(), torch::nn::Linear(16, 1));
  training->optimizer =
      std::make_unique<torch::optim::SGD>(training->model->parameters(), torch::optim::SGDOptions(1e-2));
  training->loss = [model = training->model, x = torch::rand({32, 2}), t = torch::rand({32, 1})]() mutable {
    return torch::mse_loss(model->forward(x), t);
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

std::function<void()> libtorch_adam_step(int threads, int tensors, long elements) {
  torch::set_num_threads(threads);
  std::vector<torch::Tensor> parameters;
  for (int i = 0; i < tensors; ++i) {
    parameters.push_back(torch::rand({elements / tensors}, torch::requires_grad()));
    parameters.back().mutable_grad() = torch::rand({elements / tensors});
  }
  auto optimizer = std::make_shared<torch::optim::Adam>(parameters, torch::optim::AdamOptions(1e-3));
  return [optimizer] { optimizer->step(); };
}

}  // namespace xgrad::bench
