// SPDX-License-Identifier: BSD-3-Clause
// What every optimizer has to keep.
#include <cmath>

#include "conformance/trial.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::optim::conformance {
namespace {

using config::Field;
using Kind = Field::Kind;

void declaration(const Subject& s, Findings& f) {
  const About about = s.row.float_rule.about;
  f.expect(std::strlen(about.doc) > 5, s.config, "it has no line that says what it is (about.doc)");
  f.expect(std::strlen(about.source) > 5, s.config, "it does not say where it comes from (about.source)");
  Hyperparameters defaults = s.defaults();
  const config::Fields fields = defaults.fields();
  f.expect(fields.find("lr"), s.config, "it has no field \"lr\", which schedules and groups scale");
  for (std::size_t i = 0; i < fields.list().size(); ++i) {
    const Field& field = fields.list()[i];
    f.expect(std::strlen(field.doc) > 2, s.config, "field \"", field.name, "\" has no line that says what it is");
    for (std::size_t j = 0; j < i; ++j)
      f.expect(std::strcmp(field.name, fields.list()[j].name) != 0, s.config, "two fields are called \"", field.name,
               "\"");
  }
  for (const char* wrong : {s.row.float_rule.name, s.row.double_rule.name})
    f.expect(std::strcmp(wrong, s.row.name) == 0, s.config, "its rule is called \"", wrong, "\", its row \"",
             s.row.name, "\"");
}

void fields_through_json(const Subject& s, Findings& f) {
  Hyperparameters defaults = s.defaults();
  const Json dumped = Json::parse(config::dump(defaults.fields()).dump());
  Json config = s.config;
  config.update(dumped);
  Hyperparameters again = Subject::parsed(config);
  f.expect(Json::parse(config::dump(again.fields()).dump()) == dumped, config, "its fields change on the way through ",
           "JSON: they come back as ", config::dump(again.fields()).dump());
  const config::Fields fields = defaults.fields();
  const auto schema = config::schema(fields);
  f.expect(schema["properties"].size() == fields.list().size(), s.config, "the schema has ",
           schema["properties"].size(), " properties for ", fields.list().size(), " fields");
}

void ranges(const Subject& s, Findings& f) {
  Hyperparameters defaults = s.defaults();
  const config::Fields fields = defaults.fields();
  for (const Field& field : fields.list()) {
    const bool list = field.kind == Kind::numbers || field.kind == Kind::few_numbers || field.kind == Kind::number_list;
    if (!list && field.kind != Kind::number && field.kind != Kind::integer && field.kind != Kind::optional_number &&
        field.kind != Kind::optional_integer)
      continue;
    std::vector<double> wrong;
    if (std::isfinite(field.range.low)) wrong.push_back(field.range.low - 1);
    if (std::isfinite(field.range.high)) wrong.push_back(field.range.high + 1);
    if (field.range.open_low) wrong.push_back(field.range.low);
    if (field.range.open_high && std::isfinite(field.range.high)) wrong.push_back(field.range.high);
    for (const double value : wrong) {
      Json config = s.config;
      config[field.name] = list ? Json(std::vector<double>(std::max<std::size_t>(field.count, 1), value)) : Json(value);
      config::Problems problems;
      const bool accepted = make<float>(config::Value::from_json(config), NamedTensors<float>{}, problems) != nullptr;
      f.expect(!accepted, config, "accepted although \"", field.name, "\" must be ", field.range.text());
      f.expect(accepted || (problems.text().find(field.name) != std::string::npos &&
                            problems.text().find("out of range") != std::string::npos),
               config, "refused, but the message does not say that \"", field.name,
               "\" is out of range: ", problems.text());
    }
  }
}

/// A training that is saved after `stop` steps and continued by a new optimizer, against one that was not.
void continues(const Json& config, const Inputs& inputs, int stop, const NamedTensors<float>& whole, Findings& f) {
  NamedTensors<float> first = parameters_of<float>(inputs), second = parameters_of<float>(inputs);
  const auto before = make<float>(config, first);
  for (int t = 0; t < stop; ++t) {
    set_gradients(*before, inputs, t);
    advance(*before);
  }
  const auto after = make<float>(config, second);
  const auto from = before->state(), to = after->state();
  f.expect(from.size() == to.size(), config, "saving after ", stop, " steps gives ", from.size(),
           " arrays, a new optimizer has ", to.size());
  if (from.size() != to.size()) return;
  for (std::size_t i = 0; i < from.size(); ++i) {
    f.expect(from[i].name == to[i].name, config, "state \"", from[i].name, "\" against \"", to[i].name, "\"");
    if (from[i].bytes != 0) std::memcpy(to[i].data, from[i].data, from[i].bytes);
  }
  for (std::size_t p = 0; p < first.size(); ++p)
    std::copy_n(first[p].tensor.data(), first[p].tensor.size(), second[p].tensor.mutable_data());
  auto numbers = before->state_numbers(), places = after->state_numbers();
  f.expect(numbers.size() == places.size(), config, "saving after ", stop, " steps gives ", numbers.size(),
           " groups of numbers, a new optimizer has ", places.size());
  if (numbers.size() != places.size()) return;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    std::copy(numbers[i].values.begin(), numbers[i].values.end(), places[i].values.begin());
  after->load_steps(before->steps(), before->step_count());
  for (int t = stop; t < kSteps; ++t) {
    set_gradients(*after, inputs, t);
    advance(*after);
  }
  f.expect_same(difference(whole, second), config, "saved after step ", stop, " and continued");
}

void checkpoint(const Subject& s, Findings& f) {
  for (const Json& config : s.variants) {
    const NamedTensors<float> whole = trained<float>(config, small_inputs());
    for (const int stop : {0, 1, 3, kSteps - 1}) continues(config, small_inputs(), stop, whole, f);
  }
}

/// The share of elements that end further from where `full` leads than a quarter of their way.
double strayed(const NamedTensors<float>& found, const NamedTensors<float>& full, const NamedTensors<float>& start) {
  double count = 0, all = 0;
  for (std::size_t p = 0; p < full.size(); ++p)
    for (std::size_t k = 0; k < full[p].tensor.size(); ++k) {
      const float end = full[p].tensor.data()[k];
      count += !(std::abs(found[p].tensor.data()[k] - end) <= std::abs(end - start[p].tensor.data()[k]) / 4 + 1e-6f);
      ++all;
    }
  return count / all;
}
std::size_t state_bytes(const Json& config, const Inputs& inputs) {
  std::size_t sum = 0;
  for (const auto& state : make<float>(config, parameters_of<float>(inputs))->state()) sum += state.bytes;
  return sum;
}

void state_formats(const Subject& s, Findings& f) {
  const Rule<float>& rule = s.row.float_rule;
  if (!rule.step || rule.slot_count == 0) return;
  static const Inputs inputs(std::vector<Shape>{{5003}, {70, 80}});
  const NamedTensors<float> start = parameters_of<float>(inputs), full = trained<float>(s.config, inputs);
  for (const char* format : {"bfloat16", "8bit"}) {
    const Json config = s.with({{"state_format", format}});
    const NamedTensors<float> whole = trained<float>(config, inputs);
    continues(config, inputs, 3, whole, f);
    const double share = strayed(whole, full, start);
    f.expect(share <= 0.1, config, "after 6 steps a share of ", share, " is not where the full state leads");
    const std::size_t small = state_bytes(config, inputs), large = state_bytes(s.config, inputs);
    f.expect(small <= large, config, "its state takes ", small, " bytes, the full one ", large);
  }
}

/// Puts the number of threads back.
struct Threads {
  int before = num_threads();
  ~Threads() { set_num_threads(before); }
};

/// The greatest difference, relative to 1 and the numbers, and the numbers themselves.
struct Distance {
  double worst = 0, x = 0, y = 0;
};
template <class A, class B> Distance distance(const NamedTensors<A>& a, const NamedTensors<B>& b) {
  Distance result;
  for (std::size_t p = 0; p < a.size(); ++p)
    for (std::size_t k = 0; k < a[p].tensor.size(); ++k) {
      const double x = a[p].tensor.data()[k], y = b[p].tensor.data()[k];
      const double error = std::abs(x - y) / (1 + std::max(std::abs(x), std::abs(y)));
      if (!(error <= result.worst)) result = {error, x, y};
    }
  return result;
}

void threads(const Subject& s, Findings& f) {
  const Threads restored;
  const bool multiplies = s.row.float_rule.tensor != nullptr;  // and the last bits of BLAS products depend on threads
  for (const Json& config : s.variants) {
    set_num_threads(1);
    const auto one = trained<float>(config, large_inputs(), 2);
    for (const int count : {2, 4}) {
      set_num_threads(count);
      const auto several = trained<float>(config, large_inputs(), 2);
      if (multiplies) {
        const Distance found = distance(one, several);
        f.expect(found.worst <= 1e-4, config, "1 thread gives ", found.x, ", ", count, " give ", found.y);
      } else {
        f.expect_same(difference(one, several), config, "1 thread against ", count);
      }
    }
  }
}

void precision(const Subject& s, Findings& f) {
  const double tolerance = s.row.float_rule.traits.float_tolerance;
  for (const Json& config : s.variants) {
    if (config.contains("state_format")) continue;  // as coarse for double as for float
    const Distance found =
        distance(trained<float>(config, small_inputs(), 5), trained<double>(config, small_inputs(), 5));
    f.expect(found.worst <= tolerance, config, "float gives ", found.x, ", double ", found.y);
  }
}

void shapes(const Subject& s, Findings& f) {
  for (const Json& config : s.variants) {
    const auto all = trained<double>(config, small_inputs());
    for (const auto& [name, tensor] : all)
      for (const double value : tensor.values())
        f.expect(std::isfinite(value), config, "\"", name, "\" of shape ", tensor.shape(), " becomes ", value);
  }
  // An element's update knows no shape unless the rule says so.
  if (s.row.float_rule.traits.reach != Reach::element) return;
  Inputs flat = small_inputs();
  for (Shape& shape : flat.shapes) shape = Shape{static_cast<std::int64_t>(shape.size())};
  for (const Json& config : s.variants)
    f.expect_same(difference(trained<float>(config, small_inputs()), trained<float>(config, flat)), config,
                  "a tensor against its elements as a vector");
}

void groups(const Subject& s, Findings& f) {
  if (s.minimizes()) return;
  for (const Json& config : s.variants) {
    Json split = config;
    split["groups"] = Json::array({{{"match", "layer1.*"}}, {{"rank", 3}}});
    f.expect_same(difference(trained<double>(config, small_inputs(), 4), trained<double>(split, small_inputs(), 4)),
                  config, "one group against three alike");
    Json frozen = config;
    frozen["groups"] = Json::array({{{"match", "layer1.weight"}, {"freeze", true}}});
    const auto start = parameters_of<double>(small_inputs()), end = trained<double>(frozen, small_inputs(), 2);
    f.expect_same(difference<double>({start[1]}, {end[1]}), config, "a frozen parameter moved");
  }
}

void gradients(const Subject& s, Findings& f) {
  if (s.minimizes()) return;
  static const Inputs inputs(std::vector<Shape>{{3}, {3}});
  for (const Json& config : s.variants) {
    NamedTensors<double> all = parameters_of<double>(inputs);
    const NamedTensors<double> start = parameters_of<double>(inputs);
    const auto optimizer = make<double>(config, all);
    const int steps = std::max(3, s.row.float_rule.shared.first_move);
    for (int t = 0; t < steps; ++t) {
      set_gradients(*optimizer, inputs, t);
      all[1].tensor.zero_grad();
      advance(*optimizer);
    }
    f.expect_same(difference<double>({start[1]}, {all[1]}), config, "a parameter without a gradient moved");
    f.expect(optimizer->steps()[0] == steps && optimizer->steps()[1] == 0, config,
             "steps counted: ", optimizer->steps()[0], " with and ", optimizer->steps()[1],
             " without a gradient; expected ", steps, " and 0");
    const bool may_stand = config.value("cautious", false);  // a rule that only climbs is left out entirely
    f.expect(may_stand || !difference<double>({start[0]}, {all[0]}).empty(), config, steps,
             " steps do not move a parameter");
    for (auto& [name, tensor] : all) tensor.set_grad(Tensor<double>::zeros({3}));
    advance(*optimizer);
    f.expect(optimizer->steps()[0] == steps + 1 && optimizer->steps()[1] == 1, config,
             "a gradient of zeros is not counted");
    for (const auto& [name, tensor] : all)
      for (const double value : tensor.values())
        f.expect(std::isfinite(value), config, "after a gradient of zeros a parameter is ", value);
  }
}

void nonfinite(const Subject& s, Findings& f) {
  static const Inputs inputs(std::vector<Shape>{{20}, {20}});
  const Reach reach = s.row.float_rule.traits.reach;
  for (const double poison : {std::nan(""), std::numeric_limits<double>::infinity()})
    for (const Json& config : s.variants) {
      NamedTensors<double> all = parameters_of<double>(inputs);
      const auto optimizer = make<double>(config, all);
      set_gradients(*optimizer, inputs, 0);
      all[0].tensor.mutable_grad_data()[3] = poison;
      for (int t = 0; t < s.row.float_rule.shared.first_move; ++t) advance(*optimizer);
      if (reach == Reach::all) continue;  // any element may be reached; that it returned is all there is to see
      for (std::size_t p = 0; p < 2; ++p)
        for (std::size_t k = 0; k < 20; ++k) {
          const double value = all[p].tensor.data()[k];
          const bool reached = p == 0 && (k == 3 || reach == Reach::tensor);
          f.expect(reached || std::isfinite(value), config, "a gradient of ", poison, " in element 3 of \"",
                   all[0].name, "\" makes element ", k, " of \"", all[p].name, "\" ", value);
          f.expect(!(p == 0 && k == 3 && std::isnan(poison) && reach == Reach::element) || std::isnan(value), config,
                   "a gradient of nan is hidden: its element becomes ", value);
        }
    }
}

void maximize(const Subject& s, Findings& f) {
  if (s.minimizes()) return;
  for (const Json& config : s.variants) {
    Json up = config, down = config;
    up["maximize"] = true;
    down["maximize"] = false;
    f.expect_same(difference(trained<double>(up, small_inputs()), trained<double>(down, small_inputs(), kSteps, -1)),
                  config, "maximize against gradients of the other sign");
  }
}

void schedules_act(const Subject& s, Findings& f) {
  static const Inputs inputs(std::vector<Shape>{{3}});
  NamedTensors<double> all = parameters_of<double>(inputs);
  const auto optimizer = make<double>(s.config, all);
  config::Problems problems;
  const Json schedule = {{{"type", "linear"}, {"from", 1.0}, {"to", 0.0}},
                         {{"type", "constant"}, {"factor", 0.5}, {"param", "weight_decay"}}};
  const double lr = optimizer->get("lr"), decay = optimizer->get("weight_decay");
  optimizer->set_schedules(make_schedules(config::Value::from_json(schedule), {10, 10}, problems));
  f.expect(optimizer->get("weight_decay") == decay / 2, s.config, "weight_decay is ", optimizer->get("weight_decay"),
           " under a schedule that halves ", decay);
  for (int t = 0; t <= 10; ++t) {
    const double expected = lr * (1 - t / 10.0), found = optimizer->get("lr");
    f.expect(std::abs(found - expected) <= 1e-12 * lr, s.config, "lr is ", found, " after ", t,
             " of 10 steps of a linear schedule from ", lr, " to 0; expected ", expected);
    set_gradients(*optimizer, inputs, t);
    advance(*optimizer);
  }
}

/// Steps down `loss` from where the parameters are; what it is before and after.
template <class Loss>
std::pair<double, double> descend(const Json& config, NamedTensors<double>& all, int steps, const Loss& loss) {
  const auto optimizer = make<double>(config, all);
  const double before = loss().item();
  for (int t = 0; t < steps; ++t) {
    if (optimizer->wants_curvature()) optimizer->estimate_curvature(loss);
    optimizer->step([&] {
      optimizer->zero_grad();
      const Tensor<double> value = loss();
      value.backward();
      return value.item();
    });
  }
  return {before, loss().item()};
}

void descent(const Subject& s, Findings& f) {
  const double lr = s.row.float_rule.traits.descends_at;
  NamedTensors<double> all = {{"x", parameter(Tensor<double>({2}, {1.5, -2.0}))}};
  const Json quick = s.with({{"lr", lr}, {"weight_decay", 0}});
  const auto [before, after] = descend(quick, all, 300, [&] {
    return sum(square(all[0].tensor) * Tensor<double>({2}, {1.0, 10.0}));
  });
  f.expect(after < 0.9 * before, quick, "300 steps on a quadratic lead from ", before, " to ", after);
  NamedTensors<double> point = {{"x", parameter(Tensor<double>({1}, {-1.5}))},
                                {"y", parameter(Tensor<double>({1}, {2.0}))}};
  const Json slow = s.with({{"lr", lr / 20}, {"weight_decay", 0}});
  const auto [high, low] = descend(slow, point, 500, [&] {
    return sum(square(1 - point[0].tensor) + 100 * square(point[1].tensor - square(point[0].tensor)));
  });
  f.expect(low < high, slow, "500 steps on Rosenbrock's function lead from ", high, " to ", low);
}

constexpr Entry kChecks[] = {
    {{"declaration", "it says what it is and where it comes from, each field once"}, declaration},
    {{"fields", "its fields go through JSON and back, and the schema has them all"}, fields_through_json},
    {{"ranges", "values out of range are refused by name"}, ranges},
    {{"checkpoint", "saved, loaded and continued equals uninterrupted, bit for bit, at any step"}, checkpoint},
    {{"state_formats", "in 2 bytes or 1 its state leads to nearly the same place, and continues bit for bit"},
     state_formats},
    {{"threads", "1, 2 and 4 threads agree bit for bit, on tensors of 1 to 100,003 elements"}, threads},
    {{"precision", "float follows double"}, precision},
    {{"shapes", "numbers, vectors, tensors and empty ones all work"}, shapes},
    {{"groups", "split into groups it moves as in one; frozen parameters stand still"}, groups},
    {{"gradients", "missing gradients are skipped entirely; zero gradients are ordinary"}, gradients},
    {{"nonfinite", "NaN and infinity reach no further than the rule does"}, nonfinite},
    {{"maximize", "climbing equals descending along the negative gradient"}, maximize},
    {{"schedules", "schedules act on its hyperparameters"}, schedules_act},
    {{"descent", "it descends on a quadratic and on Rosenbrock's function"}, descent},
};

}  // namespace

std::span<const Entry> entries() { return kChecks; }

}  // namespace xgrad::optim::conformance
