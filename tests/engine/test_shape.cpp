// SPDX-License-Identifier: BSD-3-Clause
// Movement: empty inputs, large ones on several threads, what is refused.
#include <cstring>
#include <functional>

#include "engine/refused.hpp"
#include "xgrad/xgrad.hpp"

#include <doctest/doctest.h>

using namespace xgrad;

namespace {

Tensor<float> counting(const Shape& shape) {
  Tensor<float> x = Tensor<float>::empty(shape);
  for (std::size_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = static_cast<float>(i);
  return x;
}

}  // namespace

TEST_CASE("movement of empty arrays") {
  const auto x = parameter(Tensor<float>::ones({0, 3}));
  CHECK(transpose(x).shape() == Shape{3, 0});
  CHECK(flip(x, {0, 1}).shape() == Shape{0, 3});
  CHECK(roll(x, {2}, {0}).shape() == Shape{0, 3});
  CHECK(slice(x, 0, 1).shape() == Shape{0, 3});
  CHECK(slice(counting({4}), 0, 3, 1).shape() == Shape{0});
  CHECK(narrow(counting({4}), 0, 4, 0).shape() == Shape{0});
  CHECK(chunk(x, 2).size() == 1);
  CHECK(unbind(x, 0).empty());
  CHECK(tril(x).shape() == Shape{0, 3});
  CHECK(diagonal(x).shape() == Shape{0});
  CHECK(diag_embed(Tensor<float>::ones({0})).shape() == Shape{0, 0});
  CHECK(diagonal(counting({2, 3}), 7).shape() == Shape{0});
  CHECK(repeat(x, {2, 0}).shape() == Shape{0, 0});
  CHECK(repeat_interleave(counting({2}), Indices{0, 0}, 0).shape() == Shape{0});
  CHECK(unfold(counting({4}), 0, 0, 2).shape() == Shape{3, 0});
  CHECK(pad(x, {{1, 1}}, PadMode::constant, 2).data()[5] == 2);
  CHECK(concat<float>({x, counting({2, 3})}).shape() == Shape{2, 3});
  sum(pad(x, {{1, 0}}) * 2).backward();
  CHECK(x.grad().shape() == Shape{0, 3});
}

TEST_CASE("large movements equal element by element ones and do not depend on the number of threads") {
  const std::int64_t rows = 301, cols = 257;
  const auto values = counting({rows, cols});
  const auto at = [&](std::int64_t i, std::int64_t j) { return static_cast<float>(i * cols + j); };
  const int before = num_threads();
  std::vector<Tensor<float>> gradients[2];
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    const auto x = parameter(values);
    const auto transposed = transpose(x), flipped = flip(x, {0, 1}), shifted = roll(x, {5, -7}, {0, 1});
    const auto windows = unfold(x, 0, 3, 2), mirrored = pad(x, {{4, 2}, {1, 3}}, PadMode::reflect);
    const auto joined = concat<float>({x, x}, 1);
    std::size_t wrong = 0;
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < cols; ++j) {
        wrong += transposed.data()[j * rows + i] != at(i, j);
        wrong += flipped.data()[i * cols + j] != at(rows - 1 - i, cols - 1 - j);
        wrong += shifted.data()[i * cols + j] != at((i + rows - 5) % rows, (j + 7) % cols);
        wrong += mirrored.data()[(i + 4) * (cols + 4) + j + 1] != at(i, j);
        wrong += joined.data()[i * 2 * cols + cols + j] != at(i, j);
        if (i < (rows - 3) / 2 + 1)
          for (std::int64_t k = 0; k < 3; ++k) wrong += windows.data()[(i * cols + j) * 3 + k] != at(2 * i + k, j);
      }
    for (std::int64_t i = 0; i < 4; ++i) wrong += mirrored.data()[i * (cols + 4) + 1] != at(4 - i, 0);
    CHECK(wrong == 0);
    for (const auto& y : {transposed, flipped, shifted, windows, mirrored, joined})
      gradients[threads - 1].push_back(grad(sum(y * y * 0.37), x));
  }
  set_num_threads(before);
  for (std::size_t k = 0; k < gradients[0].size(); ++k)
    CHECK(std::memcmp(gradients[0][k].data(), gradients[1][k].data(), gradients[0][k].size() * sizeof(float)) == 0);
}

TEST_CASE("gradients of parts meet in one") {
  const auto x = parameter(counting({4, 6}));
  const auto parts = chunk(x, 3, 1);
  sum(parts[0] * 1 + parts[1] * 2 + parts[2] * 3).backward();
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(x.grad().data()[i] == static_cast<float>(i % 6 / 2 + 1));
  const auto y = parameter(counting({5}));
  sum(unfold(y, 0, 3, 1) + flip(unfold(y, 0, 3, 1), {0})).backward();
  const float expected[] = {2, 4, 6, 4, 2};
  for (std::size_t i = 0; i < 5; ++i) CHECK(y.grad().data()[i] == expected[i]);
}

TEST_CASE("a movement that changes nothing shares its elements") {
  const auto x = counting({2, 3});
  CHECK(permute(x, {0, 1}).data() == x.data());
  CHECK(transpose(x, 1, -1).data() == x.data());
  CHECK(atleast_2d(x).data() == x.data());
}

