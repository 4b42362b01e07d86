// SPDX-License-Identifier: BSD-3-Clause
// Layers of samples that are sequences, (steps, features).
#include <algorithm>

#include "layer_rows.hpp"
#include "xgrad/autograd.hpp"
#include "xgrad/nn/attention.hpp"
#include "xgrad/nn/embedding.hpp"
#include "xgrad/nn/recurrent.hpp"

namespace xgrad::train {
namespace {

namespace range = config::range;

/// A problem, and false, unless what reaches the layer is a sequence.
bool expects_sequence(const char* layer, const Value& value, const LayerContext& context, Problems& problems) {
  if (!context.known) return false;
  if (context.shape.rank() == 2 && context.shape.size() > 0) return true;
  problems.add("XG120", value,
               std::string("layer \"") + layer + "\": needs sequences, (steps, features), but receives shape " +
                   context.shape.to_string() + " (from " + context.from + ")",
               "add to the data's transforms: { \"type\": \"reshape\", \"shape\": [steps, features] }");
  return false;
}

/// The same, and a number of heads that divides the features.
bool expects_heads(const char* layer, std::int64_t heads, const Value& value, const LayerContext& context,
                   Problems& problems) {
  if (!expects_sequence(layer, value, context, problems) || heads < 1) return false;
  if (context.shape[1] % heads == 0) return true;
  problems.add(
      "XG120", value,
      std::string("layer \"") + layer + "\": heads=" + std::to_string(heads) + " does not divide the " +
          std::to_string(context.shape[1]) + " features that it receives (from " + context.from + ")",
      "choose a number of heads that does, or let { \"type\": \"linear\", \"out\": ... } before it make a multiple");
  return false;
}

constexpr const char* kInit = "how the weights begin; default: the model's init, else as PyTorch's";

/// A table whose rows the data name; numbers that name none are the data's fault.
template <class T> class Lookup : public nn::Embedding<T> {
 public:
  using nn::Embedding<T>::Embedding;
  Tensor<T> forward(const Tensor<T>& x) override {
    try {
      return nn::Embedding<T>::forward(x);
    } catch (const AnomalyError&) { throw; } catch (const Error& error) {
      throw DataError("layer \"embedding\": " + std::string(error.what()) +
                      " (the data's inputs must be whole numbers " + "from 0 to " +
                      std::to_string(this->weight.shape()[0] - 1) + ")");
    }
  }
};

struct EmbeddingLayer {
  std::int64_t count = 0, out = 0;
  std::optional<std::int64_t> padding;
  bool sparse = false;
  Value init;
  static constexpr const char* name = "embedding";
  static constexpr config::About about{"numbers of characters, words or categories, each as a trained vector"};
  void describe(Fields& f) {
    f("count", count, range::count, "how many there are; inputs are whole numbers from 0 on").required();
    f("out", out, range::count, "size of a vector").required();
    f("padding", padding, range::nonnegative, "the one that stands for nothing: its vector stays 0");
    f("sparse", sparse, "keep the gradient as rows of the numbers that a batch has: for sparse_adam");
    f("init", init, "", kInit);
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!context.known || count < 1 || out < 1) return nullptr;
    if (context.from != "the data") {
      problems.add("XG120", value,
                   "layer \"embedding\": needs the data's whole numbers, but receives what " + context.from + " makes",
                   "make it the first layer");
      return nullptr;
    }
    if (padding && *padding >= count) {
      problems.add("XG120", value,
                   "layer \"embedding\": padding=" + std::to_string(*padding) + " is none of the " +
                       std::to_string(count) + ", which are 0 to " + std::to_string(count - 1));
      return nullptr;
    }
    context.shape = context.shape.inserted(context.shape.rank(), out);
    auto layer = std::make_shared<Lookup<T>>(count, out,
                                             EmbeddingOptions{.padding_idx = padding.value_or(-1), .sparse = sparse});
    apply_init<T>(*layer, init, context, problems);
    if (padding) std::fill_n(layer->weight.mutable_data() + *padding * out, out, T{0});
    return layer;
  }
};

/// A recurrent layer whose result is what the last layer knows at the end: (N, L, in) -> (N, D H).
template <class T, template <class> class Layer> class FinalState : public Layer<T> {
 public:
  FinalState(std::int64_t in, std::int64_t out, const nn::RecurrentLayerOptions& options)
      : Layer<T>(in, out, options), directions_(options.bidirectional ? 2 : 1) {}
  Tensor<T> forward(const Tensor<T>& x) override {
    return flatten(transpose(slice(Layer<T>::forward(x, {}).h, 0, -directions_), 0, 1), 1);
  }

 private:
  std::int64_t directions_;
};

struct RecurrentFields {
  std::int64_t out = 0, layers = 1;
  bool bidirectional = false, sequence = false;
  double dropout = 0;
  Value init;
  void describe(Fields& f) {
    f("out", out, range::count, "size of the state, in each direction").required();
    f("layers", layers, range::count, "one on top of the other");
    f("bidirectional", bidirectional, "also from the last step to the first; doubles the output");
    f("sequence", sequence, "give the states of all steps, not the last alone");
    f("dropout", dropout, range::unit, "between layers, while training");
    f("init", init, "", kInit);
  }
  template <class T, template <class> class Layer>
  std::shared_ptr<nn::Module<T>> make_layer(const char* name, const Value& value, LayerContext& context,
                                            Problems& problems) const {
    if (!expects_sequence(name, value, context, problems) || out < 1 || layers < 1) return nullptr;
    const nn::RecurrentLayerOptions options{
        .num_layers = layers, .batch_first = true, .dropout = dropout, .bidirectional = bidirectional};
    const std::int64_t in = context.shape[1], width = bidirectional ? 2 * out : out;
    std::shared_ptr<nn::Module<T>> layer;
    if (sequence)
      layer = std::make_shared<Layer<T>>(in, out, options);
    else
      layer = std::make_shared<FinalState<T, Layer>>(in, out, options);
    context.shape = sequence ? Shape{context.shape[0], width} : Shape{width};
    apply_init(*layer, init, context, problems);
    return layer;
  }
};

#define XGRAD_LAYER(Struct, layer_name, Layer, doc, source)                                                          \
  struct Struct : RecurrentFields {                                                                                  \
    static constexpr const char* name = layer_name;                                                                  \
    static constexpr config::About about{doc, source};                                                               \
    template <class T> std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& c, Problems& p) const { \
      return make_layer<T, nn::Layer>(name, value, c, p);                                                            \
    }                                                                                                                \
  };
