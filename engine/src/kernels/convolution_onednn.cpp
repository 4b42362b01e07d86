// SPDX-License-Identifier: BSD-3-Clause
// Convolution by oneDNN with channels last, its fastest layout on a CPU even when the turning of x and y is counted in.
#include <dnnl.hpp>

#include <algorithm>
#include <map>
#include <string_view>

#include "kernels/convolution.hpp"
#include "kernels/kernels.hpp"
#include "xgrad/error.hpp"
#include "xgrad/storage.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::detail {
namespace {

using dnnl::memory;

enum class Pass { forward, input_gradient, weight_gradient };

struct Key {
  Pass pass;
  int threads;  // a primitive is made for a number of threads
  ConvGeometry geometry;
  auto operator<=>(const Key&) const = default;
};

/// A primitive ready to run on memory that is attached for each call; `primitive` is empty if oneDNN has none.
struct Plan {
  dnnl::primitive primitive;
  memory x, weight, y, scratch, plain_weight;  // weight: in the primitive's own layout
  dnnl::reorder reorder;                       // between the two weights, in the direction of the pass
  bool reorders = false;
};

struct Runtime {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<Key, Plan> plans;
};
Runtime& runtime() {
  thread_local Runtime instance;
  return instance;
}

memory::dim dim(std::size_t size) { return static_cast<memory::dim>(size); }
std::size_t floats(const memory& m) { return (m.get_desc().get_size() + sizeof(float) - 1) / sizeof(float); }

/// Zeros behind an axis such that oneDNN's formula gives our result; negative if none do.
memory::dim zeros_behind(const ConvGeometry& s, std::size_t axis) {
  const memory::dim step = dim(s.stride[axis]);
  const memory::dim exact = dim((s.result[axis] - 1) * s.stride[axis] + (s.kernel[axis] - 1) * s.dilation[axis] + 1) -
                            dim(s.size[axis]) - dim(s.before[axis]);
  return exact >= 0 ? exact : std::min<memory::dim>(0, exact + step - 1);
}

Plan make_plan(const ConvGeometry& s, Pass pass, const dnnl::engine& engine) {
  using Tag = memory::format_tag;
  constexpr auto kFloat = memory::data_type::f32;
  const bool volume = s.size[0] != 1 || s.kernel[0] != 1 || s.result[0] != 1;
  memory::dims x{dim(s.samples), dim(s.in)}, y{dim(s.samples), dim(s.out)}, weight, stride, dilation, before, behind;
  if (s.groups > 1) weight.push_back(dim(s.groups));
  weight.insert(weight.end(), {dim(s.out / s.groups), dim(s.in / s.groups)});
  for (std::size_t axis = volume ? 0 : 1; axis < 3; ++axis) {
    x.push_back(dim(s.size[axis]));
    y.push_back(dim(s.result[axis]));
    weight.push_back(dim(s.kernel[axis]));
    stride.push_back(dim(s.stride[axis]));
    dilation.push_back(dim(s.dilation[axis] - 1));
    before.push_back(dim(s.before[axis]));
    behind.push_back(zeros_behind(s, axis));
    if (behind.back() < 0) return {};
  }
  const Tag last = volume ? Tag::ndhwc : Tag::nhwc;
  const Tag plain = volume ? (s.groups > 1 ? Tag::goidhw : Tag::oidhw) : (s.groups > 1 ? Tag::goihw : Tag::oihw);
  const memory::desc x_desc(x, kFloat, last), y_desc(y, kFloat, last), any(weight, kFloat, Tag::any);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;

  Plan plan;
  plan.x = memory(x_desc, engine, nullptr);
  plan.y = memory(y_desc, engine, nullptr);
  plan.plain_weight = memory(memory::desc(weight, kFloat, plain), engine, nullptr);
  const auto finish = [&](const auto& description, const memory::desc& weight_desc, const dnnl::primitive& primitive) {
    if (std::string_view(description.impl_info_str()).starts_with("ref")) return;  // our products are faster
    plan.primitive = primitive;
    plan.weight = memory(weight_desc, engine, nullptr);
    plan.scratch = memory(description.scratchpad_desc(), engine, nullptr);
    plan.reorders = weight_desc != plan.plain_weight.get_desc();
    if (!plan.reorders) return;
    plan.reorder = pass == Pass::weight_gradient ? dnnl::reorder(plan.weight, plan.plain_weight)
                                                 : dnnl::reorder(plan.plain_weight, plan.weight);
  };
  try {
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, kDirect, x_desc, any, y_desc, stride, dilation, before, behind}, attributes,
        engine);
    if (pass == Pass::forward) {
      finish(forward, forward.weights_desc(), dnnl::convolution_forward(forward));
    } else if (pass == Pass::input_gradient) {
      const dnnl::convolution_backward_data::primitive_desc backward(
          {kDirect, x_desc, any, y_desc, stride, dilation, before, behind}, attributes, engine, forward);
      finish(backward, backward.weights_desc(), dnnl::convolution_backward_data(backward));
    } else {
      const dnnl::convolution_backward_weights::primitive_desc backward(
          {kDirect, x_desc, any, y_desc, stride, dilation, before, behind}, attributes, engine, forward);
      finish(backward, backward.diff_weights_desc(), dnnl::convolution_backward_weights(backward));
    }
  } catch (const dnnl::error& error) {
    XGRAD_CHECK(error.status == dnnl_unimplemented, "convolution: oneDNN failed with \"", error.what(), "\"");
    return {};
  }
  return plan;
}

