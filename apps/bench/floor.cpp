// SPDX-License-Identifier: BSD-3-Clause
// How far are single operations from a loop written by hand for them? Forward without a graph, and backward alone, at
// 1 K to 10 M elements; `times_first` of the second line of each pair is the answer. The loops run on one thread. They
// read and write as many different arrays as we do, and their results are new ones from the same allocator.
#include "floor.hpp"

#include <algorithm>

#include "bench.hpp"
#include "xgrad/ops/activation.hpp"
#include "xgrad/ops/creation.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/softmax.hpp"
#include "xgrad/threads.hpp"

namespace {

using namespace xgrad;
using bench::floor::Size;
using Floor = std::function<void()>;
using Fresh = Storage<float>;  // a new result

/// One size's inputs.
class Bench {
 public:
  Bench(const bench::Options& options, Size size_)
      : size(size_),
        options_(options), shape_{static_cast<std::int64_t>(size.rows), static_cast<std::int64_t>(size.cols)},
        a(random(shape_, 1)), b(random(shape_, 2)), row(random({shape_[1]}, 3)), column(random({shape_[0], 1}, 4)),
        g(random(shape_, 6)) {}

  /// ours() makes the result from the inputs; both loops do the same by hand. A backward of nothing is left out.
  void compare(const std::string& name, std::function<Tensor<float>()> ours, Floor forward, Floor backward) {
    const std::string where = name + ", " + std::to_string(size.rows) + " x " + std::to_string(size.cols);
    bench::compare(where + ", forward", options_, {{"hand-written loop", std::move(forward)}, {"xgrad", [&] {
                                                                                                 const NoGrad guard;
                                                                                                 ours();
                                                                                               }}});
    if (!backward) return;
    const Tensor<float> result = ours(), gradient = random(result.shape(), 5);
    bench::compare(where + ", backward", options_,
                   {{"hand-written loop", std::move(backward)}, {"xgrad", [&] {
                                                                   result.backward(gradient, true);
                                                                   forget();
                                                                 }}});
  }

  const Size size;

 private:
  const bench::Options& options_;
  const Shape shape_;

 public:
  Tensor<float> a, b, row, column, g;

 private:
  static Tensor<float> random(const Shape& shape, std::uint32_t stream) {
    return parameter(uniform<float>(shape, -2, 2, RandomKey{1, stream, 0}));
  }
  void forget() {
    for (Tensor<float>* x : {&a, &b, &row, &column}) x->zero_grad();
  }
};

void run(const bench::Options& options, Size size) {
  namespace floor = bench::floor;
  Bench t(options, size);
  const float *a = t.a.data(), *b = t.b.data(), *row = t.row.data(), *column = t.column.data(), *g = t.g.data();
  const std::size_t n = size.count(), rows = size.rows, cols = size.cols;

  t.compare(
      "add", [&] { return t.a + t.b; }, [=] { floor::add(a, b, Fresh(n).data(), size); }, {});
  t.compare(
      "mul", [&] { return t.a * t.b; }, [=] { floor::mul(a, b, Fresh(n).data(), size); },
      [=] { floor::mul_backward(a, b, g, Fresh(n).data(), Fresh(n).data(), size); });
  t.compare(
      "mul row", [&] { return t.a * t.row; }, [=] { floor::mul_row(a, row, Fresh(n).data(), size); },
      [=] { floor::mul_row_backward(a, row, g, Fresh(n).data(), Fresh(cols).data(), size); });
  t.compare(
      "mul column", [&] { return t.a * t.column; }, [=] { floor::mul_column(a, column, Fresh(n).data(), size); },
      [=] { floor::mul_column_backward(a, column, g, Fresh(n).data(), Fresh(rows).data(), size); });
  t.compare(
      "exp", [&] { return exp(t.a); }, [=] { floor::exp(a, Fresh(n).data(), size); },
      [=] { floor::exp_backward(a, g, Fresh(n).data(), size); });
  t.compare(
      "gelu", [&] { return gelu(t.a); }, [=] { floor::gelu(a, Fresh(n).data(), size); },
      [=] { floor::gelu_backward(a, g, Fresh(n).data(), size); });
  t.compare(
      "sum", [&] { return sum(t.a); }, [=] { Fresh(1)[0] = floor::sum_all(a, size); },
      [=] { floor::sum_all_backward(g[0], Fresh(n).data(), size); });
  t.compare(
      "sum of rows", [&] { return sum(t.a, -1); }, [=] { floor::sum_rows(a, Fresh(rows).data(), size); },
      [=] { floor::sum_rows_backward(g, Fresh(n).data(), size); });
  t.compare(
      "sum of columns", [&] { return sum(t.a, 0); }, [=] { floor::sum_columns(a, Fresh(cols).data(), size); },
      [=] { floor::sum_columns_backward(g, Fresh(n).data(), size); });
  t.compare(
      "softmax", [&] { return softmax(t.a); }, [=] { floor::softmax(a, Fresh(n).data(), size); },
      [=] { floor::softmax_backward(a, g, Fresh(n).data(), size); });
}

}  // namespace

int main(int argc, char** argv) {
  bench::Options options = bench::parse_options(argc, argv);
  options.seconds /= 30;  // there are many pairs
  set_num_threads(options.threads);
  for (const Size size : {Size{32, 32}, Size{256, 256}, Size{1024, 1024}, Size{2560, 4096}}) run(options, size);
}
