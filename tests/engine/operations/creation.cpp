// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: creation, random numbers (whose distributions test_creation.cpp looks at).
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

/// A function that takes no tensor; the sample only carries the number type.
template <class Function> OperationRow created(const char* name, Function f, const char* torch) {
  return {name, f, torch, {{{{}}}}, false, false};
}

const RandomKey kKey{1, 2, 3};
const Indices kPlaces(Shape{2, 2}, {0, 2, 1, 1});

}  // namespace

std::vector<OperationRow> creation_rows() {
  return {
      created("full_like", F(full_like(x[0], T(2.5))), "torch.full_like(x[0], 2.5)"),
      created("empty_like", F(Tensor<T>::zeros(empty_like(x[0]).shape())), "torch.zeros(())"),
      created("cast", F(cast<T>(Tensor<float>({3}, {1.5f, -2, 0}))), "D([1.5, -2, 0])"),
      created("cast", F(cast<T>(kPlaces)), "I([[0, 2], [1, 1]])"),
      created("arange", F(arange<T>(5)), "torch.arange(5)"),
      created("arange", F(arange<T>(-1, 2, 0.4)), "torch.arange(-1, 2, 0.4)"),
      created("arange", F(arange<T>(3, 0, -1)), "torch.arange(3, 0, -1)"),
      created("arange", F(arange<T>(1, 1)), "torch.arange(1, 1)"),
      created("linspace", F(linspace<T>(-1, 2, 7)), "torch.linspace(-1, 2, 7)"),
      created("linspace", F(linspace<T>(3, -1, 4)), "torch.linspace(3, -1, 4)"),
      created("linspace", F(linspace<T>(3, -1, 1)), "torch.linspace(3, -1, 1)"),
      created("linspace", F(linspace<T>(3, -1, 0)), "torch.linspace(3, -1, 0)"),
      created("logspace", F(logspace<T>(-1, 2, 5)), "torch.logspace(-1, 2, 5)"),
      created("logspace", F(logspace<T>(0, 3, 4, 2)), "torch.logspace(0, 3, 4, 2)"),
      created("eye", F(eye<T>(3)), "torch.eye(3)"),
      created("eye", F(eye<T>(2, 4)), "torch.eye(2, 4)"),
      created("tri", F(tri<T>(3)), "torch.tril(torch.ones(3, 3))"),
      created("tri", F(tri<T>(3, 5, 1)), "torch.tril(torch.ones(3, 5), 1)"),
      created("tri", F(tri<T>(4, 2, -2)), "torch.tril(torch.ones(4, 2), -2)"),
      created("one_hot", F(one_hot<T>(kPlaces, 4)), "F.one_hot(I([[0, 2], [1, 1]]), 4)"),
      {"meshgrid",
       F(meshgrid<T>({x[0], x[1]})[0] * meshgrid<T>({x[0], x[1]})[1]),
       "math.prod(torch.meshgrid(x[0], x[1], indexing='ij'))",
       {{{{2}}, {{3}}}, {{{1}}, {{}}}, {{{3}}, {{0}}}}},
      {"meshgrid",
       F(meshgrid<T>({x[0], x[1], x[2]}, Indexing::xy)[1] * x[0]),
       "torch.meshgrid(*x, indexing='xy')[1] * x[0]",
       {{{{2}}, {{3}}, {{2}}}}},
      // random
      created("uniform", F(uniform<T>({3}, -1, 2, kKey)), ""),
      created("normal", F(normal<T>({3}, -1, 2, kKey)), ""),
      created("rand", F(rand<T>({3})), ""),
      created("rand_like", F(rand_like(x[0])), ""),
      created("randn_like", F(randn_like(x[0])), ""),
      created("randn", F(randn<T>({3})), ""),
      created("bernoulli", F(bernoulli(Tensor<T>::full({3}, 0.5), kKey)), ""),
      created("randint", F(cast<T>(randint(2, 5, {3}, kKey))), ""),
      created("randperm", F(cast<T>(randperm(3, kKey))), ""),
      created("multinomial", F(cast<T>(multinomial(Tensor<T>::ones({3}), 2, false, kKey))), ""),
  };
}
