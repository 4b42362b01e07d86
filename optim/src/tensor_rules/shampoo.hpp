// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <optional>

#include "tensor_rules/math.hpp"

namespace xgrad::optim::tensor_rules {

/// For each axis H += G G^T, G the gradient as a matrix with a row for each place along the axis, beginning at epsilon
/// I; the gradient times H^(-1 / (2 axes)) along every axis is the step. All H see the raw gradient, as in the paper.
/// With a graft the step has the length of SGD's or Adagrad's; with a block_size a tensor is cut into blocks with
/// statistics of their own (both Anil et al. 2020, arXiv:2002.09018).
struct Shampoo {
  double lr = 0.1, momentum = 0, epsilon = 1e-4;
  std::int64_t update_freq = 1, max_dim = 8192;
  std::optional<std::int64_t> block_size;
  enum : int { none, sgd, adagrad };
  int graft = none, counted_axes = 0;
  static constexpr const char* name = "shampoo";
  static constexpr About about{"the gradient, preconditioned along each axis",
                               "Gupta, Koren, Singer 2018, arXiv:1802.09568"};
  static constexpr Traits traits{.reach = Reach::tensor, .float_tolerance = 2e-2};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("momentum", momentum, range::nonnegative, "weight of the previous direction");
    f("epsilon", epsilon, range::positive, "what the statistics begin with on their diagonals");
    f("update_freq", update_freq, range::count, "steps between roots of the statistics");
    f("max_dim", max_dim, Range{1, 32767}, "longer axes are left as they are");
    f("block_size", block_size, range::count, "longer axes are cut into pieces so long; null: none is");
    f("counted_axes", counted_axes, config::OneOf{"all|preconditioned"},
      "which axes the exponent -1 / (2 axes) counts: also those that are left as they are, or not");
    f("graft", graft, config::OneOf{"none|sgd|adagrad"}, "whose step's length each step has");
  }
  bool skips(const Shape& p, std::size_t axis) const { return p[axis] > max_dim; }
  /// A number is a vector of length 1.
  static Shape at_least_vector(const Shape& p) { return p.rank() == 0 ? Shape{1} : p; }
  std::vector<StateArray> arrays(const Shape& parameter) const {
    const Shape p = at_least_vector(parameter);
    std::vector<StateArray> result{{"momentum_buffer", parameter}};
    add_block_arrays(p, "", result);
    if (graft == adagrad) result.push_back({"sum", parameter});
    return result;
  }

  template <class T>
  Tensor<T> tensor(const Tensor<T>& p, const Tensor<T>& gradient, Tensor<T>* state, const Now& now) const {
    Tensor<T>* next = state + 1;
    Tensor<T> u = reshape(preconditioned(reshape(gradient, at_least_vector(p.shape())), next, now), p.shape());
    if (graft != none) u = grafted(u, gradient, next);
    if (momentum == 0) return lr * u;
    Tensor<T>& b = state[0];
    b = momentum * b + u;
    return lr * b;
  }

