# SPDX-License-Identifier: BSD-3-Clause
"""Optimizers of matrices that PyTorch lacks, written from their papers for generate.py with torch's linear algebra."""
import itertools

import torch


class Muon(torch.optim.Optimizer):
    """Jordan et al. 2024, in full precision and with torch's lr; each iteration may have coefficients of its own. Only
    matrices: the others take AdamW's step."""

    def __init__(self, parameters, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True,
                 ns_coefficients=(3.4445, -4.7750, 2.0315), ns_steps=5):
        parameters = list(parameters)
        super().__init__([p for p in parameters if p.dim() >= 2], dict(lr=lr))
        self.others = torch.optim.AdamW([p for p in parameters if p.dim() < 2], lr=lr, weight_decay=weight_decay)
        self.lr, self.decay, self.momentum, self.nesterov = lr, weight_decay, momentum, nesterov
        triples = [ns_coefficients[i:i + 3] for i in range(0, len(ns_coefficients), 3)]
        self.polynomials = triples * ns_steps if len(triples) == 1 else triples

    @torch.no_grad()
    def step(self):
        self.others.step()
        for p in self.param_groups[0]["params"]:
            state = self.state[p]
            state["mean"] = torch.lerp(state.get("mean", torch.zeros_like(p)), p.grad, 1 - self.momentum)
            x = torch.lerp(p.grad, state["mean"], self.momentum) if self.nesterov else state["mean"]
            u, s, v = torch.linalg.svd(x / x.norm(), full_matrices=False)
            for a, b, c in self.polynomials:
                s = a * s + b * s**3 + c * s**5
            p *= 1 - self.lr * self.decay
            p -= self.lr * max(1, p.shape[0] / p.shape[1])**0.5 * u @ torch.diag(s) @ v


class Shampoo(torch.optim.Optimizer):
    """Gupta, Koren, Singer 2018, arXiv:1802.09568, algorithm 2, and of Anil et al. 2020, arXiv:2002.09018, the blocks and
    the grafts."""

    def __init__(self, parameters, lr=0.1, momentum=0.0, epsilon=1e-4, update_freq=1, max_dim=8192, block_size=None,
                 counted_axes="all", graft="none", weight_decay=0.0):
        super().__init__(parameters, dict(lr=lr, momentum=momentum, epsilon=epsilon, freq=update_freq, most=max_dim,
                                          block=block_size, counted=counted_axes, graft=graft, decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                self.step_tensor(p, p.grad + group["decay"] * p, self.state[p], **group)

    def step_tensor(self, p, g, state, lr, momentum, graft, block, **options):
        state["t"] = state.get("t", 0) + 1
        x = g.reshape(1) if g.dim() == 0 else g
        cuts = [range(0, size, block or size) for size in x.shape]
        u = torch.empty_like(x)
        for corner in itertools.product(*cuts):
            place = tuple(slice(start, start + (block or size)) for start, size in zip(corner, x.shape))
            u[place] = self.precondition(x[place], state.setdefault(corner, {}), state["t"], **options)
        u = u.reshape(g.shape)
        if graft != "none":
            model = g
            if graft == "adagrad":
                state["sum"] = state.get("sum", 0) + g * g
                model = g / state["sum"].sqrt()
            u = u * model.norm() / u.norm()
        state["momentum"] = momentum * state.get("momentum", 0) + u
        p -= lr * state["momentum"]

    def precondition(self, g, state, t, epsilon, freq, most, counted, **_):
        axes = [axis for axis, size in enumerate(g.shape) if size <= most]
        k = g.dim() if counted == "all" else len(axes)
        u = g
        for axis in axes:
            rows = g.movedim(axis, 0).reshape(g.shape[axis], -1)
            if axis not in state:
                state[axis] = epsilon * torch.eye(g.shape[axis])
            state[axis] = state[axis] + rows @ rows.T
            if (t - 1) % freq == 0:
                values, vectors = torch.linalg.eigh(state[axis])
                state["root", axis] = vectors @ torch.diag(values.clamp(min=epsilon)**(-1 / (2 * k))) @ vectors.T
            u = torch.tensordot(state["root", axis], u, ([1], [axis])).movedim(0, axis)
        return u
