// SPDX-License-Identifier: BSD-3-Clause
// What every instruction set's object file exports. No include guard: registry.cpp includes it once for each of them.
template <class T> struct Rules {
  const Rule<T>* rows;
  std::size_t count;
};
template <class T> Rules<T> builtin_rules();
/// The machine of expressions: a Pass's run().
template <class T> void run_expression(const void* kernel, const Block<T>& block, double* sums);
/// In lanes over 1024 elements, then in double.
template <class T> double sum_of_squares(const T* x, std::size_t n);
