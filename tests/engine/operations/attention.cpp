// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: attention, positions.
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

const Mask kKeep(Shape{3, 4}, {true, true, false, true, false, false, false, false, false, true, false, false});
const Mask kPadding(Shape{2, 1, 1, 4}, {true, true, true, false, true, true, false, false});
const Mask kQueries(Shape{3, 1}, {true, false, true});

}  // namespace

std::vector<OperationRow> attention_rows() {
  const char* const name = "scaled_dot_product_attention";
  const std::vector<Sample> heads = {{{{2, 2, 3, 2}}, {{2, 2, 4, 2}}, {{2, 2, 4, 3}}}};
  const std::vector<Sample> grouped = {{{{2, 4, 3, 2}}, {{2, 2, 3, 2}}, {{2, 2, 3, 2}}}};
  const std::vector<Sample> square = {{{{2, 2, 3, 2}}, {{2, 2, 3, 2}}, {{2, 2, 3, 2}}}};
  return {
      {name,
       F(scaled_dot_product_attention(x[0], x[1], x[2])),
       "attention(*x)",
       {{{{3, 2}}, {{4, 2}}, {{4, 3}}},
        {{{1, 1}}, {{1, 1}}, {{1, 1}}},
        {{{2, 3, 2}}, {{2, 4, 2}}, {{2, 4, 3}}},
        {{{2, 2, 3, 2}}, {{1, 4, 2}}, {{4, 3}}},
        {{{3, 2}}, {{2, 1, 4, 2}}, {{2, 4, 2}}}}},
      {name, F(scaled_dot_product_attention<T>(x[0], x[1], x[2], {.scale = 0.3})), "attention(*x, scale=0.3)", heads},
      {name,
       F(scaled_dot_product_attention<T>(x[0], x[1], x[2], {.is_causal = true})),
       "attention(*x, causal=True)",
       {{{{2, 2, 3, 2}}, {{2, 2, 3, 2}}, {{2, 2, 3, 2}}},
        {{{5, 2}}, {{3, 2}}, {{3, 2}}},
        {{{2, 2}}, {{4, 2}}, {{4, 2}}},
        {{{37, 2}}, {{37, 2}}, {{37, 2}}}}},
      // the second query sees no key
      {name, F(scaled_dot_product_attention<T>(x[0], x[1], x[2], {.attn_mask = kKeep})),
       "attention(*x, mask=B([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]]))", heads},
      {name, F(scaled_dot_product_attention<T>(x[0], x[1], x[2], {.attn_mask = kPadding})),
       "attention(*x, mask=B([[[[1, 1, 1, 0]]], [[[1, 1, 0, 0]]]]))", heads},
      {name, F(scaled_dot_product_attention<T>(x[0], x[1], x[2], {.attn_mask = kQueries})),
       "attention(*x, mask=B([[1], [0], [1]]))", heads},
      {name,
       F(scaled_dot_product_attention<T>(x[0], x[1], x[2], {.attn_bias = x[3]})),
       "attention(*x[:3], bias=x[3])",
       {{{{2, 2, 3, 2}}, {{2, 2, 4, 2}}, {{2, 2, 4, 3}}, {{3, 4}}},
        {{{2, 2, 3, 2}}, {{2, 2, 4, 2}}, {{2, 2, 4, 3}}, {{2, 1, 1, 4}}},
        {{{2, 2, 3, 2}}, {{2, 2, 4, 2}}, {{2, 2, 4, 3}}, {{2, 3, 1}}},
        {{{3, 2}}, {{4, 2}}, {{4, 3}}, {{4}}}}},
      {name,
       F(scaled_dot_product_attention<T>(x[0], x[1], x[2], {.attn_mask = kKeep, .attn_bias = x[3]})),
       "attention(*x[:3], mask=B([[1, 1, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]]), bias=x[3])",
       {{{{2, 3, 2}}, {{2, 4, 2}}, {{2, 4, 3}}, {{3, 4}}}}},
      {name, F(scaled_dot_product_attention<T>(x[0], x[1], x[2], {.is_causal = true, .enable_gqa = true})),
       "attention(*x, causal=True)", grouped},
      {name,
       F(scaled_dot_product_attention<T>(x[0], x[1], x[2], {.attn_bias = alibi_bias<T>(4, 3, 3), .enable_gqa = true})),
       "attention(*x, bias=alibi(4, 3, 3))", grouped},
      {name, F(scaled_dot_product_attention<T>(x[0], x[1], x[2], {.dropout_p = 0.4, .key = RandomKey{1, 2, 3}})), "",
       square},
      {name,
       F(scaled_dot_product_attention<T>(
           x[0], x[1], x[2], {.dropout_p = 0.4, .is_causal = true, .enable_gqa = true, .key = RandomKey{1, 2, 3}})),
       "", grouped},
      {"packed_attention", F(packed_attention(x[0], 2)), "packed_attention(x[0], 2)", {{{{2, 3, 12}}}}},
      {"packed_attention",
       F(packed_attention<T>(x[0], 2, {.is_causal = true})),
       "packed_attention(x[0], 2, causal=True)",
       {{{{2, 4, 6}}}}},
      {"packed_attention",
       F(packed_attention<T>(x[0], 1, {.attn_bias = x[1]})),
       "packed_attention(x[0], 1, bias=x[1])",
       {{{{2, 3, 6}}, {{3, 3}}}}},
      {"packed_attention",
       F(packed_attention<T>(x[0], 2, {.dropout_p = 0.5, .key = RandomKey{1, 2, 3}})),
       "",
       {{{{2, 3, 6}}}}},
      {"rotary_embedding", F(rotary_embedding(x[0])), "rotary(x[0])", {{{{3, 4}}}, {{{2, 2, 5, 6}}}, {{{1, 2}}}}},
      {"rotary_embedding",
       F(rotary_embedding(x[0], Indices{5, 0, 7}, 100, true)),
       "rotary(x[0], I([5, 0, 7]), 100.0, True)",
       {{{{3, 4}}}, {{{2, 3, 6}}}}},
      {"sinusoidal_positions", F(x[0] + sinusoidal_positions<T>(5, 6)), "x[0] + sinusoidal(5, 6)", {{{{5, 6}}}}},
      {"alibi_bias", F(x[0] + alibi_bias<T>(3, 2, 4, false)), "x[0] + alibi(3, 2, 4, False)", {{{{3, 2, 4}}}}},
  };
}
