// SPDX-License-Identifier: BSD-3-Clause
// One step of any optimizer: who moves, sums, scalars, and the pass over the elements.
#include <algorithm>
#include <cmath>

#include "stored_state.hpp"
#include "work.hpp"
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/random.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::optim {

template <class T> double Optimizer<T>::gradient_norm() const {
  double total = 0;
  std::vector<double>& parts = work_->parts;
  for (const NamedTensor<T>& parameter : parameters_) {
    if (!parameter.tensor.has_grad()) continue;
    const Tensor<T> gradient =
        parameter.tensor.has_sparse_grad() ? parameter.tensor.sparse_grad().values : parameter.tensor.grad();
    const std::size_t size = gradient.size();
    parts.assign((size + kChunk - 1) / kChunk, 0);
    parallel_for(parts.size(), [&](std::size_t i) {
      parts[i] = sum_of_squares(gradient.data() + i * kChunk, std::min(kChunk, size - i * kChunk));
    });
    for (const double part : parts) total += part;
  }
  return std::sqrt(total);
}

template <class T> double Optimizer<T>::clip_grad_norm(double max_norm) {
  XGRAD_CHECK(max_norm > 0, "clip_grad_norm: max_norm is ", max_norm, "; expected > 0");
  const double norm = gradient_norm();
  pending_scale_ = std::min(1.0, max_norm / (norm + 1e-6));
  return norm;
}

template <class T> void Optimizer<T>::clip_grad_value(double limit) {
  XGRAD_CHECK(limit > 0, "clip_grad_value: limit is ", limit, "; expected > 0");
  pending_clip_ = limit;
}

template <class T> template <class Body> void Optimizer<T>::Work::for_chunks(const Body& body) const {
  parallel_for(shares.size() - 1, [&](std::size_t share) {
    for (std::size_t i = shares[share]; i < shares[share + 1]; ++i) body(i);
  });
}

template <class T> class Optimizer<T>::Step {
 public:
  Step(Optimizer& optimizer, double loss) : o_(optimizer), w_(*optimizer.work_), loss_(loss) {}

  void run() {
    collect();
    cut();
    measure();
    gather();
    remember();
    move();
    absorb();
    for (const Member& member : w_.members) move_tensor(member);
    for (const Member& member : w_.members) move_rows(member);
    reconsider();
  }

 private:
  using Prepared = typename Work::Prepared;
  using Member = typename Work::Member;
  using Chunk = typename Work::Chunk;

  const Rule<T>& rule_of(const Prepared& prepared) const { return o_.groups_[prepared.group].rule; }
  /// Whether each parameter has scalars of its own.
  static bool by_tensor(const Rule<T>& rule) {
    return rule.scope == Scope::tensor && (rule.sum_count > 0 || rule.number_count > 0 || rule.tensor || rule.rows);
  }

  void collect() {
    w_.prepared.clear();
    w_.members.clear();
    for (std::size_t g = 0; g < o_.groups_.size(); ++g) {
      Group& group = o_.groups_[g];
      if (group.freeze) continue;
      const std::size_t first = w_.prepared.size();
      for (const std::size_t i : group.members) {
        Tensor<T>& parameter = o_.parameters_[i].tensor;
        if (!parameter.has_grad()) continue;
        XGRAD_CHECK(!group.rule.rows || parameter.has_sparse_grad(), "optimizer \"", group.rule.name,
                    "\": the gradient of \"", o_.parameters_[i].name, "\" ", parameter.shape(),
                    " is dense; it takes gradients that are kept as rows (an embedding's, made with sparse = true and "
                    "not changed since): use adam, or a group with \"by_fallback\": true");
        const std::int64_t t = ++o_.steps_[i];
        // Parameters that have taken as many steps share their scalars: nearly always all of a group.
        std::size_t which = first;
        const bool fresh = t == o_.born_[i] + 1;
        while (which < w_.prepared.size() && (w_.prepared[which].t != t || w_.prepared[which].now.fresh != fresh))
          ++which;
        if (which == w_.prepared.size() || by_tensor(group.rule)) {
          which = w_.prepared.size();
          prepare(group, g, i, t);
        }
        // Handles once, outside of the threads: counts are not atomic.
        T* data = parameter.mutable_data();
        w_.members.push_back({i, which, data, group.rule.rows ? nullptr : parameter.grad().data()});
        for (std::size_t s = 0; t == 1 && s < group.rule.slot_count; ++s)
          if (group.rule.slots[s].of_parameter && o_.slots_[i][s])
            std::copy_n(data, parameter.size(), static_cast<T*>(o_.slots_[i][s].numbers));
      }
    }
  }

  /// What a limit of the rule's own leaves of all gradients.
  double limited(const Group& group) {
    if (!group.rule.gradient_limit) return 1;
    const double limit = group.rule.gradient_limit(group.hyperparameters.rule_data());
    if (limit == range::kInfinity) return 1;
    if (norm_ < 0) norm_ = o_.pending_scale_ * o_.gradient_norm();
    return 1 / std::max(1.0, norm_ / limit);
  }

  /// The scalars that the driver gives to a rule.
  void prepare(Group& group, std::size_t g, std::size_t parameter, std::int64_t t) {
    const SharedOptions& shared = group.hyperparameters.shared;
    const std::string& mode = shared.weight_decay_mode;
    const double lr = group.hyperparameters.step_size(), initial = group.scheduled.empty() ? lr : group.initial_lr,
                 ratio = initial > 0 ? lr / initial : 1, decay = shared.weight_decay;
    Prepared& prepared = w_.prepared.emplace_back();
    prepared.group = g;
    prepared.parameter = parameter;
    prepared.t = t;
    const double scale = o_.pending_scale_ * limited(group);
    prepared.gradient_scale = static_cast<T>(shared.maximize ? -scale : scale);
    prepared.gradient_decay = static_cast<T>(mode == "coupled" ? decay : 0);
    double before = 1, after = 1;
    if (t >= group.rule.shared.first_move) {
      if (mode == "decoupled") before = 1 - lr * decay;
      if (mode == "independent") before = 1 - ratio * decay;
      if (mode == "corrected") before = 1 - ratio * lr * decay;
      if (mode == "proximal") after = 1 / (1 + lr * decay);
      if (mode == "after") after = 1 - lr * decay;
    }
    prepared.parameter_decay = static_cast<T>(before);
    prepared.result_decay = static_cast<T>(after);
    prepared.now = {};
    prepared.now.t = static_cast<double>(t);
    prepared.now.fresh = t == o_.born_[parameter] + 1;
    if (by_tensor(group.rule)) prepared.now.rank = static_cast<double>(o_.parameters_[parameter].tensor.rank());
    prepared.now.weight_decay = mode == "within" ? decay : 0;
    prepared.now.initial_lr = initial;
    prepared.now.loss = loss_;
  }

  void cut() {
    w_.chunks.clear();
    w_.shares.assign(1, 0);
    std::size_t weight = 0;
    for (std::size_t m = 0; m < w_.members.size(); ++m) {
      const Member& member = w_.members[m];
      if (!rule_of(w_.prepared[member.prepared]).step) continue;
      const std::size_t size = o_.parameters_[member.parameter].tensor.size();
      for (std::size_t offset = 0; offset < size; offset += kChunk) {
        w_.chunks.push_back({m, offset, std::min(kChunk, size - offset)});
        weight += w_.chunks.back().size;
        if (weight < kChunk) continue;
        w_.shares.push_back(w_.chunks.size());
        weight = 0;
      }
    }
    if (w_.shares.back() != w_.chunks.size()) w_.shares.push_back(w_.chunks.size());
  }

  Block<T> block_of(const Chunk& chunk) const {
    const Member& member = w_.members[chunk.member];
    const Prepared& prepared = w_.prepared[member.prepared];
    Block<T> block{};
    block.p = member.data + chunk.offset;
    block.g = member.gradient + chunk.offset;
    block.n = chunk.size;
    block.parameter = static_cast<std::uint32_t>(member.parameter);
    block.first = chunk.offset;
    block.gradient_scale = prepared.gradient_scale;
    block.gradient_decay = prepared.gradient_decay;
    block.parameter_decay = prepared.parameter_decay;
    block.result_decay = prepared.result_decay;
    block.clip = static_cast<T>(o_.pending_clip_);
    return block;
  }
  enum PassNumber : std::uint64_t { kStep, kMeasure, kAbsorb };
  void run(const Pass<T>& pass, const Member& member, const Block<T>& block, PassNumber number, double* sums) const {
    const Prepared& prepared = w_.prepared[member.prepared];
    const RandomKey key{o_.rounding_seed_, RandomStream::rounding + static_cast<std::uint32_t>(member.parameter),
                        static_cast<std::uint32_t>(prepared.t)};
    run_on_stored_state(pass, prepared.kernel.data(), block, o_.slots_[member.parameter], {key, number}, sums);
  }

  /// Sums of each parameter in the order of its chunks, and of all in the order of parameters: neither threads nor
  /// groups show.
  void measure() {
    bool wanted = false;
    for (Prepared& prepared : w_.prepared) {
      const std::size_t all = o_.parameters_.size(),
                        unit = rule_of(prepared).scope == Scope::all ? all : prepared.parameter;
      prepared.now.numbers = o_.numbers_[unit].data();
      if (!rule_of(prepared).measure) continue;
      if (!wanted) w_.sums.assign(all + 1, {});
      prepared.now.sums = w_.sums[unit].data();
      if (unit != all) prepared.now.size = static_cast<double>(o_.parameters_[unit].tensor.size());
      rule_of(prepared).measure.prepare(hyperparameters_of(prepared), prepared.now, prepared.kernel.data());
      wanted = true;
    }
    if (!wanted) return;
    w_.chunk_sums.assign(w_.chunks.size(), {});
    w_.for_chunks([&](std::size_t i) {
      const Rule<T>& rule = rule_of(w_.prepared[w_.members[w_.chunks[i].member].prepared]);
      if (rule.measure)
        run(rule.measure, w_.members[w_.chunks[i].member], block_of(w_.chunks[i]), kMeasure, w_.chunk_sums[i].data());
    });
    const auto add = [](typename Work::Sums& to, const typename Work::Sums& from) {
      for (std::size_t k = 0; k < kMaxSums; ++k) to[k] += from[k];
    };
    double size = 0;
    for (std::size_t i = 0; i < w_.chunks.size(); ++i) {
      const Member& member = w_.members[w_.chunks[i].member];
      add(w_.sums[member.parameter], w_.chunk_sums[i]);
      if (rule_of(w_.prepared[member.prepared]).scope == Scope::all) size += static_cast<double>(w_.chunks[i].size);
    }
    for (std::size_t i = 0; i < o_.parameters_.size(); ++i) add(w_.sums.back(), w_.sums[i]);
    for (Prepared& prepared : w_.prepared)
      if (rule_of(prepared).scope == Scope::all) prepared.now.size = size;
  }

  void gather() {
    bool all_done = false;
    for (Prepared& prepared : w_.prepared) {
      const Rule<T>& rule = rule_of(prepared);
      if (!rule.gather || (rule.scope == Scope::all && all_done)) continue;
      rule.gather(hyperparameters_of(prepared), prepared.now);
      all_done |= rule.scope == Scope::all;
    }
  }

  void move() {
    for (Prepared& prepared : w_.prepared)
      if (const Rule<T>& rule = rule_of(prepared); rule.step)
        rule.step.prepare(hyperparameters_of(prepared), prepared.now, prepared.kernel.data());
    w_.for_chunks([&](std::size_t i) {
      const Member& member = w_.members[w_.chunks[i].member];
      run(rule_of(w_.prepared[member.prepared]).step, member, block_of(w_.chunks[i]), kStep, nullptr);
    });
  }

  /// Behind the step, the estimate of the curvature that was made for it.
  void absorb() {
    if (o_.estimates_.empty()) return;
    for (Prepared& prepared : w_.prepared)
      if (const Rule<T>& rule = rule_of(prepared); rule.absorb)
        rule.absorb.prepare(hyperparameters_of(prepared), prepared.now, prepared.kernel.data());
    w_.for_chunks([&](std::size_t i) {
      const Chunk& chunk = w_.chunks[i];
      const Member& member = w_.members[chunk.member];
      const Rule<T>& rule = rule_of(w_.prepared[member.prepared]);
      if (!rule.absorb) return;
      Block<T> block = block_of(chunk);
      block.g = o_.estimates_[member.parameter].data() + chunk.offset;
      block.gradient_scale = options_of(member).maximize && rule.curvature == Curvature::hessian ? T{-1} : T{1};
      block.gradient_decay = 0;
      block.parameter_decay = block.result_decay = 1;
      block.clip = std::numeric_limits<T>::infinity();
      run(rule.absorb, member, block, kAbsorb, nullptr);
    });
    o_.estimates_.clear();
  }

  void move_rows(const Member& member) {
    const Prepared& prepared = w_.prepared[member.prepared];
    const Rule<T>& rule = rule_of(prepared);
    if (!rule.rows) return;
    const NoGrad no_grad;
    SparseRows<T> g = o_.parameters_[member.parameter].tensor.sparse_grad();
    if (prepared.gradient_scale != 1) g.values = g.values * static_cast<double>(prepared.gradient_scale);
    g.values = clipped(g.values);
    rule.rows(hyperparameters_of(prepared), member.data, g, o_.arrays_[member.parameter].tensors.data(), prepared.now);
  }

  Tensor<T> clipped(const Tensor<T>& g) const {
    const double limit = o_.pending_clip_;
    return limit < std::numeric_limits<double>::infinity() ? clamp(g, -limit, limit) : g;
  }

  /// BLAS and the engine's operations have the threads.
  void move_tensor(const Member& member) {
    const Prepared& prepared = w_.prepared[member.prepared];
    const Rule<T>& rule = rule_of(prepared);
    if (!rule.tensor) return;
    const NoGrad no_grad;
    Tensor<T>& parameter = o_.parameters_[member.parameter].tensor;
    if (parameter.size() == 0) return;
    const Tensor<T> p = parameter.detach();
    Tensor<T> g = parameter.grad();
    if (prepared.gradient_scale != 1) g = g * static_cast<double>(prepared.gradient_scale);
    g = clipped(g);
    if (prepared.gradient_decay != 0) g = g + static_cast<double>(prepared.gradient_decay) * p;
    Tensor<T> step = Tensor<T>::empty(p.shape());
    rule.tensor(hyperparameters_of(prepared), p, g, o_.arrays_[member.parameter].tensors.data(), prepared.now,
                step.mutable_data());
    Tensor<T> moved = static_cast<double>(prepared.parameter_decay) * p - step;
    if (prepared.result_decay != 1) moved = moved * static_cast<double>(prepared.result_decay);
    std::copy_n(moved.data(), moved.size(), member.data);
  }

  const SharedOptions& options_of(const Member& member) const {
    return o_.groups_[w_.prepared[member.prepared].group].hyperparameters.shared;
  }
  bool is_cautious(const Member& member) const {
    const SharedOptions& shared = options_of(member);
    return (shared.cautious || shared.cautious_weight_decay) && o_.parameters_[member.parameter].tensor.size() > 0;
  }
  void remember() {
    w_.before.clear();
    for (const Member& member : w_.members)
      w_.before.push_back(is_cautious(member) ? o_.parameters_[member.parameter].tensor.detach().clone() : Tensor<T>());
  }
  /// Cautious steps: what a step did is known when it is done, so every rule can be.
  void reconsider() {
    const NoGrad no_grad;
    for (std::size_t m = 0; m < w_.members.size(); ++m) {
      const Member& member = w_.members[m];
      if (!is_cautious(member)) continue;
      const Prepared& prepared = w_.prepared[member.prepared];
      const SharedOptions& shared = options_of(member);
      const Tensor<T> p = o_.parameters_[member.parameter].tensor.detach(), &old = w_.before[m];
      Tensor<T> base = static_cast<double>(prepared.parameter_decay) * old, step = base - p;
      if (shared.cautious) {
        const Tensor<T> g =
            static_cast<double>(prepared.gradient_scale) * o_.parameters_[member.parameter].tensor.grad() +
            static_cast<double>(prepared.gradient_decay) * old;
        const Tensor<T> agrees = where(step * g > 0, 1.0, 0.0);
        step = step * agrees / std::max(1e-3, static_cast<double>(mean(agrees).item()));
      }
      if (shared.cautious_weight_decay) base = where(step * old >= 0, base, old);
      const Tensor<T> moved = base - step;
      std::copy_n(moved.data(), moved.size(), member.data);
    }
    w_.before.clear();
  }

  const void* hyperparameters_of(const Prepared& prepared) const {
    return o_.groups_[prepared.group].hyperparameters.rule_data();
  }

  Optimizer& o_;
  Work& w_;
  double loss_;
  double norm_ = -1;  // of all gradients, once a rule has asked for it
};

/// The parameters that a step moves.
template <class T> std::vector<std::size_t> Optimizer<T>::moving() const {
  std::vector<std::size_t> places;
  for (const Group& group : groups_)
    for (const std::size_t i : group.members)
      if (!group.freeze && parameters_[i].tensor.has_grad()) places.push_back(i);
  std::sort(places.begin(), places.end());
  return places;
}

template <class T> void Optimizer<T>::advance(double loss) {
  XGRAD_CHECK(trained_.empty(), "optimizer: step() between eval() and train(); call train() before going on");
  XGRAD_CHECK(!wants_curvature(), "optimizer \"", rule_.name,
              "\" wants an estimate of the loss's curvature for this step: call estimate_curvature(loss) before it");
  if (transforms_.empty()) {
    Step(*this, loss).run();
  } else {
    const NoGrad no_grad;
    const std::vector<std::size_t> places = moving();
    bool goes = true;
    for (const auto& transform : transforms_) goes = goes && transform->before(parameters_, places, step_count_ + 1);
    if (goes) {
      Step(*this, loss).run();
      for (const auto& transform : transforms_) {
        transform->after(parameters_, places);
        if (transform->moves_momentum()) move_momenta(*transform);
      }
      if (std::any_of(transforms_.begin(), transforms_.end(), [](const auto& t) { return t->resets(); })) reset_state();
    }
  }
  pending_scale_ = 1;
  pending_clip_ = std::numeric_limits<double>::infinity();
  ++step_count_;
  apply_schedules();
}

#define XGRAD_INSTANTIATE(T)                                      \
  template double Optimizer<T>::gradient_norm() const;            \
  template double Optimizer<T>::clip_grad_norm(double);           \
  template void Optimizer<T>::clip_grad_value(double);            \
  template std::vector<std::size_t> Optimizer<T>::moving() const; \
  template void Optimizer<T>::advance(double);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::optim
