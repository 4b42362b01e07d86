// SPDX-License-Identifier: BSD-3-Clause
// What holds for every operation in the table; no operation is named here but in the list of errors.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "engine/operations.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

/// Calls check(operation, sample) for all samples of all differentiable operations.
template <class Check> void for_samples(Check check) {
  for (const OperationRow& operation : operations()) {
    if (!operation.differentiable) continue;
    for (const Sample& sample : operation.samples) {
      CAPTURE(operation.name);
      std::string shapes;
      for (const Input& input : sample) shapes += input.shape.to_string() + " ";
      CAPTURE(shapes);
      check(operation, sample);
    }
  }
}

Sample with_shape(const OperationRow& operation, const Shape& shape) {
  Sample sample = operation.samples[0];
  for (Input& input : sample) input.shape = shape;
  return sample;
}

template <class T> bool same_bits(const Tensor<T>& a, const Tensor<T>& b) {
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

}  // namespace

TEST_CASE("gradients agree with central differences") {
  for_samples([](const OperationRow& operation, const Sample& sample) {
    const auto result = gradcheck(operation.in_double, make_inputs<double>(sample));
    CHECK_MESSAGE(result.passed, result.message);
  });
}

TEST_CASE("gradients of gradients agree with central differences") {
  for_samples([](const OperationRow& operation, const Sample& sample) {
    const auto result = gradgradcheck(operation.in_double, make_inputs<double>(sample));
    CHECK_MESSAGE(result.passed, result.message);
  });
}

TEST_CASE("each input alone") {
  for_samples([](const OperationRow& operation, const Sample& sample) {
    if (sample.size() < 2) return;
    for (std::size_t k = 0; k < sample.size(); ++k) {
      auto inputs = make_inputs<double>(sample);
      for (std::size_t j = 0; j < inputs.size(); ++j) inputs[j].set_requires_grad(j == k);
      CHECK_MESSAGE(gradcheck(operation.in_double, inputs).passed, "input " << k);
    }
  });
}

TEST_CASE("one tensor as several inputs") {
  for (const OperationRow& operation : operations()) {
    if (!operation.broadcasts || operation.samples[0].size() < 2) continue;
    if (operation.name == "maximum" || operation.name == "minimum" ||
        operation.name.find("difference") != std::string::npos)
      continue;  // a kink: x = x
    CAPTURE(operation.name);
    Sample sample{operation.samples[0][0]};
    for (const Input& input : operation.samples[0]) {
      sample[0].low = std::max(sample[0].low, input.low);
      sample[0].high = std::min(sample[0].high, input.high);
    }
    const auto twice = [&](const std::vector<Tensor<double>>& x) {
      return operation.in_double(std::vector(operation.samples[0].size(), x[0]));
    };
    const auto result = gradcheck(twice, make_inputs<double>(sample));
    CHECK_MESSAGE((result.passed || operation.name == "where" || operation.name == "logaddexp"), result.message);
  }
}

TEST_CASE("what backward reads and was changed in place is refused, and nothing else") {
  for_samples([](const OperationRow& operation, const Sample& sample) {
    for (const bool create_graph : {false, true}) {
      // Changes input `changed` (or the result, if it is their number) between forward and backward.
      const auto gradients = [&](std::size_t changed) {
        auto inputs = make_inputs<double>(sample);
        Tensor<double> y = operation.in_double(inputs);
        Tensor<double> seed = Tensor<double>::ones(y.shape());
        for (std::size_t i = 0; i < seed.size(); ++i) seed.mutable_data()[i] = std::cos(static_cast<double>(i));
        if (changed <= inputs.size()) {
          Tensor<double>& x = changed == inputs.size() ? y : inputs[changed];
          for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] += 0.37;
        }
        if (!y.requires_grad()) return std::vector<Tensor<double>>(inputs.size());
        return grad<double>({y}, inputs, {seed}, {.create_graph = create_graph, .allow_unused = true});
      };
      const auto expected = gradients(sample.size() + 1);
      for (std::size_t changed = 0; changed <= sample.size(); ++changed) {
        CAPTURE(changed);
        CAPTURE(create_graph);
        std::string refused;
        std::vector<Tensor<double>> found;
        try {
          found = gradients(changed);
        } catch (const Error& error) { refused = error.what(); }
        if (!refused.empty()) {
          CHECK_MESSAGE(refused.find("changed in place") != std::string::npos, refused);
          continue;
        }
        for (std::size_t k = 0; k < sample.size(); ++k) {
          REQUIRE(found[k].defined() == expected[k].defined());
          if (found[k].defined()) CHECK_MESSAGE(same_bits(found[k], expected[k]), "gradient of input " << k);
        }
      }
    }
  });
}

