// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>
#include <cstring>
#include <set>

#include "xgrad/io.hpp"
#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

TEST_CASE("a model's parameters have names, and begin alike for a seed") {
  const auto build = [](std::uint64_t seed) {
    manual_seed(seed);
    return nn::Sequential<float>(nn::Linear<float>(3, 4), nn::ReLU<float>(), nn::Linear<float>(4, 2, {.bias = false}));
  };
  const auto a = build(1), b = build(1), c = build(2);
  const auto names = a.named_parameters();
  REQUIRE(names.size() == 3);
  CHECK(names[0].name == "0.weight");
  CHECK(names[1].name == "0.bias");
  CHECK(names[2].name == "2.weight");
  CHECK(names[0].tensor.shape() == Shape{4, 3});
  for (std::size_t i = 0; i < 12; ++i) {
    CHECK(names[0].tensor.data()[i] == b.named_parameters()[0].tensor.data()[i]);
    CHECK(std::abs(names[0].tensor.data()[i]) <= 1 / std::sqrt(3.0f));
  }
  CHECK(names[0].tensor.data()[0] != c.named_parameters()[0].tensor.data()[0]);
}

TEST_CASE("initial weights: bounds, deviations, orthogonality, gains") {
  const RandomKey key{4, 0, 0};
  for (const Shape& shape : {Shape{40, 60}, Shape{60, 40}, Shape{30, 5, 3, 3}, Shape{7, 7}}) {
    Tensor<double> w = Tensor<double>::empty(shape);
    nn::initialize(w, nn::Init::orthogonal, key, 2);
    const Tensor<double> m = flatten(w, 1);
    const Tensor<double> square = m.size(0) > m.size(1) ? matmul(transpose(m), m) : matmul(m, transpose(m));
    CHECK(allclose(square, 4 * eye<double>(square.size(0)), 1e-12, 1e-12));
  }
  Tensor<float> many = Tensor<float>::empty({200, 500}), again = Tensor<float>::empty({200, 500});
  nn::initialize(many, nn::Init::trunc_normal, key, 0.02);
  nn::initialize(again, nn::Init::trunc_normal, key, 0.02);
  CHECK(array_equal(many, again));
  CHECK(amax(abs(many)).item() <= 0.04f);
  CHECK(amax(abs(many)).item() > 0.0399f);
  CHECK(std::abs(mean(many).item()) < 2e-4);
  CHECK(xgrad::std(many).item() == doctest::Approx(0.02 * 0.87962566).epsilon(0.01));  // of a normal cut at 2
  nn::initialize_trunc_normal(many, 1, 2, 3, 3.5, key);                                // only in its tail
  CHECK(amin(many).item() >= 3);
  CHECK(amax(many).item() <= 3.5f);
  CHECK(mean(many).item() == doctest::Approx(3.23832).epsilon(1e-3));
  CHECK(nn::init_gain("tanh") == 5.0 / 3);
  CHECK(nn::init_gain("leaky_relu", 1) == 1);
  CHECK_THROWS_WITH_AS(nn::init_gain("gelu"), doctest::Contains("expected linear, sigmoid, tanh"), Error);
  CHECK_THROWS_WITH_AS(nn::initialize_trunc_normal(many, 0, 1, 2, 1, key), doctest::Contains("from 2 to 1"), Error);
  CHECK_THROWS_WITH_AS(nn::initialize(Tensor<float>::empty({3}), nn::Init::orthogonal, key),
                       doctest::Contains("at least two axes"), Error);
}

TEST_CASE("a fused activation equals the layers one by one") {
  manual_seed(0);
  nn::Linear<float> linear_layer(5, 4);
  const auto x = Tensor<float>({2, 5}, {1, -2, 3, -4, 5, 0.5, 0.25, -1, 2, -0.125});
  const auto compare = [&](auto activation, auto f) {
    manual_seed(0);
    nn::Sequential<float> model(nn::Linear<float>(5, 4), activation);
    const auto fused = model(x), composed = f(linear_layer(x));
    for (std::size_t i = 0; i < 8; ++i) CHECK(fused.data()[i] == doctest::Approx(composed.data()[i]).epsilon(1e-6));
  };
  compare(nn::ReLU<float>(), [](const auto& y) { return relu(y); });
  compare(nn::Tanh<float>(), [](const auto& y) { return tanh(y); });
  compare(nn::Sigmoid<float>(), [](const auto& y) { return sigmoid(y); });
}

