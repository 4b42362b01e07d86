#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Trajectories of PyTorch's optimizers and schedules, and of published algorithms that it lacks (published.py), for
tests/optim/test_reference.cpp.

    python3 generate.py > trajectories.json        (Debian: python3-torch 1.13.1)

Parameters, gradients and everything else are float64 and follow from the formulas below, which the test repeats.
"""
import json
import math

import torch

import matrices
import published
import searches

torch.set_default_dtype(torch.float64)  # else some state is float32
SHAPES = [(2, 3), (4,), ()]
STEPS = 30
KEPT = (1, 2, 3, 10, 30)


def elements(shape):
    return math.prod(shape)


def start(p, shape):
    return torch.tensor([math.cos(k + 0.7 * p) for k in range(elements(shape))]).reshape(shape)


def gradient(t, p, shape):
    return torch.tensor(
        [math.sin(1 + 0.5 * t + k + p) + 0.3 * math.cos(1.3 * t + 0.7 * k * k) for k in range(elements(shape))]
    ).reshape(shape)


SGD, Adam, AdamW, RMSprop, Adagrad, Adamax = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop,
                                              torch.optim.Adagrad, torch.optim.Adamax)
ASGD, Adadelta, RAdam, Rprop = torch.optim.ASGD, torch.optim.Adadelta, torch.optim.RAdam, torch.optim.Rprop


def NAdam(parameters, **options):
    # 1.13's other implementation has a factor mu too many in mu_product_next (pytorch's pull request 92699)
    return torch.optim.NAdam(parameters, foreach=True, **options)


# (our config, PyTorch's class, PyTorch's arguments)
OPTIMIZERS = []


def add(name, cls, ours=None, **options):
    config = {"type": name, **(options if ours is None else {**options, **ours})}
    for ours_only in ("type",):
        options.pop(ours_only, None)
    OPTIMIZERS.append((config, cls, options))


add("sgd", SGD, lr=0.1)
add("sgd", SGD, lr=0.1, weight_decay=0.01)
add("sgd", SGD, lr=0.1, momentum=0.9)
add("sgd", SGD, lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01)
add("sgd", SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
add("sgd", SGD, lr=0.1, momentum=0.5, maximize=True)
for name, cls in (("adam", Adam), ("adamw", AdamW)):
    add(name, cls, lr=0.1)
    add(name, cls, lr=0.1, weight_decay=0.05)
    add(name, cls, lr=0.1, betas=(0.8, 0.95), eps=1e-4)
    add(name, cls, lr=0.1, amsgrad=True, weight_decay=0.01)
    add(name, cls, lr=0.1, maximize=True)
OPTIMIZERS.append(({"type": "amsgrad", "lr": 0.1, "weight_decay": 0.01}, Adam, dict(lr=0.1, weight_decay=0.01, amsgrad=True)))
add("rmsprop", RMSprop, lr=0.05)
add("rmsprop", RMSprop, lr=0.05, alpha=0.9, eps=1e-6, weight_decay=0.01)
add("rmsprop", RMSprop, lr=0.05, momentum=0.9)
add("rmsprop", RMSprop, lr=0.01, centered=True)
add("rmsprop", RMSprop, lr=0.01, centered=True, momentum=0.5, weight_decay=0.01, maximize=True)
add("adagrad", Adagrad, lr=0.1)
add("adagrad", Adagrad, lr=0.1, lr_decay=0.05, weight_decay=0.01, initial_accumulator_value=0.1, eps=1e-8)
add("adagrad", Adagrad, lr=0.1, maximize=True)
add("adamax", Adamax, lr=0.1)
add("adamax", Adamax, lr=0.1, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.05)
add("adamax", Adamax, lr=0.1, maximize=True)
add("adadelta", Adadelta, lr=1.0)
add("adadelta", Adadelta, lr=0.5, rho=0.95, eps=1e-4, weight_decay=0.05)
add("adadelta", Adadelta, lr=1.0, maximize=True)
add("asgd", ASGD, lr=0.1)
add("asgd", ASGD, lr=0.1, lambd=0.01, alpha=0.5, t0=5, weight_decay=0.01)
add("asgd", ASGD, lr=0.1, lambd=0.1, maximize=True)
add("nadam", NAdam, lr=0.1)
add("nadam", NAdam, lr=0.1, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.05)
add("nadam", NAdam, lr=0.1, momentum_decay=0.0)
add("nadam", NAdam, lr=0.1, momentum_decay=1.0)
add("radam", RAdam, lr=0.1)
add("radam", RAdam, lr=0.1, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.05)
add("radam", RAdam, lr=0.1, betas=(0.5, 0.7))
add("rprop", Rprop, lr=0.1)
add("rprop", Rprop, lr=0.01, etas=(0.3, 1.5), step_sizes=(1e-3, 0.1))


def trajectory(cls, options, clip=None, groups=None, change=None, around=None):
    parameters = [torch.nn.Parameter(start(p, shape)) for p, shape in enumerate(SHAPES)]
    listed = parameters if groups is None else [{"params": [q], **g} for q, g in zip(parameters, groups)]
    optimizer = cls(listed, **options)
    kept = {}
    for t in range(1, STEPS + 1):
        for p, parameter in enumerate(parameters):
            parameter.grad = gradient(t, p, SHAPES[p])
        if clip and clip[0] == "norm":
            torch.nn.utils.clip_grad_norm_(parameters, clip[1])
        if clip and clip[0] == "value":
            torch.nn.utils.clip_grad_value_(parameters, clip[1])
        if change and t == change[0]:
            optimizer.param_groups[0].update(change[1])
        if around:
            around.before(parameters)
        optimizer.step()
        if around:
            around.after(t, parameters, optimizer)
        if t in KEPT:
            kept[t] = [parameter.detach().flatten().tolist() for parameter in parameters]
    return kept


class Around:
    """What is put around an optimizer: nothing."""

    def before(self, parameters):
        pass

    def after(self, t, parameters, optimizer):
        pass


class Lookahead(Around):
    """Zhang et al. 2019, arXiv:1907.08610, with what its appendix does to the inner momentum."""

    def __init__(self, k=5, alpha=0.5, pullback="none"):
        self.k, self.alpha, self.pullback, self.slow, self.momenta = k, alpha, pullback, None, {}

    def before(self, parameters):
        if self.slow is None:
            self.slow = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def after(self, t, parameters, optimizer):
        if t % self.k != 0:
            return
        for p, slow in zip(parameters, self.slow):
            slow.copy_(slow + self.alpha * (p - slow))
            p.copy_(slow)
            name = "momentum_buffer" if "momentum_buffer" in optimizer.state[p] else "exp_avg"
            momentum = optimizer.state[p][name]
            if self.pullback == "reset":
                momentum.zero_()
            if self.pullback == "pullback":
                momentum.copy_(self.alpha * momentum + (1 - self.alpha) * self.momenta.get(p, torch.zeros(())))
                self.momenta[p] = momentum.clone()


class Ema(Around):
    """Keras' use_ema with ema_overwrite_frequency."""

    def __init__(self, decay, overwrite_every):
        self.decay, self.every, self.average = decay, overwrite_every, None

    @torch.no_grad()
    def after(self, t, parameters, optimizer):
        old = self.average or [p.detach() for p in parameters]
        self.average = [self.decay * a + (1 - self.decay) * p for a, p in zip(old, parameters)]
        if t % self.every == 0:
            for a, p in zip(self.average, parameters):
                p.copy_(a)


