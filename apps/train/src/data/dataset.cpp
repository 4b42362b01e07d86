// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "data/files.hpp"
#include "xgrad/random.hpp"
#include "xgrad/threads.hpp"

namespace xgrad::train {

void SplitOptions::describe(config::Fields& f) {
  f("train", train, config::range::unit, "share of the rows to train on");
  f("val", val, config::range::unit, "share to validate on");
  f("test", test, config::range::unit, "share to test on at the end; 0 with a given test set");
  f("stratify", stratify, "the same mix of classes in each part");
  f("seed", seed, config::range::nonnegative, "which rows go where");
}

void DataOptions::describe(config::Fields& f) {
  f("split", split, "how the rows are shared out");
  f("transforms", transforms, "transform", "what happens to the inputs, in order", true);
  f("batch_size", batch_size, config::range::count, "samples in a step");
  f("shuffle", shuffle, "a new order in each epoch");
  f("drop_last", drop_last, "leave out an epoch's last, smaller batch");
}

namespace {

/// Throws DataError at the first NaN or infinity.
void require_finite(const std::vector<double>& numbers, std::size_t rows, const char* what) {
  const auto bad = std::find_if(numbers.begin(), numbers.end(), [](double x) { return !std::isfinite(x); });
  if (bad == numbers.end()) return;
  const auto at = static_cast<std::size_t>(bad - numbers.begin()), width = numbers.size() / rows;
  std::string text =
      std::string(what) + " " + std::to_string(at % width) + " of row " + std::to_string(at / width) + " is ";
  xgrad::detail::append_text(text, *bad);
  throw DataError(text + "; leave such rows out, or replace the value");
}

/// Rows of the parts in the given shares; each class apart if asked for.
void share_out(const std::vector<std::int64_t>& rows, const double (&shares)[3],
               std::vector<std::int64_t> (&parts)[3]) {
  // Cumulative rounding: every row goes somewhere when the shares add up to 1.
  const double n = static_cast<double>(rows.size());
  std::size_t begin = 0;
  double cumulative = 0;
  for (std::size_t part = 0; part < 3; ++part) {
    cumulative += shares[part];
    const auto end = std::max(begin, static_cast<std::size_t>(std::llround(std::min(cumulative, 1.0) * n)));
    parts[part].insert(parts[part].end(), rows.begin() + static_cast<std::ptrdiff_t>(begin),
                       rows.begin() + static_cast<std::ptrdiff_t>(end));
    begin = end;
  }
}

}  // namespace

template <class T>
Dataset<T>::Dataset(const RawData& raw, const DataOptions& options, const std::vector<TransformRow::Fit>& transforms,
                    bool classes, std::uint64_t seed)
    : options_(options), seed_(seed), about_(raw.about) {
  const std::size_t n = raw.rows(), pool = raw.test_begin > 0 ? raw.test_begin : n;
  const SplitOptions& split = options.split;
  const double shares[3] = {split.train, split.val, split.test}, total = split.train + split.val + split.test;
  if (total > 1 + 1e-6) {
    std::string text = "split: train, val and test add up to ";
    xgrad::detail::append_text(text, total);
    throw DataError(text + "; expected at most 1");
  }
  if (raw.test_begin > 0 && split.test > 0)
    throw DataError("split: \"test\" is given although the data has its own test set; set it to 0");

  require_finite(raw.numbers, n, "input");
  if (!classes) require_finite(raw.targets, n, "target");
  if (classes) {
    labels_.resize(n);
    std::size_t highest = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double t = raw.targets_shape.size() == n ? raw.targets[i] : -1;
      if (!(t >= 0) || t != std::floor(t) || t > 1e6) {
        std::string text = "target ";
        xgrad::detail::append_text(text, t);
        throw DataError(text + " of row " + std::to_string(i) +
                        " is no class; this loss wants one of 0, 1, 2, ... for each row");
      }
      labels_[i] = static_cast<std::int64_t>(t);
      highest = std::max(highest, static_cast<std::size_t>(t));
    }
    about_.classes = n == 0 ? 0 : highest + 1;
    std::vector<std::size_t> counts(about_.classes);
    for (const std::int64_t label : labels_) ++counts[static_cast<std::size_t>(label)];
    for (std::size_t c = 0; c < about_.classes && notes_.size() < 5; ++c)
      if (counts[c] == 0) notes_.push_back("class " + std::to_string(c) + " never occurs");
  } else {
    if (!raw.about.class_names.empty())
      throw DataError("the targets are words (" + raw.about.class_names[0] +
                      ", ...), but this loss wants numbers; for classes use \"cross_entropy\"");
    about_.target = raw.targets_shape.erased(0);
    if (about_.target.rank() == 0) about_.target = Shape{1};
    target_size_ = about_.target.size();
    targets_.assign(raw.targets.begin(), raw.targets.end());
  }

