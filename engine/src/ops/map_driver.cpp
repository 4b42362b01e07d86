// SPDX-License-Identifier: BSD-3-Clause
// Cuts a broadcast elementwise operation into blocks for the kernels. The cut depends on the shapes only, never on the
// number of threads, and partial sums are added in block order: so the result does not depend on threads either.
#include <algorithm>
#include <array>

#include "kernels/functions.hpp"
#include "xgrad/map_apply.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::detail {
namespace {

constexpr std::size_t kBlock = 16384;      // elements of a block: what makes a second thread worth its start
constexpr std::size_t kSummedRows = 256;   // rows that a kernel may add up one after the other in T
constexpr std::size_t kSummedCols = 4096;  // columns: a SIMD lane adds cols / lanes of them

/// The axes of the result, merged where all inputs broadcast alike: rows x cols, repeated over the outer axes.
struct Plan {
  std::size_t rows = 1, cols = 1, outer_rank = 0;
  std::array<std::size_t, Shape::kMaxRank> outer_sizes;
  struct Input {
    std::size_t row_stride = 0;
    bool varies = true;  // along the columns
    std::array<std::size_t, Shape::kMaxRank> outer_strides;
  };
  std::array<Input, kMaxMapInputs> inputs;
  std::size_t outer_count = 1;
};

template <class T> bool all_shaped(const Shape& shape, std::span<Node<T>* const> inputs) {
  for (const Node<T>* input : inputs)
    if (!(input->shape == shape)) return false;
  return true;
}

template <class T> Plan make_plan(const Shape& shape, std::span<Node<T>* const> inputs) {
  Plan plan;
  if (all_shaped(shape, inputs)) {
    plan.cols = shape.size();
    return plan;
  }
  struct Group {
    std::size_t size;
    std::uint32_t varying;  // bit k: input k varies along it
  };
  std::array<Group, Shape::kMaxRank> groups;
  std::size_t count = 0;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    const std::int64_t size = shape[axis];
    if (size == 1) continue;
    std::uint32_t varying = 0;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const Shape& input = inputs[k]->shape;
      const std::size_t missing = shape.rank() - input.rank();
      if (axis >= missing && input[axis - missing] == size) varying |= 1u << k;
    }
    if (count > 0 && groups[count - 1].varying == varying)
      groups[count - 1].size *= static_cast<std::size_t>(size);
    else
      groups[count++] = {static_cast<std::size_t>(size), varying};
  }
  if (count == 0) groups[count++] = {1, ~0u};
  plan.cols = groups[count - 1].size;
  plan.rows = count > 1 ? groups[count - 2].size : 1;
  plan.outer_rank = count > 2 ? count - 2 : 0;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    Plan::Input& input = plan.inputs[k];
    const auto varies = [&](std::size_t group) { return (groups[group].varying >> k & 1u) != 0; };
    input.varies = varies(count - 1);
    std::size_t stride = input.varies ? plan.cols : 1;
    input.row_stride = count > 1 && varies(count - 2) ? stride : 0;
    if (input.row_stride != 0) stride *= plan.rows;
    for (std::size_t i = plan.outer_rank; i-- > 0;) {
      plan.outer_sizes[i] = groups[i].size;
      input.outer_strides[i] = varies(i) ? stride : 0;
      if (varies(i)) stride *= groups[i].size;
    }
  }
  for (std::size_t i = 0; i < plan.outer_rank; ++i) plan.outer_count *= plan.outer_sizes[i];
  return plan;
}

/// What is small and does not broadcast: one row, whose last vector may run past the elements.
template <class T> MapLoop<T> single_row(std::size_t size) {
  MapLoop<T> loop;
  loop.rows = 1;
  loop.cols = loop.row_stride = Storage<T>::padded(size);
  return loop;
}

