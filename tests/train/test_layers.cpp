// SPDX-License-Identifier: BSD-3-Clause
// Layers of sequences as the config names them: what they make of a sample, and what their parameters are called.
#include "xgrad/ops/comparison.hpp"
#include "xgrad/ops/creation.hpp"
#include "xgrad/ops/linalg.hpp"
#include "xgrad/random.hpp"
#include "xgrad/train/model.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

struct Case {
  const char* layer;  ///< JSON
  Shape sample, result;
  std::vector<std::string> parameters;
};

const std::vector<Case>& cases() {
  static const std::vector<std::string> one = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"},
                                        attention = {"in_proj_weight", "in_proj_bias", "out_proj.weight",
                                                     "out_proj.bias"},
                                        block = {"self_attn.in_proj_weight",
                                                 "self_attn.in_proj_bias",
                                                 "self_attn.out_proj.weight",
                                                 "self_attn.out_proj.bias",
                                                 "linear1.weight",
                                                 "linear1.bias",
                                                 "linear2.weight",
                                                 "linear2.bias",
                                                 "norm1.weight",
                                                 "norm1.bias",
                                                 "norm2.weight",
                                                 "norm2.bias"};
  static const std::vector<Case> all = {
      {R"({"type": "rnn", "out": 5})", {7, 3}, {5}, one},
      {R"({"type": "gru", "out": 5, "sequence": true})", {7, 3}, {7, 5}, one},
      {R"({"type": "lstm", "out": 5})", {7, 3}, {5}, one},
      {R"({"type": "lstm", "out": 5})", {1, 1}, {5}, one},
      {R"({"type": "lstm", "out": 2, "bidirectional": true})",
       {7, 3},
       {4},
       {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_ih_l0_reverse", "weight_hh_l0_reverse",
        "bias_ih_l0_reverse", "bias_hh_l0_reverse"}},
      {R"({"type": "gru", "out": 2, "layers": 2, "dropout": 0.5, "sequence": true})",
       {7, 3},
       {7, 2},
       {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_ih_l1", "weight_hh_l1", "bias_ih_l1",
        "bias_hh_l1"}},
      {R"("attention")", {7, 3}, {7, 3}, attention},
      {R"({"type": "attention", "heads": 3, "causal": true, "dropout": 0.1})", {7, 6}, {7, 6}, attention},
      {R"("transformer_block")", {7, 3}, {7, 3}, block},
      {R"({"type": "transformer_block", "heads": 2, "feed_forward": 5, "activation": "relu", "norm_first": false})",
       {7, 4},
       {7, 4},
       block},
      {R"("positional")", {7, 3}, {7, 3}, {"weight"}},
      {R"({"type": "positional", "learned": false})", {7, 4}, {7, 4}, {}},
      {R"({"type": "embedding", "count": 9, "out": 4})", {7}, {7, 4}, {"weight"}},
      {R"({"type": "embedding", "count": 9, "out": 4, "padding": 0})", {2, 7}, {2, 7, 4}, {"weight"}},
  };
  return all;
}

/// The model of this one layer, with these further members.
std::shared_ptr<nn::Sequential<float>> model_of(const std::string& layer, const Shape& sample, Shape& output,
                                                const std::string& members = "") {
  config::Problems problems;
  const config::Value value =
      config::parse("{\"type\": \"sequential\", \"layers\": [" + layer + "]" + members + "}", "config", problems);
  auto model = train::make_model<float>(value, sample, output, problems);
  REQUIRE_MESSAGE(problems.ok(), problems.text());
  return model;
}

}  // namespace

