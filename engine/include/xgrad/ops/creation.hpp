// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// New tensors; see also Tensor::zeros, ones, full and empty. The number type is named: arange<float>(0, 10).
//
// Random ones are functions of a key and the element's place, the same for any number of threads; without a key they
// take the next one of this thread (see manual_seed, set_random_step).
#include <vector>

#include "xgrad/data.hpp"
#include "xgrad/random.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad {

/// A constant tensor of x's shape.
template <class T> Tensor<T> full_like(const Tensor<T>& x, T value) { return Tensor<T>::full(x.shape(), value); }
/// The same, uninitialised.
template <class T> Tensor<T> empty_like(const Tensor<T>& x) { return Tensor<T>::empty(x.shape()); }
/// The same numbers in another type, outside the graph. Throws Error for a tensor that requires a gradient, which the
/// conversion would lose: detach() it.
template <class T, class From> Tensor<T> cast(const Tensor<From>& x);
/// Integers as numbers.
template <class T> Tensor<T> cast(const Indices& x);
/// start, start + step, ... before stop: ceil((stop - start) / step) elements. Throws Error for step 0, or one that
/// leads away from stop.
template <class T> Tensor<T> arange(double start, double stop, double step = 1);
/// 0, 1, ... before stop.
template <class T> Tensor<T> arange(double stop) { return arange<T>(0, stop); }
/// count numbers from start to stop, both included, equally far apart; one is start. Throws Error for count < 0.
template <class T> Tensor<T> linspace(double start, double stop, std::int64_t count);
/// base to the powers linspace(start, stop, count)
template <class T> Tensor<T> logspace(double start, double stop, std::int64_t count, double base = 10);
/// rows x columns with 1 on the diagonal, else 0; square unless columns are given.
template <class T> Tensor<T> eye(std::int64_t rows, std::int64_t columns = -1);
/// rows x columns with 1 on and below the diagonal, moved to the right by `offset`, else 0.
template <class T> Tensor<T> tri(std::int64_t rows, std::int64_t columns = -1, std::int64_t offset = 0);
/// 1 at each index along a new last axis of size `classes`, else 0. Throws Error for an index outside [0, classes).
template <class T> Tensor<T> one_hot(const Indices& indices, std::int64_t classes);

/// The order of meshgrid's first two axes.
enum class Indexing { ij, xy };
/// Coordinate grids of the vectors (rank 0 or 1): result i varies along axis i and has one axis for each vector; `xy`
/// exchanges the first two axes. Differentiable. Throws Error for an empty list or a rank above 1.
template <class T>
std::vector<Tensor<T>> meshgrid(const std::vector<Tensor<T>>& vectors, Indexing indexing = Indexing::ij);

/// Uniform in [low, high). Throws Error unless low <= high.
template <class T> Tensor<T> uniform(const Shape& shape, double low, double high, RandomKey key);
template <class T> Tensor<T> uniform(const Shape& shape, double low = 0, double high = 1);
/// Normal. Throws Error for a negative deviation.
template <class T> Tensor<T> normal(const Shape& shape, double mean, double deviation, RandomKey key);
template <class T> Tensor<T> normal(const Shape& shape, double mean = 0, double deviation = 1);
/// Uniform in [0, 1).
template <class T> Tensor<T> rand(const Shape& shape) { return uniform<T>(shape); }
/// Standard normal.
template <class T> Tensor<T> randn(const Shape& shape) { return normal<T>(shape); }
/// The same of x's shape.
template <class T> Tensor<T> rand_like(const Tensor<T>& x) { return uniform<T>(x.shape()); }
template <class T> Tensor<T> randn_like(const Tensor<T>& x) { return normal<T>(x.shape()); }
/// 1 with the probability that stands there, else 0. Throws Error for one outside [0, 1].
template <class T> Tensor<T> bernoulli(const Tensor<T>& probabilities, RandomKey key);
template <class T> Tensor<T> bernoulli(const Tensor<T>& probabilities);
/// Integers uniform in [low, high), without bias. Throws Error unless low < high.
Indices randint(std::int64_t low, std::int64_t high, const Shape& shape, RandomKey key);
Indices randint(std::int64_t low, std::int64_t high, const Shape& shape);
/// 0 ... n-1 in random order.
Indices randperm(std::int64_t n, RandomKey key);
Indices randperm(std::int64_t n);
/// `count` indices drawn with probabilities proportional to each row of weights (C) or (N, C): (count) or (N, count).
/// Without replacement the first of them are drawn first. Throws Error for a weight that is negative or not finite, a
/// row of zeros, or, without replacement, fewer positive weights than `count`.
template <class T> Indices multinomial(const Tensor<T>& weights, std::int64_t count, bool replacement, RandomKey key);
template <class T> Indices multinomial(const Tensor<T>& weights, std::int64_t count, bool replacement = false);

}  // namespace xgrad
