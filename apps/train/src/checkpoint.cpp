// SPDX-License-Identifier: BSD-3-Clause
#include "checkpoint.hpp"

#include "evaluation_point.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>

namespace xgrad::train {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char *kFormat = "xgrad.format", *kState = "xgrad.state", *kConfig = "xgrad.config",
                     *kOptimizer = "optim.", *kVersion = "3", *kData = "xgrad.data", *kFitted = "data.transform.",
                     *kFill = "data.fill";

/// A double as text that loses no bit.
std::string exact(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%a", value);
  return text;
}
double exact(const Json& json) { return std::strtod(json.get<std::string>().c_str(), nullptr); }

Json to_json(const Progress& p) {
  Json json = {{"step", p.step},
               {"loss_sum", exact(p.loss_sum)},
               {"loss_count", p.loss_count},
               {"skipped", p.skipped},
               {"metrics_bytes", p.metrics_bytes},
               {"first_loss", exact(p.first_loss)},
               {"last_loss", exact(p.last_loss)},
               {"seconds", exact(p.seconds)},
               {"finished", p.finished},
               {"reason", p.reason},
               {"stops", Json::array()},
               {"best", Json::array()}};
  for (const StopState& stop : p.stops) json["stops"].push_back({exact(stop.best), stop.best_step});
  for (const auto& [value, step] : p.best) json["best"].push_back({exact(value), step});
  return json;
}

Progress from_json(const Json& json) {
  Progress p;
  p.step = json.at("step").get<std::int64_t>();
  p.loss_sum = exact(json.at("loss_sum"));
  p.loss_count = json.at("loss_count").get<std::int64_t>();
  p.skipped = json.at("skipped").get<std::int64_t>();
  p.metrics_bytes = json.at("metrics_bytes").get<std::int64_t>();
  p.first_loss = exact(json.at("first_loss"));
  p.last_loss = exact(json.at("last_loss"));
  p.seconds = exact(json.at("seconds"));
  p.finished = json.at("finished").get<bool>();
  p.reason = json.at("reason").get<std::string>();
  for (const Json& stop : json.at("stops")) p.stops.push_back({exact(stop.at(0)), stop.at(1).get<std::int64_t>()});
  for (const Json& best : json.at("best")) p.best.emplace_back(exact(best.at(0)), best.at(1).get<std::int64_t>());
  return p;
}

/// An optimizer's state_dict() within a checkpoint: its arrays behind a prefix.
void add_optimizer(TensorFile& file, TensorFile state) {
  for (TensorFile::Entry& entry : state.entries) {
    entry.name = kOptimizer + entry.name;
    file.entries.push_back(std::move(entry));
  }
  file.metadata.merge(state.metadata);
}
TensorFile optimizer_of(const TensorFile& file) {
  TensorFile state;
  state.metadata = file.metadata;
  for (const TensorFile::Entry& entry : file.entries)
    if (entry.name.starts_with(kOptimizer)) {
      state.entries.push_back(entry);
      state.entries.back().name.erase(0, std::string_view(kOptimizer).size());
    }
  return state;
}

/// What the data was: its numbers as arrays, the rest as metadata.
void add_description(TensorFile& file, const DataDescription& about) {
  const auto sizes = [](const Shape& shape) { return std::vector<std::int64_t>(shape.begin(), shape.end()); };
  const auto add = [&file](const std::string& name, const std::vector<double>& numbers) {
    if (!numbers.empty()) file.add(name, Shape{static_cast<std::int64_t>(numbers.size())}, numbers.data());
  };
  for (std::size_t i = 0; i < about.fitted.size(); ++i) add(kFitted + std::to_string(i), about.fitted[i]);
  add(kFill, about.fill);
  file.metadata[kData] = Json{{"sample", sizes(about.sample)}, {"target", sizes(about.target)},
                              {"classes", about.classes},      {"class_names", about.class_names},
                              {"width", about.width},          {"places", about.places},
                              {"columns", about.columns},      {"target_name", about.target_name}}
                             .dump();
}
DataDescription description_of(const TensorFile& file) {
  const Json json = Json::parse(file.metadata.at(kData));
  DataDescription about;
  const auto shape = [&json](const char* key) {
    Shape result;
    for (const Json& size : json.at(key)) result.push_back(size.get<std::int64_t>());
    return result;
  };
  about.sample = shape("sample");
  about.target = shape("target");
  json.at("classes").get_to(about.classes);
  json.at("class_names").get_to(about.class_names);
  json.at("width").get_to(about.width);
  json.at("places").get_to(about.places);
  json.at("columns").get_to(about.columns);
  json.at("target_name").get_to(about.target_name);
  const auto numbers = [&file](const std::string& name) {
    const TensorFile::Entry* entry = file.find(name);
    std::vector<double> result(entry ? entry->shape.size() : 0);
    if (entry) file.get(name, entry->shape, result.data());
    return result;
  };
  for (const TensorFile::Entry& entry : file.entries)
    if (entry.name.starts_with(kFitted)) {
      const std::size_t i = std::stoul(entry.name.substr(std::string_view(kFitted).size()));
      about.fitted.resize(std::max(about.fitted.size(), i + 1));
      about.fitted[i] = numbers(entry.name);
    }
  about.fill = numbers(kFill);
  return about;
}

/// A checkpoint of the present format.
TensorFile open_file(const std::string& path) {
  TensorFile file;
  try {
    file = TensorFile::parse(read_file(path), path);
  } catch (const Error& error) { throw CheckpointError(error.what()); }
  const auto format = file.metadata.find(kFormat);
  if (format == file.metadata.end()) throw CheckpointError(path + ": not a checkpoint of xgrad");
  if (format->second != kVersion)
    throw CheckpointError(path + ": checkpoint format " + format->second + "; this xgrad reads format " + kVersion +
                          ": use the xgrad that wrote it");
  return file;
}

/// Every difference between what the model wants and what the file has.
template <class T>
void check_parameters(const TensorFile& file, const std::string& path, const NamedTensors<T>& parameters) {
  std::string missing, unexpected, different;
  const auto list = [](std::string& text, const std::string& name) { text += (text.empty() ? "" : ", ") + name; };
  for (const NamedTensor<T>& p : parameters) {
    const auto* entry = file.find("model." + p.name);
    if (!entry)
      list(missing, p.name);
    else if (!(entry->shape == p.tensor.shape()))
      list(different, p.name + " " + entry->shape.to_string() + " against " + p.tensor.shape().to_string());
    else if (entry->dtype != (std::is_same_v<T, float> ? "F32" : "F64"))
      list(different, p.name + " is " + entry->dtype);
  }
  for (const auto& entry : file.entries)
    if (entry.name.starts_with("model.") && std::none_of(parameters.begin(), parameters.end(), [&](const auto& p) {
          return "model." + p.name == entry.name;
        }))
      list(unexpected, entry.name.substr(6));
  if (missing.empty() && unexpected.empty() && different.empty()) return;
  throw CheckpointError(path + ": a checkpoint of another model" + (missing.empty() ? "" : "; missing: " + missing) +
                        (unexpected.empty() ? "" : "; unexpected: " + unexpected) +
                        (different.empty() ? "" : "; different: " + different));
}

template <class T> void take_model(const TensorFile& file, const std::string& path, Experiment<T>& e) {
  NamedTensors<T> parameters = e.model->named_parameters();
  check_parameters(file, path, parameters);
  for (NamedTensor<T>& p : parameters) file.get("model." + p.name, p.tensor.shape(), p.tensor.mutable_data());
  for (NamedTensor<T>& b : e.model->named_buffers())
    file.get("buffer." + b.name, b.tensor.shape(), b.tensor.mutable_data());
}

}  // namespace