 private:
  /// The first axis that is cut, if there is one.
  std::optional<std::size_t> cut_axis(const Shape& p) const {
    for (std::size_t axis = 0; block_size && axis < p.rank(); ++axis)
      if (p[axis] > *block_size) return axis;
    return std::nullopt;
  }
  /// Calls body(start, length) for each piece of an axis.
  template <class Body> void for_pieces(std::int64_t size, const Body& body) const {
    for (std::int64_t start = 0; start < size; start += *block_size) body(start, std::min(*block_size, size - start));
  }
  void add_block_arrays(const Shape& p, const std::string& place, std::vector<StateArray>& arrays) const {
    if (const auto cut = cut_axis(p))
      return for_pieces(p[*cut], [&](std::int64_t start, std::int64_t length) {
        Shape piece = p;
        piece[*cut] = length;
        add_block_arrays(piece, place + "_" + std::to_string(start), arrays);
      });
    for (std::size_t axis = 0; axis < p.rank(); ++axis)
      for (const char* kind : {"statistics_", "root_"})
        arrays.push_back(array_of_axis(kind, axis, place, p[axis], !skips(p, axis)));
  }
  /// The gradient of a tensor or, piece by piece, of its blocks; `state` moves past what it has used.
  template <class T> Tensor<T> preconditioned(const Tensor<T>& g, Tensor<T>*& state, const Now& now) const {
    if (const auto cut = cut_axis(g.shape())) {
      const auto axis = static_cast<std::int64_t>(*cut);
      std::vector<Tensor<T>> pieces;
      for_pieces(g.shape()[*cut], [&](std::int64_t start, std::int64_t length) {
        pieces.push_back(preconditioned(narrow(g, axis, start, length), state, now));
      });
      return concat(pieces, axis);
    }
    double axes = 0;
    for (std::size_t axis = 0; axis < g.rank(); ++axis) axes += counted_axes == 0 || !skips(g.shape(), axis);
    const bool updates = static_cast<std::int64_t>(now.t - 1) % update_freq == 0;
    Tensor<T> u = g;
    for (std::size_t axis = 0; axis < g.rank(); ++axis, state += 2) {
      if (skips(g.shape(), axis)) continue;
      Tensor<T>&statistics = state[0], &root = state[1];
      if (now.t == 1) statistics = epsilon * identity<T>(g.shape()[axis]);
      const Tensor<T> matrix = unfold(g, axis);
      statistics = statistics + matmul(matrix, transpose(matrix));
      if (updates) root = power(statistics, -1 / (2 * axes));
      u = times_along(root, u, axis);
    }
    return u;
  }
  template <class T> Tensor<T> grafted(const Tensor<T>& u, const Tensor<T>& g, Tensor<T>* sum_of_squares) const {
    Tensor<T> model = g;
    if (graft == adagrad) {
      *sum_of_squares = *sum_of_squares + square(g);
      model = where(g != 0, g * rsqrt(*sum_of_squares), 0);
    }
    const double length = frobenius_norm(u);
    return length > 0 ? frobenius_norm(model) / length * u : u;
  }
  template <class T> Tensor<T> power(const Tensor<T>& symmetric, double exponent) const {
    if (!finite(symmetric)) return symmetric;
    const Eigh<T> e = eigh(symmetric);  // no eigenvalue can be less than what the statistics began with
    const Tensor<T> scale = pow(maximum(e.eigenvalues, epsilon), exponent);
    return matmul(e.eigenvectors * reshape(scale, {1, scale.shape()[0]}), transpose(e.eigenvectors));
  }
};

/// Adam in the eigenbasis of Shampoo's statistics. The first step only observes. Following its authors' program.
struct Soap {
  double lr = 3e-3, shampoo_beta = -1, eps = 1e-8;
  std::array<double, 2> betas{0.95, 0.95};
  std::int64_t precondition_frequency = 10, max_precond_dim = 10000;
  bool merge_dims = false, precondition_1d = false, normalize_grads = false, correct_bias = true;
  static constexpr const char* name = "soap";
  static constexpr About about{"Adam in Shampoo's eigenbasis", "Vyas et al. 2024, arXiv:2409.11321"};
  static constexpr Shared shared{0.01, Decay::after, 2};
  static constexpr Traits traits{.reach = Reach::tensor, .float_tolerance = 5e-2};
  void describe(Fields& f) {
    f("lr", lr, range::nonnegative, "step size");
    f("betas", betas, range::beta, "decay of the mean and of the mean square of the gradient");
    f("shampoo_beta", shampoo_beta, Range{-1, 1, false, true}, "decay of the statistics; below 0 it is betas[1]");
    f("eps", eps, range::nonnegative, "added to the root of the mean square");
    f("precondition_frequency", precondition_frequency, range::count, "steps between changes of the basis");
    f("max_precond_dim", max_precond_dim, Range{1, 32767}, "longer axes are left as they are");
    f("merge_dims", merge_dims, "neighbouring axes as one, up to max_precond_dim (filters: in x height x width)");
    f("precondition_1d", precondition_1d, "also vectors have a basis");
    f("normalize_grads", normalize_grads, "steps of root mean square 1");
    f("correct_bias", correct_bias, "correct Adam's averages for their zero start");
  }
  /// The shape that has the bases.
  Shape merged(const Shape& p) const {
    if (!merge_dims) return p;
    std::vector<std::int64_t> sizes;
    std::int64_t size = 1;
    for (std::size_t axis = 0; axis < p.rank(); ++axis) {
      if (size * p[axis] > max_precond_dim) {
        if (size > 1) sizes.push_back(size);
        size = p[axis];
      } else {
        size *= p[axis];
      }
    }
    if (size > 1 || sizes.empty()) sizes.push_back(size);
    return Shape(std::span<const std::int64_t>(sizes));
  }
  bool has_basis(const Shape& p, std::size_t axis) const {
    return (p.rank() > 1 || precondition_1d) && p[axis] <= max_precond_dim;
  }
  std::vector<StateArray> arrays(const Shape& parameter) const {
    const Shape p = merged(parameter);
    std::vector<StateArray> result{{"exp_avg", p}, {"exp_avg_sq", p}};
    for (std::size_t axis = 0; axis < p.rank(); ++axis)
      for (const char* kind : {"statistics_", "basis_"})
        result.push_back(array_of_axis(kind, axis, "", p[axis], has_basis(p, axis)));
    return result;
  }

