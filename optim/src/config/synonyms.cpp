// SPDX-License-Identifier: BSD-3-Clause
// What PyTorch, Keras, Caffe and others call our keys and names.
#include "config/synonyms.hpp"

#include <algorithm>
#include <cctype>
#include <span>
#include <string_view>

namespace xgrad::config {
namespace {

/// Theirs in plain() form, separated by blanks.
struct Words {
  const char *ours, *theirs;
};
constexpr Words kKeys[] = {
    {"lr", "learningrate baselr lr0 maxlr"},
    {"betas", "beta1 beta2 momentum2"},
    {"eps", "epsilon"},
    {"steps", "maxiter maxsteps iterations numsteps"},
    {"epochs", "numtrainepochs numepochs maxepochs nepochs"},
    {"accumulate", "itersize gradientaccumulationsteps"},
    {"clip", "clipgradients maxgradnorm gradientclipval clipnorm gradclip"},
    {"out", "units outfeatures filters numoutput outchannels hiddensize embeddingdim"},
    {"in", "infeatures inchannels"},
    {"kernel", "kernelsize poolsize"},
    {"stride", "strides"},
    {"p", "rate dropoutratio"},
    {"heads", "numheads nhead"},
    {"count", "numembeddings vocabsize"},
    {"schedule", "lrpolicy lrschedulertype lrscheduler scheduler"},
    {"checkpoint", "snapshot"},
    {"loss", "criterion lossfn"},
    {"model", "net network"},
    {"data", "dataset"},
    {"optimizer", "solver"},
    {"stop", "callbacks earlystopping"},
    {"seed", "randomstate randomseed"},
    {"split", "validationsplit"},
    {"eval", "testinterval"},
    {"log", "display"},
    {"dtype", "precision"},
};
/// Our keys that stand within a section.
constexpr Words kSections[] = {
    {"optimizer", "lr betas momentum weight_decay"},
    {"data", "batch_size shuffle split transforms"},
    {"train", "epochs steps clip"},
    {"model", "layers"},
};
constexpr Words kNames[] = {
    {"l1", "mae meanabsoluteerror"},
    {"mse", "meansquarederror euclidean"},
    {"cross_entropy", "categoricalcrossentropy sparsecategoricalcrossentropy softmaxwith"},
    {"bce_with_logits", "binarycrossentropy bce sigmoidcrossentropy"},
    {"linear", "dense innerproduct fc fullyconnected"},
    {"batch_norm", "batchnormalization batchnorm1d batchnorm2d"},
    {"layer_norm", "layernormalization"},
    {"conv2d", "convolution conv"},
    {"max_pool2d", "maxpooling2d pooling"},
    {"avg_pool2d", "averagepooling2d"},
    {"adaptive_avg_pool2d", "globalaveragepooling2d"},
    {"silu", "swish"},
    {"attention", "multiheadattention"},
    {"transformer_block", "transformerencoderlayer"},
    {"accuracy", "acc"},
    {"sgd", "momentum nesterov"},
};

/// A word without case, bars and blanks: "BatchNorm" and "batch_norm" are one.
std::string plain(std::string_view word) {
  std::string result;
  for (const char c : word)
    if (std::isalnum(static_cast<unsigned char>(c)))
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool has_word(std::string_view words, std::string_view word) {
  for (std::size_t at = 0; (at = words.find(word, at)) != std::string_view::npos; ++at) {
    const std::size_t end = at + word.size();
    if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ')) return true;
  }
  return false;
}

std::string meant(const std::string& bare, const std::vector<std::string>& known, std::span<const Words> table) {
  if (bare.empty()) return "";
  for (const std::string& candidate : known)
    if (plain(candidate) == bare) return candidate;
  for (const Words& words : table)
    if (has_word(words.theirs, bare) && std::find(known.begin(), known.end(), words.ours) != known.end())
      return words.ours;
  return "";
}

}  // namespace

std::string meant_key(const std::string& key, const std::vector<std::string>& known) {
  const std::string bare = plain(key);
  if (std::string here = meant(bare, known, kKeys); !here.empty()) return here;
  for (const Words& section : kSections) {
    if (std::find(known.begin(), known.end(), section.ours) == known.end()) continue;
    std::vector<std::string> within(1);
    for (const char* c = section.theirs; *c; ++c)
      if (*c == ' ')
        within.emplace_back();
      else
        within.back() += *c;
    if (const std::string there = meant(bare, within, kKeys); !there.empty())
      return std::string(section.ours) + "." + there;
  }
  return "";
}

std::string meant_name(const std::string& name, const std::vector<std::string>& known) {
  std::string bare = plain(name);
  if (bare.size() > 4 && bare.ends_with("loss")) bare.resize(bare.size() - 4);
  return meant(bare, known, kNames);
}

}  // namespace xgrad::config
