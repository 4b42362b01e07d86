// SPDX-License-Identifier: BSD-3-Clause
// What the table of operations cannot say of attention: long sequences, blocks, dropout, queries without a key,
// refusals.
#include <cmath>
#include <cstring>

#include "engine/operations.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

Tensor<float> noise(const Shape& shape, std::uint32_t stream) {
  Tensor<float> x = Tensor<float>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(normal({7, stream, 0}, i));
  return x;
}

/// From the public operations, the square and all.
Tensor<float> plain_attention(const Tensor<float>& q, const Tensor<float>& k, const Tensor<float>& v, bool causal) {
  Tensor<float> scores = matmul(q, transpose(k)) / std::sqrt(static_cast<double>(q.shape().back()));
  if (causal) {
    Mask keep(Shape{q.size(-2), k.size(-2)});
    for (std::int64_t i = 0; i < q.size(-2); ++i)
      for (std::int64_t j = 0; j < k.size(-2); ++j) keep.data()[i * k.size(-2) + j] = j <= i;
    scores = where(keep, scores, Tensor<float>(-1e30f));
  }
  return matmul(softmax(scores), v);
}

void check_close(const Tensor<float>& a, const Tensor<float>& b) {
  REQUIRE(a.shape() == b.shape());
  float worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a.data()[i] - b.data()[i]));
  CHECK(worst < 2e-5f);
}

bool same_bits(const Tensor<float>& a, const Tensor<float>& b) {
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("attention in blocks equals its composition, values and gradients, on any number of threads") {
  const int before = num_threads();
  for (const bool causal : {false, true}) {
    CAPTURE(causal);
    const Shape queries{2, 3, 150, 16}, keys{2, 3, 1100, 16};
    const Tensor<float> weights = noise(queries, 4);
    std::vector<Tensor<float>> results[3];
    for (const int way : {0, 1, 2}) {
      set_num_threads(way == 1 ? 2 : 1);
      const auto q = parameter(noise(queries, 1)), k = parameter(noise(keys, 2)), v = parameter(noise(keys, 3));
      const auto y = way == 2 ? plain_attention(q, k, v, causal)
                              : scaled_dot_product_attention<float>(q, k, v, {.is_causal = causal});
      y.backward(weights);
      results[way] = {y, q.grad(), k.grad(), v.grad()};
    }
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(same_bits(results[0][i], results[1][i]));
      check_close(results[0][i], results[2][i]);
    }
  }
  set_num_threads(before);
}

TEST_CASE("packed attention equals attention on the parts") {
  const auto x = parameter(noise({3, 70, 24}, 1));
  const auto split = permute(reshape(x, {3, 70, 3, 4, 2}), {2, 0, 3, 1, 4});
  const auto part = [&](std::int64_t i) { return squeeze(slice(split, 0, i, i + 1), 0); };
  for (const bool causal : {false, true}) {
    const AttentionOptions<float> options{.dropout_p = 0.2, .is_causal = causal, .key = RandomKey{1, 2, 3}};
    const auto whole = packed_attention(x, 4, options);
    const auto parts =
        reshape(permute(scaled_dot_product_attention(part(0), part(1), part(2), options), {0, 2, 1, 3}), {3, 70, 8});
    check_close(whole, parts);
    const auto weights = noise({3, 70, 8}, 2);
    check_close(grad<float>({whole}, {x}, {weights})[0],
                grad<float>({parts}, {x}, {weights}, {.retain_graph = true})[0]);
  }
}

TEST_CASE("a query without a key gives zeros and takes no gradient") {
  const auto q = parameter(noise({2, 4}, 1)), k = parameter(noise({3, 4}, 2)), v = parameter(noise({3, 4}, 3));
  const float inf = std::numeric_limits<float>::infinity();
  const Mask keep(Shape{2, 3}, {false, false, false, true, true, true});
  const Tensor<float> bias({2, 3}, {-inf, -inf, -inf, 0, 0, 0});
  for (const auto& options : {AttentionOptions<float>{.attn_mask = keep}, AttentionOptions<float>{.attn_bias = bias}}) {
    auto x = q;
    x.zero_grad();
    const auto y = scaled_dot_product_attention(q, k, v, options);
    sum(y * y).backward();
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(y.data()[i] == 0);
      CHECK(q.grad().data()[i] == 0);
      CHECK(std::isfinite(y.data()[4 + i]));
      CHECK(q.grad().data()[4 + i] != 0);
    }
  }
  const auto none = scaled_dot_product_attention(q, Tensor<float>::ones({0, 4}), Tensor<float>::ones({0, 5}));
  CHECK(none.shape() == Shape{2, 5});
  for (const float value : none.values()) CHECK(value == 0);
}

