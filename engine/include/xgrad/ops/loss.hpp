// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Losses, by what they compare. Predictions and targets must have equal shapes: a silent broadcast of (N, 1) against
// (N) is a classic bug, so it is an Error that names both. The mean divides by the number of elements unless stated
// otherwise.
#include "xgrad/tensor.hpp"

namespace xgrad {

/// What becomes of the losses: their mean, their sum, the sum divided by the size of the first axis (batchmean), or
/// each by itself.
enum class Reduction { mean, sum, none, batchmean };

// A number against a number.

/// (x - target)^2
template <class T>
Tensor<T> mse_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction = Reduction::mean);
/// |x - target|, gradient 0 where equal
template <class T>
Tensor<T> l1_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction = Reduction::mean);
/// d^2 / (2 beta) where |d| < beta, else |d| - beta / 2; beta = 0 is l1_loss. Throws Error for beta < 0.
template <class T>
Tensor<T> smooth_l1_loss(const Tensor<T>& x, const Tensor<T>& target, double beta = 1,
                         Reduction reduction = Reduction::mean);
/// d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2). Throws Error unless delta > 0.
template <class T>
Tensor<T> huber_loss(const Tensor<T>& x, const Tensor<T>& target, double delta = 1,
                     Reduction reduction = Reduction::mean);

/// log(cosh(x - target)) without overflow
template <class T>
Tensor<T> log_cosh_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction = Reduction::mean);
/// quantile e where e = target - x > 0, else (quantile - 1) e: least at that quantile of the targets. Gradient 0 at e =
/// 0. Throws Error unless 0 <= quantile <= 1. Koenker, Bassett 1978, Econometrica 46
template <class T>
Tensor<T> quantile_loss(const Tensor<T>& x, const Tensor<T>& target, double quantile = 0.5,
                        Reduction reduction = Reduction::mean);

struct PoissonNllOptions {
  bool log_input = true;  ///< x is the logarithm of the rate: e^x - target x; else x - target log(x + eps)
  bool full = false;      ///< add Stirling's approximation of log(target!) where target > 1
  double eps = 1e-8;
  Reduction reduction = Reduction::mean;
};
/// Negative log likelihood of counts `target` under a Poisson distribution.
template <class T>
Tensor<T> poisson_nll_loss(const Tensor<T>& x, const Tensor<T>& target, const PoissonNllOptions& options = {});

struct GaussianNllOptions {
  bool full = false;  ///< add log(2 pi) / 2
  double eps = 1e-6;  ///< smaller variances count as this; their gradient is that of this variance
  Reduction reduction = Reduction::mean;
};
/// (log(variance) + (x - target)^2 / variance) / 2. The variance has x's shape, broadcasts to it, or lacks its last
/// axis. Throws Error for a negative variance. Nix, Weigend 1994
template <class T>
Tensor<T> gaussian_nll_loss(const Tensor<T>& x, const Tensor<T>& target, const Tensor<T>& variance,
                            const GaussianNllOptions& options = {});

// Probabilities and logits against probabilities.

template <class T> struct WeightOptions {
  Tensor<T> weight = {};  ///< of each element; broadcasts to the losses
  Reduction reduction = Reduction::mean;
};
/// Binary cross entropy of probabilities x against targets in [0, 1]; logarithms below -100 count as -100. Throws Error
/// for a probability outside [0, 1]. Prefer bce_with_logits_loss.
template <class T>
Tensor<T> bce_loss(const Tensor<T>& x, const Tensor<T>& target, const WeightOptions<T>& options = {});

template <class T> struct BceOptions {
  Tensor<T> weight = {};      ///< of each element; broadcasts to x
  Tensor<T> pos_weight = {};  ///< factor of the positive part; broadcasts to x
  Reduction reduction = Reduction::mean;
};
/// Binary cross entropy of logits x against targets in [0, 1], stable for any x.
template <class T>
Tensor<T> bce_with_logits_loss(const Tensor<T>& x, const Tensor<T>& target, const BceOptions<T>& options = {});

struct FocalOptions {
  double alpha = 0.25;  ///< weight of the positive class, 1 - alpha of the negative; below 0: no weights
  double gamma = 2;     ///< how much the well classified count less
  Reduction reduction = Reduction::mean;
};
/// Binary cross entropy of logits times (1 - p)^gamma, p the probability given to the target. Throws Error for gamma <
/// 0. Lin et al. 2017, arXiv:1708.02002
template <class T> Tensor<T> focal_loss(const Tensor<T>& x, const Tensor<T>& target, const FocalOptions& options = {});

struct KlDivOptions {
  bool log_target = false;  ///< the targets are log-probabilities
  Reduction reduction = Reduction::mean;
};
/// Kullback-Leibler divergence of target from e^x: target (log(target) - x), 0 where the target is 0. x is
/// log-probabilities. Reduction::batchmean gives the true divergence, mean divides it by the number of classes, too.
template <class T> Tensor<T> kl_div(const Tensor<T>& x, const Tensor<T>& target, const KlDivOptions& options = {});

