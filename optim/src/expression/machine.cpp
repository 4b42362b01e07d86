// SPDX-License-Identifier: BSD-3-Clause
// The machine that runs a compiled optimizer, for one instruction set. Threaded code on a tile of eight batches: each
// instruction is a function that takes the accumulator in eight registers and ends in a jump to the next one, so the
// accumulator never leaves them; everything else is read from memory or from cells that stay in the first cache.
#include <limits>

#include "program.hpp"
#include "xgrad/optim/kernel.hpp"
#include "xgrad/optim/state.hpp"

namespace xgrad::optim::inline XGRAD_ISA {
#include "optimizers/isa_rules.hpp"

namespace expression_machine {

using expression::kMaxCells;
using expression::kMaxOps;
using expression::kMaxScalars;
using expression::Op;
using expression::Operand;
using expression::Program;

template <class T> using Batch = xgrad::simd::Batch<T>;
template <class T> using Register = typename Batch<T>::register_type;

constexpr std::size_t kBatches = 8;
template <class T> inline constexpr std::size_t kTile = kBatches* Batch<T>::size;

template <class T> struct Step;
template <class T>
using Handler = void (*)(const Step<T>* at, std::size_t i, Register<T>, Register<T>, Register<T>, Register<T>,
                         Register<T>, Register<T>, Register<T>, Register<T>);

/// An instruction with its operands' addresses: element i of a parameter's array (mask ~0), or a tile of its own (0).
template <class T> struct Step {
  Handler<T> run;
  T *x, *y;
  std::size_t x_mask, y_mask;
};

#define XGRAD_REGISTERS(type) type a0, type a1, type a2, type a3, type a4, type a5, type a6, type a7
#define XGRAD_NEXT at[1].run(at + 1, i, a0, a1, a2, a3, a4, a5, a6, a7)

/// body(k, register k) for the whole tile.
template <class T, class Body>
[[gnu::always_inline]] inline void for_tile(const Body& body, XGRAD_REGISTERS(Register<T>&)) {
  body(0, a0);
  body(1, a1);
  body(2, a2);
  body(3, a3);
  body(4, a4);
  body(5, a5);
  body(6, a6);
  body(7, a7);
}

/// f(a), f(a, x) or f(a, x, y), whichever F takes.
template <class T, class F> Register<T> apply(Register<T> a, const T* x, const T* y) {
  using V = Batch<T>;
  if constexpr (std::is_invocable_v<F, V>)
    return static_cast<V>(F{}(V(a)));
  else if constexpr (std::is_invocable_v<F, V, V>)
    return static_cast<V>(F{}(V(a), V::load_unaligned(x)));
  else
    return static_cast<V>(F{}(V(a), V::load_unaligned(x), V::load_unaligned(y)));
}

template <class T, class F>
[[gnu::flatten]] void function(const Step<T>* at, std::size_t i, XGRAD_REGISTERS(Register<T>)) {
  const T* const x = at->x + (i & at->x_mask);
  const T* const y = at->y + (i & at->y_mask);
  for_tile<T>(
      [x, y](std::size_t k, Register<T>& a) { a = apply<T, F>(a, x + k * Batch<T>::size, y + k * Batch<T>::size); }, a0,
      a1, a2, a3, a4, a5, a6, a7);
  XGRAD_NEXT;
}
/// For functions whose code is long: one copy of it.
template <class T, class F> [[gnu::flatten, gnu::noinline]] void apply_to_all(Register<T>* a, const T* x) {
  for (std::size_t k = 0; k < kBatches; ++k) a[k] = apply<T, F>(a[k], x + k * Batch<T>::size, x);
}
template <class T, class F> void long_function(const Step<T>* at, std::size_t i, XGRAD_REGISTERS(Register<T>)) {
  Register<T> a[kBatches] = {a0, a1, a2, a3, a4, a5, a6, a7};
  apply_to_all<T, F>(a, at->x + (i & at->x_mask));
  at[1].run(at + 1, i, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
}
template <class T> [[gnu::flatten]] void load_tile(const Step<T>* at, std::size_t i, XGRAD_REGISTERS(Register<T>)) {
  const T* const x = at->x + (i & at->x_mask);
  for_tile<T>([x](std::size_t k, Register<T>& a) { a = Batch<T>::load_unaligned(x + k * Batch<T>::size); }, a0, a1, a2,
              a3, a4, a5, a6, a7);
  XGRAD_NEXT;
}
template <class T> [[gnu::flatten]] void store_tile(const Step<T>* at, std::size_t i, XGRAD_REGISTERS(Register<T>)) {
  T* const x = at->x + (i & at->x_mask);
  for_tile<T>([x](std::size_t k, Register<T>& a) { Batch<T>(a).store_unaligned(x + k * Batch<T>::size); }, a0, a1, a2,
              a3, a4, a5, a6, a7);
  XGRAD_NEXT;
}
/// To the parameter; y is its decay after the step.
template <class T>
[[gnu::flatten]] void store_parameter(const Step<T>* at, std::size_t i, XGRAD_REGISTERS(Register<T>)) {
  T* const x = at->x + (i & at->x_mask);
  const Batch<T> decay(*at->y);
  for_tile<T>(
      [x, decay](std::size_t k, Register<T>& a) { (decay * Batch<T>(a)).store_unaligned(x + k * Batch<T>::size); }, a0,
      a1, a2, a3, a4, a5, a6, a7);
  XGRAD_NEXT;
}
template <class T> void end(const Step<T>*, std::size_t, XGRAD_REGISTERS(Register<T>)) {
  static_cast<void>(a0), static_cast<void>(a1), static_cast<void>(a2), static_cast<void>(a3), static_cast<void>(a4),
      static_cast<void>(a5), static_cast<void>(a6), static_cast<void>(a7);
}
#undef XGRAD_REGISTERS
#undef XGRAD_NEXT

/// 1 where the comparison holds, 0 elsewhere.
template <class V, class Mask> V as_number(const Mask& mask) { return xsimd::select(mask, V(1), V(0)); }

/// The result, but x where that is NaN: the processor's max and min give a NaN on only if it comes second.
template <class V> V with_nan(const V& x, const V& result) { return xsimd::select(x == x, result, x); }

template <class T> Handler<T> handler_of(Op op) {
  using V = Batch<T>;
#define XGRAD_CASE(op, kind, ...)               \
  case Op::op: {                                \
    const auto f = [] __VA_ARGS__;              \
    return &kind<T, std::decay_t<decltype(f)>>; \
  }
  switch (op) {
    XGRAD_CASE(
        neg, function, (V a) { return -a; })
    XGRAD_CASE(
        abs, function, (V a) { return xsimd::abs(a); })
    XGRAD_CASE(
        sign, function, (V a) { return xsimd::sign(a); })
    XGRAD_CASE(
        sqrt, function, (V a) { return xsimd::sqrt(a); })
    XGRAD_CASE(
        exp, long_function, (V a) { return xsimd::exp(a); })
    XGRAD_CASE(
        log, long_function, (V a) { return xsimd::log(a); })
    XGRAD_CASE(
        tanh, long_function, (V a) { return xsimd::tanh(a); })
    XGRAD_CASE(
        add, function, (V a, V x) { return a + x; })
    XGRAD_CASE(
        sub, function, (V a, V x) { return a - x; })
    XGRAD_CASE(
        reversed_sub, function, (V a, V x) { return x - a; })
    XGRAD_CASE(
        mul, function, (V a, V x) { return a * x; })
    XGRAD_CASE(
        div, function, (V a, V x) { return a / x; })
    XGRAD_CASE(
        reversed_div, function, (V a, V x) { return x / a; })
    XGRAD_CASE(
        max, function, (V a, V x) { return with_nan(x, xsimd::max(x, a)); })
    XGRAD_CASE(
        min, function, (V a, V x) { return with_nan(x, xsimd::min(x, a)); })
    XGRAD_CASE(
        pow, long_function, (V a, V x) { return xsimd::pow(a, x); })
    XGRAD_CASE(
        reversed_pow, long_function, (V a, V x) { return xsimd::pow(x, a); })
    XGRAD_CASE(
        less, function, (V a, V x) { return as_number<V>(a < x); })
    XGRAD_CASE(
        less_equal, function, (V a, V x) { return as_number<V>(a <= x); })
    XGRAD_CASE(
        greater, function, (V a, V x) { return as_number<V>(a > x); })
    XGRAD_CASE(
        greater_equal, function, (V a, V x) { return as_number<V>(a >= x); })
    XGRAD_CASE(
        equal, function, (V a, V x) { return as_number<V>(a == x); })
    XGRAD_CASE(
        not_equal, function, (V a, V x) { return as_number<V>(a != x); })
    XGRAD_CASE(
        where, function, (V a, V x, V y) { return xsimd::select(a != V(0), x, y); })
    XGRAD_CASE(
        multiply_add, function, (V a, V x, V y) { return xsimd::fma(a, x, y); })
    XGRAD_CASE(
        multiply_sub, function, (V a, V x, V y) { return xsimd::fms(a, x, y); })
    XGRAD_CASE(
        negated_multiply_add, function, (V a, V x, V y) { return xsimd::fnma(a, x, y); })
    XGRAD_CASE(
        add_product, function, (V a, V x, V y) { return xsimd::fma(x, y, a); })
    XGRAD_CASE(
        sub_product, function, (V a, V x, V y) { return xsimd::fnma(x, y, a); })
    XGRAD_CASE(
        product_sub, function, (V a, V x, V y) { return xsimd::fms(x, y, a); })
    case Op::load: return &load_tile<T>;
    case Op::store: return &store_tile<T>;
    case Op::store_p: return &store_parameter<T>;
    default: return &end<T>;  // leaves are never instructions
  }
#undef XGRAD_CASE
}

/// True if nothing reads the parameter's cell once the parameter is stored.
inline bool reads_parameter_first(const Program& program) {
  bool stored = false;
  for (const expression::Instruction* at = program.instructions; at->op != Op::end; ++at) {
    for (const Operand& operand : {at->x, at->y})
      if (stored && operand.kind == Operand::Kind::cell && operand.index == expression::kParameterCell) return false;
    stored |= at->op == Op::store_p;
  }
  return true;
}

/// A program with addresses: what it works on, and the tiles of its own.
template <class T> struct Machine {
  alignas(64) T cells[kMaxCells][kTile<T>];
  alignas(64) T scalars[kMaxScalars][kTile<T>];
  alignas(64) T nothing[kTile<T>] = {};  // where instructions without operands point
  Step<T> steps[kMaxOps];
  simd::GradientInput<T> input;
  T parameter_decay;
  bool gradient_as_is, parameter_as_is;  // read where they lie, not from a cell

  Machine(const expression::Prepared& prepared, const Block<T>& block)
      : input(block), parameter_decay(prepared.program->sum_count != 0 ? T{1} : block.parameter_decay),
        gradient_as_is(block.gradient_scale == 1 && block.gradient_decay == 0 &&
                       block.clip == std::numeric_limits<T>::infinity()),
        parameter_as_is(parameter_decay == 1 && reads_parameter_first(*prepared.program)) {
    for (std::size_t s = 0; s < prepared.program->scalar_count; ++s)
      for (T& element : scalars[s]) element = static_cast<T>(prepared.scalars[s]);
    nothing[0] = block.result_decay;
  }
  /// Whole arrays, or one tile that holds the rest of them.
  void point_at(const Program& program, T* p, const T* g, T* const* slots, bool whole) {
    const std::size_t mask = whole ? ~std::size_t{0} : 0;
    const auto address = [&](Operand operand, T*& place, std::size_t& place_mask) {
      place_mask = 0;
      place = operand.kind == Operand::Kind::cell     ? cells[operand.index]
              : operand.kind == Operand::Kind::scalar ? scalars[operand.index]
                                                      : nothing;
      T* array = operand.kind == Operand::Kind::slot ? slots[operand.index] : nullptr;
      if (operand.kind == Operand::Kind::cell) {
        if (operand.index == expression::kGradientCell && gradient_as_is) array = const_cast<T*>(g);  // only read
        if (operand.index == expression::kParameterCell && parameter_as_is) array = p;
      }
      if (!array) return;
      place = array;
      place_mask = mask;
    };
    for (std::size_t k = 0;; ++k) {
      const expression::Instruction& instruction = program.instructions[k];
      Step<T>& step = steps[k];
      step.run = handler_of<T>(instruction.op);
      address(instruction.x, step.x, step.x_mask);
      address(instruction.y, step.y, step.y_mask);
      if (instruction.op == Op::store_p) {
        step.x = p;
        step.x_mask = mask;
      }
      if (instruction.op == Op::end) return;
    }
  }
  /// One tile; p and g are where it begins, i its place in the arrays that the steps point at.
  void run(const T* p, const T* g, std::size_t i) {
    using V = Batch<T>;
    const simd::GradientInput<T> gradient = input;
    const V decay(parameter_decay);
    for (std::size_t k = 0; k < kTile<T> && !(gradient_as_is && parameter_as_is); k += V::size) {
      const V parameter = V::load_unaligned(p + k);
      gradient(V::load_unaligned(g + k), parameter).store_aligned(cells[expression::kGradientCell] + k);
      (decay * parameter).store_aligned(cells[expression::kParameterCell] + k);
    }
    const V zero(0);
    steps[0].run(steps, i, zero, zero, zero, zero, zero, zero, zero, zero);
  }
  /// The terms of `count` sums, of a tile's first n elements.
  void add_to(double* sums, std::size_t count, std::size_t n) const;
};

/// Of the first n elements of a tile, at most all.
template <class T> double total(const T* tile, std::size_t n) {
  using V = Batch<T>;
  V sum(0);
  for (std::size_t k = 0; k < n; k += V::size)
    sum = sum + (n - k < V::size ? xgrad::simd::load_tail(tile + k, n - k) : V::load_aligned(tile + k));
  return static_cast<double>(xsimd::hadd(sum));
}

template <class T> void Machine<T>::add_to(double* sums, std::size_t count, std::size_t n) const {
  for (std::size_t s = 0; s < count; ++s) sums[s] += total(cells[expression::kFirstSumCell + s], n);
}

/// A step, or a pass that adds to the sums and leaves everything as it is.
template <class T>
[[gnu::noinline]] void run(const expression::Prepared& prepared, const Block<T>& block, double* sums) {
  const Program& program = *prepared.program;
  Machine<T> machine(prepared, block);
  const std::size_t whole = block.n - block.n % kTile<T>;
  if (whole != 0) {
    machine.point_at(program, block.p, block.g, block.slots, true);
    for (std::size_t i = 0; i < whole; i += kTile<T>) {
      machine.run(block.p + i, block.g + i, i);
      machine.add_to(sums, program.sum_count, kTile<T>);
    }
  }
  const std::size_t rest = block.n - whole;
  if (rest == 0) return;
  // The rest as a tile filled up with zeros.
  alignas(64) T p[kTile<T>] = {}, g[kTile<T>] = {}, slots[kMaxSlots][kTile<T>] = {};
  T* places[kMaxSlots];
  const auto copy = [rest](const T* from, T* to) {
    for (std::size_t k = 0; k < rest; ++k) to[k] = from[k];
  };
  copy(block.p + whole, p);
  copy(block.g + whole, g);
  for (std::size_t s = 0; s < program.slot_count; ++s) {
    copy(block.slots[s] + whole, slots[s]);
    places[s] = slots[s];
  }
  machine.point_at(program, p, g, places, false);
  machine.run(p, g, 0);
  machine.add_to(sums, program.sum_count, rest);
  if (program.sum_count != 0) return;
  copy(p, block.p + whole);
  for (std::size_t s = 0; s < program.slot_count; ++s) copy(slots[s], block.slots[s] + whole);
}

}  // namespace expression_machine

template <class T> void run_expression(const void* kernel, const Block<T>& block, double* sums) {
  expression_machine::run(*static_cast<const expression::Prepared*>(kernel), block, sums);
}
template void run_expression(const void*, const Block<float>&, double*);
template void run_expression(const void*, const Block<double>&, double*);

}  // namespace xgrad::optim::inline XGRAD_ISA
