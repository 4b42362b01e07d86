// SPDX-License-Identifier: BSD-3-Clause
// Rows of the table of operations: movement.
#include "engine/operations/rows.hpp"

using namespace xgrad;

namespace {

/// Several results as one.
template <class Tensors> auto flat(const Tensors& parts) {
  auto pieces = parts;
  for (auto& piece : pieces) piece = reshape(piece, {-1});
  return concat(pieces);
}

}  // namespace

std::vector<OperationRow> shape_rows() {
  const std::vector<Sample> image = {{{{2, 3, 4, 5}}}}, matrices = {{{{4, 4}}}, {{{3, 5}}}, {{{2, 4, 3}}}, {{{1, 1}}}};
  return {
      {"reshape", F(reshape(x[0], {-1, 2})), "x[0].reshape(-1, 2)", {{{{2, 3, 4}}}}},
      {"reshape", F(reshape(x[0], Shape{})), "x[0].reshape(())", {{{{1, 1}}}}},
      {"flatten", F(flatten(x[0], 1)), "x[0].flatten(1)", {{{{2, 3, 4}}}}},
      {"flatten", F(flatten(x[0])), "x[0].flatten()", {{{{2, 3, 4}}}, {{{}}}}},
      {"unflatten", F(unflatten(x[0], -1, {2, -1})), "x[0].unflatten(-1, (2, -1))", {{{{3, 8}}}, {{{4}}}}},
      {"squeeze", F(squeeze(x[0], 1)), "x[0].squeeze(1)", {{{{2, 1, 3}}}}},
      {"squeeze", F(squeeze(x[0])), "x[0].squeeze()", {{{{2, 1, 3, 1}}}}},
      {"unsqueeze", F(unsqueeze(x[0], -1)), "x[0].unsqueeze(-1)", {{{{2, 3}}}, {{{}}}}},
      {"atleast_1d", F(atleast_1d(x[0])), "torch.atleast_1d(x[0])", {{{{}}}, {{{3}}}}},
      {"atleast_2d", F(atleast_2d(x[0])), "torch.atleast_2d(x[0])", {{{{}}}, {{{3}}}, {{{2, 3}}}}},
      {"atleast_3d", F(atleast_3d(x[0])), "torch.atleast_3d(x[0])", {{{{}}}, {{{3}}}, {{{2, 3}}}, {{{2, 3, 4}}}}},

      {"permute", F(permute(x[0], {1, 2, 0})), "x[0].permute(1, 2, 0)", {{{{2, 3, 4}}}}},
      {"permute", F(permute(x[0], {3, 0, -2, 1})), "x[0].permute(3, 0, 2, 1)", {{{{2, 3, 2, 4}}}, {{{20, 3, 2, 19}}}}},
      {"transpose", F(transpose(x[0])), "x[0].transpose(-2, -1)", {{{{2, 3}}}, {{{2, 3, 4}}}, {{{40, 70}}}}},
      {"transpose", F(transpose(x[0], 0, 2)), "x[0].transpose(0, 2)", {{{{2, 3, 4}}}, {{{17, 3, 18}}}}},
      {"swapaxes", F(swapaxes(x[0], -1, 0)), "x[0].swapaxes(-1, 0)", {{{{2, 3, 4}}}, {{{5}}}}},
      {"t", F(t(x[0])), "x[0].t()", {{{{2, 3}}}, {{{3}}}, {{{}}}}},
      {"mT", F(mT(x[0])), "x[0].mT", {{{{2, 3, 4}}}, {{{2, 1}}}}},
      {"movedim", F(movedim(x[0], 0, -1)), "x[0].movedim(0, -1)", {{{{2, 3, 4}}}}},
      {"movedim", F(movedim(x[0], {0, 3}, {-2, 0})), "x[0].movedim((0, 3), (-2, 0))", image},
      {"flip", F(flip(x[0], {1})), "x[0].flip(1)", {{{{2, 3, 4}}}, {{{2, 1}}}}},
      {"flip", F(flip(x[0], {0, -1})), "x[0].flip(0, -1)", {{{{2, 3, 4}}}, {{{40, 33}}}}},
      {"roll", F(roll(x[0], {1, -1}, {0, -1})), "x[0].roll((1, -1), (0, -1))", {{{{3, 4}}}, {{{2, 2, 5}}}}},
      {"roll", F(roll(x[0], {9}, {1})), "x[0].roll(9, 1)", {{{{3, 4}}}, {{{2, 1, 2}}}}},
      {"roll", F(roll(x[0], -2)), "x[0].roll(-2)", {{{{3, 4}}}, {{{1}}}}},
      {"rot90", F(rot90(x[0])), "x[0].rot90()", {{{{2, 3}}}}},
      {"rot90", F(rot90(x[0], 2, -1, 0)), "x[0].rot90(2, (-1, 0))", {{{{2, 3, 4}}}}},
      {"rot90", F(rot90(x[0], -1, 1, 2)), "x[0].rot90(-1, (1, 2))", {{{{2, 3, 4}}}}},
      {"pixel_shuffle", F(pixel_shuffle(x[0], 2)), "F.pixel_shuffle(x[0], 2)", {{{{2, 8, 2, 3}}}, {{{4, 1, 2}}}}},
      {"pixel_unshuffle", F(pixel_unshuffle(x[0], 2)), "F.pixel_unshuffle(x[0], 2)", {{{{2, 2, 4, 6}}}, {{{1, 2, 2}}}}},
      {"channel_shuffle",
       F(channel_shuffle(x[0], 3)),
       "x[0].unflatten(1, (3, 2)).transpose(1, 2).flatten(1, 2)",
       {{{{2, 6, 2, 2}}}}},

      {"expand", F(expand(x[0], Shape{2, 3, 4})), "x[0].expand(2, 3, 4)", {{{{3, 1}}}, {{{}}}}},
      {"expand", F(expand(x[0], {2, -1, 4})), "x[0].expand(2, -1, 4)", {{{{3, 1}}}, {{{2, 3, 1}}}}},
      {"broadcast_to", F(broadcast_to(x[0], Shape{2, 3})), "x[0].broadcast_to((2, 3))", {{{{3}}}, {{{2, 1}}}}},
      {"broadcast_tensors",
       F(flat(broadcast_tensors<T>({x[0], x[1], x[2]}))),
       "flat(*torch.broadcast_tensors(*x))",
       {{{{2, 1}}, {{3}}, {{}}}}},
      {"repeat", F(repeat(x[0], {2, 1, 3})), "x[0].repeat(2, 1, 3)", {{{{2, 3}}}, {{{2, 3, 1}}}, {{{}}}}},
      {"tile", F(tile(x[0], {2, 3})), "x[0].tile(2, 3)", {{{{2, 3}}}, {{{2, 1, 2}}}, {{{2}}}}},
      {"repeat_interleave", F(repeat_interleave(x[0], 2, 1)), "x[0].repeat_interleave(2, 1)", {{{{2, 3, 2}}}}},
      {"repeat_interleave", F(repeat_interleave(x[0], 3)), "x[0].repeat_interleave(3)", {{{{2, 3}}}, {{{}}}}},
      {"repeat_interleave",
       F(repeat_interleave(x[0], Indices{2, 0, 3}, -2)),
       "x[0].repeat_interleave(I([2, 0, 3]), -2)",
       {{{{3, 2}}}, {{{2, 3, 1}}}}},

      {"slice", F(slice(x[0], 1, 1)), "x[0][:, 1:]", {{{{2, 5}}}, {{{2, 1}}}}},
      {"slice", F(slice(x[0], 0, -4, -1, 2)), "x[0][-4:-1:2]", {{{{6, 2}}}, {{{2}}}}},
      {"slice", F(slice(x[0], {{1}, {0, -1, 2}, {-3, 99}})), "x[0][1:, 0:-1:2, -3:99]", {{{{2, 4, 5}}}}},
      {"select", F(select(x[0], 1, -2)), "x[0].select(1, -2)", {{{{2, 3, 4}}}}},
      {"select", F(select(x[0], 0, 0)), "x[0].select(0, 0)", {{{{2, 3, 4}}}, {{{1}}}}},
      {"narrow", F(narrow(x[0], -1, 1, 2)), "x[0].narrow(-1, 1, 2)", {{{{2, 3}}}, {{{4}}}}},
      {"split", F(flat(split(x[0], 2, 1))), "flat(*x[0].split(2, 1))", {{{{2, 5}}}, {{{2, 2, 3}}}}},
      {"split", F(flat(split(x[0], {1, 0, 3}))), "flat(*x[0].split([1, 0, 3]))", {{{{4, 2}}}, {{{4}}}}},
      {"chunk", F(flat(chunk(x[0], 3, -1))), "flat(*x[0].chunk(3, -1))", {{{{2, 7}}}, {{{2, 4}}}, {{{2, 2}}}}},
      {"unbind", F(flat(unbind(x[0], 1))), "flat(*x[0].unbind(1))", {{{{2, 3, 2}}}}},
      {"unfold", F(unfold(x[0], 1, 3, 1)), "x[0].unfold(1, 3, 1)", {{{{2, 5}}}, {{{2, 6, 2}}}, {{{1, 3}}}}},
      {"unfold", F(unfold(x[0], -1, 2, 3)), "x[0].unfold(-1, 2, 3)", {{{{7}}}, {{{2, 6}}}}},
      {"diagonal", F(diagonal(x[0])), "x[0].diagonal()", {{{{3, 3}}}, {{{2, 4}}}, {{{4, 2, 3}}}}},
      {"diagonal", F(diagonal(x[0], 1, -1, 0)), "x[0].diagonal(1, -1, 0)", {{{{4, 2, 3}}}}},
      {"diagonal", F(diagonal(x[0], -2, 1, 2)), "x[0].diagonal(-2, 1, 2)", {{{{2, 4, 3}}}}},
      {"diag", F(diag(x[0])), "x[0].diag()", {{{{3}}}, {{{3, 4}}}}},
      {"diag", F(diag(x[0], -1)), "x[0].diag(-1)", {{{{3}}}, {{{3, 4}}}}},
      {"diag_embed", F(diag_embed(x[0])), "torch.diag_embed(x[0])", {{{{2, 3}}}, {{{1}}}}},
      {"diag_embed", F(diag_embed(x[0], 2, 0, 2)), "torch.diag_embed(x[0], 2, 0, 2)", {{{{2, 3}}}}},
      {"diag_embed", F(diag_embed(x[0], -1, -1, 0)), "torch.diag_embed(x[0], -1, -1, 0)", {{{{2, 3}}}}},
      {"tril", F(tril(x[0])), "x[0].tril()", matrices},
      {"tril", F(tril(x[0], -2)), "x[0].tril(-2)", matrices},
      {"triu", F(triu(x[0])), "x[0].triu()", matrices},
      {"triu", F(triu(x[0], 1)), "x[0].triu(1)", matrices},

      {"concat", F(concat<T>({x[0], x[1], x[0]}, 1)), "torch.cat([x[0], x[1], x[0]], 1)", {{{{2, 3}}, {{2, 1}}}}},
      {"concat", F(concat<T>({x[0], x[1]}, -3)), "torch.cat(x, -3)", {{{{1, 2, 3}}, {{2, 2, 3}}}}},
      {"stack", F(stack<T>({x[0], x[1]}, 1)), "torch.stack(x, 1)", {{{{2, 3}}, {{2, 3}}}}},
      {"stack", F(stack<T>({x[0], x[1]}, -1)), "torch.stack(x, -1)", {{{{2, 3}}, {{2, 3}}}, {{{}}, {{}}}}},
      {"pad",
       F(pad(x[0], {{1, 2}, {0, 3}}, PadMode::constant, 1.5)),
       "F.pad(x[0], (0, 3, 1, 2), value=1.5)",
       {{{{2, 3}}}}},
      {"pad", F(pad(x[0], {{0, 0}, {-1, 2}})), "F.pad(x[0], (0, 0, -1, 2))", {{{{2, 3, 2}}}}},
      {"pad",
       F(pad(x[0], {{0, 0}, {0, 0}, {2, 1}, {0, 4}}, PadMode::reflect)),
       "F.pad(x[0], (0, 4, 2, 1), mode='reflect')",
       {{{{1, 2, 3, 5}}}}},
      {"pad",
       F(pad(x[0], {{0, 0}, {0, 0}, {2, 1}, {0, 3}}, PadMode::replicate)),
       "F.pad(x[0], (0, 3, 2, 1), mode='replicate')",
       {{{{1, 2, 3, 2}}}, {{{1, 1, 1, 1}}}}},
      {"pad",
       F(pad(x[0], {{0, 0}, {0, 0}, {2, 1}, {0, 2}}, PadMode::circular)),
       "F.pad(x[0], (0, 2, 2, 1), mode='circular')",
       {{{{1, 2, 3, 2}}}}},
  };
}