XGRAD_LAYER(RnnLayer, "rnn", RNN, "a state that each step renews: tanh(W x + U h + b)", "")
XGRAD_LAYER(LstmLayer, "lstm", LSTM, "a state that gates keep, renew and show", "Neural Computation 9 (1997)")
XGRAD_LAYER(GruLayer, "gru", GRU, "as lstm, with two gates and one state", "arXiv:1406.1078")
#undef XGRAD_LAYER

struct AttentionLayer {
  std::int64_t heads = 1;
  bool causal = false;
  double dropout = 0;
  Value init;
  static constexpr const char* name = "attention";
  static constexpr config::About about{"each step reads from all steps, by several heads", "arXiv:1706.03762"};
  void describe(Fields& f) {
    f("heads", heads, range::count, "each on its share of the features");
    f("causal", causal, "a step reads from itself and those before it only");
    f("dropout", dropout, range::unit, "of what is read, while training");
    f("init", init, "", kInit);
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!expects_heads(name, heads, value, context, problems)) return nullptr;
    auto layer = std::make_shared<nn::MultiheadAttention<T>>(
        context.shape[1], heads, nn::MultiheadAttentionOptions{.dropout = dropout, .is_causal = causal});
    apply_init<T>(*layer, init, context, problems);
    return layer;
  }
};

struct TransformerBlockLayer {
  std::int64_t heads = 1;
  std::optional<std::int64_t> feed_forward;
  double dropout = 0.1;
  bool causal = false, norm_first = true;
  std::string activation = "gelu";
  Value init;
  static constexpr const char* name = "transformer_block";
  static constexpr config::About about{"attention, then two linear maps of each step, each added to what it received",
                                       "arXiv:1706.03762"};
  void describe(Fields& f) {
    f("heads", heads, range::count, "each on its share of the features");
    f("feed_forward", feed_forward, range::count, "features between the linear maps; default: four times as many");
    f("dropout", dropout, range::unit, "while training");
    f("causal", causal, "a step reads from itself and those before it only");
    f("norm_first", norm_first, "layer norm before each half, not behind it");
    f("activation", activation, config::OneOf{"gelu|relu"}, "between the linear maps");
    f("init", init, "", kInit);
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!expects_heads(name, heads, value, context, problems)) return nullptr;
    auto layer = std::make_shared<nn::TransformerEncoderLayer<T>>(
        context.shape[1], heads,
        nn::TransformerEncoderLayerOptions{.dim_feedforward = feed_forward.value_or(4 * context.shape[1]),
                                           .dropout = dropout,
                                           .gelu = activation == "gelu",
                                           .norm_first = norm_first,
                                           .is_causal = causal});
    apply_init<T>(*layer, init, context, problems);
    return layer;
  }
};

/// x + weight (L, d), trained or the fixed sinusoids.
template <class T> class Positions : public nn::Module<T> {
 public:
  Positions(std::int64_t length, std::int64_t size, bool learned) {
    if (!learned) {
      weight_ = sinusoidal_positions<T>(length, size);
      return;
    }
    weight_ = this->register_parameter("weight", Tensor<T>::empty({length, size}));
    nn::initialize(weight_, nn::Init::normal, nn::next_init_key(), 0.02);
  }
  Tensor<T> forward(const Tensor<T>& x) override { return x + weight_; }

 private:
  Tensor<T> weight_;
};

struct PositionalLayer {
  bool learned = true;
  Value init;
  static constexpr const char* name = "positional";
  static constexpr config::About about{"adds to each step where it stands", "arXiv:1706.03762"};
  void describe(Fields& f) {
    f("learned", learned, "trained numbers, else sinusoids");
    f("init", init, "", "how the trained ones begin; default: the model's init, else normal of deviation 0.02");
  }
  template <class T>
  std::shared_ptr<nn::Module<T>> make(const Value& value, LayerContext& context, Problems& problems) const {
    if (!expects_sequence(name, value, context, problems)) return nullptr;
    if (!learned && context.shape[1] % 2 != 0) {
      problems.add("XG120", value,
                   "layer \"positional\": sinusoids need an even number of features, but it receives " +
                       std::to_string(context.shape[1]) + " (from " + context.from + ")",
                   "use \"learned\": true");
      return nullptr;
    }
    auto layer = std::make_shared<Positions<T>>(context.shape[0], context.shape[1], learned);
    apply_init<T>(*layer, init, context, problems);
    return layer;
  }
};

}  // namespace

void add_sequence_layers(config::Registry<LayerRow>& registry) {
  registry.add(row<EmbeddingLayer>());
  registry.add(row<RnnLayer>());
  registry.add(row<LstmLayer>());
  registry.add(row<GruLayer>());
  registry.add(row<AttentionLayer>());
  registry.add(row<TransformerBlockLayer>());
  registry.add(row<PositionalLayer>());
}

}  // namespace xgrad::train