TEST_CASE("broadcasting equals expanded inputs, forward bit for bit") {
  for_samples([](const OperationRow& operation, const Sample& sample) {
    if (!operation.broadcasts || sample.size() < 2) return;
    const auto inputs = make_inputs<double>(sample);
    const Tensor<double> y = operation.in_double(inputs);
    std::vector<Tensor<double>> expanded;
    for (const auto& x : inputs) expanded.push_back(expand(x, y.shape()));
    CHECK(same_bits(y, operation.in_double(expanded)));
  });
}

TEST_CASE("empty inputs give empty results and gradients") {
  for (const OperationRow& operation : operations()) {
    if (!operation.broadcasts) continue;
    CAPTURE(operation.name);
    const auto inputs = make_inputs<float>(with_shape(operation, {0, 3}));
    const Tensor<float> y = operation.in_float(inputs);
    CHECK(y.shape() == Shape{0, 3});
    sum(y).backward();
    for (const auto& x : inputs) CHECK((!x.has_grad() || x.grad().shape() == Shape{0, 3}));
  }
}

TEST_CASE("float follows double") {
  for_samples([](const OperationRow& operation, const Sample& sample) {
    const Tensor<float> narrow = operation.in_float(make_inputs<float>(sample));
    const Tensor<double> wide = operation.in_double(make_inputs<double>(sample));
    REQUIRE(narrow.shape() == wide.shape());
    for (std::size_t i = 0; i < wide.size(); ++i)
      CHECK(narrow.data()[i] == doctest::Approx(wide.data()[i]).epsilon(1e-4));
  });
}

TEST_CASE("results and gradients do not depend on the number of threads") {
  const int before = num_threads();
  for (const OperationRow& operation : operations()) {
    if (!operation.broadcasts) continue;
    CAPTURE(operation.name);
    std::vector<Tensor<float>> results[2];
    for (const int threads : {1, 2}) {
      set_num_threads(threads);
      Sample sample = with_shape(operation, {301, 257});
      if (sample.size() > 1) sample[1].shape = Shape{257};  // a gradient summed over rows
      const auto inputs = make_inputs<float>(sample);
      const Tensor<float> y = operation.in_float(inputs);
      sum(y * y).backward();
      results[threads - 1].push_back(y);
      for (const auto& x : inputs)
        if (x.has_grad()) results[threads - 1].push_back(x.grad());
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(same_bits(results[0][i], results[1][i]));
  }
  set_num_threads(before);
}

TEST_CASE("every public operation has a row") {
  std::set<std::string> rows;
  for (const OperationRow& operation : operations()) rows.insert(operation.name);
  // Declared in a header, or made from a row of functions/*.inc.
  const std::filesystem::path include = XGRAD_SOURCE_DIR "/engine/include/xgrad";
  std::size_t found = 0;
  const auto scan = [&](const std::filesystem::path& path, const std::regex& pattern) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    std::string all =
        std::regex_replace(text.str(), std::regex("namespace detail \\{[^]*?\\}  // namespace detail"), "");
    for (std::sregex_iterator it(all.begin(), all.end(), pattern), end; it != end; ++it, ++found)
      CHECK_MESSAGE(rows.contains((*it)[1]), (*it)[1].str() << " of " << path.filename().string()
                                                            << " has no row in tests/engine/operations.cpp");
  };
  for (const auto& entry : std::filesystem::directory_iterator(include / "ops"))
    scan(entry.path(), std::regex("template <class T>\\s+[\\w:]+(?:<[\\w:<>, ]+>)? ([a-z][a-zA-Z0-9_]*)\\("));
  for (const auto& entry : std::filesystem::directory_iterator(include / "functions"))
    scan(entry.path(), std::regex("(?:^|\n)XGRAD_(?:UNARY|BINARY|MAP|BINARY_MAP|TERNARY_MAP)[0-2]\\((\\w+),"));
  CHECK(found > 120);
}