/// Where input k starts for the given repetition; `first` is false if an earlier repetition had the same place.
std::size_t outer_offset(const Plan& plan, std::size_t k, std::size_t repetition, bool& first) {
  std::size_t offset = 0;
  first = true;
  for (std::size_t i = plan.outer_rank; i-- > 0;) {
    const std::size_t index = repetition % plan.outer_sizes[i];
    repetition /= plan.outer_sizes[i];
    offset += index * plan.inputs[k].outer_strides[i];
    if (plan.inputs[k].outer_strides[i] == 0 && index > 0) first = false;
  }
  return offset;
}

struct Blocks {
  std::size_t rows, cols, row_blocks, col_blocks;
};

Blocks cut(std::size_t rows, std::size_t cols, bool sums_rows, bool sums_cols) {
  Blocks blocks{};
  blocks.cols = std::min(cols, sums_cols ? kSummedCols : kBlock);
  blocks.rows =
      std::clamp<std::size_t>(kBlock / std::max<std::size_t>(blocks.cols, 1), 1, sums_rows ? kSummedRows : kBlock);
  blocks.row_blocks = (rows + blocks.rows - 1) / blocks.rows;
  blocks.col_blocks = blocks.cols == 0 ? 0 : (cols + blocks.cols - 1) / blocks.cols;
  return blocks;
}

/// target (+)= the sum of `parts` rows of n partial sums, in order, in double.
template <class T> void add_parts(T* target, const T* partial, std::size_t parts, std::size_t n, bool keep) {
  constexpr std::size_t kTile = 256;
  double sums[kTile];
  for (std::size_t start = 0; start < n; start += kTile) {
    const std::size_t width = std::min(kTile, n - start);
    for (std::size_t j = 0; j < width; ++j) sums[j] = keep ? static_cast<double>(target[start + j]) : 0.0;
    for (std::size_t part = 0; part < parts; ++part)
      for (std::size_t j = 0; j < width; ++j) sums[j] += static_cast<double>(partial[part * n + start + j]);
    for (std::size_t j = 0; j < width; ++j) target[start + j] = static_cast<T>(sums[j]);
  }
}

/// One repetition's rows x cols of backward, in blocks.
template <class T>
void backward_blocks(const MapKernel<T>& kernel, const void* f, const MapLoop<T>& whole, std::size_t count) {
  bool sums_rows = false, sums_cols = false;
  for (std::size_t k = 0; k < count; ++k)
    if (whole.inputs[k].gradient) {
      sums_rows |= whole.inputs[k].row_stride == 0 && whole.rows > 1;
      sums_cols |= !whole.inputs[k].varies;
    }
  const Blocks blocks = cut(whole.rows, whole.cols, sums_rows, sums_cols);
  const std::size_t tasks = blocks.row_blocks * blocks.col_blocks;
  if (tasks <= 1) return kernel.backward(f, count, whole);

  // A gradient that several blocks share gets a slice of partial sums for each of them.
  struct Partial {
    Storage<T> sums;
    std::size_t parts = 1, size = 0;
  };
  std::array<Partial, kMaxMapInputs> partials;
  for (std::size_t k = 0; k < count; ++k) {
    const auto& input = whole.inputs[k];
    if (!input.gradient) continue;
    Partial& partial = partials[k];
    if (input.row_stride == 0) partial.parts *= blocks.row_blocks;
    if (!input.varies) partial.parts *= blocks.col_blocks;
    partial.size = (input.row_stride == 0 ? 1 : whole.rows) * (input.varies ? whole.cols : 1);
    if (partial.parts > 1) partial.sums = Storage<T>(partial.parts * partial.size);
  }
  parallel_for(tasks, [&](std::size_t task) {
    const std::size_t row_block = task / blocks.col_blocks, col_block = task % blocks.col_blocks;
    const std::size_t r = row_block * blocks.rows, c = col_block * blocks.cols;
    MapLoop<T> loop = whole;
    loop.rows = std::min(blocks.rows, whole.rows - r);
    loop.cols = std::min(blocks.cols, whole.cols - c);
    loop.out_gradient += r * whole.row_stride + c;
    for (std::size_t k = 0; k < count; ++k) {
      auto& input = loop.inputs[k];
      const std::size_t offset = r * input.row_stride + (input.varies ? c : 0);
      input.data += offset;
      if (!input.gradient) continue;
      if (partials[k].parts > 1) {
        const std::size_t part = (input.row_stride == 0 ? row_block : 0) * (input.varies ? 1 : blocks.col_blocks) +
                                 (input.varies ? 0 : col_block);
        input.gradient = const_cast<T*>(partials[k].sums.data()) + part * partials[k].size;
        input.keep = false;
      }
      input.gradient += offset;
    }
    kernel.backward(f, count, loop);
  });
  for (std::size_t k = 0; k < count; ++k)
    if (partials[k].parts > 1)
      add_parts(whole.inputs[k].gradient, partials[k].sums.data(), partials[k].parts, partials[k].size,
                whole.inputs[k].keep);
}