TEST_CASE("attention: NaN in, NaN out; empty in, empty out") {
  const auto ones = [](const Shape& shape) { return Tensor<float>::ones(shape); };
  const auto y = scaled_dot_product_attention(Tensor<float>::full({1, 2}, std::nanf("")), ones({3, 2}), ones({3, 2}));
  CHECK(std::isnan(y.data()[0]));
  const auto q = parameter(ones({0, 2, 3, 4}));
  const auto z = scaled_dot_product_attention<float>(q, ones({0, 2, 3, 4}), ones({0, 2, 3, 4}), {.is_causal = true});
  CHECK(z.shape() == Shape{0, 2, 3, 4});
  sum(z).backward();
  CHECK(q.grad().shape() == q.shape());
  CHECK(scaled_dot_product_attention(ones({0, 4}), ones({3, 4}), ones({3, 4})).shape() == Shape{0, 4});
}

TEST_CASE("attention: dropout drops the share, keeps the mean, and repeats by its key") {
  const auto zeros = Tensor<float>::zeros({1, 200, 8}), ones = Tensor<float>::ones({1, 200, 8});
  const auto run = [&](std::uint32_t stream) {
    return scaled_dot_product_attention<float>(zeros, zeros, ones, {.dropout_p = 0.3, .key = RandomKey{1, stream, 0}});
  };
  const auto y = run(1);
  double mean = 0;
  for (const float value : y.values()) mean += value / static_cast<double>(y.size());
  CHECK(mean == doctest::Approx(1).epsilon(0.01));
  CHECK(y.data()[0] != 1);
  CHECK(same_bits(y, run(1)));
  CHECK(!same_bits(y, run(2)));
  const auto none = scaled_dot_product_attention<float>(zeros, zeros, ones, {.dropout_p = 1, .key = RandomKey{}});
  for (const float value : none.values()) CHECK(value == 0);
}

TEST_CASE("positions: angles, tables, distances") {
  const auto x = Tensor<double>({1, 2}, {1, 0});
  const auto turned = rotary_embedding(x, Indices{3});
  CHECK(turned.data()[0] == doctest::Approx(std::cos(3.0)));
  CHECK(turned.data()[1] == doctest::Approx(std::sin(3.0)));
  CHECK(sinusoidal_positions<float>(2, 4).data()[4] == doctest::Approx(std::sin(1.0)));
  CHECK(alibi_bias<float>(8, 2, 2).data()[2] == -0.5f);
  CHECK(alibi_bias<float>(8, 2, 2).data()[1] == -std::numeric_limits<float>::infinity());
}

TEST_CASE("MultiheadAttention: names, one projection or three, masks, dropout while training") {
  manual_seed(3);
  nn::MultiheadAttention<float> attention(8, 2, {.dropout = 0.5});
  const auto names = attention.named_parameters();
  REQUIRE(names.size() == 4);
  CHECK(names[0].name == "in_proj_weight");
  CHECK(names[1].name == "in_proj_bias");
  CHECK(names[2].name == "out_proj.weight");
  CHECK(names[3].name == "out_proj.bias");
  CHECK(names[0].tensor.shape() == Shape{24, 8});
  for (const float value : names[3].tensor.values()) CHECK(value == 0);
  const auto x = noise({3, 5, 8}, 1);
  CHECK(!same_bits(attention(x), attention(x)));
  attention.eval();
  check_close(attention(x), attention.forward(x, x, x));
  const Mask padding(Shape{3, 1, 1, 5},
                     {true, true, true, true, true, true, true, false, false, false, true, true, true, true, false});
  check_close(attention.forward(x, {.attn_mask = padding}), attention.forward(x, x, x, {.attn_mask = padding}));
  CHECK(!same_bits(attention.forward(x, {.attn_mask = padding}), attention(x)));
  CHECK(attention.forward(noise({3, 2, 8}, 2), x, x).shape() == Shape{3, 2, 8});
  CHECK(nn::MultiheadAttention<float>(8, 2, {.bias = false}).named_parameters().size() == 2);
  CHECK_THROWS_WITH_AS(nn::MultiheadAttention<float>(8, 3), doctest::Contains("a multiple of the second"), Error);
  CHECK_THROWS_WITH_AS(attention(noise({5, 8}, 1)), doctest::Contains("expected (N, L, 8)"), Error);
}

