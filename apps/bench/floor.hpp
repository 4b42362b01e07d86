// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The loops that somebody would write by hand for one operation, over arrays of rows x cols: the floor under ours. Each
// *_backward reads the gradient g of the result and writes those of the inputs.
#include <cstddef>

namespace xgrad::bench::floor {

struct Size {
  std::size_t rows, cols;
  std::size_t count() const { return rows * cols; }
};

void add(const float* a, const float* b, float* y, Size size);
void mul(const float* a, const float* b, float* y, Size size);
void mul_row(const float* a, const float* row, float* y, Size size);
void mul_column(const float* a, const float* column, float* y, Size size);
void exp(const float* x, float* y, Size size);
void gelu(const float* x, float* y, Size size);
float sum_all(const float* x, Size size);
/// One sum for each row; one for each column.
void sum_rows(const float* x, float* y, Size size);
void sum_columns(const float* x, float* y, Size size);
void softmax(const float* x, float* y, Size size);

void mul_backward(const float* a, const float* b, const float* g, float* da, float* db, Size size);
void mul_row_backward(const float* a, const float* row, const float* g, float* da, float* drow, Size size);
void mul_column_backward(const float* a, const float* column, const float* g, float* da, float* dcolumn, Size size);
void exp_backward(const float* y, const float* g, float* dx, Size size);
void gelu_backward(const float* x, const float* g, float* dx, Size size);
void sum_all_backward(float g, float* dx, Size size);
void sum_rows_backward(const float* g, float* dx, Size size);
void sum_columns_backward(const float* g, float* dx, Size size);
void softmax_backward(const float* y, const float* g, float* dx, Size size);

}  // namespace xgrad::bench::floor