std::string checkpoint_name(std::int64_t step) {
  char name[64];
  std::snprintf(name, sizeof name, "step-%010lld.xg.safetensors", static_cast<long long>(step));
  return name;
}

std::vector<std::pair<std::int64_t, std::string>> list_checkpoints(const std::string& folder) {
  std::vector<std::pair<std::int64_t, std::string>> result;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    long long step = 0;
    const std::string name = entry.path().filename().string();
    if (std::sscanf(name.c_str(), "step-%lld", &step) == 1 && name == checkpoint_name(step))
      result.emplace_back(step, entry.path().string());
  }
  std::sort(result.rbegin(), result.rend());
  return result;
}

template <class T>
void save_checkpoint(const std::string& path, Experiment<T>& e, const Progress& progress,
                     const std::vector<Storage<T>>& best) {
  TensorFile file;
  const NamedTensors<T> parameters = e.model->named_parameters();
  for (const NamedTensor<T>& p : parameters) file.add("model." + p.name, p.tensor.shape(), p.tensor.data());
  for (const NamedTensor<T>& b : e.model->named_buffers())
    file.add("buffer." + b.name, b.tensor.shape(), b.tensor.data());
  add_optimizer(file, e.optimizer->state_dict());
  // The point to evaluate, for an optimizer that trains elsewhere; a finished run's model is already its best.
  const NamedTensors<T> tensors = model_tensors(e);
  if (e.optimizer->trains_elsewhere() && !(progress.finished && !best.empty())) {
    const EvaluationPoint<T> point(e, progress.step);
    for (const NamedTensor<T>& x : tensors) file.add("eval." + x.name, x.tensor.shape(), x.tensor.data());
  }
  for (std::size_t i = 0; i < best.size(); ++i)
    file.add("best." + tensors[i].name, tensors[i].tensor.shape(), best[i].data());
  add_description(file, e.data->about());
  file.metadata[kFormat] = kVersion;
  file.metadata[kState] = to_json(progress).dump();
  file.metadata[kConfig] = resolved(e.config).dump();
  try {
    write_file_atomically(path, file.serialize());
  } catch (const Error& error) {
    throw OutputError(std::string(error.what()) + "; the checkpoints saved before are untouched");
  }
}