class TrustRatio(Around):
    """optax.scale_by_trust_ratio, on the gradient."""

    def __init__(self, coefficient=1.0, min_norm=0.0, eps=0.0):
        self.coefficient, self.least, self.eps = coefficient, min_norm, eps

    def before(self, parameters):
        for p in parameters:
            p.grad *= self.coefficient * max(p.detach().norm(), self.least) / (max(p.grad.norm(), self.least) + self.eps)


# (the transform's config, its class, our optimizer's config, PyTorch's class)
AROUND = [({"type": "lookahead", "k": 3, "alpha": 0.6, "pullback": pullback}, Lookahead, config, cls)
          for pullback in ("none", "reset", "pullback")
          for config, cls in (({"type": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True}, SGD),
                              ({"type": "adamw", "lr": 0.1, "weight_decay": 0.05}, AdamW))]
AROUND += [({"type": "ema", "decay": 0.7, "overwrite_every": 4}, Ema, {"type": "adam", "lr": 0.1}, Adam),
           ({"type": "trust_ratio"}, TrustRatio, {"type": "sgd", "lr": 0.1, "momentum": 0.9}, SGD),
           ({"type": "trust_ratio", "coefficient": 0.3, "min_norm": 1.5, "eps": 0.1}, TrustRatio, {"type": "adam", "lr": 0.1}, Adam)]
