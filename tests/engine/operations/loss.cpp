// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: losses.
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

const Indices kClasses(Shape{4}, {2, 0, 1, 2});
const Indices kSomeIgnored(Shape{4}, {2, -100, 1, 2});
const Indices kLabels(Shape{2, 3}, {1, 2, 2, 3, 1, 0});
const Indices kInputLengths(Shape{2}, {6, 4}), kLabelLengths(Shape{2}, {3, 2});
const Indices kTooShort(Shape{2}, {3, 4});  // 1 2 2 needs four times: a blank between equal labels
const Indices kPixels(Shape{2, 2}, {0, 2, 1, 1});

template <class Number> Tensor<Number> class_weights() {
  return Tensor<Number>({3}, {Number(0.5), Number(2), Number(1.25)});
}

/// 1 and -1 in turn.
template <class Number> Tensor<Number> signs(const Shape& shape) {
  Tensor<Number> result = Tensor<Number>::empty(shape);
  for (std::size_t i = 0; i < result.size(); ++i) result.mutable_data()[i] = i % 2 == 0 ? Number(1) : Number(-1);
  return result;
}

}  // namespace

std::vector<OperationRow> loss_rows() {
  const std::vector<Sample> scores = {{{{4, 3}}}}, pairs = {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}},
                            logits = {{{{2, 3}}, {{2, 3}, 0.1, 0.9}}}, counts = {{{{2, 3}}, {{2, 3}, 0, 4}}},
                            triplets = {{{{4, 3}}, {{4, 3}, -1.9, 2.2}, {{4, 3}, -1.7, 1.6}}};
  return {
      {"mse_loss", F(mse_loss(x[0], x[1])), "F.mse_loss(x[0], x[1])", {{{{2, 3}}, {{2, 3}}}}},
      {"mse_loss",
       F(mse_loss(x[0], x[1], Reduction::none)),
       "F.mse_loss(x[0], x[1], reduction='none')",
       {{{{2, 3}}, {{2, 3}}}}},
      {"l1_loss",
       F(l1_loss(x[0], x[1], Reduction::sum)),
       "F.l1_loss(x[0], x[1], reduction='sum')",
       {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}}},
      {"smooth_l1_loss",
       F(smooth_l1_loss(x[0], x[1], 0.5)),
       "F.smooth_l1_loss(x[0], x[1], beta=0.5)",
       {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}}},
      {"huber_loss",
       F(huber_loss(x[0], x[1], 0.7)),
       "F.huber_loss(x[0], x[1], delta=0.7)",
       {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}}},
      {"bce_with_logits_loss",
       F(bce_with_logits_loss(x[0], x[1])),
       "F.binary_cross_entropy_with_logits(x[0], x[1])",
       {{{{2, 3}}, {{2, 3}, 0.1, 0.9}}}},
      {"bce_with_logits_loss",
       F(bce_with_logits_loss<T>(
           x[0], x[1],
           {.weight = class_weights<T>(), .pos_weight = class_weights<T>() * 2, .reduction = Reduction::sum})),
       "F.binary_cross_entropy_with_logits(x[0], x[1], D([0.5, 2, 1.25]), pos_weight=2 * D([0.5, 2, 1.25]), "
       "reduction='sum')",
       {{{{2, 3}}, {{2, 3}, 0.1, 0.9}}}},
      {"nll_loss", F(nll_loss(x[0], kClasses)), "F.nll_loss(x[0], I([2, 0, 1, 2]))", scores},
      {"nll_loss", F(nll_loss<T>(x[0], kSomeIgnored, {.weight = class_weights<T>()})),
       "F.nll_loss(x[0], I([2, -100, 1, 2]), D([0.5, 2, 1.25]))", scores},
      {"nll_loss",
       F(nll_loss<T>(x[0], kPixels, {.reduction = Reduction::none})),
       "F.nll_loss(x[0], I([[0, 2], [1, 1]]), reduction='none')",
       {{{{2, 3, 2}}}}},
      {"cross_entropy", F(cross_entropy(x[0], kClasses)), "F.cross_entropy(x[0], I([2, 0, 1, 2]))", scores},
      {"cross_entropy", F(cross_entropy<T>(x[0], kSomeIgnored, {.weight = class_weights<T>(), .label_smoothing = 0.1})),
       "F.cross_entropy(x[0], I([2, -100, 1, 2]), D([0.5, 2, 1.25]), label_smoothing=0.1)", scores},
      {"cross_entropy",
       F(cross_entropy<T>(x[0], kPixels, {.label_smoothing = 0.2, .reduction = Reduction::none})),
       "F.cross_entropy(x[0], I([[0, 2], [1, 1]]), label_smoothing=0.2, reduction='none')",
       {{{{2, 3, 2}}}}},
      {"cross_entropy", F(cross_entropy<T>(x[0], kClasses, {.reduction = Reduction::sum})),
       "F.cross_entropy(x[0], I([2, 0, 1, 2]), reduction='sum')", scores},
      {"cross_entropy",
       F(cross_entropy<T>(x[0], x[1], {.weight = class_weights<T>(), .label_smoothing = 0.1})),
       "F.cross_entropy(x[0], x[1], D([0.5, 2, 1.25]), label_smoothing=0.1)",
       {{{{4, 3}}, {{4, 3}, 0.1, 0.9}}}},
      // a number against a number
      {"log_cosh_loss", F(log_cosh_loss(x[0], x[1])), "torch.log(torch.cosh(x[0] - x[1])).mean()", pairs},
      {"quantile_loss", F(quantile_loss(x[0], x[1], 0.8, Reduction::sum)),
       "torch.maximum(0.8 * (x[1] - x[0]), -0.2 * (x[1] - x[0])).sum()", pairs},
      {"mse_loss", F(mse_loss(x[0], x[1], Reduction::batchmean)), "F.mse_loss(x[0], x[1], reduction='sum') / 2", pairs},
      {"poisson_nll_loss", F(poisson_nll_loss(x[0], x[1])), "F.poisson_nll_loss(x[0], x[1])", counts},
      {"poisson_nll_loss",
       F(poisson_nll_loss(x[0], x[1], {.log_input = false, .full = true, .reduction = Reduction::none})),
       "F.poisson_nll_loss(x[0], x[1], log_input=False, full=True, reduction='none')",
       {{{{2, 3}, 0.3, 3}, {{2, 3}, 0.4, 5}}}},
      {"gaussian_nll_loss",
       F(gaussian_nll_loss(x[0], x[1], x[2])),
       "F.gaussian_nll_loss(x[0], x[1], x[2])",
       {{{{2, 3}}, {{2, 3}}, {{2, 3}, 0.2, 2}},
        {{{2, 3}}, {{2, 3}}, {{2, 1}, 0.2, 2}},
        {{{2, 3}}, {{2, 3}}, {{2}, 0.2, 2}}}},
      {"gaussian_nll_loss",
       F(gaussian_nll_loss(x[0], x[1], x[2], {.full = true, .reduction = Reduction::sum})),
       "F.gaussian_nll_loss(x[0], x[1], x[2], full=True, reduction='sum')",
       {{{{2, 3}}, {{2, 3}}, {{2, 3}, 0.2, 2}}}},
      // probabilities and logits
      {"bce_loss",
       F(bce_loss(x[0], x[1])),
       "F.binary_cross_entropy(x[0], x[1])",
       {{{{2, 3}, 0.1, 0.9}, {{2, 3}, 0.1, 0.9}}}},
      {"bce_loss",
       F(bce_loss<T>(x[0], x[1], {.weight = class_weights<T>(), .reduction = Reduction::none})),
       "F.binary_cross_entropy(x[0], x[1], D([0.5, 2, 1.25]), reduction='none')",
       {{{{2, 3}, 0.1, 0.9}, {{2, 3}, 0.1, 0.9}}}},
      {"focal_loss", F(focal_loss(x[0], x[1])),
       "(F.binary_cross_entropy_with_logits(x[0], x[1], reduction='none') * "
       "(1 - torch.sigmoid(x[0]) * x[1] - torch.sigmoid(-x[0]) * (1 - x[1])) ** 2 * (0.25 * x[1] + 0.75 * (1 - "
       "x[1]))).mean()",
       logits},
      {"focal_loss", F(focal_loss(x[0], x[1], {.alpha = -1, .gamma = 1.5, .reduction = Reduction::sum})),
       "(F.binary_cross_entropy_with_logits(x[0], x[1], reduction='none') * "
       "(1 - torch.sigmoid(x[0]) * x[1] - torch.sigmoid(-x[0]) * (1 - x[1])) ** 1.5).sum()",
       logits},
      {"kl_div", F(kl_div(x[0], x[1], {.reduction = Reduction::batchmean})),
       "F.kl_div(x[0], x[1], reduction='batchmean')", logits},
      {"kl_div", F(kl_div(x[0], x[1], {.log_target = true})), "F.kl_div(x[0], x[1], log_target=True, reduction='mean')",
       pairs},
      {"multilabel_soft_margin_loss", F(multilabel_soft_margin_loss<T>(x[0], x[1], {.weight = class_weights<T>()})),
       "F.multilabel_soft_margin_loss(x[0], x[1], D([0.5, 2, 1.25]))", logits},
      {"multilabel_soft_margin_loss", F(multilabel_soft_margin_loss<T>(x[0], x[1], {.reduction = Reduction::none})),
       "F.multilabel_soft_margin_loss(x[0], x[1], reduction='none')", logits},
      // classes
      {"multi_margin_loss", F(multi_margin_loss(x[0], kClasses)), "F.multi_margin_loss(x[0], I([2, 0, 1, 2]))", scores},
      {"multi_margin_loss",
       F(multi_margin_loss<T>(x[0], kClasses,
                              {.p = 2, .margin = 0.7, .weight = class_weights<T>(), .reduction = Reduction::none})),
       "F.multi_margin_loss(x[0], I([2, 0, 1, 2]), 2, 0.7, D([0.5, 2, 1.25]), reduction='none')", scores},
      {"ctc_loss",
       F(ctc_loss(log_softmax(x[0]), kLabels, kInputLengths, kLabelLengths)),
       "F.ctc_loss(F.log_softmax(x[0], -1), I([[1, 2, 2], [3, 1, 0]]), I([6, 4]), I([3, 2]))",
       {{{{6, 2, 4}}}}},
      {"ctc_loss",
       F(ctc_loss(log_softmax(x[0]), kLabels, kTooShort, kLabelLengths,
                  {.zero_infinity = true, .reduction = Reduction::none})),
       "F.ctc_loss(F.log_softmax(x[0], -1), I([[1, 2, 2], [3, 1, 0]]), I([3, 4]), I([3, 2]), reduction='none', "
       "zero_infinity=True)",
       {{{{6, 2, 4}}}}},
      {"ctc_loss",
       F(ctc_loss(x[0], kLabels, kInputLengths, kLabelLengths, {.reduction = Reduction::sum})),
       "",
       {{{{6, 2, 4}, -3, -0.2}}}},
      // margins
      {"hinge_loss",
       F(hinge_loss(x[0], signs<T>({2, 3}))),
       "F.relu(1 - D([[1, -1, 1], [-1, 1, -1]]) * x[0]).mean()",
       {{{{2, 3}}}}},
      {"squared_hinge_loss",
       F(squared_hinge_loss(x[0], signs<T>({2, 3}), Reduction::sum)),
       "(F.relu(1 - D([[1, -1, 1], [-1, 1, -1]]) * x[0]) ** 2).sum()",
       {{{{2, 3}}}}},
      {"hinge_embedding_loss",
       F(hinge_embedding_loss(x[0], signs<T>({2, 3}), 0.8)),
       "F.hinge_embedding_loss(x[0], D([[1, -1, 1], [-1, 1, -1]]), 0.8)",
       {{{{2, 3}}}}},
      {"soft_margin_loss",
       F(soft_margin_loss(x[0], signs<T>({2, 3}))),
       "F.soft_margin_loss(x[0], D([[1, -1, 1], [-1, 1, -1]]))",
       {{{{2, 3}}}}},
      {"margin_ranking_loss", F(margin_ranking_loss(x[0], x[1], signs<T>({2, 3}), 0.3)),
       "F.margin_ranking_loss(x[0], x[1], D([[1, -1, 1], [-1, 1, -1]]), 0.3)", pairs},
      {"cosine_embedding_loss",
       F(cosine_embedding_loss(x[0], x[1], signs<T>({4}), -0.9)),
       "F.cosine_embedding_loss(x[0], x[1], D([1, -1, 1, -1]), -0.9)",
       {{{{4, 3}}, {{4, 3}, -1.9, 2.2}}}},
      {"cosine_embedding_loss",
       F(cosine_embedding_loss(x[0], x[1], signs<T>({}), 0.1, Reduction::none)),
       "F.cosine_embedding_loss(x[0], x[1], D(1.0), 0.1, reduction='none')",
       {{{{3}}, {{3}, -1.9, 2.2}}}},
      {"triplet_margin_loss", F(triplet_margin_loss(x[0], x[1], x[2])), "F.triplet_margin_loss(x[0], x[1], x[2])",
       triplets},
      {"triplet_margin_loss",
       F(triplet_margin_loss(x[0], x[1], x[2], {.margin = 2, .p = 1, .swap = true, .reduction = Reduction::none})),
       "F.triplet_margin_loss(x[0], x[1], x[2], margin=2, p=1, swap=True, reduction='none')", triplets},
      {"triplet_margin_loss", F(triplet_margin_loss(x[0], x[1], x[2], {.margin = 3, .p = 3})),
       "F.triplet_margin_loss(x[0], x[1], x[2], margin=3, p=3)", triplets},
  };
}