  template <class T>
  Tensor<T> tensor(const Tensor<T>& p, const Tensor<T>& gradient, Tensor<T>* state, const Now& now) const {
    const Tensor<T> g = reshape(gradient, merged(p.shape()));
    if (now.t == 1) {
      observe(g, state);
      for (std::size_t axis = 0; axis < g.rank(); ++axis)
        if (has_basis(g.shape(), axis) && finite(g))
          state[3 + 2 * axis] =
              flip(eigh(state[2 + 2 * axis] + 1e-30 * identity<T>(g.shape()[axis])).eigenvectors, {1});
      return Tensor<T>::zeros(p.shape());
    }
    const double k = now.t - 1;
    Tensor<T>&m = state[0], &v = state[1];
    const Tensor<T> projected = rotate(g, state, true);
    m = toward(m, projected, 1 - betas[0]);
    v = toward(v, square(projected), 1 - betas[1]);
    const double rate = correct_bias ? lr * std::sqrt(1 - std::pow(betas[1], k)) / (1 - std::pow(betas[0], k)) : lr;
    Tensor<T> step = rotate(m / (sqrt(v) + eps), state, false);
    if (normalize_grads) step = step / (1e-30 + rms(step));
    const Tensor<T> plain = rotate(m, state, false);
    observe(g, state);
    if (static_cast<std::int64_t>(k) % precondition_frequency == 0) turn(g.shape(), state);
    m = rotate(plain, state, true);
    return reshape(rate * step, p.shape());
  }

 private:
  template <class T> void observe(const Tensor<T>& g, Tensor<T>* state) const {
    for (std::size_t axis = 0; axis < g.rank(); ++axis) {
      if (!has_basis(g.shape(), axis)) continue;
      const Tensor<T> matrix = unfold(g, axis);
      Tensor<T>& statistics = state[2 + 2 * axis];
      statistics =
          toward(statistics, matmul(matrix, transpose(matrix)), 1 - (shampoo_beta < 0 ? betas[1] : shampoo_beta));
    }
  }
  /// Into the basis, or back.
  template <class T> Tensor<T> rotate(Tensor<T> x, const Tensor<T>* state, bool into) const {
    for (std::size_t axis = 0; axis < x.rank(); ++axis)
      if (has_basis(x.shape(), axis)) {
        const Tensor<T>& basis = state[3 + 2 * axis];
        x = times_along(into ? transpose(basis) : basis, x, axis);
      }
    return x;
  }
  /// One power iteration towards the eigenvectors, in the order of their present eigenvalues.
  template <class T> void turn(const Shape& p, Tensor<T>* state) const {
    for (std::size_t axis = 0; axis < p.rank(); ++axis) {
      if (!has_basis(p, axis) || !finite(state[2 + 2 * axis])) continue;
      Tensor<T>& basis = state[3 + 2 * axis];
      const Tensor<T>& statistics = state[2 + 2 * axis];
      const Tensor<T> values = sum(basis * matmul(statistics, basis), {0});
      std::vector<std::int64_t> order;
      for (std::int64_t i = 0; i < p[axis]; ++i) order.push_back(i);
      std::stable_sort(order.begin(), order.end(),
                       [&](std::int64_t a, std::int64_t b) { return values.data()[a] > values.data()[b]; });
      Tensor<T> permutation = Tensor<T>::zeros(basis.shape());
      for (std::size_t i = 0; i < order.size(); ++i)
        permutation.mutable_data()[static_cast<std::size_t>(order[i]) * order.size() + i] = 1;
      state[1] = times_along(transpose(permutation), state[1], axis);
      basis = qr(matmul(statistics, matmul(basis, permutation))).q;
    }
  }
};

}  // namespace xgrad::optim::tensor_rules