# (our name, the class, the options, which are the same for both)
MATRICES = [("shampoo", matrices.Shampoo,
             [dict(lr=0.1), dict(lr=0.1, momentum=0.5, epsilon=1e-2, update_freq=3, weight_decay=0.05),
              dict(lr=0.1, block_size=2), dict(lr=0.1, block_size=2, graft="adagrad", momentum=0.9), dict(lr=0.1, graft="sgd"),
              dict(lr=0.1, max_dim=2), dict(lr=0.1, max_dim=2, counted_axes="preconditioned")]),
            ("muon", matrices.Muon,
             [dict(lr=0.1), dict(lr=0.02, weight_decay=0.0, momentum=0.8, nesterov=False, ns_coefficients=(2, -1.5, 0.5), ns_steps=9),
              dict(lr=0.1, ns_coefficients=(4.0848, -6.8946, 2.9270, 3.9505, -6.3029, 2.6377, 3.7418, -5.5913, 2.3037))])]


def loss_at(t):
    return 2 + math.cos(0.3 * t)


# (our name, published.py's class, the options, which are the same for both)
PUBLISHED = [
    ("adamp", published.AdamP, [dict(lr=0.1, weight_decay=0.05), dict(lr=0.1, weight_decay=0.05, delta=2),
                                dict(lr=0.1, weight_decay=0.05, delta=0.7, nesterov=True, wd_ratio=0.5, eps=1e-4)]),
    ("sgdp", published.SGDP, [dict(lr=0.1, weight_decay=0.05), dict(lr=0.1, weight_decay=0.05, momentum=0.9, delta=2),
                              dict(lr=0.1, momentum=0.9, dampening=0.3, nesterov=True, weight_decay=0.05, delta=0.7)]),
    ("momo", published.Momo, [dict(), dict(lr=0.05, weight_decay=0.1, beta=0.8), dict(lower_bound=1.5),
                              dict(lower_bound=-1, adapt_lower_bound=True, weight_decay=0.1)]),
    ("momo_adam", published.MomoAdam, [dict(), dict(lr=0.5, weight_decay=0.1, betas=(0.8, 0.95), eps=1e-4),
                                       dict(lr=0.5, lower_bound=-1, adapt_lower_bound=True)]),
    ("polyak_sgd", published.PolyakSGD, [dict(), dict(lr=0.05, scaling=0.5, eps=0.1), dict(f_min=2, plus=True)]),
    ("schedule_free_radam", published.ScheduleFreeRAdam,
     [dict(lr=0.1), dict(lr=0.1, weight_decay=0.05, r=1, weight_lr_power=1, betas=(0.8, 0.95), eps=1e-4),
      dict(lr=0.1, silent_sgd_phase=False)]),
    ("aggmo", published.AggMo, [dict(lr=0.1), dict(lr=0.1, betas=(0.5,)), dict(lr=0.01, betas=[0, .1, .2, .5, .7, .9, .95, .99])]),
    ("lamb", published.Lamb, [dict(lr=0.1, weight_decay=0.05, max_grad_norm=1.0), dict(lr=0.1, betas=(0.8, 0.95), max_grad_norm=3.0)]),
    ("sophia_g", published.SophiaG, [dict(lr=0.1, bs=64), dict(lr=0.05, betas=(0.8, 0.5), rho=0.5, bs=4, weight_decay=0.05,
                                                               update_interval=3)]),
    ("sophia_h", published.SophiaH, [dict(lr=0.1), dict(lr=0.05, betas=(0.8, 0.5), gamma=0.5, eps=0.1, clip_threshold=2,
                                                        weight_decay=0.1, update_interval=4)]),
    ("lars", published.LARS,
     [dict(weight_decay=0.05, variant="paper"), dict(lr=0.5, weight_decay=0.05, trust_coefficient=0.02, eps=1e-2, nesterov=True,
                                                     variant="timm"),
      dict(lr=0.1, weight_decay=0.05, trust_coefficient=0.07, trust_clip=True, variant="timm"),
      dict(lr=0.1, trust_coefficient=0.07, momentum=0.0, trust_clip=True), dict(lr=0.01, always_adapt=False)]),
    ("mars", published.MARS,
     [dict(lr=0.1), dict(lr=0.1, weight_decay=0.05, gamma=0.5, betas=(0.8, 0.95), lr_1d=0.05, betas_1d=(0.7, 0.9), eps=1e-4),
      dict(lr=0.1, variant="timm"), dict(lr=0.1, gamma=0.5, variant="timm", optimize_1d=True),
      dict(lr=0.01, weight_decay=0.05, mars_type="lion", optimize_1d=True)]),
    ("adafactor", published.Adafactor,
     [dict(lr=0.1, variant="optax"), dict(lr=0.1, variant="optax", beta2_cap=0.8, d=0.5, weight_decay=0.01),
      dict(lr=0.1, variant="optax", beta2_cap=0.999, d=1e9, beta1=0.9, scale_parameter=False)]),
    ("tiger", published.Tiger, [dict(lr=0.1), dict(lr=0.1, beta=0.5, weight_decay=0.1)]),
    ("adamaxw", published.AdaMaxW, [dict(lr=0.1), dict(lr=0.1, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1)]),
    ("amsbound", published.AMSBound, [dict(lr=0.1), dict(lr=0.1, final_lr=0.02, gamma=0.5, betas=(0.8, 0.5))]),
]