TEST_CASE("wrong shapes and values are refused with what was found and what to do") {
  using Call = std::function<void()>;
  const auto t = [](const Shape& shape) { return Tensor<float>::ones(shape); };
  const std::pair<Call, const char*> cases[] = {
      {[&] {
         t({2, 3}) + t({4});
       },
       "add: shapes (2, 3) and (4,) do not broadcast: 3 against 4 at axis 1"},
      {[&] {
         matmul(t({32, 784}), t({10, 784}));
       },
       "inner sizes differ: (32, 784) @ (10, 784)"},
      {[&] {
         matmul(t({32, 784}), t({10, 784}));
       },
       "did you mean transpose(b)?"},
      {[&] { matmul(t({}), t({3})); }, "a scalar has no matrix product"},
      {[&] {
         linear(t({4, 3}), t({2, 5}));
       },
       "x (4, 3) does not fit weight (2, 5) (out, in)"},
      {[&] {
         linear(t({4, 3}), t({2, 3}), t({3}));
       },
       "bias of shape (3,); expected (2,)"},
      {[&] {
         reshape(t({2, 3}), Shape{4});
       },
       "reshape: (2, 3) has 6 elements, (4,) has 4"},
      {[&] {
         reshape(t({2, 3}), {-1, 4});
       },
       "no multiple of 4"},
      {[&] {
         reshape(t({2, 3}), {-1, -1});
       },
       "more than one size is -1"},
      {[&] {
         permute(t({2, 3}), {0, 0});
       },
       "axis 0 of shape (2, 3) is named twice"},
      {[&] {
         squeeze(t({2, 3}), 1);
       },
       "has size 3; expected 1"},
      {[&] { unsqueeze(t({2}), 3); }, "expected -2 to 1"},
      {[&] {
         expand(t({2, 3}), Shape{2, 4});
       },
       "do not broadcast"},
      {[&] { slice(t({2}), 0, 0, 2, 0); }, "step 0; expected >= 1"},
      {[&] { concat<float>({}); }, "the list is empty"},
      {[&] {
         concat<float>({t({2, 3}), t({2, 4})}, 0);
       },
       "shapes (2, 3) and (2, 4) differ"},
      {[&] {
         stack<float>({t({2}), t({3})});
       },
       "shapes (2,) and (3,) differ"},
      {[&] {
         sum(t({2, 3}), 2);
       },
       "sum: axis 2 is outside shape (2, 3); expected -2 to 1"},
      {[&] {
         sum(t({2, 3}), {0, -2});
       },
       "axis -2 of shape (2, 3) is named twice"},
      {[&] { amax(t({0})); }, "no elements to choose from"},
      {[&] {
         argmax(t({2, 0}), 1);
       },
       "no elements to choose from"},
      {[&] {
         mse_loss(t({4, 1}), t({4}));
       },
       "predictions have shape (4, 1), targets (4,); expected equal shapes"},
      {[&] {
         cross_entropy(t({2, 3}), Indices{0, 3});
       },
       "target 3 at position 1; expected a class in [0, 3)"},
      {[&] {
         cross_entropy(t({2, 3}), Indices{0});
       },
       "targets have shape (1,); expected (2,)"},
      {[&] {
         cross_entropy<float>(t({2, 3}), Indices{0, 1}, {.label_smoothing = 2});
       },
       "label_smoothing is 2; expected 0 to 1"},
      {[&] {
         nll_loss<float>(t({2, 3}), Indices{0, 1}, {.weight = t({2})});
       },
       "expected one for each of 3 classes"},
      {[&] { huber_loss(t({2}), t({2}), -1); }, "delta is -1; expected > 0"},
      {[&] { dropout(t({2}), 1.5); }, "p is 1.5; expected 0 to 1"},
      {[&] {
         t({2, 3}).item();
       },
       "has 6 elements; expected one"},
      {[&] {
         Tensor<float>({2, 2}, {1.0f});
       },
       "1 values for shape (2, 2); expected 4"},
      {[&] {
         Shape{2, -1};
       },
       "negative size"},
      {[&] { nn::Linear<float>(0, 3); }, "expected positive sizes"},
  };
  for (const auto& refused : cases) {
    const char* words = refused.second;
    CAPTURE(words);
    try {
      refused.first();
      FAIL_CHECK("accepted");
    } catch (const Error& error) {
      CHECK_MESSAGE(std::string(error.what()).find(words) != std::string::npos, error.what());
    }
  }
}