template <class T> Progress load_checkpoint(const std::string& path, Experiment<T>& e, std::vector<Storage<T>>& best) {
  const TensorFile file = open_file(path);
  try {
    take_model(file, path, e);
    e.optimizer->load_state(optimizer_of(file));  // hyperparameters are the config's, which may have been changed
    Progress progress = from_json(Json::parse(file.metadata.at(kState)));
    best.clear();
    for (const NamedTensor<T>& x : model_tensors(e))
      if (file.find("best." + x.name)) {
        best.emplace_back(x.tensor.size());
        file.get("best." + x.name, x.tensor.shape(), best.back().data());
      }
    return progress;
  } catch (const CheckpointError&) { throw; } catch (const std::exception& error) {
    throw CheckpointError(path + ": " + error.what());
  }
}

template <class T> void load_model(Experiment<T>& e, const SavedModel& saved) {
  take_model(saved.file, saved.path, e);
  for (NamedTensor<T>& x : model_tensors(e))
    if (saved.file.find("eval." + x.name)) saved.file.get("eval." + x.name, x.tensor.shape(), x.tensor.mutable_data());
}

std::string run_folder_of(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path folder = path;
  if (fs::is_regular_file(path, error))
    folder = fs::absolute(path).lexically_normal().parent_path().parent_path();
  else if (!fs::is_directory(path, error))
    throw CheckpointError("cannot find the run \"" + path +
                          "\"; give the folder that \"train --out\" wrote, or a checkpoint in it");
  if (!fs::exists(folder / "config.json", error))
    throw CheckpointError("\"" + path + "\" is not a run folder: there is no \"" + (folder / "config.json").string() +
                          "\"" + (path.ends_with(".json") ? "; did you mean: xgrad train " + path : ""));
  return folder.string();
}

Config config_of_run(const std::string& folder, const std::vector<std::string>& overrides, Problems& problems) {
  return load_config(folder + "/config.json", overrides, problems);
}

SavedModel open_model(const std::string& path, const std::vector<std::string>& overrides, Problems& problems) {
  SavedModel saved;
  saved.path = path;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    const auto all = list_checkpoints(run_folder_of(path) + "/checkpoints");
    if (all.empty()) throw CheckpointError("the run \"" + path + "\" has no checkpoint yet");
    saved.path = all.front().second;
  }
  saved.file = open_file(saved.path);
  try {
    saved.about = description_of(saved.file);
    saved.config = read_config(config::parse(saved.file.metadata.at(kConfig), saved.path + " (config)", problems), ".",
                               overrides, problems);
  } catch (const std::exception& reason) { throw CheckpointError(saved.path + ": " + reason.what()); }
  return saved;
}

#define XGRAD_INSTANTIATE(T)                                                                                          \
  template void save_checkpoint(const std::string&, Experiment<T>&, const Progress&, const std::vector<Storage<T>>&); \
  template Progress load_checkpoint(const std::string&, Experiment<T>&, std::vector<Storage<T>>&);                    \
  template void load_model(Experiment<T>&, const SavedModel&);
XGRAD_INSTANTIATE(float)
XGRAD_INSTANTIATE(double)
#undef XGRAD_INSTANTIATE

}  // namespace xgrad::train
