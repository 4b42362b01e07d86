// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "xgrad/config/registry.hpp"
#include "xgrad/tensor.hpp"

namespace xgrad::train {

/// Data that cannot be used; the command exits with 4.
class DataError : public Error {
 public:
  using Error::Error;
};

/// What a model's inputs and targets are. Checkpoints keep it, so that a model is applied without the data it had.
struct DataDescription {
  Shape sample;                          ///< of one row as it was read, before the transforms
  Shape target;                          ///< of one target that is no class
  std::size_t classes = 0;               ///< 0: the targets are numbers
  std::vector<std::string> class_names;  ///< when the targets were words; targets are places in it then
  // Of a table (csv):
  std::size_t width = 0;                    ///< its columns
  std::vector<std::int64_t> places;         ///< of the inputs among them
  std::vector<std::string> columns;         ///< the inputs' names, if it had a header
  std::string target_name;                  ///< likewise
  std::vector<double> fill;                 ///< "missing": "mean": what stands for a missing number, by column
  std::vector<std::vector<double>> fitted;  ///< the statistics of each transform
};

/// Rows as they were read, before splitting and transforms.
struct RawData {
  Shape inputs_shape;               ///< (N, ...)
  std::vector<std::uint8_t> bytes;  ///< the inputs of pictures, else empty
  std::vector<double> numbers;      ///< the inputs otherwise
  Shape targets_shape;              ///< (N) or (N, ...)
  std::vector<double> targets;
  std::size_t test_begin = 0;  ///< rows from here on are a given test set; 0: none
  DataDescription about;       ///< of words and tables; the rest is the Dataset's to fill in

  std::size_t rows() const { return static_cast<std::size_t>(inputs_shape[0]); }
  std::size_t row_size() const { return rows() == 0 ? 0 : inputs_shape.size() / rows(); }
};

/// Where a relative path of a config is looked for: beside the config file, then in the folder XGRAD_DATA.
struct DataPaths {
  std::string folder = ".";
  /// Throws DataError naming all places tried.
  std::string find(const std::string& path) const;
};

/// One kind of data source ("csv", "idx", ...): its fields, and how it reads.
struct DataRow {
  const char* name;
  config::About about;
  std::function<void(const std::function<void(config::Fields&)>&)> describe;
  std::function<std::function<RawData(const DataPaths&)>(const config::Value&, config::Problems&)> make;
};
const config::Registry<DataRow>& data_sources();

/// "split" of a data section: shares of the rows. With a given test set only train and val are shared out.
struct SplitOptions {
  double train = 1, val = 0, test = 0;
  bool stratify = false;
  std::int64_t seed = 0;
  void describe(config::Fields& f);
};

/// What every data section has beside its source's own keys.
struct DataOptions {
  SplitOptions split;
  config::Value transforms;
  std::int64_t batch_size = 32;
  bool shuffle = true, drop_last = false;
  void describe(config::Fields& f);
};

/// "transforms": steps on the inputs, in order; those with statistics fit them on the training rows only.
struct TransformRow {
  const char* name;
  config::About about;
  std::function<void(const std::function<void(config::Fields&)>&)> describe;
  /// What it does to rows once its statistics are known; in place.
  using Apply = std::function<void(std::vector<double>& rows)>;
  /// Shows each training row, as the transforms before leave it.
  using TrainingRows = std::function<void(const std::function<void(const double* row)>&)>;
  /// Takes the statistics from the training rows, unless `fitted` has them from an earlier time, and says what the
  /// shape of one row becomes.
  using Fit = std::function<Apply(const TrainingRows& training, Shape& row_shape, std::vector<double>& fitted,
                                  std::vector<std::string>& notes)>;
  std::function<Fit(const config::Value&, config::Problems&)> make;
};
const config::Registry<TransformRow>& transforms();

template <class T> struct Batch {
  Tensor<T> inputs;
  Indices labels;     ///< (n) for classification
  Tensor<T> targets;  ///< otherwise
  std::size_t size = 0;
};

enum class Split { train, val, test };
constexpr const char* name_of(Split split) {
  return split == Split::train ? "train" : split == Split::val ? "val" : "test";
}

/// Split, transformed rows. The order of an epoch is a function of (seed, epoch), so a run resumes in its middle.
template <class T> class Dataset {
 public:
  /// `classes`: the targets must be class numbers 0, 1, ... Throws DataError.
  Dataset(const RawData& raw, const DataOptions& options, const std::vector<TransformRow::Fit>& transforms,
          bool classes, std::uint64_t seed);
  /// Without rows: for new ones, transformed as these were.
  Dataset(const DataDescription& about, const std::vector<TransformRow::Fit>& transforms);

  const DataDescription& about() const { return about_; }
  std::size_t size(Split split) const { return rows_[static_cast<std::size_t>(split)].size(); }
  /// Of one sample's input: (features).
  const Shape& sample_shape() const { return sample_shape_; }
  const Shape& target_shape() const { return about_.target; }
  std::size_t classes() const { return about_.classes; }
  const std::vector<std::string>& notes() const { return notes_; }
  std::int64_t batches_per_epoch() const;
  /// Samples in an epoch's smallest batch.
  std::int64_t fewest() const;

  /// The training batch number `index` of an epoch.
  Batch<T> training_batch(std::int64_t epoch, std::int64_t index) const;
  /// Transforms new rows like the data's own, with the statistics of the training rows.
  void transform(std::vector<double>& rows) const;
  /// `count` rows of a split from `first` on, in the order of the data.
  Batch<T> rows(Split split, std::size_t first, std::size_t count) const;

 private:
  Batch<T> gather(const std::int64_t* rows, std::size_t count) const;

  DataOptions options_;
  std::uint64_t seed_;
  std::vector<T> inputs_, targets_;
  std::vector<std::int64_t> labels_;
  DataDescription about_;
  Shape sample_shape_;
  std::size_t row_size_ = 0, target_size_ = 0;
  std::vector<std::int64_t> rows_[3];
  std::vector<TransformRow::Apply> transforms_;
  std::vector<std::string> notes_;
  mutable std::int64_t order_epoch_ = -1;
  mutable std::vector<std::int64_t> order_;
};

/// Inputs of new rows, before the transforms: from a csv file that is written as the training data was (with or without
/// its targets, columns in any order if they have names), an npy array or IDX pictures; "-" is standard input. `data`
/// is the config's section. Throws DataError.
std::vector<double> read_inputs(const std::string& path, const DataDescription& about, const config::Value& data);

extern template class Dataset<float>;
extern template class Dataset<double>;

}  // namespace xgrad::train