def published_trajectory(cls, options):
    parameters = [start(p, shape).flatten().tolist() for p, shape in enumerate(SHAPES)]
    algorithm = cls(parameters, SHAPES, **options)
    kept, evaluated = {}, None
    for t in range(1, STEPS + 1):
        algorithm.step(t, [gradient(t, p, shape).flatten().tolist() for p, shape in enumerate(SHAPES)], loss_at(t))
        if t in KEPT:
            kept[t] = [list(p) for p in parameters]
    if hasattr(algorithm, "evaluate"):
        evaluated = algorithm.evaluate()
    return {"values": kept, **({"evaluated": evaluated} if evaluated else {})}


def sparse_trajectory(options):
    """Of a (5, 3) table, three listed rows at each step, one of them twice."""
    table = torch.nn.Parameter(torch.tensor([math.cos(k) for k in range(15)]).reshape(5, 3))
    optimizer = torch.optim.SparseAdam([table], **options)
    for k in range(12):
        rows = torch.tensor([[k % 5, (2 * k + 1) % 5, k % 5]])
        values = torch.tensor([math.sin(j + k) for j in range(9)]).reshape(3, 3)
        table.grad = torch.sparse_coo_tensor(rows, values, (5, 3))
        optimizer.step()
    return table.detach().flatten().tolist()