TEST_CASE("TransformerEncoderLayer equals its formula, in both orders; a causal one does not see ahead") {
  const auto x = noise({2, 6, 8}, 1);
  for (const bool first : {false, true}) {
    CAPTURE(first);
    manual_seed(3);
    nn::TransformerEncoderLayer<float> layer(
        8, 2, {.dim_feedforward = 12, .dropout = 0, .gelu = first, .norm_first = first, .is_causal = true});
    CHECK(layer.named_parameters().size() == 12);
    CHECK(layer.named_parameters()[0].name == "self_attn.in_proj_weight");
    const auto forward = [&](const Tensor<float>& y) {
      const auto hidden = layer.linear1(y);
      return layer.linear2(first ? gelu(hidden) : relu(hidden));
    };
    Tensor<float> expected;
    if (first) {
      const auto y = x + layer.self_attn(layer.norm1(x));
      expected = y + forward(layer.norm2(y));
    } else {
      const auto y = layer.norm1(x + layer.self_attn(x));
      expected = layer.norm2(y + forward(y));
    }
    const auto y = layer(x);
    check_close(y, expected);
    auto changed = x.clone();
    changed.mutable_data()[5 * 8] += 1;  // the last step of the first sequence
    const auto z = layer(changed);
    for (std::size_t i = 0; i < 5 * 8; ++i) CHECK(z.data()[i] == y.data()[i]);
    sum(y * y).backward();
    for (const auto& parameter : layer.named_parameters()) CHECK(parameter.tensor.has_grad());
  }
}

TEST_CASE("attention refuses what does not fit") {
  const auto t = [](const Shape& shape) { return Tensor<float>::ones(shape); };
  using Options = AttentionOptions<float>;
  const auto attend = [&](const Shape& q, const Shape& k, const Shape& v, const Options& options = {}) {
    scaled_dot_product_attention(t(q), t(k), t(v), options);
  };
  CHECK_THROWS_WITH_AS(attend({3, 2}, {4, 3}, {4, 3}),
                       doctest::Contains("q (3, 2), k (4, 3), v (4, 3) do not fit; "
                                         "expected the same last axis E in q and k"),
                       Error);
  CHECK_THROWS_WITH_AS(attend({3, 2}, {4, 2}, {5, 2}), doctest::Contains("the same number of keys S"), Error);
  CHECK_THROWS_WITH_AS(attend({2}, {4, 2}, {4, 2}), doctest::Contains("expected (..., L, E), (..., S, E)"), Error);
  CHECK_THROWS_WITH_AS(attend({2, 3, 2}, {3, 3, 2}, {3, 3, 2}), doctest::Contains("do not broadcast"), Error);
  CHECK_THROWS_WITH_AS(attend({3, 3, 2}, {2, 3, 2}, {2, 3, 2}, {.enable_gqa = true}),
                       doctest::Contains("a multiple of k's heads in q"), Error);
  CHECK_THROWS_WITH_AS(attend({3, 2}, {3, 2}, {3, 2}, {.attn_mask = Mask(Shape{3, 3}), .is_causal = true}),
                       doctest::Contains("is_causal together with attn_mask or attn_bias"), Error);
  CHECK_THROWS_WITH_AS(attend({3, 2}, {4, 2}, {4, 2}, {.attn_mask = Mask(Shape{3, 3})}), doctest::Contains("broadcast"),
                       Error);
  CHECK_THROWS_WITH_AS(attend({3, 2}, {4, 2}, {4, 2}, {.attn_bias = t({2, 3, 4})}),
                       doctest::Contains("attn_bias of shape (2, 3, 4) does not broadcast to the scores (3, 4)"),
                       Error);
  CHECK_THROWS_WITH_AS(attend({3, 2}, {4, 2}, {4, 2}, {.dropout_p = 1.5}), doctest::Contains("dropout_p is 1.5"),
                       Error);
  CHECK_THROWS_WITH_AS(packed_attention(t({2, 3, 8}), 2), doctest::Contains("x (2, 3, 8) for 2 heads"), Error);
  CHECK_THROWS_WITH_AS(rotary_embedding(t({2, 3})), doctest::Contains("an even d"), Error);
  CHECK_THROWS_WITH_AS(rotary_embedding(t({2, 4}), Indices{1}), doctest::Contains("one for each row"), Error);
  CHECK_THROWS_WITH_AS(rotary_embedding(t({2, 4}), Indices{1, -1}), doctest::Contains("position -1 at place 1"), Error);
  CHECK_THROWS_WITH_AS(sinusoidal_positions<float>(2, 3), doctest::Contains("even d"), Error);
  CHECK_THROWS_WITH_AS(alibi_bias<float>(0, 2, 3), doctest::Contains("positive number of heads"), Error);
}