/// The plan for a geometry, made at its first use; null if oneDNN has none.
Plan* find_plan(const ConvGeometry& s, Pass pass) {
  if (s.samples == 0 || s.in == 0 || s.out == 0) return nullptr;
  Runtime& all = runtime();
  constexpr std::size_t kMost = 1024;  // plans kept; only inputs of ever new sizes reach it
  if (all.plans.size() >= kMost) all.plans.clear();
  const Key key{pass, num_threads(), s};
  auto found = all.plans.find(key);
  if (found == all.plans.end()) found = all.plans.emplace(key, make_plan(s, pass, all.engine)).first;
  return found->second.primitive ? &found->second : nullptr;
}

struct Argument {
  int what;
  memory* place;
};
void execute(const dnnl::primitive& primitive, std::initializer_list<Argument> arguments) {
  std::array<dnnl_exec_arg_t, 4> list{};
  std::size_t count = 0;
  for (const Argument& argument : arguments) list[count++] = {argument.what, argument.place->get()};
  const dnnl_status_t status =
      dnnl_primitive_execute(primitive.get(), runtime().stream.get(), static_cast<int>(count), list.data());
  XGRAD_CHECK(status == dnnl_success, "convolution: oneDNN failed with status ", static_cast<int>(status));
}

/// Turns every sample's matrix (rows x cols), with bias and relu of the result's rows.
void turn(const float* from, float* to, std::size_t samples, std::size_t rows, std::size_t cols,
          const float* bias = nullptr, bool relu = false) {
  parallel_for(samples, [&](std::size_t n) {
    kernels<float>().transpose(from + n * rows * cols, to + n * rows * cols, rows, cols, bias, relu);
  });
}

bool same_when_turned(std::size_t channels, std::size_t positions) { return channels == 1 || positions == 1; }

/// An array with channels first made into one with channels last for as long as it lives.
class ChannelsLast {
 public:
  ChannelsLast(memory& place, const float* values, std::size_t samples, std::size_t channels, std::size_t positions) {
    if (!same_when_turned(channels, positions)) {
      turned_ = Storage<float>(samples * channels * positions);
      turn(values, turned_.data(), samples, channels, positions);
      values = turned_.data();
    }
    place.set_data_handle(const_cast<float*>(values));
  }

 private:
  Storage<float> turned_;
};