S = torch.optim.lr_scheduler
# (our schedule for a run of 30 steps with 5 in an epoch, PyTorch's)
SCHEDULES = [
    ({"type": "constant", "factor": 0.5}, lambda o: S.ConstantLR(o, factor=0.5, total_iters=100)),
    ({"type": "linear", "from": 0.1, "to": 1.0, "until": 10}, lambda o: S.LinearLR(o, start_factor=0.1, end_factor=1.0, total_iters=10)),
    ({"type": "step", "gamma": 0.3, "every": "2 epochs"}, lambda o: S.StepLR(o, step_size=10, gamma=0.3)),
    ({"type": "multi_step", "gamma": 0.5, "milestones": [3, 4, 20]}, lambda o: S.MultiStepLR(o, milestones=[3, 4, 20], gamma=0.5)),
    ({"type": "exponential", "gamma": 0.9, "every": 1}, lambda o: S.ExponentialLR(o, gamma=0.9)),
    ({"type": "cosine", "to": 0.1}, lambda o: S.CosineAnnealingLR(o, T_max=30, eta_min=0.01)),
    ([{"type": "linear", "from": 0.2, "to": 1.0, "until": 8}, {"type": "cosine", "to": 0.0}],
     lambda o: S.SequentialLR(o, [S.LinearLR(o, start_factor=0.2, total_iters=8), S.CosineAnnealingLR(o, T_max=22)], milestones=[8])),
    ([{"type": "constant", "factor": 0.1, "until": 5}, {"type": "exponential", "gamma": 0.8, "every": 1, "until": 20}, {"type": "constant", "factor": 1.0}],
     lambda o: S.SequentialLR(o, [S.ConstantLR(o, factor=0.1, total_iters=100), S.ExponentialLR(o, gamma=0.8), S.ConstantLR(o, factor=1.0)], milestones=[5, 20])),
]


def rates(make):
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = make(optimizer)
    result = []
    for _ in range(STEPS):
        result.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return result


def main():
    import warnings
    warnings.simplefilter("ignore")
    out = {"torch": torch.__version__, "optimizers": [], "published": [], "sparse": [], "clipped": [], "searches": searches.searches(), "groups": [], "changed": [], "schedules": []}
    for config, cls, options in OPTIMIZERS:
        out["optimizers"].append({"config": config, "values": trajectory(cls, options)})
    for name, cls, variants in PUBLISHED:
        for options in variants:
            out["published"].append({"config": {"type": name, **options}, **published_trajectory(cls, options)})
    for name, cls, variants in MATRICES:
        for options in variants:
            out["published"].append({"config": {"type": name, **options}, "values": trajectory(cls, options)})
    for transform, wrapper, config, cls in AROUND:
        around = wrapper(**{name: value for name, value in transform.items() if name != "type"})
        options = {name: value for name, value in config.items() if name != "type"}
        out["published"].append({"config": {**config, "transforms": [transform]},
                                 "values": trajectory(cls, options, around=around)})
    for options in (dict(lr=0.05, betas=(0.8, 0.95), eps=1e-4), dict(lr=0.1), dict(lr=0.1, maximize=True)):
        out["sparse"].append({"config": {"type": "sparse_adam", **options}, "values": sparse_trajectory(options)})
    for clip in (("norm", 0.5), ("norm", 100.0), ("value", 0.4)):
        out["clipped"].append({"clip": clip, "config": {"type": "adam", "lr": 0.1}, "values": trajectory(Adam, {"lr": 0.1}, clip)})
    out["groups"].append({
        "config": {"type": "adamw", "lr": 0.1, "weight_decay": 0.05,
                   "groups": [{"match": "p1", "weight_decay": 0}, {"rank": 0, "lr": 0.01, "betas": [0.5, 0.9]}]},
        "values": trajectory(AdamW, {"lr": 0.1, "weight_decay": 0.05}, None, [{}, {"weight_decay": 0}, {"lr": 0.01, "betas": (0.5, 0.9)}])})
    for cls, options, change in ((SGD, dict(lr=0.1, dampening=0.3), (6, {"momentum": 0.9})),
                                 (SGD, dict(lr=0.1, momentum=0.9, dampening=0.3), (6, {"momentum": 0.5}))):
        out["changed"].append({"config": {"type": cls.__name__.lower(), **options}, "at": change[0], "set": change[1],
                               "values": trajectory(cls, options, change=change)})
    for config, make in SCHEDULES:
        out["schedules"].append({"config": config, "values": rates(make)})
    print(json.dumps(out, separators=(",", ":")))


main()
