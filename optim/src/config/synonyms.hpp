// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <string>
#include <vector>

namespace xgrad::config {

/// What a key surely means among the known ones, other tools' words and spellings included: "learning_rate" is "lr",
/// "batchSize" is "batch_size"; where the known ones are a config's sections, "epochs" is "train.epochs". Else "".
std::string meant_key(const std::string& key, const std::vector<std::string>& known);
/// The same for the name of a registered thing: "BatchNorm2d" is "batch_norm", "CrossEntropyLoss" "cross_entropy".
std::string meant_name(const std::string& name, const std::vector<std::string>& known);

}  // namespace xgrad::config