/// The weight in the primitive's layout.
Storage<float> attach_weight(Plan& plan, const float* weight) {
  Storage<float> own;
  plan.plain_weight.set_data_handle(const_cast<float*>(weight));
  if (plan.reorders) {
    own = Storage<float>(floats(plan.weight));
    plan.weight.set_data_handle(own.data());
    execute(plan.reorder, {{DNNL_ARG_FROM, &plan.plain_weight}, {DNNL_ARG_TO, &plan.weight}});
  } else {
    plan.weight.set_data_handle(const_cast<float*>(weight));
  }
  return own;
}

Storage<float> attach_scratch(Plan& plan) {
  Storage<float> scratch(floats(plan.scratch));
  plan.scratch.set_data_handle(scratch.data());
  return scratch;
}

}  // namespace

bool onednn_convolution(const ConvGeometry& s, const float* x, const float* weight, const float* bias, bool relu,
                        float* y) {
  Plan* plan = find_plan(s, Pass::forward);
  if (!plan) return false;
  const bool turns = !same_when_turned(s.out, s.positions());
  Storage<float> result(turns ? s.samples * s.out * s.positions() : 0);
  {
    const ChannelsLast input(plan->x, x, s.samples, s.in, s.input_positions());
    const Storage<float> own_weight = attach_weight(*plan, weight), scratch = attach_scratch(*plan);
    plan->y.set_data_handle(turns ? result.data() : y);
    execute(plan->primitive, {{DNNL_ARG_SRC, &plan->x},
                              {DNNL_ARG_WEIGHTS, &plan->weight},
                              {DNNL_ARG_DST, &plan->y},
                              {DNNL_ARG_SCRATCHPAD, &plan->scratch}});
  }
  if (turns)
    turn(result.data(), y, s.samples, s.positions(), s.out, bias, relu);
  else if (bias || relu)
    for (std::size_t n = 0; n < s.samples; ++n)
      kernels<float>().bias_rows(y + n * s.out * s.positions(), bias, s.out, s.positions(), relu);
  return true;
}

bool onednn_input_gradient(const ConvGeometry& s, const float* g, const float* weight, float* dx) {
  Plan* plan = find_plan(s, Pass::input_gradient);
  if (!plan) return false;
  const bool turns = !same_when_turned(s.in, s.input_positions());
  Storage<float> result(turns ? s.samples * s.in * s.input_positions() : 0);
  {
    const ChannelsLast gradient(plan->y, g, s.samples, s.out, s.positions());
    const Storage<float> own_weight = attach_weight(*plan, weight), scratch = attach_scratch(*plan);
    plan->x.set_data_handle(turns ? result.data() : dx);
    execute(plan->primitive, {{DNNL_ARG_DIFF_DST, &plan->y},
                              {DNNL_ARG_WEIGHTS, &plan->weight},
                              {DNNL_ARG_DIFF_SRC, &plan->x},
                              {DNNL_ARG_SCRATCHPAD, &plan->scratch}});
  }
  if (turns) turn(result.data(), dx, s.samples, s.input_positions(), s.in);
  return true;
}

bool onednn_weight_gradient(const ConvGeometry& s, const float* x, const float* g, float* dweight) {
  Plan* plan = find_plan(s, Pass::weight_gradient);
  if (!plan) return false;
  const ChannelsLast input(plan->x, x, s.samples, s.in, s.input_positions());
  const ChannelsLast gradient(plan->y, g, s.samples, s.out, s.positions());
  const Storage<float> scratch = attach_scratch(*plan);
  Storage<float> own(plan->reorders ? floats(plan->weight) : 0);
  plan->weight.set_data_handle(plan->reorders ? own.data() : dweight);
  execute(plan->primitive, {{DNNL_ARG_SRC, &plan->x},
                            {DNNL_ARG_DIFF_DST, &plan->y},
                            {DNNL_ARG_DIFF_WEIGHTS, &plan->weight},
                            {DNNL_ARG_SCRATCHPAD, &plan->scratch}});
  if (!plan->reorders) return true;
  plan->plain_weight.set_data_handle(dweight);
  execute(plan->reorder, {{DNNL_ARG_FROM, &plan->weight}, {DNNL_ARG_TO, &plan->plain_weight}});
  return true;
}

}  // namespace xgrad::detail
