#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Values of schedules, for tests/optim/test_schedules.cpp.

    python3 schedules.py > schedules.json        (Debian: python3-torch 1.13.1)

A run of 30 steps, 5 in an epoch, of SGD with lr 0.1 and momentum 0.9. "torch": PyTorch's own schedulers. "formula": the
definitions of optax, Keras, Hugging Face, timm and the papers, written down as their sources have them.
"""
import bisect
import json
import math
import warnings

import torch

torch.set_default_dtype(torch.float64)
STEPS, LR = 30, 0.1
S = torch.optim.lr_scheduler
INF = float("inf")

TORCH = [
    ({"type": "constant", "factor": 0.25, "total_iters": 7}, lambda o: S.ConstantLR(o, factor=0.25, total_iters=7)),
    ({"type": "linear", "from": 0.3, "to": 0.9, "total_iters": 12},
     lambda o: S.LinearLR(o, start_factor=0.3, end_factor=0.9, total_iters=12)),
    ({"type": "polynomial", "total_iters": 20, "power": 2.5}, lambda o: S.PolynomialLR(o, total_iters=20, power=2.5)),
    ({"type": "polynomial"}, lambda o: S.PolynomialLR(o, total_iters=30)),
    ({"type": "multi_step", "milestones": [3, 3, 8], "gamma": 0.5}, lambda o: S.MultiStepLR(o, milestones=[3, 3, 8], gamma=0.5)),
    ({"type": "cosine_annealing", "T_max": 9, "eta_min": 0.02}, lambda o: S.CosineAnnealingLR(o, T_max=9, eta_min=0.02)),
    ({"type": "cosine_annealing"}, lambda o: S.CosineAnnealingLR(o, T_max=30)),
    ({"type": "cosine_warm_restarts", "T_0": 7, "eta_min": 0.01}, lambda o: S.CosineAnnealingWarmRestarts(o, T_0=7, eta_min=0.01)),
    ({"type": "cosine_warm_restarts", "T_0": 3, "T_mult": 2}, lambda o: S.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2)),
    ({"type": "cyclic", "base_lr": 0.01, "max_lr": 0.3, "step_size_up": 4},
     lambda o: S.CyclicLR(o, base_lr=0.01, max_lr=0.3, step_size_up=4)),
    ({"type": "cyclic", "base_lr": 0.01, "max_lr": 0.3, "step_size_up": 3, "step_size_down": 5, "mode": "triangular2",
      "base_momentum": 0.7, "max_momentum": 0.95},
     lambda o: S.CyclicLR(o, base_lr=0.01, max_lr=0.3, step_size_up=3, step_size_down=5, mode="triangular2",
                          base_momentum=0.7, max_momentum=0.95)),
    ({"type": "cyclic", "max_lr": 0.3, "step_size_up": 6, "mode": "exp_range", "gamma": 0.97, "cycle_momentum": False},
     lambda o: S.CyclicLR(o, base_lr=0.1, max_lr=0.3, step_size_up=6, mode="exp_range", gamma=0.97, cycle_momentum=False)),
    ({"type": "one_cycle", "max_lr": 0.5}, lambda o: S.OneCycleLR(o, max_lr=0.5, total_steps=30)),
    ({"type": "one_cycle", "max_lr": 0.5, "total_steps": "6 epochs", "pct_start": 0.4, "anneal_strategy": "linear",
      "base_momentum": 0.7, "max_momentum": 0.9, "div_factor": 10, "final_div_factor": 100},
     lambda o: S.OneCycleLR(o, max_lr=0.5, epochs=6, steps_per_epoch=5, pct_start=0.4, anneal_strategy="linear",
                            base_momentum=0.7, max_momentum=0.9, div_factor=10, final_div_factor=100)),
    ({"type": "one_cycle", "max_lr": 0.5, "three_phase": True}, lambda o: S.OneCycleLR(o, max_lr=0.5, total_steps=30, three_phase=True)),
    ({"type": "swa_lr", "swa_lr": 0.02, "anneal_epochs": 8}, lambda o: torch.optim.swa_utils.SWALR(o, swa_lr=0.02, anneal_epochs=8)),
    ({"type": "swa_lr", "swa_lr": 0.02, "anneal_epochs": "2 epochs", "anneal_strategy": "linear"},
     lambda o: torch.optim.swa_utils.SWALR(o, swa_lr=0.02, anneal_epochs=10, anneal_strategy="linear")),
    ({"type": "sequential", "milestones": [6, 15], "schedules": [
        {"type": "linear", "from": 0.1, "to": 1.0, "total_iters": 6}, {"type": "exponential", "gamma": 0.9, "every": 1},
        {"type": "cosine_annealing", "T_max": 15}]},
     lambda o: S.SequentialLR(o, [S.LinearLR(o, start_factor=0.1, total_iters=6), S.ExponentialLR(o, gamma=0.9),
                                  S.CosineAnnealingLR(o, T_max=15)], milestones=[6, 15])),
    ({"type": "chained", "schedules": [{"type": "constant", "factor": 0.1, "total_iters": 4},
                                       {"type": "exponential", "gamma": 0.9, "every": 1},
                                       {"type": "step", "gamma": 0.5, "every": 10}]},
     lambda o: S.ChainedScheduler([S.ConstantLR(o, factor=0.1, total_iters=4), S.ExponentialLR(o, gamma=0.9),
                                   S.StepLR(o, step_size=10, gamma=0.5)])),
]


# ---- optax
def polynomial(init, end, power, steps, begin=0):
    def at(t):
        count = min(max(t - begin, 0), steps)
        return (init - end) * (1 - count / steps) ** power + end
    return at


def piecewise_constant(init, boundaries):
    def at(t):
        value = init
        for threshold, scale in sorted(boundaries.items()):
            indicator = max(0.0, math.copysign(1, threshold - t) if threshold != t else 0)
            value = value * indicator + (1 - indicator) * scale * value
        return value
    return at


def exponential(init, steps, rate, begin=0, staircase=False, end=None):
    def at(t):
        p = (t - begin) / steps
        if staircase:
            p = math.floor(p)
        value = init if t - begin <= 0 else init * rate**p
        if end is not None:
            value = max(value, end) if rate < 1 else min(value, end)
        return value
    return at


def cosine(init, steps, alpha=0.0, exponent=1.0):
    def at(t):
        count = min(t, steps)
        decay = 0.5 * (1 + math.cos(math.pi * count / steps))
        return init * ((1 - alpha) * decay**exponent + alpha)
    return at


def join(schedules, boundaries):
    def at(t):
        value = schedules[0](t)
        for boundary, schedule in zip(boundaries, schedules[1:]):
            value = value if t < boundary else schedule(t - boundary)
        return value
    return at


def warmup_cosine(init, peak, warmup, decay, end=0.0, exponent=1.0):
    alpha = 0.0 if peak == 0 else end / peak
    return join([polynomial(init, peak, 1, warmup), cosine(peak, decay - warmup, alpha, exponent)], [warmup])


def interpolate(kind, init, boundaries):
    bounds, scales = zip(*sorted(boundaries.items()))
    bounds = [0, *bounds]
    values = [init]
    for scale in scales:
        values.append(values[-1] * scale)

    def at(t):
        for i in range(len(bounds) - 1):
            if bounds[i] <= t < bounds[i + 1]:
                pct = (t - bounds[i]) / (bounds[i + 1] - bounds[i])
                a, b = values[i], values[i + 1]
                return (b - a) * pct + a if kind == "linear" else (a - b) / 2 * (math.cos(math.pi * pct) + 1) + b
        return values[-1]
    return at


# ---- Hugging Face: factors
def hf(warmup, rest):
    return lambda t: LR * (t / max(1, warmup) if t < warmup else rest(t))


def hf_wsd(warmup, stable, decay, kinds, least, cycles=0.5):
    ways = {"linear": lambda p: p, "cosine": lambda p: 0.5 * (1 - math.cos(math.pi * p)), "1-sqrt": lambda p: 1 - math.sqrt(1 - p)}
    downs = {"linear": lambda p: 1 - p, "cosine": lambda p: 0.5 * (1 + math.cos(math.pi * cycles * 2 * p)),
             "1-sqrt": lambda p: 1 - math.sqrt(p), "1-square": lambda p: 1 - p * p}

    def at(t):
        if t < warmup:
            return LR * (ways[kinds[0]](t / max(1, warmup)) * (1 - least) + least)
        if t < warmup + stable:
            return LR
        if t < warmup + stable + decay:
            return LR * (max(0, downs[kinds[1]]((t - warmup - stable) / max(1, decay))) * (1 - least) + least)
        return LR * least
    return at


# ---- timm
def timm(shape, t_initial, lr_min=0.0, mul=1.0, decay=1.0, limit=1, warmup=0, init=0.0, prefix=False, peak=None):
    def values(t):
        if mul != 1:
            i = math.floor(math.log(1 - t / t_initial * (1 - mul), mul))
            t_i = mul**i * t_initial
            t_curr = t - (1 - mul**i) / (1 - mul) * t_initial
        else:
            i = t // t_initial
            t_i = t_initial
            t_curr = t - t_initial * i
        if i >= limit:
            return lr_min
        return lr_min + (LR * decay**i - lr_min) * shape(t_curr, t_i)

    def at(t):
        if t < warmup:
            top = LR if prefix or peak is None else values(warmup)
            return init + t * (top - init) / warmup
        return values(t - warmup if prefix else t)
    return at


def timm_multistep(milestones, rate):
    return lambda t: LR * rate ** bisect.bisect_right(milestones, t + 1)


def chebyshev(small, big, count):
    order = [0]
    while len(order) < count:
        order = [x for i in order for x in (i, 2 * len(order) - 1 - i)]
    steps = [1 / ((big + small) / 2 - (big - small) / 2 * math.cos((i + 0.5) / count * math.pi)) for i in range(count)]
    return lambda t: LR * steps[order[t // 2 % count]]


def noam(d_model, warmup, factor):
    return lambda t: factor * d_model**-0.5 * min((t + 1) ** -0.5, (t + 1) * warmup**-1.5)


FORMULAS = [
    ({"type": "constant_schedule", "value": 0.3}, lambda t: 0.3),
    ({"type": "linear_schedule", "end_value": 0.01, "transition_steps": 12, "transition_begin": 4}, polynomial(LR, 0.01, 1, 12, 4)),
    ({"type": "polynomial_schedule", "init_value": 0.5, "end_value": 0.2, "power": 3, "transition_steps": 20}, polynomial(0.5, 0.2, 3, 20)),
    ({"type": "piecewise_constant", "boundaries": [4, 9, 20], "scales": [0.5, 3, 0.1]}, piecewise_constant(LR, {4: 0.5, 9: 3, 20: 0.1})),
    ({"type": "piecewise_constant_decay", "boundaries": [4, 9], "values": [1.0, 0.5, 0.1]},
     lambda t: 1.0 if t <= 4 else 0.5 if t <= 9 else 0.1),
    ({"type": "exponential_decay", "transition_steps": 6, "decay_rate": 0.5}, exponential(LR, 6, 0.5)),
    ({"type": "exponential_decay", "init_value": 1.0, "transition_steps": "1 epoch", "decay_rate": 0.4, "transition_begin": 3,
      "staircase": True, "end_value": 0.05}, exponential(1.0, 5, 0.4, 3, True, 0.05)),
    ({"type": "exponential_decay", "transition_steps": 6, "decay_rate": 1.5, "end_value": 0.3}, exponential(LR, 6, 1.5, end=0.3)),
    ({"type": "inverse_time_decay", "decay_steps": 4, "decay_rate": 0.7}, lambda t: LR / (1 + 0.7 * t / 4)),
    ({"type": "inverse_time_decay", "decay_steps": 4, "decay_rate": 0.7, "staircase": True}, lambda t: LR / (1 + 0.7 * (t // 4))),
    ({"type": "cosine_decay", "decay_steps": 18, "alpha": 0.1, "exponent": 1.7}, cosine(LR, 18, 0.1, 1.7)),
    ({"type": "piecewise_interpolate", "boundaries": [5, 11, 25], "scales": [3, 0.5, 0.1]}, interpolate("linear", LR, {5: 3, 11: 0.5, 25: 0.1})),
    ({"type": "piecewise_interpolate", "interpolate_type": "cosine", "init_value": 0.4, "boundaries": [5, 11], "scales": [3, 0.5]},
     interpolate("cosine", 0.4, {5: 3, 11: 0.5})),
    ({"type": "linear_onecycle", "peak_value": 0.6}, interpolate("linear", 0.6 / 25, {int(0.3 * 30): 25, int(0.85 * 30): 1 / 25, 30: 1e-4})),
    ({"type": "cosine_onecycle", "peak_value": 0.6, "transition_steps": 24, "div_factor": 10},
     interpolate("cosine", 0.06, {int(0.3 * 24): 10, 24: 1 / (10 * 1e4)})),
    ({"type": "warmup_constant", "init_value": 0.02, "peak_value": 0.2, "warmup_steps": 7}, polynomial(0.02, 0.2, 1, 7)),
    ({"type": "warmup_cosine_decay", "warmup_steps": 6, "end_value": 0.01, "exponent": 1.5}, warmup_cosine(0, LR, 6, 30, 0.01, 1.5)),
    ({"type": "warmup_exponential_decay", "warmup_steps": 6, "transition_steps": 4, "decay_rate": 0.6, "end_value": 0.02},
     join([polynomial(0, LR, 1, 6), exponential(LR, 4, 0.6, end=0.02)], [6])),
    ({"type": "sgdr", "cycles": [{"peak_value": 0.4, "warmup_steps": 3, "decay_steps": 10},
                                 {"init_value": 0.01, "peak_value": 0.2, "warmup_steps": 2, "decay_steps": 20, "end_value": 0.01}]},
     join([warmup_cosine(0, 0.4, 3, 10), warmup_cosine(0.01, 0.2, 2, 20, 0.01)], [10])),
    ({"type": "join", "boundaries": [4, 12], "schedules": [{"type": "constant_schedule", "value": 0.5},
      {"type": "linear_schedule", "init_value": 0.5, "end_value": 0.1, "transition_steps": 5}, {"type": "cosine_decay", "decay_steps": 10}]},
     join([lambda t: 0.5, polynomial(0.5, 0.1, 1, 5), cosine(LR, 10)], [4, 12])),
    ({"type": "linear_warmup", "warmup": 6}, hf(6, lambda t: (30 - t) / 24)),
    ({"type": "linear_warmup", "warmup": 0, "total": 20}, hf(0, lambda t: max(0, (20 - t) / 20))),
    ({"type": "cosine_warmup", "warmup": "20%", "num_cycles": 1.5}, hf(6, lambda t: max(0, 0.5 * (1 + math.cos(math.pi * 1.5 * 2 * (t - 6) / 24))))),
    ({"type": "cosine_hard_restarts", "warmup": 4, "total": 25, "num_cycles": 3},
     hf(4, lambda t: 0 if t >= 25 else 0.5 * (1 + math.cos(math.pi * ((3 * (t - 4) / 21) % 1))))),
    ({"type": "polynomial_warmup", "warmup": 5, "total": 25, "lr_end": 0.01, "power": 2},
     hf(5, lambda t: (0.01 if t > 25 else (LR - 0.01) * (1 - (t - 5) / 20) ** 2 + 0.01) / LR)),
    ({"type": "inverse_sqrt", "warmup": 6}, hf(6, lambda t: 1 / math.sqrt((t + 0) / 6))),
    ({"type": "inverse_sqrt", "warmup": 6, "timescale": 10}, hf(6, lambda t: 1 / math.sqrt((t + 4) / 10))),
    ({"type": "noam", "d_model": 64, "warmup": 10, "factor": 2}, noam(64, 10, 2)),
    ({"type": "wsd", "warmup": 5, "decay": 10}, hf_wsd(5, 15, 10, ("linear", "cosine"), 0)),
    ({"type": "wsd", "warmup": 4, "stable": 8, "decay": 12, "warmup_type": "cosine", "decay_type": "linear", "min_ratio": 0.1},
     hf_wsd(4, 8, 12, ("cosine", "linear"), 0.1)),
    ({"type": "wsd", "warmup": 4, "stable": 8, "decay": 12, "warmup_type": "1-sqrt", "decay_type": "1-sqrt", "min_ratio": 0.2},
     hf_wsd(4, 8, 12, ("1-sqrt", "1-sqrt"), 0.2)),
    ({"type": "wsd", "warmup": 0, "stable": 8, "decay": 12, "decay_type": "1-square"}, hf_wsd(0, 8, 12, ("linear", "1-square"), 0)),
    ({"type": "rex"}, lambda t: LR * (1 - t / 30) / (1 - t / 60)),
    ({"type": "rex", "total": 20, "to": 0.1}, lambda t: 0.01 if t >= 20 else 0.01 + 0.09 * (1 - t / 20) / (1 - t / 40)),
    ({"type": "timm_cosine", "lr_min": 0.01, "warmup_t": 4, "warmup_lr_init": 0.001},
     timm(lambda t, n: 0.5 * (1 + math.cos(math.pi * t / n)), 30, 0.01, warmup=4, init=0.001)),
    ({"type": "timm_cosine", "t_initial": 5, "cycle_mul": 2, "cycle_decay": 0.5, "cycle_limit": 2, "k_decay": 1.3, "lr_min": 0.002},
     timm(lambda t, n: 0.5 * (1 + math.cos(math.pi * t**1.3 / n**1.3)), 5, 0.002, 2.0, 0.5, 2)),
    ({"type": "timm_cosine", "t_initial": 7, "cycle_limit": 3, "cycle_decay": 0.8, "warmup_t": 3, "warmup_prefix": True},
     timm(lambda t, n: 0.5 * (1 + math.cos(math.pi * t / n)), 7, decay=0.8, limit=3, warmup=3, prefix=True)),
    ({"type": "timm_poly", "t_initial": 20, "lr_min": 0.001, "k_decay": 0.7}, timm(lambda t, n: (1 - t**0.7 / n**0.7) ** 0.5, 20, 0.001)),
    ({"type": "timm_tanh", "t_initial": 25, "lr_min": 0.001, "warmup_t": 3},
     timm(lambda t, n: 0.5 * (1 - math.tanh(-7 * (1 - t / n) + 3 * t / n)), 25, 0.001, warmup=3, peak=1)),
    ({"type": "timm_step", "decay_t": "2 epochs", "decay_rate": 0.3, "warmup_t": 2}, lambda t: LR * t / 2 if t < 2 else LR * 0.3 ** (t // 10)),
    ({"type": "timm_multistep", "decay_t": [6, 6, 13], "decay_rate": 0.5}, timm_multistep([6, 6, 13], 0.5)),
    ({"type": "chebyshev", "every": 2, "count": 8}, chebyshev(0.05, 1, 8)),
    ({"type": "inverse", "gamma": 0.2, "power": 0.5}, lambda t: LR * (1 + 0.2 * t) ** -0.5),
    ({"type": "sigmoid", "gamma": 0.4, "center": 12}, lambda t: LR / (1 + math.exp(0.4 * (t - 12)))),
    ({"type": "product", "schedules": [{"type": "cosine", "to": 0.1}, {"type": "step", "every": 10, "gamma": 0.5}]},
     lambda t: LR * (0.1 + 0.9 * (1 + math.cos(math.pi * t / 30)) / 2) * 0.5 ** (t // 10)),
    ({"type": "sequence", "schedules": [
        {"type": "sequence", "until": 12, "schedules": [{"type": "linear", "from": 0, "to": 1, "until": 4}, {"type": "constant"}]},
        {"type": "product", "schedules": [{"type": "cosine"}, {"type": "constant", "factor": 0.5}]}]},
     lambda t: LR * (t / 4 if t < 4 else 1 if t < 12 else 0.25 * (1 + math.cos(math.pi * (t - 12) / 18)))),
]


def rates(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR, momentum=0.9)
    schedule = make(optimizer)
    values, momentum = [], []
    for _ in range(STEPS):
        values.append(optimizer.param_groups[0]["lr"])
        momentum.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        schedule.step()
    return {"values": values, "momentum": momentum}


def plateau(metrics, ours, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = S.ReduceLROnPlateau(optimizer, **options)
    values = []
    for metric in metrics:
        schedule.step(metric)
        values.append(optimizer.param_groups[0]["lr"])
    return {"config": {"type": "plateau", **options, **ours}, "metrics": metrics, "values": values}


def main():
    warnings.simplefilter("ignore")
    noisy = [math.exp(-0.1 * t) + 0.2 * math.sin(3.7 * t) for t in range(60)]
    out = {"torch": [{"config": config, **rates(make)} for config, make in TORCH],
           "formula": [{"config": config, "values": [at(t) for t in range(STEPS)]} for config, at in FORMULAS],
           "plateau": [
               plateau([1.0] * 7 + [0.5] * 13, {}, factor=0.5, patience=2, cooldown=1, min_lr=0.1),
               plateau(noisy, {}, factor=0.7, patience=1),
               plateau(noisy, {}, factor=0.7, patience=3, mode="max", threshold=0.05, threshold_mode="abs"),
               plateau(noisy, {}, factor=0.5, patience=0, threshold=0.1, cooldown=3, eps=1e-2),
               plateau([-m for m in noisy], {}, factor=0.5, patience=2, threshold_mode="abs")]}
    print(json.dumps(out, separators=(",", ":")))


main()