TEST_CASE("dropout: the share, the scale, the seed; nothing in evaluation") {
  const auto x = Tensor<float>::ones({100'000});
  const auto y = dropout(x, 0.3, true, RandomKey{1, 2, 3});
  std::size_t zeros = 0;
  for (const float v : y.values()) {
    if (v == 0)
      ++zeros;
    else
      CHECK(v == doctest::Approx(1 / 0.7));
  }
  CHECK(std::abs(static_cast<double>(zeros) / 1e5 - 0.3) < 0.01);
  const auto again = dropout(x, 0.3, true, RandomKey{1, 2, 3});
  CHECK(std::memcmp(y.data(), again.data(), y.size() * sizeof(float)) == 0);
  const auto input = parameter(x);
  const auto z = dropout(input, 0.3, true, RandomKey{1, 2, 3});
  sum(z).backward();
  CHECK(std::memcmp(input.grad().data(), y.data(), y.size() * sizeof(float)) == 0);  // the same mask
  nn::Dropout<float> layer(0.9);
  layer.eval();
  CHECK(layer(x).data()[5] == 1);
  CHECK(dropout(x, 1.0).data()[0] == 0);
}

TEST_CASE("a module is registered once") {
  struct Net : nn::Module<float> {
    nn::Linear<float> shared{2, 2};
    explicit Net(bool twice) {
      register_module("a", shared);
      if (twice) register_module("b", shared);
    }
    Tensor<float> forward(const Tensor<float>& x) override { return shared(shared(x)); }
  };
  CHECK(Net(false).named_parameters().size() == 2);
  CHECK_THROWS_WITH_AS(Net(true), doctest::Contains("already registered as \"a\""), Error);
}

TEST_CASE("random numbers are functions of seed, stream, step and index") {
  const RandomKey key{5, 6, 7};
  CHECK(random_bits(key, 3) == random_bits(key, 3));
  CHECK(random_bits(key, 3) != random_bits({5, 6, 8}, 3));
  std::uint32_t words[11];
  random_bits(key, 2, words, 11);  // begins and ends inside of the generator's groups of four
  for (std::uint64_t i = 0; i < 11; ++i) CHECK(words[i] == random_bits(key, 2 + i));
  double mean = 0, square = 0;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    CHECK(uniform(key, i) >= 0);
    CHECK(uniform(key, i) < 1);
    mean += normal(key, i) / 20'000;
    square += normal(key, i) * normal(key, i) / 20'000;
  }
  CHECK(std::abs(mean) < 0.03);
  CHECK(std::abs(square - 1) < 0.04);
  const auto order = permutation(key, 100);
  CHECK(std::set<std::int64_t>(order.begin(), order.end()).size() == 100);
}

TEST_CASE("safetensors: written and read alike; every damage is refused") {
  TensorFile file;
  const float weights[] = {1, 2, 3, 4, 5, 6};
  const std::int64_t steps[] = {7, 8};
  file.add("model.weight", Shape{2, 3}, weights);
  file.add("steps", Shape{2}, steps);
  file.metadata["note"] = "test";
  const std::vector<std::byte> bytes = file.serialize();
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  CHECK((8 + header) % 64 == 0);
  const TensorFile back = TensorFile::parse(bytes, "memory");
  float read[6];
  back.get("model.weight", Shape{2, 3}, read);
  CHECK(std::memcmp(read, weights, sizeof weights) == 0);
  CHECK(back.metadata.at("note") == "test");
  CHECK_THROWS_WITH_AS(back.get("model.weight", Shape{3, 2}, read), doctest::Contains("expected F32 (3, 2)"), Error);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    CHECK_THROWS_AS(TensorFile::parse(std::span(bytes).first(cut), "cut"), Error);
  std::size_t accepted = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::vector<std::byte> damaged = bytes;
    damaged[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    try {
      TensorFile::parse(damaged, "damaged");
      ++accepted;
    } catch (const Error&) {}
  }
  CHECK(accepted == 0);
}

TEST_CASE("crc32c and npy") {
  const char text[] = "123456789";
  CHECK(crc32c(std::as_bytes(std::span(text, 9))) == 0xE3069283u);  // the check value of the standard
  const double values[] = {1, 2, 3, 4, 5, 6};
  const auto bytes = npy_bytes(Shape{2, 3}, values);
  const NpyArray array = parse_npy(bytes, "memory");
  CHECK(array.shape == Shape{2, 3});
  CHECK(array.values[4] == 5);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    CHECK_THROWS_AS(parse_npy(std::span(bytes).first(cut), "cut"), Error);
}