/// All repetitions. `whole` describes the first; gradients that broadcast over an outer axis are added up.
template <class T>
void backward_plan(const MapKernel<T>& kernel, const void* f, const Plan& plan, const MapLoop<T>& whole,
                   std::size_t count) {
  if (plan.outer_rank == 0) return backward_blocks(kernel, f, whole, count);
  bool independent = true;
  for (std::size_t k = 0; k < count; ++k)
    if (whole.inputs[k].gradient)
      for (std::size_t i = 0; i < plan.outer_rank; ++i) independent &= plan.inputs[k].outer_strides[i] != 0;
  const auto repetition = [&](std::size_t index) {
    MapLoop<T> loop = whole;
    loop.out_gradient += index * plan.rows * plan.cols;
    for (std::size_t k = 0; k < count; ++k) {
      auto& input = loop.inputs[k];
      bool first = true;
      const std::size_t offset = outer_offset(plan, k, index, first);
      input.data += offset;
      if (input.gradient) input.gradient += offset;
      input.keep |= !first;
    }
    backward_blocks(kernel, f, loop, count);
  };
  if (independent && plan.outer_count * plan.rows * plan.cols > kBlock)
    parallel_for(plan.outer_count, repetition);
  else
    for (std::size_t index = 0; index < plan.outer_count; ++index) repetition(index);
}

}  // namespace

template <class T> const Shape& map_shape(const char* name, std::span<Node<T>* const> inputs, Shape& joint) {
  const Shape* shape = &inputs[0]->shape;
  for (std::size_t k = 1; k < inputs.size(); ++k)
    if (!(inputs[k]->shape == *shape)) {
      joint = broadcast_shapes(*shape, inputs[k]->shape, name);
      shape = &joint;
    }
  return *shape;
}

