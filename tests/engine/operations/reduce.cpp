// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: reductions.
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

const Sample kCube{{{2, 3, 4}}}, kDeep{{{2, 3, 2, 2}}}, kLong{{{3, 331}}}, kTall{{{300, 3}}};

/// A row of ones with zeros where a product shall meet them: none, one, two.
template <class Number> Tensor<Number> holes() {
  return Tensor<Number>({3, 4}, {Number(1), 1, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0});
}

}  // namespace

std::vector<OperationRow> reduce_rows() {
  return {
      {"sum", F(sum(x[0])), "x[0].sum()", {{{{2, 3, 4}}}, {{{5}}}, {{{1, 3}}}, {{{}}}, kLong}},
      {"sum", F(sum(x[0], {-1, 0})), "x[0].sum((-1, 0))", {kCube, kDeep}},
      {"sum", F(sum(x[0], {1, 3}, true)), "x[0].sum((1, 3), True)", {kDeep}},
      {"sum", F(sum(x[0], 0, true)), "x[0].sum(0, True)", {{{{2, 3, 4}}}, {{{5}}}, {{{1, 3}}}, kTall}},
      {"sum", F(sum(x[0], 1)), "x[0].sum(1)", {kCube}},
      {"mean", F(mean(x[0])), "x[0].mean()", reducible},
      {"mean", F(mean(x[0], -1, true)), "x[0].mean(-1, True)", reducible},
      {"sum_to", F(sum_to(x[0], Shape{3, 1})), "x[0].sum_to_size(3, 1)", {kCube}},
      {"prod", F(prod(x[0])), "x[0].prod()", {{{{2, 3}}}, {{{5}}}, {{{1}}}, {{{}}}}},
      {"prod", F(prod(x[0], 1)), "x[0].prod(1)", {kCube, {{{3, 7}}}}},
      {"prod", F(prod(x[0], -2, true)), "x[0].prod(-2, True)", {kCube}},
      {"prod", F(prod(x[0] * holes<T>(), 1)), "(x[0] * D([[1,1,1,1],[1,0,1,1],[0,1,1,0]])).prod(1)", {{{{3, 4}}}}},
      {"var", F(var(x[0])), "x[0].var()", {{{{2, 3, 4}}}, {{{5}}}, {{{1, 3}}}, kLong}},
      {"var", F(var(x[0], {0, 2}, 0, true)), "x[0].var((0, 2), False, keepdim=True)", {kCube, kDeep}},
      {"var", F(var(x[0], {0, 2, 3}, 1)), "x[0].var((0, 2, 3))", {kDeep}},
      {"std", F(xgrad::std(x[0], -1)), "x[0].std(-1)", {kCube, {{{5}}}}},
      {"std", F(xgrad::std(x[0], 0)), "x[0].std(0)", {kCube, kTall}},
      {"var_mean",
       F(concat<T>({var_mean(x[0], 1).first, var_mean(x[0], 1).second})),
       "torch.cat(torch.var_mean(x[0], 1))",
       {kCube}},
      {"std_mean",
       F(concat<T>({std_mean(x[0], 1, 0).first, std_mean(x[0], 1, 0).second})),
       "torch.cat(torch.std_mean(x[0], 1, unbiased=False))",
       {kCube}},
      {"norm", F(norm(x[0])), "x[0].norm()", {{{{2, 3, 4}}}, {{{5}}}, {{{1, 3}}}, {{{}}}}},
      {"norm", F(norm(x[0], 2, 1, true)), "x[0].norm(2, 1, True)", {kCube}},
      {"norm", F(norm(x[0], 1, {0, 2})), "x[0].norm(1, (0, 2))", {kCube}},
      {"norm", F(norm(x[0], 3, -1)), "x[0].norm(3, -1)", {kCube, {{{5}}}}},
      {"norm", F(norm(x[0], 0.5)), "x[0].norm(0.5)", {{{{2, 3}}}}},
      {"norm", F(norm(x[0], -1.5, 0)), "x[0].norm(-1.5, 0)", {{{{2, 3}}}}},
      {"norm", F(norm(x[0], 0, 1)), "x[0].norm(0, 1)", {{{{2, 3}}}}},
      {"norm", F(norm(x[0], std::numeric_limits<double>::infinity(), 0)), "x[0].norm(math.inf, 0)", {kCube}},
      {"norm", F(norm(x[0], -std::numeric_limits<double>::infinity())), "x[0].norm(-math.inf)", {{{{2, 3}}}}},
      {"amax", F(amax(x[0])), "x[0].amax()", {{{{2, 3, 4}}}, {{{5}}}, {{{1, 3}}}, {{{}}}, kLong}},
      {"amax", F(amax(x[0], 1, true)), "x[0].amax(1, True)", {kCube}},
      {"amax", F(amax(x[0], {0, 2})), "x[0].amax((0, 2))", {kCube}},
      {"amin", F(amin(x[0], -1)), "x[0].amin(-1)", reducible},
      {"amin", F(amin(x[0], 0)), "x[0].amin(0)", {kCube, kTall}},
      {"logsumexp", F(logsumexp(x[0], -1)), "x[0].logsumexp(-1)", reducible},
      {"logsumexp", F(logsumexp(x[0], {0, 1}, true)), "x[0].logsumexp((0, 1), True)", {kCube}},
      {"cosine_similarity",
       F(cosine_similarity(x[0], x[1])),
       "torch.cosine_similarity(x[0], x[1])",
       {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}}},
      {"cosine_similarity",
       F(cosine_similarity(x[0], x[1], -2)),
       "torch.cosine_similarity(x[0], x[1], -2)",
       {{{{2, 3, 4}}, {{3, 1}, -1.9, 2.2}}}},
      {"max", F(max(x[0], -1).values), "x[0].max(-1)[0]", reducible},
      {"max", F(max(x[0], 1, true).values), "x[0].max(1, True)[0]", {kCube}},
      {"max", F(max(x[0], 0).values), "x[0].max(0)[0]", {{{{}}}, {{{1}}}}},
      {"min", F(min(x[0], 0).values), "x[0].min(0)[0]", reducible},
      {"max", F(numbers<T>(max(x[0], 1).indices)), "x[0].max(1)[1]", {kCube}, false, false},
      {"argmax", F(numbers<T>(argmax(x[0]))), "x[0].argmax()", {kCube, kLong, {{{}}}}, false, false},
      {"argmax", F(numbers<T>(argmax(x[0], 0))), "x[0].argmax(0)", {kCube, kTall, {{{5}}}}, false, false},
      {"argmax", F(numbers<T>(argmax(x[0], -1, true))), "x[0].argmax(-1, True)", {kCube, kLong}, false, false},
      {"argmin", F(numbers<T>(argmin(x[0]))), "x[0].argmin()", {kCube}, false, false},
      {"argmin", F(numbers<T>(argmin(x[0], 1))), "x[0].argmin(1)", {kCube, {{{1, 3}}}}, false, false},
      {"all", F(numbers<T>(all(x[0] > -1.5, 1))), "(x[0] > -1.5).all(1)", {kCube}, false, false},
      {"any", F(numbers<T>(any(x[0] > 1, 0, true))), "(x[0] > 1).any(0, True)", {kCube}, false, false},
      {"count_nonzero",
       F(numbers<T>(count_nonzero(relu(x[0]), {0, 2}))),
       "torch.count_nonzero(x[0].relu(), (0, 2))",
       {kCube, kDeep},
       false,
       false},
      {"count_nonzero",
       F(numbers<T>(count_nonzero(relu(x[0])))),
       "torch.count_nonzero(x[0].relu())",
       {kCube, {{{}}}, {{{7}}}},
       false,
       false},
  };
}