TEST_CASE("layers of sequences: shapes, parameters, gradients, and none depends on the rest of the batch") {
  for (const Case& c : cases()) {
    CAPTURE(c.layer);
    manual_seed(3);
    Shape output;
    const auto model = model_of(c.layer, c.sample, output);
    CHECK(output == c.result);
    const auto parameters = model->named_parameters();
    REQUIRE(parameters.size() == c.parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) CHECK(parameters[i].name == "0." + c.parameters[i]);
    const bool whole_numbers = std::string(c.layer).find("embedding") != std::string::npos;
    Tensor<float> x = Tensor<float>::empty(c.sample.inserted(0, 3));
    for (std::size_t i = 0; i < x.size(); ++i)
      x.mutable_data()[i] =
          whole_numbers ? static_cast<float>(i % 9) : static_cast<float>(uniform({1, 0, 0}, i)) - 0.5f;
    const Tensor<float> y = (*model)(x);
    CHECK(y.shape() == c.result.inserted(0, 3));
    if (!parameters.empty()) y.backward(Tensor<float>::ones(y.shape()));
    for (const auto& parameter : parameters) CHECK_MESSAGE(parameter.tensor.has_grad(), parameter.name);
    model->eval();
    const Tensor<float> all = (*model)(x), last = (*model)(slice(x, 0, 2));
    for (std::size_t i = 0; i < last.size(); ++i)
      CHECK(last.data()[i] == doctest::Approx(all.data()[2 * last.size() + i]).epsilon(1e-5));
  }
}

TEST_CASE("the model's init reaches the matrices of every layer, a layer's own wins, padding stays 0") {
  for (const Case& c : cases()) {
    CAPTURE(c.layer);
    Shape output;
    for (const bool own : {false, true}) {
      std::string layer = c.layer;
      if (layer[0] == '"') layer = "{\"type\": " + layer + "}";
      if (own) layer.insert(layer.size() - 1, R"(, "init": {"type": "orthogonal", "gain": 3})");
      const auto model = model_of(layer, c.sample, output, R"(, "init": "ones")");
      for (const NamedTensor<float>& each : model->named_parameters()) {
        const Tensor<float>& tensor = each.tensor;
        if (tensor.rank() < 2) continue;
        CAPTURE(each.name);
        const bool padded = layer.find("\"padding\"") != std::string::npos;
        if (!own) {
          for (std::size_t i = 0; i < tensor.size(); ++i)
            CHECK(tensor.data()[i] == (padded && i < static_cast<std::size_t>(tensor.size(1)) ? 0 : 1));
        } else if (!padded) {
          const auto square =
              tensor.size(0) > tensor.size(1) ? matmul(transpose(tensor), tensor) : matmul(tensor, transpose(tensor));
          CHECK(allclose(square, 9 * eye<float>(square.size(0)), 1e-4, 1e-4));
        }
      }
    }
  }
  config::Problems problems;
  Shape output;
  const config::Value value = config::parse(
      R"({"type": "sequential", "layers": [{"type": "gru", "out": 2, "init": {"type": "values", "weight": [[1]]}}]})",
      "config", problems);
  train::make_model<float>(value, {4, 2}, output, problems);
  CHECK(problems.text().find("init \"values\" is for linear layers only") != std::string::npos);
}

TEST_CASE("causal layers look back only, positions tell equal steps apart, padding stays 0") {
  Shape output;
  Tensor<float> x = Tensor<float>::empty({1, 4, 2});
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(uniform({1, 0, 0}, i));
  Tensor<float> changed = x.clone();
  changed.mutable_data()[7] += 1;  // the last step
  for (const char* layer :
       {R"({"type": "attention", "causal": true})", R"({"type": "transformer_block", "causal": true, "dropout": 0})",
        R"({"type": "gru", "out": 2, "sequence": true})"}) {
    CAPTURE(layer);
    const auto model = model_of(layer, {4, 2}, output);
    const Tensor<float> before = (*model)(x), after = (*model)(changed);
    for (std::size_t i = 0; i < 6; ++i) CHECK(before.data()[i] == after.data()[i]);
    CHECK(before.data()[7] != after.data()[7]);
  }
  for (const char* layer : {R"("positional")", R"({"type": "positional", "learned": false})"}) {
    const Tensor<float> y = (*model_of(layer, {4, 2}, output))(Tensor<float>::zeros({1, 4, 2}));
    CHECK(y.data()[0] != y.data()[2]);
  }
  const auto table = model_of(R"({"type": "embedding", "count": 3, "out": 2, "padding": 1})", {2}, output);
  const Tensor<float> y = (*table)(Tensor<float>::ones({1, 2}));
  for (std::size_t i = 0; i < y.size(); ++i) CHECK(y.data()[i] == 0);
  y.backward(Tensor<float>::ones(y.shape()));
  for (const float g : table->named_parameters()[0].tensor.grad().values()) CHECK(g == 0);
}
