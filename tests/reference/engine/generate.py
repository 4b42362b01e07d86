# SPDX-License-Identifier: BSD-3-Clause
"""PyTorch's values and gradients of every row of the table of operations, for tests/engine/test_reference.cpp.

    build/release/bin/list_operations | /usr/bin/python3 tests/reference/engine/generate.py > tests/reference/engine/values.json

Debian: python3-torch 1.13.1. The rows are Python expressions on a list x of float64 tensors; what they may use besides
torch is defined here.
"""
import json
import math
import sys

import torch
import torch.nn.functional as F  # noqa: used by the rows

torch.set_default_dtype(torch.float64)


def I(values):
    """Integers: indices, labels."""
    return torch.tensor(values, dtype=torch.int64)


def B(values):
    """A mask."""
    return torch.tensor(values, dtype=torch.bool)


def D(values):
    """Constant numbers."""
    return torch.tensor(values)


def flat(*results):
    """Several results as one."""
    return torch.cat([r.reshape(-1).to(torch.float64) for r in results])


def attention(q, k, v, mask=None, bias=None, causal=False, scale=None):
    """scaled_dot_product_attention, which PyTorch 1.13 has not; heads of k and v repeat to those of q."""
    if min(q.dim(), k.dim()) > 2 and q.shape[-3] != k.shape[-3] != 1:
        k, v = (t.repeat_interleave(q.shape[-3] // t.shape[-3], -3) for t in (k, v))
    scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.nan_to_num(torch.softmax(scores, -1)) @ v  # NaN: a row where no key counts


def packed_attention(x, heads, **options):
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in x.chunk(3, -1))
    return attention(q, k, v, **options).transpose(1, 2).flatten(2)


def rotary(x, positions=None, base=10000.0, interleaved=False):
    d, positions = x.shape[-1], torch.arange(x.shape[-2]) if positions is None else positions
    turns = torch.polar(torch.ones(()), positions[:, None] * base ** (-torch.arange(0, d, 2) / d))
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else x.chunk(2, -1)
    y = torch.complex(a, b) * turns
    return torch.stack((y.real, y.imag), -1).flatten(-2) if interleaved else torch.cat((y.real, y.imag), -1)


def sinusoidal(length, d):
    angles = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(0, d, 2) / d)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(-2)


def alibi(heads, queries, keys, causal=True):
    distance = torch.arange(queries)[:, None] - torch.arange(keys)
    bias = -(2.0 ** (-8 * torch.arange(1, heads + 1) / heads))[:, None, None] * distance
    return bias.masked_fill(distance < 0, -math.inf) if causal else bias


def regular(x):
    """An invertible matrix."""
    return x + 5 * torch.eye(x.shape[-1])


def positive(x):
    """A symmetric positive definite matrix."""
    return x @ x.mT + x.shape[-1] * torch.eye(x.shape[-1])


def plain(tensor):
    """JSON has no NaN or infinity."""
    return [v if math.isfinite(v) else str(v) for v in tensor.detach().to(torch.float64).reshape(-1).tolist()]


def weights(shape):
    return torch.tensor([math.cos(1.3 * i + 0.5) for i in range(math.prod(shape))]).reshape(shape)


def case(row):
    x = [torch.tensor(i["values"]).reshape(i["shape"]).requires_grad_() for i in row["inputs"]]
    y = eval(row["torch"])
    result = {"shape": list(y.shape), "value": plain(y)}
    if row["differentiable"]:
        if y.requires_grad:
            y.backward(weights(y.shape))
        result["gradients"] = [None if i.grad is None else plain(i.grad) for i in x]
    return result


def main():
    cases = {}
    for row in json.load(sys.stdin):
        try:
            cases[row["key"]] = case(row)
        except Exception as error:
            sys.exit(f"{row['key']}: {error}")
    lines = (f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in sorted(cases.items()))
    print('{"torch":%s,"cases":{\n%s\n}}' % (json.dumps(torch.__version__), ",\n".join(lines)))


main()
