// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: softmax, losses.
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

const Indices kClasses(Shape{4}, {2, 0, 1, 2});
const Indices kSomeIgnored(Shape{4}, {2, -100, 1, 2});
const Indices kPixels(Shape{2, 2}, {0, 2, 1, 1});

template <class Number> Tensor<Number> class_weights() {
  return Tensor<Number>({3}, {Number(0.5), Number(2), Number(1.25)});
}

}  // namespace

std::vector<OperationRow> loss_rows() {
  const std::vector<Sample> scores = {{{{4, 3}}}};
  return {
      {"softmax", F(softmax(x[0])), "", reducible},
      {"softmax", F(softmax(x[0], 0)), "", reducible},
      {"log_softmax", F(log_softmax(x[0])), "", reducible},
      {"log_softmax", F(log_softmax(x[0], 1)), "", {{{{2, 3, 4}}}}},
      {"mse_loss", F(mse_loss(x[0], x[1])), "", {{{{2, 3}}, {{2, 3}}}}},
      {"mse_loss", F(mse_loss(x[0], x[1], Reduction::none)), "", {{{{2, 3}}, {{2, 3}}}}},
      {"l1_loss", F(l1_loss(x[0], x[1], Reduction::sum)), "", {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}}},
      {"smooth_l1_loss", F(smooth_l1_loss(x[0], x[1], 0.5)), "", {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}}},
      {"huber_loss", F(huber_loss(x[0], x[1], 0.7)), "", {{{{2, 3}}, {{2, 3}, -1.9, 2.2}}}},
      {"bce_with_logits_loss", F(bce_with_logits_loss(x[0], x[1])), "", {{{{2, 3}}, {{2, 3}, 0.1, 0.9}}}},
      {"bce_with_logits_loss",
       F(bce_with_logits_loss<T>(
           x[0], x[1],
           {.weight = class_weights<T>(), .pos_weight = class_weights<T>() * 2, .reduction = Reduction::sum})),
       "",
       {{{{2, 3}}, {{2, 3}, 0.1, 0.9}}}},
      {"nll_loss", F(nll_loss(x[0], kClasses)), "", scores},
      {"nll_loss", F(nll_loss<T>(x[0], kSomeIgnored, {.weight = class_weights<T>()})), "", scores},
      {"nll_loss", F(nll_loss<T>(x[0], kPixels, {.reduction = Reduction::none})), "", {{{{2, 3, 2}}}}},
      {"cross_entropy", F(cross_entropy(x[0], kClasses)), "", scores},
      {"cross_entropy", F(cross_entropy<T>(x[0], kSomeIgnored, {.weight = class_weights<T>(), .label_smoothing = 0.1})),
       "", scores},
      {"cross_entropy",
       F(cross_entropy<T>(x[0], kPixels, {.label_smoothing = 0.2, .reduction = Reduction::none})),
       "",
       {{{{2, 3, 2}}}}},
      {"cross_entropy", F(cross_entropy<T>(x[0], kClasses, {.reduction = Reduction::sum})), "", scores},
      {"cross_entropy",
       F(cross_entropy<T>(x[0], x[1], {.weight = class_weights<T>(), .label_smoothing = 0.1})),
       "",
       {{{{4, 3}}, {{4, 3}, 0.1, 0.9}}}},
  };
}
