// SPDX-License-Identifier: BSD-3-Clause
// Convolution by oneDNN in the layout that is fastest here, the reorders of x and y counted in: with channels last
// where there is AVX-512 (its products over small batches of rows), else the blocks of channels that oneDNN asks for.
// Its primitives run on one thread, each on some of the samples: so the cut, and with it the result, depends on the
// sizes alone, and its threads do not compete with ours.
#include <dnnl.hpp>

#include <algorithm>
#include <array>
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

struct Key {
  Pass pass;
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

/// This thread's plan for a geometry, made at its first use, in a SerialScope: a primitive is made for a number of
/// threads. Null if oneDNN has none.
Plan* find_plan(const ConvGeometry& s, Pass pass) {
  Runtime& all = runtime();
  constexpr std::size_t kMost = 1024;  // plans kept; only inputs of ever new sizes reach it
  if (all.plans.size() >= kMost) all.plans.clear();
  const Key key{pass, s};
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

constexpr std::size_t kShares = 8;  // parts that threads may take

/// What a part computes at once: so many samples, so many channels of y.
struct Cut {
  std::size_t samples, out;
};

/// With more samples, what they are in oneDNN's layout would leave the cache in between; with few results, bringing the
/// weights into it would not pay.
Cut cut_of(const ConvGeometry& s) {
  constexpr std::size_t kFloats = std::size_t{1} << 20, kPositions = 256;  // of x and y
  const std::size_t each = std::max<std::size_t>(s.in * s.input_positions() + s.out * s.positions(), 1);
  const std::size_t share = (s.samples + kShares - 1) / kShares;
  const std::size_t least = (kPositions + s.positions() - 1) / std::max<std::size_t>(s.positions(), 1);
  return {std::max<std::size_t>(std::max(std::min(kFloats / each, share), std::min(least, s.samples)), 1), s.out};
}
/// The same for forward, whose few samples are cut by channels too.
Cut forward_cut_of(const ConvGeometry& s) {
  constexpr std::size_t kChannels = 16;  // to be done together, in oneDNN's layout
  Cut cut = cut_of(s);
  if (s.samples == 0 || s.samples >= kShares || s.groups > 1) return cut;
  const std::size_t shares = kShares / s.samples;
  return {1, std::min(s.out, ((s.out + shares - 1) / shares + kChannels - 1) / kChannels * kChannels)};
}

/// Calls run(plan, first sample, first channel of y) for all parts, side by side. False if oneDNN has no primitive for
/// them; then nothing has run.
template <class Run> bool in_parts(const ConvGeometry& s, Pass pass, Cut cut, const Run& run) {
  if (s.samples == 0 || s.in == 0 || s.out == 0) return false;
  const std::size_t across = (s.out + cut.out - 1) / cut.out;
  const std::size_t parts = (s.samples + cut.samples - 1) / cut.samples * across;
  const auto plan_of = [&](std::size_t n, std::size_t channel) {
    ConvGeometry part = s;
    part.samples = std::min(cut.samples, s.samples - n);
    part.out = std::min(cut.out, s.out - channel);
    return find_plan(part, pass);
  };
  const auto for_part = [&](std::size_t index, const auto& f) {
    const SerialScope serial;
    return f(index / across * cut.samples, index % across * cut.out);
  };
  for (std::size_t index = 0; index < parts; ++index)
    if (!for_part(index, plan_of)) return false;
  parallel_for(parts, [&](std::size_t index) {
    for_part(index, [&](std::size_t n, std::size_t channel) { run(*plan_of(n, channel), n, channel); });
  });
  return true;
}

}  // namespace

bool onednn_convolution(const ConvGeometry& s, const float* x, const float* weight, float* y) {
  return in_parts(s, Pass::forward, forward_cut_of(s), [&](Plan& plan, std::size_t n, std::size_t channel) {
    const Lent filter(plan.weight, weight + channel * (s.in / s.groups) * s.kernel_positions());
    const Storage<float> scratch = lend_scratch(plan);
    Lent result = Lent::result(plan.y, y + (n * s.out + channel) * s.positions());
    const Lent input(plan.x, x + n * s.in * s.input_positions());
    execute(plan.primitive, {{DNNL_ARG_SRC, &plan.x.own},
                             {DNNL_ARG_WEIGHTS, &plan.weight.own},
                             {DNNL_ARG_DST, &plan.y.own},
                             {DNNL_ARG_SCRATCHPAD, &plan.scratch}});
    result.finish();
  });
}

bool onednn_input_gradient(const ConvGeometry& s, const float* g, const float* weight, float* dx) {
  return in_parts(s, Pass::input_gradient, cut_of(s), [&](Plan& plan, std::size_t n, std::size_t) {
    const Lent filter(plan.weight, weight);
    const Storage<float> scratch = lend_scratch(plan);
    Lent result = Lent::result(plan.x, dx + n * s.in * s.input_positions());
    const Lent gradient(plan.y, g + n * s.out * s.positions());
    execute(plan.primitive, {{DNNL_ARG_DIFF_DST, &plan.y.own},
                             {DNNL_ARG_WEIGHTS, &plan.weight.own},
                             {DNNL_ARG_DIFF_SRC, &plan.x.own},
                             {DNNL_ARG_SCRATCHPAD, &plan.scratch}});
    result.finish();
  });
}

bool onednn_weight_gradient(const ConvGeometry& s, const float* x, const float* g, float* dweight) {
  // A share of the samples has a sum of its own; large weights get fewer of them.
  const std::size_t weights = s.out * (s.in / s.groups) * s.kernel_positions();
  const std::size_t values = s.samples * (s.in * s.input_positions() + s.out * s.positions());
  const std::size_t shares = std::clamp<std::size_t>(values / std::max<std::size_t>(4 * weights, 1), 1, kShares);
  const std::size_t size = (s.samples + shares - 1) / shares;
  Storage<float> sums(size < s.samples ? (s.samples - 1) / size * weights : 0);
  const auto sum_of = [&](std::size_t n) { return n == 0 ? dweight : sums.data() + (n / size - 1) * weights; };
  const bool done = in_parts(s, Pass::weight_gradient, {size, s.out}, [&](Plan& plan, std::size_t n, std::size_t) {
    Lent result = Lent::result(plan.weight, sum_of(n));
    {
      const Lent input(plan.x, x + n * s.in * s.input_positions()), gradient(plan.y, g + n * s.out * s.positions());
      const Storage<float> scratch = lend_scratch(plan);
      execute(plan.primitive, {{DNNL_ARG_SRC, &plan.x.own},
                               {DNNL_ARG_DIFF_DST, &plan.y.own},
                               {DNNL_ARG_DIFF_WEIGHTS, &plan.weight.own},
                               {DNNL_ARG_SCRATCHPAD, &plan.scratch}});
    }
    result.finish();
  });
  for (std::size_t n = size; done && n < s.samples; n += size)
    kernels<float>().add_in_place(dweight, sum_of(n), weights);
  return done;
}

}  // namespace xgrad::detail
