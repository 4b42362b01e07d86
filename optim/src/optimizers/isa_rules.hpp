// SPDX-License-Identifier: BSD-3-Clause
// What every instruction set's object file exports. No include guard: registry.cpp includes it once for each of them.
template <class T> struct Rules {
  const Rule<T>* rows;
  std::size_t count;
};
template <class T> Rules<T> builtin_rules();
/// The machine of expressions: a Pass's run().
template <class T> void run_expression(const void* kernel, const Block<T>& block, double* sums);
/// Stored numbers of a slot, from the one at `first` on, a multiple of kStateBlock; at most kStateTile of them.
template <class T> void decode_state(const SlotPlace& place, std::size_t first, std::size_t n, T* to);
/// The same back; the 16 random bits of a number are those at `draw` + its place.
template <class T>
void encode_state(const SlotPlace& place, std::size_t first, std::size_t n, const T* from, RandomKey key,
                  std::uint64_t draw);
/// In lanes over 1024 elements, then in double.
template <class T> double sum_of_squares(const T* x, std::size_t n);