  const RandomKey key{static_cast<std::uint64_t>(split.seed), RandomStream::split, 0};
  std::vector<std::int64_t> rows(pool);
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  const bool whole = split.train == 1 && raw.test_begin == 0;  // nothing to share out: the order of the file stays
  if (!whole) rows = permutation(key, static_cast<std::int64_t>(pool));
  if (split.stratify) {
    if (!classes) throw DataError("split: \"stratify\" needs classes, but the targets are numbers");
    std::vector<std::vector<std::int64_t>> by_class(about_.classes);
    for (const std::int64_t row : rows)
      by_class[static_cast<std::size_t>(labels_[static_cast<std::size_t>(row)])].push_back(row);
    for (const auto& members : by_class) {
      if (members.size() == 1)
        throw DataError("split: \"stratify\" with a class of one row (class " +
                        std::to_string(labels_[static_cast<std::size_t>(members[0])]) + ")");
      share_out(members, shares, rows_);
    }
    for (auto& part : rows_) std::sort(part.begin(), part.end());
  } else {
    share_out(rows, shares, rows_);
  }
  for (std::size_t i = raw.test_begin; raw.test_begin > 0 && i < n; ++i)
    rows_[2].push_back(static_cast<std::int64_t>(i));
  for (std::size_t part = 0; part < 3; ++part)
    if (shares[part] > 0 && rows_[part].empty())
      throw DataError(std::string("split: \"") + name_of(static_cast<Split>(part)) + "\" gets no row of " +
                      std::to_string(pool));
  if (rows_[0].empty()) throw DataError("split: no rows to train on");
  if (const std::size_t used = rows_[0].size() + rows_[1].size() + rows_[2].size(); used < n)
    notes_.push_back("split: " + std::to_string(n - used) + " of " + std::to_string(n) +
                     " rows are in no part, for the shares do not add up to 1");

  sample_shape_ = about_.sample = raw.inputs_shape.erased(0);
  about_.fitted.resize(transforms.size());
  row_size_ = raw.row_size();
  // Row by row: all rows in double would take several times the memory of what is kept.
  const auto read_row = [&](std::size_t i, std::vector<double>& row) {  // as the transforms so far leave it
    const auto begin = static_cast<std::ptrdiff_t>(i * row_size_),
               end = static_cast<std::ptrdiff_t>((i + 1) * row_size_);
    if (raw.bytes.empty())
      row.assign(raw.numbers.begin() + begin, raw.numbers.begin() + end);
    else
      row.assign(raw.bytes.begin() + begin, raw.bytes.begin() + end);
    transform(row);
  };
  const TransformRow::TrainingRows training = [&](const std::function<void(const double*)>& show) {
    std::vector<double> row;
    for (const std::int64_t i : rows_[0]) {
      read_row(static_cast<std::size_t>(i), row);
      show(row.data());
    }
  };
  for (std::size_t i = 0; i < transforms.size(); ++i)
    transforms_.push_back(transforms[i](training, sample_shape_, about_.fitted[i], notes_));
  inputs_.resize(n * row_size_);
  constexpr std::size_t kBlock = 256;
  parallel_for((n + kBlock - 1) / kBlock, [&](std::size_t block) {
    std::vector<double> row;
    for (std::size_t i = block * kBlock; i < std::min(n, (block + 1) * kBlock); ++i) {
      read_row(i, row);
      std::copy(row.begin(), row.end(), inputs_.begin() + static_cast<std::ptrdiff_t>(i * row_size_));
    }
  });
}

template <class T>
Dataset<T>::Dataset(const DataDescription& about, const std::vector<TransformRow::Fit>& transforms)
    : seed_(0), about_(about), sample_shape_(about.sample) {
  about_.fitted.resize(transforms.size());
  for (std::size_t i = 0; i < transforms.size(); ++i)
    transforms_.push_back(transforms[i]({}, sample_shape_, about_.fitted[i], notes_));
}

template <class T> void Dataset<T>::transform(std::vector<double>& rows) const {
  for (const TransformRow::Apply& apply : transforms_) apply(rows);
}

template <class T> std::int64_t Dataset<T>::batches_per_epoch() const {
  const auto n = static_cast<std::int64_t>(rows_[0].size());
  return options_.drop_last ? n / options_.batch_size : (n + options_.batch_size - 1) / options_.batch_size;
}

template <class T> std::int64_t Dataset<T>::fewest() const {
  const auto n = static_cast<std::int64_t>(rows_[0].size());
  const std::int64_t rest = options_.drop_last ? 0 : n % options_.batch_size;
  return rest > 0 ? rest : std::min(n, options_.batch_size);
}

template <class T> Batch<T> Dataset<T>::training_batch(std::int64_t epoch, std::int64_t index) const {
  if (order_epoch_ != epoch) {
    order_ = rows_[0];
    if (options_.shuffle) {
      const auto places = permutation({seed_, RandomStream::shuffle, static_cast<std::uint32_t>(epoch)},
                                      static_cast<std::int64_t>(order_.size()));
      for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = rows_[0][static_cast<std::size_t>(places[i])];
    }
    order_epoch_ = epoch;
  }
  const auto first = static_cast<std::size_t>(index * options_.batch_size);
  return gather(order_.data() + first, std::min(static_cast<std::size_t>(options_.batch_size), order_.size() - first));
}

template <class T> Batch<T> Dataset<T>::rows(Split split, std::size_t first, std::size_t count) const {
  return gather(rows_[static_cast<std::size_t>(split)].data() + first, count);
}

template <class T> Batch<T> Dataset<T>::gather(const std::int64_t* rows, std::size_t count) const {
  Batch<T> batch;
  batch.size = count;
  const auto n = static_cast<std::int64_t>(count);
  const auto copy = [&](const std::vector<T>& from, std::size_t width, const Shape& shape) {
    Tensor<T> result = Tensor<T>::empty(shape.inserted(0, n));
    T* to = result.mutable_data();
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(to + i * width, from.data() + static_cast<std::size_t>(rows[i]) * width, width * sizeof(T));
    return result;
  };
  batch.inputs = copy(inputs_, row_size_, sample_shape_);
  if (labels_.empty()) {
    batch.targets = copy(targets_, target_size_, about_.target);
  } else {
    batch.labels = Indices(Shape{n});
    for (std::size_t i = 0; i < count; ++i) batch.labels.data()[i] = labels_[static_cast<std::size_t>(rows[i])];
  }
  return batch;
}

template class Dataset<float>;
template class Dataset<double>;

}  // namespace xgrad::train
