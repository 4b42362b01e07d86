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
