// SPDX-License-Identifier: BSD-3-Clause
// From a config to everything that a run needs, with all mistakes found at once.
#include <algorithm>
#include <cmath>
#include <optional>

#include "xgrad/ops/reduce.hpp"
#include "xgrad/random.hpp"
#include "xgrad/train/run.hpp"

namespace xgrad::train {
namespace {

using Type = Value::Type;

template <class T>
std::unique_ptr<Dataset<T>> build_data(const Config& config, const LossRow* loss, const DataDescription* about,
                                       Problems& problems) {
  const DataRow* row = data_sources().resolve(config.data, problems);
  DataOptions options;
  if (!row || !config.data.is(Type::object)) return nullptr;
  // The source's own keys are read with the source; here the shared ones, each key known to one of the two.
  std::vector<std::string> own{"type"};
  row->describe([&](const Fields& fields) {
    for (const config::Field& field : fields.list()) own.emplace_back(field.name);
  });
  Problems ours;  // a key that neither knows would be reported twice: once is enough
  config::read_into(options, config.data, ours, "data", own);
  for (const Problems::Problem& p : ours.list())
    if (std::string(p.code) != "XG102") problems.add(p.code, p.place, p.path, p.message, p.help);
  const std::size_t before = problems.list().size();
  const auto load = row->make(config.data, problems);
  std::vector<TransformRow::Fit> steps;
  const auto add = [&](const Value& item) {
    if (const TransformRow* transform = transforms().resolve(item, problems))
      steps.push_back(transform->make(item, problems));
  };
  if (options.transforms.is(Type::list))
    for (const Value& item : options.transforms.items) add(item);
  else if (!options.transforms.is(Type::null))
    add(options.transforms);
  if (problems.list().size() > before || !ours.ok() || !loss) return nullptr;
  if (about) return std::make_unique<Dataset<T>>(*about, steps);
  const RawData raw = load(DataPaths{config.folder});
  if (!loss->classes && loss->probabilities<T>())
    for (std::size_t i = 0; i < raw.targets.size(); ++i)
      if (!(raw.targets[i] >= 0 && raw.targets[i] <= 1) && raw.about.class_names.empty()) {
        std::string text = "target ";
        xgrad::detail::append_text(text, raw.targets[i]);
        throw DataError(text + " of row " + std::to_string(i / (raw.targets.size() / raw.rows())) + "; loss \"" +
                        loss->name + "\" wants 0 to 1");
      }
  return std::make_unique<Dataset<T>>(raw, options, steps, loss->classes, static_cast<std::uint64_t>(config.seed));
}

}  // namespace

template <class T> std::vector<std::string> Experiment<T>::metric_names() const {
  std::vector<std::string> names{"train/loss"};
  for (const Split split : {Split::val, Split::test})
    if (data && data->size(split) > 0) {
      names.push_back(std::string(name_of(split)) + "/loss");
      for (const MetricRow* metric : metrics) names.push_back(std::string(name_of(split)) + "/" + metric->name);
    }
  return names;
}

template <class T> Experiment<T> build(const Config& config, Problems& problems, const DataDescription* about) {
  Experiment<T> e;
  e.config = config;
  manual_seed(static_cast<std::uint64_t>(config.seed));
  const LossRow* loss = config.loss.is(Type::null) ? nullptr : losses().resolve(config.loss, problems);
  if (loss) {
    e.loss = loss->make<T>()(config.loss, problems);
    e.draw = loss->draw<T>();
    e.probabilities = loss->probabilities<T>();
    e.classes = loss->classes;
  }
  const auto add_metric = [&](const Value& item) {
    const MetricRow* metric = metrics().resolve(item, problems);
    if (!metric) return;
    const bool has_classes = loss && (loss->classes || e.probabilities);
    if (loss && metric->classes && !has_classes)
      problems.add("XG107", item,
                   std::string("metric \"") + metric->name + "\" needs classes; loss \"" + loss->name + "\" has none");
    else if (loss && !metric->classes && loss->classes)
      problems.add("XG107", item,
                   std::string("metric \"") + metric->name + "\" needs numbers; loss \"" + loss->name +
                       "\" has classes");
    else if (std::find(e.metrics.begin(), e.metrics.end(), metric) == e.metrics.end())
      e.metrics.push_back(metric);
  };
  if (config.metrics.is(Type::list))
    for (const Value& item : config.metrics.items) add_metric(item);
  else if (!config.metrics.is(Type::null))
    add_metric(config.metrics);

  const bool classes = e.classes;
  std::optional<std::string> data_error;  // told beside all other mistakes
  try {
    if (!config.data.is(Type::null)) e.data = build_data<T>(config, loss, about, problems);
  } catch (const DataError& error) { data_error = error.what(); }
  if (!config.model.is(Type::null)) {
    Shape output;
    e.model = make_model<T>(config.model, e.data ? e.data->sample_shape() : Shape{}, output, problems,
                            e.data && !about ? e.data->fewest() : 0);
    if (!e.data) e.model = nullptr;
    if (e.model && problems.ok()) {
      if (classes && output.rank() != 1)
        problems.add("XG120", config.model,
                     "the model's output for a sample has shape " + output.to_string() + "; loss \"" + loss->name +
                         "\" wants one number for each class",
                     "begin with a \"flatten\" layer or transform");
      else if (classes && output[0] < static_cast<std::int64_t>(e.data->classes()))
        problems.add("XG120", config.model,
                     "output " + std::to_string(output[0]) + ", data has " + std::to_string(e.data->classes()) +
                         " classes (labels 0..." + std::to_string(e.data->classes() - 1) + ")");
      else if (!classes && !(output == e.data->target_shape()))
        problems.add("XG120", config.model,
                     "the model's output for a sample has shape " + output.to_string() + ", the targets " +
                         e.data->target_shape().to_string());
      if (classes && std::string(loss->name) == "cross_entropy" && config.model.find("layers") &&
          !config.model.find("layers")->value.items.empty()) {
        const Value& last = config.model.find("layers")->value.items.back();
        const Value& type = last.is(Type::object) && last.find("type") ? last.find("type")->value : last;
        if (type.string == "softmax" || type.string == "log_softmax")
          problems.warn("XG121", last, "loss \"cross_entropy\" already applies softmax: leave this layer out");
      }
    }
  }
  if (about) return e;  // the rest trains
  if (e.data && e.model && e.loss && problems.ok()) {
    try {  // what only the operations themselves refuse
      const NoGrad no_grad;
      e.model->eval();
      const Batch<T> batch = e.data->rows(Split::train, 0, std::min<std::size_t>(2, e.data->size(Split::train)));
      e.loss((*e.model)(batch.inputs), batch);
    } catch (const DataError&) { throw; } catch (const Error& error) {
      problems.add("XG123", config.loss, std::string("the first samples do not pass: ") + error.what());
    }
    e.model->train();
  }
  if (!config.optimizer.is(Type::null))
    e.optimizer = optim::make<T>(config.optimizer, e.model ? e.model->named_parameters() : NamedTensors<T>{}, problems);
  if (e.optimizer && e.optimizer->curvature() == optim::Curvature::gauss_newton && loss && !e.draw)
    problems.add("XG107", config.optimizer,
                 std::string("optimizer \"") + e.optimizer->name() +
                     "\" draws targets from the model's output; loss \"" + loss->name +
                     "\" does not say how (cross_entropy, nll and bce_with_logits do)");
  if (e.data) e.steps_per_epoch = std::max<std::int64_t>(e.data->batches_per_epoch(), 1);
  if (e.data && e.data->batches_per_epoch() == 0)
    problems.add("XG107", config.data, "an epoch has no batch: \"drop_last\" with fewer rows than \"batch_size\"");
  e.total_steps = config.train.steps.value_or(config.train.epochs.value_or(1) * e.steps_per_epoch);
  const auto schedules = optim::make_schedules(config.schedule, {e.total_steps, e.steps_per_epoch}, problems);
  if (e.optimizer) {
    try {
      e.optimizer->set_schedules(schedules);
    } catch (const Error& error) { problems.add("XG107", config.schedule, error.what()); }
  }
  e.stop_rules = make_stop_rules(config.stop, problems);
  if (!config.train.clip.is(Type::null)) {
    e.clip.emplace();
    config::read_into(*e.clip, config.train.clip, problems, "\"clip\"");
  }
  if (!config.checkpoint.keep_best.is(Type::null)) {
    e.keep_best.emplace();
    config::read_into(*e.keep_best, config.checkpoint.keep_best, problems, "\"keep_best\"");
  }
  if (e.data) {
    const std::vector<std::string> names = e.metric_names();
    const auto check = [&](const std::string& monitor, const Value& at) {
      if (std::find(names.begin(), names.end(), monitor) == names.end() || monitor.starts_with("test/"))
        problems.add(
            "XG107", at, "\"" + monitor + "\" is not measured while training; this run has: " + config::joined([&] {
                           std::vector<std::string> during;
                           for (const std::string& name : names)
                             if (!name.starts_with("test/")) during.push_back(name);
                           return during;
                         }()),
            monitor.starts_with("val/") && e.data->size(Split::val) == 0 ? "give data.split a share for \"val\"" : "");
    };
    for (const StopRule& rule : e.stop_rules) check(rule.monitor, rule.at);
    if (e.optimizer)
      for (const std::string& metric : e.optimizer->observed_metrics()) check(metric, config.schedule);
    if (e.keep_best) check(e.keep_best->monitor, config.checkpoint.keep_best);
  }
  if (data_error) {
    const Value* at = &config.data;  // the setting that the message speaks of
    for (const Value::Member& member : config.data.members)
      if (member.value.is(Type::string) && data_error->find(member.value.string) != std::string::npos &&
          member.key != "type")
        at = &member.value;
    if (!problems.ok()) {
      problems.add("XG130", *at, *data_error);
    } else if (at->place && at->place.source->name != "command line") {
      const auto [line, column] = config::line_column(at->place.source->text, at->place.begin);
      throw DataError(*data_error + "\n   as " + at->place.source->name + ":" + std::to_string(line) + ":" +
                      std::to_string(column) + " says");
    } else {
      throw DataError(*data_error);
    }
  }
  return e;
}

namespace {

template <class T>
void add_to(MetricSums& sums, const Experiment<T>& e, const Tensor<T>& output, const Batch<T>& batch) {
  if (e.classes) {
    const Indices guess = argmax(output, -1);
    for (std::size_t i = 0; i < batch.size; ++i) sums.right += guess.data()[i] == batch.labels.data()[i];
    sums.count += static_cast<double>(batch.size);
    return;
  }
  sums.count += static_cast<double>(output.size());
  for (std::size_t i = 0; i < output.size(); ++i) {
    const auto y = static_cast<double>(output.data()[i]), target = static_cast<double>(batch.targets.data()[i]);
    sums.right += (y >= 0) == (target >= 0.5);  // of a logit
    sums.absolute += std::abs(y - target);
    sums.squared += (y - target) * (y - target);
    sums.targets += target;
    sums.targets_squared += target * target;
  }
}

}  // namespace

template <class T> std::vector<std::pair<std::string, double>> measure(Experiment<T>& e, Split split) {
  const NoGrad no_grad;
  e.model->eval();
  double loss = 0;
  MetricSums sums;
  const std::size_t n = e.data->size(split), step = static_cast<std::size_t>(e.config.eval.batch_size);
  for (std::size_t first = 0; first < n; first += step) {
    const Batch<T> batch = e.data->rows(split, first, std::min(step, n - first));
    const Tensor<T> output = (*e.model)(batch.inputs);
    loss += static_cast<double>(e.loss(output, batch).item()) * static_cast<double>(batch.size);
    if (!e.metrics.empty()) add_to(sums, e, output, batch);
  }
  e.model->train();
  const std::string prefix = std::string(name_of(split)) + "/";
  std::vector<std::pair<std::string, double>> result{{prefix + "loss", loss / static_cast<double>(n)}};
  for (const MetricRow* metric : e.metrics) result.emplace_back(prefix + metric->name, metric->value(sums));
  return result;
}

template <class T> std::string outline(const Experiment<T>& e) {
  std::size_t count = 0;
  for (const NamedTensor<T>& p : e.model->named_parameters()) count += p.tensor.size();
  std::string text =
      std::to_string(count) + " parameters, " + std::to_string(e.data->size(Split::train)) + " training rows";
  for (const Split split : {Split::val, Split::test})
    if (e.data->size(split) > 0) text += ", " + std::to_string(e.data->size(split)) + " " + name_of(split);
  return text + ", " + std::to_string(e.total_steps) + " steps";
}

#define XGRAD_INSTANTIATE(T)                                                      \
  template std::vector<std::string> Experiment<T>::metric_names() const;          \
  template Experiment<T> build(const Config&, Problems&, const DataDescription*); \
  template std::string outline(const Experiment<T>&);                             \
  template std::vector<std::pair<std::string, double>> measure(Experiment<T>&, Split);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::train