/// Binary cross entropy of logits x (N, C) or (C), the mean over the classes.
template <class T>
Tensor<T> multilabel_soft_margin_loss(const Tensor<T>& x, const Tensor<T>& target,
                                      const WeightOptions<T>& options = {});

// Scores for classes.

template <class T> struct NllOptions {
  Tensor<T> weight = {};             ///< (C): of each class; the mean divides by the weights of the targets
  std::int64_t ignore_index = -100;  ///< targets of this value count nothing
  Reduction reduction = Reduction::mean;
};
/// -weight[target] * x[target], x log-probabilities (N, C), (N, C, d...) or (C); target of that shape without C.
/// If every target is ignored the mean is NaN. Throws Error for a class outside [0, C), naming its place.
template <class T> Tensor<T> nll_loss(const Tensor<T>& x, const Indices& target, const NllOptions<T>& options = {});

template <class T> struct CrossEntropyOptions {
  Tensor<T> weight = {};             ///< (C)
  std::int64_t ignore_index = -100;  ///< for class targets only
  double label_smoothing = 0;        ///< in [0, 1]: the share of the target spread evenly over all classes
  Reduction reduction = Reduction::mean;
};
/// nll_loss(log_softmax(x), target) in one pass. Shapes as nll_loss.
template <class T>
Tensor<T> cross_entropy(const Tensor<T>& x, const Indices& target, const CrossEntropyOptions<T>& options = {});
/// Against probabilities of x's shape; the mean divides by the number of samples.
template <class T>
Tensor<T> cross_entropy(const Tensor<T>& x, const Tensor<T>& target, const CrossEntropyOptions<T>& options = {});

template <class T> struct MultiMarginOptions {
  double p = 1;  ///< 1 or 2
  double margin = 1;
  Tensor<T> weight = {};  ///< (C): of each target class
  Reduction reduction = Reduction::mean;
};
/// weight[target] sum over the other classes of max(0, margin - x[target] + x)^p, divided by C. Shapes as nll_loss.
template <class T>
Tensor<T> multi_margin_loss(const Tensor<T>& x, const Indices& target, const MultiMarginOptions<T>& options = {});

struct CtcOptions {
  std::int64_t blank = 0;
  bool zero_infinity = false;  ///< a sample without any alignment has loss and gradient 0, not +inf and NaN
  Reduction reduction = Reduction::mean;
};
/// Connectionist temporal classification: -log of the probability of all alignments of a sample's labels. log_probs
/// (T, N, C); targets (N, S) without blanks, of which sample n has the first target_lengths[n]; input_lengths[n] of the
/// times count. The mean divides each loss by its number of labels (at least 1) first. The gradient is the true one
/// with respect to log_probs; behind log_softmax it equals PyTorch's. Throws Error for lengths or labels out of range.
/// Graves et al. 2006, ICML
template <class T>
Tensor<T> ctc_loss(const Tensor<T>& log_probs, const Indices& targets, const Indices& input_lengths,
                   const Indices& target_lengths, const CtcOptions& options = {});

// Margins. Targets are 1 or -1, else Error.

/// max(0, 1 - target x), gradient 0 at the corner
template <class T>
Tensor<T> hinge_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction = Reduction::mean);
/// max(0, 1 - target x)^2
template <class T>
Tensor<T> squared_hinge_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction = Reduction::mean);
/// x where the target is 1, else max(0, margin - x)
template <class T>
Tensor<T> hinge_embedding_loss(const Tensor<T>& x, const Tensor<T>& target, double margin = 1,
                               Reduction reduction = Reduction::mean);
/// log(1 + e^(-target x)) without overflow; any target
template <class T>
Tensor<T> soft_margin_loss(const Tensor<T>& x, const Tensor<T>& target, Reduction reduction = Reduction::mean);
/// max(0, -target (a - b) + margin): target 1 asks for a > b.
template <class T>
Tensor<T> margin_ranking_loss(const Tensor<T>& a, const Tensor<T>& b, const Tensor<T>& target, double margin = 0,
                              Reduction reduction = Reduction::mean);
/// Of vectors a, b (N, D) or (D) and targets (N) or (): 1 - cosine where the target is 1, else max(0, cosine - margin).
template <class T>
Tensor<T> cosine_embedding_loss(const Tensor<T>& a, const Tensor<T>& b, const Tensor<T>& target, double margin = 0,
                                Reduction reduction = Reduction::mean);

struct TripletMarginOptions {
  double margin = 1;
  double p = 2;       ///< of the norm; infinity: the largest difference
  double eps = 1e-6;  ///< added to each difference
  bool swap = false;  ///< the negative's distance from the anchor or the positive, whichever is nearer
  Reduction reduction = Reduction::mean;
};
/// max(0, D(anchor, positive) - D(anchor, negative) + margin) of vectors (N, D) or (D), D(u, v) = |u - v + eps|_p.
/// Throws Error unless p > 0. Balntas et al. 2016, BMVC
template <class T>
Tensor<T> triplet_margin_loss(const Tensor<T>& anchor, const Tensor<T>& positive, const Tensor<T>& negative,
                              const TripletMarginOptions& options = {});

}  // namespace xgrad
