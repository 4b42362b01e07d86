// SPDX-License-Identifier: BSD-3-Clause
// What does it cost to write an optimizer in the config instead of C++? SGD with momentum, Adam and Lion as
// expressions, beside the built-in ones, on one tensor of 10 million parameters (memory) and one of 10 thousand (the
// second cache).
#include <nlohmann/json.hpp>

#include "memory.hpp"

int main(int argc, char** argv) {
  using namespace xgrad;
  using Json = nlohmann::json;
  const bench::Options options = bench::parse_options(argc, argv);
  set_num_threads(options.threads);
  struct Question {
    const char* name;
    double bytes;  // per parameter
    Json builtin, expression;
  };
  const auto expression = [](const Json& hyper, const Json& state, const Json& update) {
    return Json{{"type", "expression"}, {"hyper", hyper}, {"state", state}, {"update", update}};
  };
  const Question questions[] = {
      {"sgd with momentum",
       20,
       {{"type", "sgd"}, {"lr", 1e-3}, {"momentum", 0.9}},
       expression({{"lr", 1e-3}, {"b", 0.9}}, {{"m", 0}}, {"m = b*m + g", "p = p - lr*m"})},
      {"adam",
       28,
       {{"type", "adam"}, {"lr", 1e-3}},
       expression(
           {{"lr", 1e-3}, {"b1", 0.9}, {"b2", 0.999}, {"eps", 1e-8}}, {{"m", 0}, {"v", 0}},
           {"m = b1*m + (1-b1)*g", "v = b2*v + (1-b2)*g*g", "p = p - lr/(1-b1^t) * m / (sqrt(v)/sqrt(1-b2^t) + eps)"})},
      {"lion",
       20,
       {{"type", "lion"}, {"lr", 1e-4}},
       expression({{"lr", 1e-4}, {"b1", 0.9}, {"b2", 0.99}}, {{"m", 0}},
                  {"p = p - lr*sign(b1*m + (1-b1)*g)", "m = b2*m + (1-b2)*g"})},
  };
  for (const long elements : {10'000'000L, 10'000L})
    for (const Question& question : questions) {
      std::vector<std::unique_ptr<optim::Optimizer<float>>> optimizers;
      for (const Json& config : {question.builtin, question.expression})
        optimizers.push_back(optim::make<float>(config, bench::parameters_with_gradients({elements}, 1)));
      const int repeat = elements < 1'000'000 ? 1000 : 1;
      const auto steps = [repeat](optim::Optimizer<float>& optimizer) {
        return [repeat, &optimizer] {
          for (int i = 0; i < repeat; ++i) optimizer.step();
        };
      };
      const double bytes = question.bytes * static_cast<double>(elements) * repeat;
      bench::compare(std::string(question.name) + (repeat == 1 ? ", 10 M parameters" : ", 10 K parameters, 1000 steps"),
                     options,
                     {{"built in", steps(*optimizers[0]), 1, bytes}, {"expression", steps(*optimizers[1]), 1, bytes}});
    }
}
