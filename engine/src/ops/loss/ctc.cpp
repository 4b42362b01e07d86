// SPDX-License-Identifier: BSD-3-Clause
// Connectionist temporal classification: first order by the forward-backward algorithm, higher orders through the same
// recursion in recorded operations.
#include <cmath>
#include <limits>
#include <vector>

#include "ops/loss/common.hpp"
#include "xgrad/ops/shape.hpp"
#include "xgrad/threads.hpp"

namespace xgrad {
namespace {

constexpr double kImpossible = -std::numeric_limits<double>::infinity();

double log_add(double a, double b) {
  const double larger = std::max(a, b);
  return larger == kImpossible ? larger : larger + std::log1p(std::exp(-std::abs(a - b)));
}

/// The samples of a batch; labels are extended by a blank before, between and after them.
struct Alignment {
  Indices targets, input_lengths, target_lengths;
  std::int64_t blank;
  std::size_t classes, longest;  // longest: 2 S + 1

  std::size_t batch() const { return input_lengths.size(); }
  std::size_t times(std::size_t n) const { return static_cast<std::size_t>(input_lengths.data()[n]); }
  std::size_t states(std::size_t n) const { return 2 * static_cast<std::size_t>(target_lengths.data()[n]) + 1; }
  std::size_t label(std::size_t n, std::size_t s) const {
    return static_cast<std::size_t>(s % 2 == 0 ? blank : targets.data()[n * (longest / 2) + s / 2]);
  }
  /// May state s follow state s - 2?
  bool skips(std::size_t n, std::size_t s) const { return s >= 2 && s % 2 == 1 && label(n, s) != label(n, s - 2); }
};

/// One sample's log-probabilities, in double.
template <class T> struct Sample {
  const Alignment& all;
  std::size_t n;
  const T* log_probs;

  double emission(std::size_t t, std::size_t s) const {
    return static_cast<double>(log_probs[(t * all.batch() + n) * all.classes + all.label(n, s)]);
  }

  /// alpha (times x states): log of the probability of all ways to reach state s at time t, its emission included.
  /// Returns the loss.
  double forward(double* alpha) const {
    const std::size_t times = all.times(n), states = all.states(n);
    if (times == 0) return states == 1 ? 0 : -kImpossible;
    for (std::size_t s = 0; s < states; ++s) alpha[s] = s < 2 ? emission(0, s) : kImpossible;
    for (std::size_t t = 1; t < times; ++t) {
      const double* before = alpha + (t - 1) * states;
      for (std::size_t s = 0; s < states; ++s) {
        double reach = before[s];
        if (s >= 1) reach = log_add(reach, before[s - 1]);
        if (all.skips(n, s)) reach = log_add(reach, before[s - 2]);
        alpha[t * states + s] = reach + emission(t, s);
      }
    }
    const double* last = alpha + (times - 1) * states;
    return -(states == 1 ? last[0] : log_add(last[states - 1], last[states - 2]));
  }

  /// gradient[t, n, label(s)] -= scale * probability of state s at time t, given the labels.
  void backward(const double* alpha, double loss, double scale, T* gradient) const {
    const std::size_t times = all.times(n), states = all.states(n);
    Storage<double> rows(2 * states);
    double *beta = rows.data(), *next = beta + states;  // log of the probability of all ways from state s to the end
    for (std::size_t t = times; t-- > 0;) {
      std::swap(beta, next);
      for (std::size_t s = 0; s < states; ++s) {
        if (t + 1 == times) {
          beta[s] = s + 2 >= states ? 0 : kImpossible;
        } else {
          beta[s] = next[s] + emission(t + 1, s);
          if (s + 1 < states) beta[s] = log_add(beta[s], next[s + 1] + emission(t + 1, s + 1));
          if (s + 2 < states && all.skips(n, s + 2)) beta[s] = log_add(beta[s], next[s + 2] + emission(t + 1, s + 2));
        }
        gradient[(t * all.batch() + n) * all.classes + all.label(n, s)] -=
            static_cast<T>(scale * std::exp(alpha[t * states + s] + beta[s] + loss));
      }
    }
  }
};

/// The losses in recorded operations, for gradients of gradients.
template <class T> Tensor<T> recorded_losses(const Tensor<T>& log_probs, const Alignment& all, bool zero_infinity) {
  const auto impossible = [](std::size_t count) {
    return Tensor<T>::full(Shape{static_cast<std::int64_t>(count)}, static_cast<T>(kImpossible));
  };
  std::vector<Tensor<T>> losses;
  for (std::size_t n = 0; n < all.batch(); ++n) {
    const auto times = static_cast<std::int64_t>(all.times(n)), states = static_cast<std::int64_t>(all.states(n)),
               sample = static_cast<std::int64_t>(n);
    const auto stop = [&](T value) { losses.push_back(Tensor<T>(value)); };
    if (times == 0) {
      stop(states == 1 || zero_infinity ? T{0} : std::numeric_limits<T>::infinity());
      continue;
    }
    const Tensor<T> rows = reshape(slice(log_probs, 1, sample, sample + 1), {log_probs.size(0), -1});
    std::vector<Tensor<T>> columns;
    Mask skips(Shape{states});
    for (std::int64_t s = 0; s < states; ++s) {
      const auto label = static_cast<std::int64_t>(all.label(n, static_cast<std::size_t>(s)));
      columns.push_back(slice(rows, 1, label, label + 1));
      skips.data()[s] = all.skips(n, static_cast<std::size_t>(s));
    }
    const Tensor<T> emissions = concat(columns, 1);
    const auto at = [&](std::int64_t t) { return reshape(slice(emissions, 0, t, t + 1), {-1}); };
    const auto moved = [&](const Tensor<T>& x, std::int64_t by) {
      return states <= by ? impossible(static_cast<std::size_t>(states))
                          : concat<T>({impossible(static_cast<std::size_t>(by)), slice(x, 0, 0, -by)});
    };
    Mask starts(Shape{states});
    for (std::int64_t s = 0; s < states; ++s) starts.data()[s] = s < 2;
    const Tensor<T> none = impossible(static_cast<std::size_t>(states));
    Tensor<T> alpha = where(starts, at(0), none);
    for (std::int64_t t = 1; t < times; ++t)
      alpha = logaddexp(logaddexp(alpha, moved(alpha, 1)), where(skips, moved(alpha, 2), none)) + at(t);
    const Tensor<T> total = reshape(logsumexp(slice(alpha, 0, -2)), Shape{});
    if (zero_infinity && total.data()[0] == static_cast<T>(kImpossible))
      stop(T{0});
    else
      losses.push_back(-total);
  }
  return stack(losses);
}

template <class T>
Alignment check_ctc(const Tensor<T>& log_probs, const Indices& targets, const Indices& input_lengths,
                    const Indices& target_lengths, std::int64_t blank) {
  XGRAD_CHECK(log_probs.rank() == 3, "ctc_loss: log_probs have shape ", log_probs.shape(), "; expected (T, N, C)");
  const std::int64_t times = log_probs.size(0), batch = log_probs.size(1), classes = log_probs.size(2);
  XGRAD_CHECK(targets.shape().rank() == 2 && targets.shape()[0] == batch, "ctc_loss: targets have shape ",
              targets.shape(), " for log_probs ", log_probs.shape(), "; expected (N, S) with N = ", batch);
  XGRAD_CHECK(input_lengths.shape() == Shape{batch} && target_lengths.shape() == Shape{batch},
              "ctc_loss: input_lengths of shape ", input_lengths.shape(), ", target_lengths of shape ",
              target_lengths.shape(), "; expected one for each of ", batch, " samples");
  XGRAD_CHECK(blank >= 0 && blank < classes, "ctc_loss: blank is ", blank, "; expected a class in [0, ", classes, ")");
  const std::int64_t longest = targets.shape()[1];
  for (std::int64_t n = 0; n < batch; ++n) {
    const std::int64_t inputs = input_lengths.data()[n], labels = target_lengths.data()[n];
    XGRAD_CHECK(inputs >= 0 && inputs <= times, "ctc_loss: input length ", inputs, " of sample ", n, "; expected 0 to ",
                times);
    XGRAD_CHECK(labels >= 0 && labels <= longest, "ctc_loss: target length ", labels, " of sample ", n,
                "; expected 0 to ", longest);
    for (std::int64_t s = 0; s < labels; ++s) {
      const std::int64_t label = targets.data()[n * longest + s];
      XGRAD_CHECK(label >= 0 && label < classes && label != blank, "ctc_loss: target ", label, " at position ", s,
                  " of sample ", n, "; expected a class in [0, ", classes, ") that is not the blank, ", blank);
    }
  }
  const auto copy = [](const Indices& x) { return Indices(x.shape(), x.values()); };  // the caller's may change
  return {copy(targets),
          copy(input_lengths),
          copy(target_lengths),
          blank,
          static_cast<std::size_t>(classes),
          2 * static_cast<std::size_t>(longest) + 1};
}

}  // namespace

template <class T>
Tensor<T> ctc_loss(const Tensor<T>& log_probs, const Indices& targets, const Indices& input_lengths,
                   const Indices& target_lengths, const CtcOptions& options) {
  const Alignment all = check_ctc(log_probs, targets, input_lengths, target_lengths, options.blank);
  const std::size_t batch = all.batch(), per_sample = static_cast<std::size_t>(log_probs.size(0)) * all.longest;
  Tensor<double> alpha = Tensor<double>::empty(Shape{static_cast<std::int64_t>(batch * per_sample)}),
                 exact = Tensor<double>::empty(Shape{static_cast<std::int64_t>(batch)});
  double *alphas = alpha.mutable_data(), *losses = exact.mutable_data();
  parallel_for(batch, [&](std::size_t n) {
    losses[n] = Sample<T>{all, n, log_probs.data()}.forward(alphas + n * per_sample);
  });
  Storage<T> value(batch);
  for (std::size_t n = 0; n < batch; ++n)
    value[n] = static_cast<T>(options.zero_infinity && losses[n] == -kImpossible ? 0 : losses[n]);
  const Tensor<T> each = record<T>(
      "ctc_loss", Shape{static_cast<std::int64_t>(batch)}, std::move(value), kSaveInput,
      [all, alpha, exact, per_sample, zero_infinity = options.zero_infinity](Node<T>& n, const Tensor<T>& g) {
        if (is_grad_enabled()) return n.substitute(recorded_losses(n.input(0), all, zero_infinity), g);
        Tensor<T> gradient = Tensor<T>::zeros(n.input_shape(0));
        T* place = gradient.mutable_data();
        const T* inputs = n.input_data(0);
        parallel_for(all.batch(), [&](std::size_t k) {
          const double loss = exact.data()[k];
          if (zero_infinity && loss == -kImpossible) return;
          Sample<T>{all, k, inputs}.backward(alpha.data() + k * per_sample, loss, static_cast<double>(g.data()[k]),
                                             place);
        });
        n.give(0, std::move(gradient));
      },
      log_probs);
  if (options.reduction != Reduction::mean) return detail::reduced(each, options.reduction);
  Tensor<T> labels = Tensor<T>::empty(each.shape());
  for (std::size_t n = 0; n < batch; ++n)
    labels.mutable_data()[n] = static_cast<T>(std::max<std::int64_t>(target_lengths.data()[n], 1));
  return mean(each / labels);
}

#define XGRAD_INSTANTIATE(T) \
  template Tensor<T> ctc_loss(const Tensor<T>&, const Indices&, const Indices&, const Indices&, const CtcOptions&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad
