// SPDX-License-Identifier: BSD-3-Clause
// Convolution by oneDNN in the layout that is fastest here, the reorders of x and y counted in: with channels last
// where there is AVX-512 (its products over small batches of rows), else the blocks of channels that oneDNN asks for.
#include <dnnl.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "kernels/convolution.hpp"
#include "xgrad/error.hpp"
#include "xgrad/storage.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::detail {
namespace {

using dnnl::memory;

struct Key {
  Pass pass;
  int threads;  // a primitive is made for a number of threads
  ConvGeometry geometry;
  auto operator<=>(const Key&) const = default;
};

/// One array of a primitive: as we hold it, and as the primitive wants it.
struct Operand {
  memory plain, own;
  dnnl::reorder reorder;  // in the direction of the pass
  bool reorders = false;

  Operand() = default;
  Operand(const memory::desc& plain_desc, const memory::desc& own_desc, bool result, const dnnl::engine& engine)
      : plain(plain_desc, engine, nullptr), own(own_desc, engine, nullptr), reorders(plain_desc != own_desc) {
    if (reorders) reorder = result ? dnnl::reorder(own, plain) : dnnl::reorder(plain, own);
  }
};

/// A primitive ready to run on memory that is attached for each call; `primitive` is empty if oneDNN has none.
struct Plan {
  dnnl::primitive primitive;
  Operand x, weight, y;
  memory scratch;
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
  const Tag image = volume ? Tag::ncdhw : Tag::nchw;
  const Tag filter = volume ? (s.groups > 1 ? Tag::goidhw : Tag::oidhw) : (s.groups > 1 ? Tag::goihw : Tag::oihw);
  const bool channels_last = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core;
  const Tag inner = !channels_last ? Tag::any : volume ? Tag::ndhwc : Tag::nhwc;
  const memory::desc x_desc(x, kFloat, inner), y_desc(y, kFloat, inner), weight_desc(weight, kFloat, Tag::any);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;

  Plan plan;
  const auto finish = [&](const auto& description, const dnnl::primitive& primitive, const memory::desc& own_x,
                          const memory::desc& own_weight, const memory::desc& own_y) {
    if (std::string_view(description.impl_info_str()).starts_with("ref")) return;  // our products are faster
    plan.primitive = primitive;
    plan.x = Operand(memory::desc(x, kFloat, image), own_x, pass == Pass::input_gradient, engine);
    plan.weight = Operand(memory::desc(weight, kFloat, filter), own_weight, pass == Pass::weight_gradient, engine);
    plan.y = Operand(memory::desc(y, kFloat, image), own_y, pass == Pass::forward, engine);
    plan.scratch = memory(description.scratchpad_desc(), engine, nullptr);
  };
  try {
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, kDirect, x_desc, weight_desc, y_desc, stride, dilation, before, behind},
        attributes, engine);
    if (pass == Pass::forward) {
      finish(forward, dnnl::convolution_forward(forward), forward.src_desc(), forward.weights_desc(),
             forward.dst_desc());
    } else if (pass == Pass::input_gradient) {
      const dnnl::convolution_backward_data::primitive_desc backward(
          {kDirect, x_desc, weight_desc, y_desc, stride, dilation, before, behind}, attributes, engine, forward);
      finish(backward, dnnl::convolution_backward_data(backward), backward.diff_src_desc(), backward.weights_desc(),
             backward.diff_dst_desc());
    } else {
      const dnnl::convolution_backward_weights::primitive_desc backward(
          {kDirect, x_desc, weight_desc, y_desc, stride, dilation, before, behind}, attributes, engine, forward);
      finish(backward, dnnl::convolution_backward_weights(backward), backward.src_desc(), backward.diff_weights_desc(),
             backward.diff_dst_desc());
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

/// Lends an operand our array, and memory of its own if it wants another layout, for one run of a primitive.
class Lent {
 public:
  Lent(Operand& operand, const float* values) : Lent(operand, const_cast<float*>(values), false) {
    if (operand.reorders) execute(operand.reorder, {{DNNL_ARG_FROM, &operand.plain}, {DNNL_ARG_TO, &operand.own}});
  }
  /// For the primitive's result, which finish() brings into our layout.
  static Lent result(Operand& operand, float* values) { return Lent(operand, values, true); }
  void finish() {
    if (operand_.reorders) execute(operand_.reorder, {{DNNL_ARG_FROM, &operand_.own}, {DNNL_ARG_TO, &operand_.plain}});
  }

 private:
  Lent(Operand& operand, float* values, bool) : operand_(operand), own_(operand.reorders ? floats(operand.own) : 0) {
    operand.plain.set_data_handle(values);
    operand.own.set_data_handle(operand.reorders ? own_.data() : values);
  }

  Operand& operand_;
  Storage<float> own_;
};

Storage<float> lend_scratch(Plan& plan) {
  Storage<float> scratch(floats(plan.scratch));
  plan.scratch.set_data_handle(scratch.data());
  return scratch;
}

/// The geometry of what runs at once, an equal part of the samples: all of them in oneDNN's layout would be as large as
/// the images are, and leave the cache in between.
ConvGeometry part_of(const ConvGeometry& s) {
  constexpr std::size_t kFloats = std::size_t{1} << 20, kLeast = 8;  // of x and y; samples, for threads to share
  const std::size_t each = std::max<std::size_t>(s.in * s.input_positions() + s.out * s.positions(), 1);
  ConvGeometry part = s;
  for (std::size_t some = std::min(s.samples, std::max(kLeast, kFloats / each)); some >= kLeast; --some)
    if (s.samples % some == 0) {
      part.samples = some;
      break;
    }
  return part;
}

}  // namespace

bool onednn_convolution(const ConvGeometry& s, const float* x, const float* weight, float* y) {
  const ConvGeometry part = part_of(s);
  Plan* plan = find_plan(part, Pass::forward);
  if (!plan) return false;
  const Lent filter(plan->weight, weight);
  const Storage<float> scratch = lend_scratch(*plan);
  for (std::size_t n = 0; n < s.samples; n += part.samples) {
    Lent result = Lent::result(plan->y, y + n * s.out * s.positions());
    const Lent input(plan->x, x + n * s.in * s.input_positions());
    execute(plan->primitive, {{DNNL_ARG_SRC, &plan->x.own},
                              {DNNL_ARG_WEIGHTS, &plan->weight.own},
                              {DNNL_ARG_DST, &plan->y.own},
                              {DNNL_ARG_SCRATCHPAD, &plan->scratch}});
    result.finish();
  }
  return true;
}

bool onednn_input_gradient(const ConvGeometry& s, const float* g, const float* weight, float* dx) {
  const ConvGeometry part = part_of(s);
  Plan* plan = find_plan(part, Pass::input_gradient);
  if (!plan) return false;
  const Lent filter(plan->weight, weight);
  const Storage<float> scratch = lend_scratch(*plan);
  for (std::size_t n = 0; n < s.samples; n += part.samples) {
    Lent result = Lent::result(plan->x, dx + n * s.in * s.input_positions());
    const Lent gradient(plan->y, g + n * s.out * s.positions());
    execute(plan->primitive, {{DNNL_ARG_DIFF_DST, &plan->y.own},
                              {DNNL_ARG_WEIGHTS, &plan->weight.own},
                              {DNNL_ARG_DIFF_SRC, &plan->x.own},
                              {DNNL_ARG_SCRATCHPAD, &plan->scratch}});
    result.finish();
  }
  return true;
}

bool onednn_weight_gradient(const ConvGeometry& s, const float* x, const float* g, float* dweight) {
  Plan* plan = find_plan(s, Pass::weight_gradient);
  if (!plan) return false;
  Lent result = Lent::result(plan->weight, dweight);
  {
    const Lent input(plan->x, x), gradient(plan->y, g);
    const Storage<float> scratch = lend_scratch(*plan);
    execute(plan->primitive, {{DNNL_ARG_SRC, &plan->x.own},
                              {DNNL_ARG_DIFF_DST, &plan->y.own},
                              {DNNL_ARG_DIFF_WEIGHTS, &plan->weight.own},
                              {DNNL_ARG_SCRATCHPAD, &plan->scratch}});
  }
  result.finish();
  return true;
}

}  // namespace xgrad::detail