template <class T>
Storage<T> map_forward(const MapKernel<T>& kernel, const void* f, const Shape& shape,
                       std::span<Node<T>* const> inputs) {
  const std::size_t size = shape.size(), count = inputs.size();
  Storage<T> result(size);
  if (size == 0) return result;
  // The shortest way for what is small and does not broadcast (map_shape() then gave the first input's own shape).
  if (size <= kBlock && (&shape == &inputs[0]->shape || all_shaped(shape, inputs))) {
    MapSource<T> rows[kMaxMapInputs];
    for (std::size_t k = 0; k < count; ++k) rows[k] = {inputs[k]->value.data(), ~std::size_t{0}};
    kernel.forward_row(f, count, rows, result.data(), size);
    return result;
  }
  MapLoop<T> whole;
  const Plan plan = make_plan(shape, inputs);
  whole.rows = plan.rows;
  whole.cols = whole.row_stride = plan.cols;
  whole.out = result.data();
  for (std::size_t k = 0; k < inputs.size(); ++k)
    whole.inputs[k] = {inputs[k]->value.data(), plan.inputs[k].row_stride, plan.inputs[k].varies, nullptr, false};
  const Blocks blocks = cut(plan.rows, plan.cols, false, false);
  const std::size_t per_repetition = blocks.row_blocks * blocks.col_blocks;
  if (per_repetition * plan.outer_count == 1) {
    kernel.forward(f, count, whole);
    return result;
  }
  const std::size_t small =
      plan.rows * plan.cols < kBlock ? kBlock / (plan.rows * plan.cols) : 1;  // repetitions per task
  const std::size_t total = per_repetition * plan.outer_count;
  parallel_for((total + small - 1) / small, [&](std::size_t group) {
    for (std::size_t task = group * small; task < std::min(total, (group + 1) * small); ++task) {
      const std::size_t index = task / per_repetition, block = task % per_repetition;
      const std::size_t r = block / blocks.col_blocks * blocks.rows, c = block % blocks.col_blocks * blocks.cols;
      MapLoop<T> loop = whole;
      loop.rows = std::min(blocks.rows, plan.rows - r);
      loop.cols = std::min(blocks.cols, plan.cols - c);
      loop.out += index * plan.rows * plan.cols + r * plan.cols + c;
      for (std::size_t k = 0; k < count; ++k) {
        bool first = true;
        loop.inputs[k].data +=
            outer_offset(plan, k, index, first) + r * loop.inputs[k].row_stride + (loop.inputs[k].varies ? c : 0);
      }
      kernel.forward(f, count, loop);
    }
  });
  return result;
}

template <class T>
void map_backward(const MapKernel<T>& kernel, const void* f, Node<T>& node, const Tensor<T>& gradient) {
  const std::size_t count = node.input_count;
  const std::span<Node<T>* const> inputs(node.inputs, count);
  std::array<Tensor<T>, kMaxMapInputs> fresh;
  const bool small = gradient.size() <= kBlock && all_shaped(node.shape, inputs);
  Plan plan;
  MapLoop<T> whole = single_row<T>(gradient.size());
  if (!small) {
    plan = make_plan(node.shape, inputs);
    whole.rows = plan.rows;
    whole.cols = whole.row_stride = plan.cols;
  }
  whole.out_gradient = gradient.data();
  for (std::size_t k = 0; k < count; ++k) {
    auto& input = whole.inputs[k];
    // What the derivative does not read may be gone: the gradient, at least as large, stands in for it.
    const T* data = node.saved >> k & 1u       ? node.input_data(k)
                    : node.saved & kSaveOutput ? node.output_data()
                                               : gradient.data();
    input = {data, plan.inputs[k].row_stride, plan.inputs[k].varies, nullptr, false};
    if (!node.wants(k)) continue;
    bool twice = false;  // f(x, x): the second share is added by give()
    for (std::size_t j = 0; j < k; ++j) twice |= inputs[j] == inputs[k];
    if (T* place = twice ? nullptr : node.accumulate_into(k)) {
      input.gradient = place;
      input.keep = true;
    } else {
      fresh[k] = Tensor<T>::empty(inputs[k]->shape);
      input.gradient = const_cast<T*>(fresh[k].data());
    }
  }
  if (gradient.size() > 0 && small)
    kernel.backward(f, count, whole);
  else if (gradient.size() > 0)
    backward_plan(kernel, f, plan, whole, count);
  else  // a sum over nothing is 0
    for (std::size_t k = 0; k < count; ++k)
      if (fresh[k].defined()) std::fill_n(const_cast<T*>(fresh[k].data()), fresh[k].size(), T{0});
  for (std::size_t k = 0; k < count; ++k)
    if (fresh[k].defined()) node.give(k, std::move(fresh[k]));
}

#define XGRAD_INSTANTIATE(T)                                                                                     \
  template const Shape& map_shape<T>(const char*, std::span<Node<T>* const>, Shape&);                            \
  template Storage<T> map_forward<T>(const MapKernel<T>&, const void*, const Shape&, std::span<Node<T>* const>); \
  template void map_backward<T>(const MapKernel<T>&, const void*, Node<T>&, const Tensor<T>&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::detail