TEST_CASE("layers that move elements") {
  const auto x = counting({2, 12});
  nn::Unflatten<float> cut(1, {4, 1, -1});
  nn::PixelShuffle<float> shuffle(2);
  nn::PixelUnshuffle<float> unshuffle(2);
  const auto image = shuffle(cut(x));
  CHECK(image.shape() == Shape{2, 1, 2, 6});
  CHECK(image.data()[1] == 3);  // the first element of the second of four channels
  CHECK(unshuffle(image).shape() == Shape{2, 4, 1, 3});
  CHECK(std::memcmp(unshuffle(image).data(), x.data(), x.size() * sizeof(float)) == 0);
}

TEST_CASE("movements refused") {
  const auto x = counting({2, 3}), scalar = counting({});
  CHECK(refused([&] {
          unflatten(x, 1, {2, -1});
        }) == "unflatten: the size -1 has no solution for shape (2, 3), whose 3 elements are no multiple of 2");
  CHECK(refused([&] {
          unflatten(x, 1, {2, 2});
        }) == "unflatten: axis 1 of shape (2, 3) has size 3, (2, 2) has 4 elements; expected as many");
  CHECK(refused([&] {
          t(counting({1, 2, 3}));
        }) == "t: shape (1, 2, 3) has more than 2 axes; use mT for a batch, permute for the rest");
  CHECK(refused([&] { mT(counting({3})); }) == "mT: shape (3,); expected 2 axes or more");
  CHECK(refused([&] { movedim(x, {0, -2}, {0, 1}); }) == "movedim: axis -2 of shape (2, 3) is named twice");
  CHECK(refused([&] {
          movedim(x, {0, 1}, {1, -1});
        }) == "movedim: place -1 for an axis of shape (2, 3) is named twice");
  CHECK(refused([&] { flip(x, {1, -1}); }) == "flip: axis -1 of shape (2, 3) is named twice");
  CHECK(refused([&] { roll(x, {1}, {0, 1}); }) == "roll: 1 shifts for 2 axes; expected as many");
  CHECK(refused([&] { rot90(x, 1, 0, -2); }) == "rot90: axes 0 and -2 of shape (2, 3) are the same; expected two axes");
  CHECK(refused([&] {
          expand(x, {-1, 2, 3});
        }) ==
        "expand: the size of new axis 0 before shape (2, 3) is -1; only the size of an axis that is there can be kept");
  CHECK(refused([&] { repeat(x, {2}); }) == "repeat: 1 repeats for shape (2, 3); expected 2 or more");
  CHECK(refused([&] { repeat_interleave(x, Indices{1}, 1); }) ==
        "repeat_interleave: repeats of shape (1,) for axis 1 of shape (2, 3); expected one for each of its 3 places");
  CHECK(refused([&] {
          repeat_interleave(x, Indices{1, -1}, 0);
        }) == "repeat_interleave: -1 times at position 1; expected >= 0");
  CHECK(refused([&] { select(x, 1, 3); }) == "select: index 3 on axis 1 of shape (2, 3); expected -3 to 2");
  CHECK(refused([&] { select(scalar, 0, 0); }) == "select: a scalar has no axis to take parts of");
  CHECK(refused([&] { narrow(x, 1, 2, 2); }) ==
        "narrow: 2 places from 2 on along axis 1 of shape (2, 3); the axis has 3");
  CHECK(refused([&] {
          split(x, {1, 1}, 1);
        }) == "split: the parts have 2 places, axis 1 of shape (2, 3) has 3; expected as many");
  CHECK(refused([&] {
          split(x, {2, 2}, 1);
        }) == "split: the parts have more places than axis 1 of shape (2, 3); expected a sum of 3");
  CHECK(refused([&] { split(x, 0); }) == "split: parts of 0 places; expected >= 1");
  CHECK(refused([&] { unfold(x, 1, 4, 1); }) ==
        "unfold: windows of 4 places on axis 1 of shape (2, 3); expected 0 to 3");
  CHECK(refused([&] { diagonal(x, 0, 1, -1); }) ==
        "diagonal: axes 1 and -1 of shape (2, 3) are the same; expected two axes");
  CHECK(refused([&] { diag(counting({1, 1, 1})); }) == "diag: shape (1, 1, 1); expected a vector or a matrix");
  CHECK(refused([&] { tril(counting({3})); }) == "tril: shape (3,); expected matrices in the last two axes");
  CHECK(refused([&] {
          pad(x, {{0, 0}, {3, 0}}, PadMode::reflect);
        }) == "pad: widths 3 and 0 around axis 1 of shape (2, 3); PadMode::reflect expects less than the axis' size");
  CHECK(refused([&] {
          pad(x, {{3, 0}}, PadMode::circular);
        }) == "pad: widths 3 and 0 around axis 0 of shape (2, 3); PadMode::circular expects at most the axis' size");
  CHECK(refused([&] {
          pad(x, {{-1, 0}}, PadMode::replicate);
        }) ==
        "pad: widths -1 and 0 around axis 0 of shape (2, 3); only PadMode::constant takes negative ones, which cut");
  CHECK(refused([&] {
          pixel_shuffle(counting({2, 3, 4, 4}), 2);
        }) ==
        "pixel_shuffle: shape (2, 3, 4, 4); expected (..., C r^2, H, W) with a number of channels divisible by 4");
  CHECK(refused([&] {
          channel_shuffle(counting({2, 4, 1}), 3);
        }) ==
        "channel_shuffle: shape (2, 4, 1), 3 groups; expected (N, C, ...) with a number of channels divisible by the "
        "number of groups");
}
