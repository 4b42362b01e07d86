// SPDX-License-Identifier: BSD-3-Clause
// Optimizers as C++ classes: xgrad/optim/optimizers.hpp, which the build writes.
#include <cstring>
#include <nlohmann/json.hpp>

#include "xgrad/optim/optimizers.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

template <class T> NamedTensors<T> two() {
  NamedTensors<T> all;
  for (const char* name : {"a.weight", "a.bias"})
    all.push_back({name, parameter(Tensor<T>({3}, {T{1}, T{-2}, T{0.5}}))});
  return all;
}
template <class T> void advance(optim::Optimizer<T>& optimizer, int t) {
  for (const auto& [name, tensor] : optimizer.parameters()) {
    Tensor<T> p = tensor;
    p.set_grad(Tensor<T>({3}, {T(t), T(0.5), T(-1)}));
  }
  optimizer.step();
}
template <class T> std::vector<T> values_of(const optim::Optimizer<T>& optimizer) {
  std::vector<T> result;
  for (const auto& [name, tensor] : optimizer.parameters())
    result.insert(result.end(), tensor.data(), tensor.data() + tensor.size());
  return result;
}

}  // namespace

TEST_CASE("a class is what JSON makes") {
  optim::AdamW adamw(two<float>(), {.lr = 0.1, .betas = {0.8, 0.95}, .amsgrad = true, .weight_decay = 0.2});
  const auto same = optim::make<float>(
      {{"type", "adamw"}, {"lr", 0.1}, {"betas", {0.8, 0.95}}, {"amsgrad", true}, {"weight_decay", 0.2}}, two<float>());
  optim::SGD sgd(two<double>(), {.lr = 0.1, .momentum = 0.9, .nesterov = true});
  const auto other =
      optim::make<double>({{"type", "sgd"}, {"lr", 0.1}, {"momentum", 0.9}, {"nesterov", true}}, two<double>());
  for (int t = 1; t < 4; ++t) {
    advance(adamw, t);
    advance(*same, t);
    advance(sgd, t);
    advance(*other, t);
  }
  CHECK(values_of(adamw) == values_of(*same));
  CHECK(values_of(sgd) == values_of(*other));
}

TEST_CASE("each default of the classes is the declaration's") {
  const optim::Adam adam(two<float>());
  const auto same = optim::make<float>({{"type", "adam"}}, two<float>());
  CHECK(adam.groups()[0].label == same->groups()[0].label);
  optim::NAdamOptions nadam;
  CHECK(nadam.variant == "torch");
  CHECK(nadam.lr == 2e-3);
  CHECK(optim::AdamWOptions{}.weight_decay == 1e-2);
  CHECK(optim::AdamWOptions{}.weight_decay_mode == "decoupled");
  CHECK(optim::ProdigyOptions{}.growth_rate == std::nullopt);
  optim::Muon muon(two<double>(), {.lr = 0.02});  // a rule on whole tensors: vectors go to its fallback
  CHECK(std::string(muon.name()) == "muon");
}

TEST_CASE("groups, and hyperparameters in mid-run") {
  optim::Adam adam(two<float>(), {.lr = 0.1, .weight_decay = 0.5},
                   {{.match = "*.bias", .set = {{"weight_decay", 0}}, .lr_scale = 0.5}});
  CHECK(adam.lr() == 0.1);
  CHECK(adam.get("lr", 1) == 0.05);
  CHECK(adam.get("weight_decay", 1) == 0);
  adam.set_lr(0.2);
  CHECK(adam.lr() == 0.2);
  CHECK_THROWS_WITH_AS(adam.set_lr(-1), "optimizer: \"lr\": -1 is out of range; must be >= 0", Error);
  CHECK_THROWS_WITH_AS(adam.set("betas[1]", 1), "optimizer: \"betas[1]\": 1 is out of range; must be in [0, 1)", Error);
  CHECK(adam.lr() == 0.2);
}

TEST_CASE("bad values are refused by name") {
  const auto make = [](optim::AdamOptions options) { optim::Adam(two<float>(), options); };
  CHECK_THROWS_WITH_AS(make({.lr = -1}), doctest::Contains("\"lr\": -1 is out of range; must be >= 0"), Error);
  CHECK_THROWS_WITH_AS(make({.betas = {0.9, 1}}), doctest::Contains("\"betas\": 1 is out of range"), Error);
  CHECK_THROWS_WITH_AS(make({.weight_decay_mode = "decopled"}), doctest::Contains("did you mean \"decoupled\"?"),
                       Error);
  CHECK_THROWS_WITH_AS(make({.lr = std::nan("")}), doctest::Contains("\"lr\": nan is out of range"), Error);
  CHECK_THROWS_WITH_AS(optim::Adam(two<float>(), {}, {{.match = "*.biass"}}), doctest::Contains("closest: \"*.bias\""),
                       Error);
}

TEST_CASE("state_dict goes on bit for bit, from its bytes") {
  for (const char* format : {"full", "bfloat16"}) {
    const auto made = [&] { return optim::Adam(two<float>(), {.lr = 0.1, .state_format = format}); };
    optim::Adam whole = made(), first = made(), second = made();
    for (int t = 1; t <= 6; ++t) {
      if (t == 3) whole.set_lr(0.03);
      advance(whole, t);
    }
    for (int t = 1; t <= 4; ++t) {
      if (t == 3) first.set_lr(0.03);
      advance(first, t);
    }
    second.load_state_dict(TensorFile::parse(first.state_dict().serialize(), "saved"));
    CHECK(second.lr() == 0.03);
    for (std::size_t p = 0; p < 2; ++p) {
      Tensor<float> to = second.parameters()[p].tensor;
      std::memcpy(to.mutable_data(), first.parameters()[p].tensor.data(), 3 * sizeof(float));
    }
    for (int t = 5; t <= 6; ++t) advance(second, t);
    CHECK(values_of(second) == values_of(whole));
  }
  optim::Adam adam(two<float>());
  advance(adam, 1);
  optim::Adam changed(two<float>(), {.lr = 0.5});
  changed.load_state(adam.state_dict());
  CHECK(changed.lr() == 0.5);  // its own, where load_state_dict() takes the saved one
  CHECK(changed.step_count() == 1);
  CHECK(changed.state_dict().find("exp_avg.a.weight")->bytes == adam.state_dict().find("exp_avg.a.weight")->bytes);
  changed.load_state_dict(adam.state_dict());
  CHECK(changed.lr() == 1e-3);
  optim::Lion lion(two<float>());
  CHECK_THROWS_WITH_AS(lion.load_state(adam.state_dict()),
                       "load_state_dict: saved by optimizer \"adam\", this is \"lion\"", Error);
  CHECK_THROWS_WITH_AS(lion.load_state_dict(adam.state_dict()),
                       "load_state_dict: saved by optimizer \"adam\", this is \"lion\"", Error);
  CHECK_THROWS_WITH_AS(lion.load_state_dict(TensorFile{}), doctest::Contains("expected what state_dict() gave"), Error);
  optim::Adam small(two<float>(), {.state_format = "bfloat16"});
  CHECK_THROWS_WITH_AS(small.load_state_dict(adam.state_dict()),
                       doctest::Contains("\"exp_avg.a.weight\" is F32 (3,); expected BF16 (3,)"), Error);
}