TEST_CASE("values and gradients at kinks") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const auto at = [](auto f, double value) {
    const auto x = parameter(Tensor<double>({1}, {value}));
    const auto y = f(x);
    sum(y).backward();
    return std::pair(y.data()[0], x.grad().data()[0]);
  };
#define F(...) [](const auto& x) { return __VA_ARGS__; }
  CHECK(at(F(relu(x)), 0) == std::pair(0.0, 0.0));
  CHECK(at(F(abs(x)), 0) == std::pair(0.0, 0.0));
  CHECK(std::signbit(at(F(abs(x)), -0.0).first) == false);
  CHECK(at(F(clamp(x, -1, 1)), 1) == std::pair(1.0, 1.0));  // ends included
  CHECK(at(F(hardtanh(x)), 1) == std::pair(1.0, 0.0));      // ends excluded
  CHECK(at(F(clamp(x, 2, 1)), 0).first == 1);               // lo > hi gives hi
  CHECK(at(F(maximum(x, 0.5)), 0.5).second == 0.5);         // a tie: half each
  CHECK(at(F(elu(x)), 0).second == 1);
  CHECK(at(F(sqrt(x)), 0).second == inf);
  CHECK(at(F(sigmoid(x)), -1000).first == 0);
  CHECK(at(F(softplus(x)), 1000).first == 1000);
  CHECK(at(F(log_sigmoid(x)), -1000).first == -1000);
  CHECK(at(F(pow(x, 2)), -3) == std::pair(9.0, -6.0));
  CHECK(at(F(pow_scalar(x, 3)), -2).first == doctest::Approx(-8));
  CHECK(at(F(pow_scalar(x, -1)), 0).first == inf);
  CHECK(at(F(pow_scalar(x, 0)), 0) == std::pair(1.0, 0.0));
  for (const double bad : {nan}) {
    CHECK(std::isnan(at(F(relu(x)), bad).first));
    CHECK(std::isnan(at(F(clamp(x, -1, 1)), bad).first));
    CHECK(std::isnan(at(F(maximum(x, 0)), bad).first));
    CHECK(std::isnan(at(F(minimum(x, 0)), bad).first));
    CHECK(std::isnan(at(F(amax(x)), bad).first));
  }
  CHECK(at(F(logaddexp(x, x)), -inf).first == -inf);
  CHECK(at(F(logsumexp(x)), -inf) == std::pair(-inf, 0.0));
#undef F
  const auto tied = parameter(Tensor<double>({4}, {1, 3, 3, 2}));
  amax(tied).backward();
  CHECK(tied.grad().data()[1] == 0.5);
  CHECK(tied.grad().data()[2] == 0.5);
  const auto first = parameter(Tensor<double>({4}, {1, 3, 3, 2}));
  const auto [values, places] = max(first, 0);
  values.backward();
  CHECK(places.data()[0] == 1);
  CHECK(first.grad().data()[1] == 1);
  CHECK(first.grad().data()[2] == 0);
  CHECK(sum(Tensor<double>::ones({0})).item() == 0);
  CHECK(std::isnan(mean(Tensor<double>::ones({0})).item()));
  CHECK(std::isnan(var(Tensor<double>::ones({1})).item()));
  CHECK(argmin(Tensor<double>({2, 2}, {1, 0, 0, 1}), 0).data()[1] == 0);
}
