# SPDX-License-Identifier: BSD-3-Clause
"""Algorithms that PyTorch lacks, written from their papers for generate.py in plain Python: lists of float64, one loop
for each sum, no array library, so that they share nothing with what they are compared with.

Each is a class: made with the parameters (flat lists, changed in place), their shapes and the options; step(t, g, loss)
with the gradients like the parameters; evaluate() gives the parameters to evaluate, where these are others.
"""
import math


def dot(x, y):
    return math.fsum(a * b for a, b in zip(x, y))


def norm(x):
    return math.sqrt(dot(x, x))


def zeros_like(p):
    return [[0.0] * len(x) for x in p]


class Algorithm:
    def __init__(self, parameters, shapes, **options):
        self.p, self.shapes = parameters, shapes
        self.m, self.v = zeros_like(parameters), zeros_like(parameters)
        self.begin(**options)

    def begin(self):
        pass

    def step(self, t, g, loss):
        for i in range(len(self.p)):
            self.step_tensor(t, i, g[i])

    def average(self, means, i, beta, values):
        means[i][:] = [beta * m + (1 - beta) * x for m, x in zip(means[i], values)]


class Projected(Algorithm):
    """Heo et al. 2020, arXiv:2006.08217, algorithms 2 and 3 with equation 12: where the weights look scale-invariant,
    by output channel or else by layer, the step loses its radial part and the decay is weaker."""

    def project(self, i, g, step, delta, eps, wd_ratio):
        w, shape = self.p[i], self.shapes[i]
        if len(shape) < 2:
            return step, 1
        for rows in (shape[0], 1):
            n = len(w) // rows
            views = [slice(r * n, (r + 1) * n) for r in range(rows)]
            cosines = [abs(dot(w[s], g[s])) / (max(norm(w[s]), eps) * max(norm(g[s]), eps)) for s in views]
            if max(cosines) >= delta / math.sqrt(n):
                continue
            result = []
            for s in views:
                unit = [x / (norm(w[s]) + eps) for x in w[s]]
                radial = dot(unit, step[s])
                result += [u - radial * x for u, x in zip(step[s], unit)]
            return result, wd_ratio
        return step, 1


class AdamP(Projected):
    def begin(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, delta=0.1, wd_ratio=0.1, nesterov=False):
        self.lr, self.betas, self.eps, self.decay = lr, betas, eps, weight_decay
        self.delta, self.wd_ratio, self.nesterov = delta, wd_ratio, nesterov

    def step_tensor(self, t, i, g):
        b1, b2 = self.betas
        self.average(self.m, i, b1, g)
        self.average(self.v, i, b2, [x * x for x in g])
        first = [b1 * m + (1 - b1) * x for m, x in zip(self.m[i], g)] if self.nesterov else self.m[i]
        step = [m / (math.sqrt(v) / math.sqrt(1 - b2**t) + self.eps) for m, v in zip(first, self.v[i])]
        step, ratio = self.project(i, g, step, self.delta, self.eps, self.wd_ratio)
        keep = 1 - self.lr * self.decay * ratio
        self.p[i][:] = [keep * w - self.lr / (1 - b1**t) * u for w, u in zip(self.p[i], step)]


class SGDP(Projected):
    def begin(self, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False, eps=1e-8, delta=0.1, wd_ratio=0.1):
        self.lr, self.momentum, self.dampening, self.decay = lr, momentum, dampening, weight_decay
        self.nesterov, self.eps, self.delta, self.wd_ratio = nesterov, eps, delta, wd_ratio

    def step_tensor(self, t, i, g):
        self.m[i][:] = [self.momentum * m + (1 - self.dampening) * x for m, x in zip(self.m[i], g)]
        step = [x + self.momentum * m for m, x in zip(self.m[i], g)] if self.nesterov else list(self.m[i])
        step, ratio = self.project(i, g, step, self.delta, self.eps, self.wd_ratio)
        keep = 1 - self.lr * self.decay * ratio / (1 - self.momentum)
        self.p[i][:] = [keep * w - self.lr * u for w, u in zip(self.p[i], step)]


class Momo(Algorithm):
    """Schaipp et al. 2023, arXiv:2305.07583, algorithms 1 (the first averages are the first values) and 2 (Adam's)
    with lemma 2 for the weight decay and section 4.2 for the lower bound."""

    adam = False

    def begin(self, lr=1.0, beta=0.9, lower_bound=0.0, weight_decay=0.0, adapt_lower_bound=False):
        self.lr, self.betas, self.eps = lr, (beta, 0.0), 0.0
        self.least = self.bound = lower_bound
        self.decay, self.adapts = weight_decay, adapt_lower_bound
        self.loss = self.product = 0.0

    def step(self, t, g, loss):
        b1, b2 = self.betas
        beta = 0 if t == 1 and not self.adam else b1
        self.loss = beta * self.loss + (1 - beta) * loss
        self.product = beta * self.product + (1 - beta) * math.fsum(dot(x, w) for x, w in zip(g, self.p))
        for i, x in enumerate(g):
            self.average(self.m, i, beta, x)
            self.average(self.v, i, b2, [y * y for y in x])
        c1, c2 = (1 - b1**t, 1 - b2**t) if self.adam else (1, 1)
        scale = [[self.eps + math.sqrt(v / c2) if self.adam else 1.0 for v in x] for x in self.v]
        direction = [[m / s for m, s in zip(x, y)] for x, y in zip(self.m, scale)]
        length = math.fsum(dot(m, d) for m, d in zip(self.m, direction))
        ahead = math.fsum(dot(m, w) for m, w in zip(self.m, self.p))
        grown = 1 + self.lr * self.decay
        model = grown * (self.loss - self.product) + ahead
        if self.adapts and model < grown * c1 * self.bound:
            self.bound = max(model / (2 * c1 * grown), self.least)
        tau = min(self.lr / c1, max(model - grown * c1 * self.bound, 0) / length)
        for w, d in zip(self.p, direction):
            w[:] = [x / grown - tau * y for x, y in zip(w, d)]
        if self.adapts:
            self.bound = max((self.loss + ahead - self.product - tau * length / 2) / c1, self.least)


class MomoAdam(Momo):
    adam = True

    def begin(self, lr=1e-2, betas=(0.9, 0.999), eps=1e-8, **options):
        super().begin(lr, **options)
        self.betas, self.eps = betas, eps


class PolyakSGD(Algorithm):
    """Loizou et al. 2020, arXiv:2002.10542, equation 3 with a largest step; SPS+: Gower et al. 2025."""

    def begin(self, lr=1.0, scaling=1.0, f_min=0.0, eps=0.0, plus=False):
        self.lr, self.scaling, self.f_min, self.eps, self.plus = lr, scaling, f_min, eps, plus

    def step(self, t, g, loss):
        gap = max(loss - self.f_min, 0) if self.plus else loss - self.f_min
        squares = math.fsum((self.scaling * y)**2 for x in g for y in x) + self.eps
        size = min(gap / squares, self.lr)
        for w, x in zip(self.p, g):
            w[:] = [a - self.scaling * size * b for a, b in zip(w, x)]


class ScheduleFreeRAdam(Algorithm):
    """Defazio et al. 2024, arXiv:2405.15682, in the form of the paper's equations 3 to 5: z takes the steps, x is its
    weighted mean, y = (1 - beta) z + beta x is where gradients are taken. Rectified after Liu et al. 2019."""

    def begin(self, lr=2.5e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0, r=0, weight_lr_power=2,
              silent_sgd_phase=True):
        self.lr, self.betas, self.eps, self.decay = lr, betas, eps, weight_decay
        self.r, self.power, self.silent = r, weight_lr_power, silent_sgd_phase
        self.z, self.x = [list(w) for w in self.p], [list(w) for w in self.p]
        self.total = self.largest = 0.0

    def step(self, t, g, loss):
        beta, b2 = self.betas
        limit = 2 / (1 - b2) - 1
        length = limit - 2 * t * b2**t / (1 - b2**t)
        if length > 4:
            rate = self.lr * math.sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length))
        else:
            rate = 0 if self.silent else self.lr
        self.largest = max(self.largest, rate)
        weight = t**self.r * self.largest**self.power
        self.total += weight
        c = weight / self.total if self.total > 0 else 0
        for i, y in enumerate(self.p):
            self.average(self.v, i, b2, [a * a for a in g[i]])
            u = [a / (math.sqrt(v / (1 - b2**t)) + self.eps) if length > 4 else a for a, v in zip(g[i], self.v[i])]
            u = [a + self.decay * b for a, b in zip(u, y)]
            self.z[i] = [z - rate * a for z, a in zip(self.z[i], u)]
            self.x[i] = [(1 - c) * x + c * z for x, z in zip(self.x[i], self.z[i])]
            y[:] = [(1 - beta) * z + beta * x for x, z in zip(self.x[i], self.z[i])]

    def evaluate(self):
        return self.x


class AggMo(Algorithm):
    """Lucas et al. 2018, arXiv:1804.00325, equation 3."""

    def begin(self, lr=1e-3, betas=(0, 0.9, 0.99)):
        self.lr, self.betas = lr, betas
        self.buffers = [zeros_like(self.p) for _ in betas]

    def step_tensor(self, t, i, g):
        for beta, buffer in zip(self.betas, self.buffers):
            buffer[i] = [beta * b + x for b, x in zip(buffer[i], g)]
        self.p[i][:] = [w - self.lr / len(self.betas) * math.fsum(b) for w, *b in
                        zip(self.p[i], *(buffer[i] for buffer in self.buffers))]


class Lamb(Algorithm):
    """You et al. 2019, arXiv:1904.00962, algorithm 2, all gradients first clipped to max_grad_norm as NVIDIA's and
    timm's programs do."""

    def begin(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0, max_grad_norm=None):
        self.lr, self.betas, self.eps, self.decay, self.most = lr, betas, eps, weight_decay, max_grad_norm

    def step(self, t, g, loss):
        b1, b2 = self.betas
        over = max(1, math.sqrt(math.fsum(dot(x, x) for x in g)) / self.most) if self.most else 1
        for i, w in enumerate(self.p):
            self.average(self.m, i, b1, [x / over for x in g[i]])
            self.average(self.v, i, b2, [(x / over)**2 for x in g[i]])
            u = [m / (1 - b1**t) / (math.sqrt(v / (1 - b2**t)) + self.eps) + self.decay * x
                 for m, v, x in zip(self.m[i], self.v[i], w)]
            ratio = norm(w) / norm(u) if norm(w) > 0 and norm(u) > 0 else 1
            w[:] = [x - self.lr * ratio * y for x, y in zip(w, u)]


class Tiger(Algorithm):
    """Su 2023: the sign of the mean gradient, with decoupled weight decay."""

    def begin(self, lr=1e-3, beta=0.965, weight_decay=0.01):
        self.lr, self.beta, self.decay = lr, beta, weight_decay

    def step_tensor(self, t, i, g):
        self.average(self.m, i, self.beta, g)
        self.p[i][:] = [w - self.lr * (math.copysign(1, m) if m else 0) - self.lr * self.decay * w
                        for w, m in zip(self.p[i], self.m[i])]


class AdaMaxW(Algorithm):
    """Kingma, Ba 2014, algorithm 2, with decoupled weight decay (eps as torch.optim.Adamax has it)."""

    def begin(self, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-4):
        self.lr, self.betas, self.eps, self.decay = lr, betas, eps, weight_decay

    def step_tensor(self, t, i, g):
        b1, b2 = self.betas
        self.average(self.m, i, b1, g)
        self.v[i] = [max(b2 * u, abs(x) + self.eps) for u, x in zip(self.v[i], g)]
        self.p[i][:] = [w - self.lr * (m / (1 - b1**t) / u + self.decay * w)
                        for w, m, u in zip(self.p[i], self.m[i], self.v[i])]


class AMSBound(Algorithm):
    """Luo et al. 2019, arXiv:1902.09843, algorithm 3, with the bias correction of the authors' program."""

    def begin(self, lr=1e-3, betas=(0.9, 0.999), final_lr=0.1, gamma=1e-3, eps=1e-8):
        self.lr, self.betas, self.final, self.gamma, self.eps = lr, betas, final_lr, gamma, eps
        self.top = zeros_like(self.p)

    def step_tensor(self, t, i, g):
        b1, b2 = self.betas
        self.average(self.m, i, b1, g)
        self.average(self.v, i, b2, [x * x for x in g])
        self.top[i] = [max(a, b) for a, b in zip(self.top[i], self.v[i])]
        low, high = self.final * (1 - 1 / (self.gamma * t + 1)), self.final * (1 + 1 / (self.gamma * t))
        rate = self.lr * math.sqrt(1 - b2**t) / (1 - b1**t)
        self.p[i][:] = [w - min(max(rate / (math.sqrt(v) + self.eps), low), high) * m
                        for w, m, v in zip(self.p[i], self.m[i], self.top[i])]


class SophiaG(Algorithm):
    """Liu et al. 2023, arXiv:2305.14342, algorithm 3 as the authors' program has it; behind a step its curvature takes
    in the squared gradient, which stands for that of a loss with sampled targets."""

    def begin(self, lr=1e-4, betas=(0.965, 0.99), rho=0.04, bs=5120, weight_decay=0.1, update_interval=10):
        self.lr, self.betas, self.scale, self.decay, self.every = lr, betas, rho * bs, weight_decay, update_interval

    def estimate(self, g):
        return [x * x for x in g]

    def direction(self, t, m, h):
        return math.copysign(min(abs(m) / (self.scale * h + 1e-15), 1), m)

    def step_tensor(self, t, i, g):
        self.average(self.m, i, self.betas[0], g)
        self.p[i][:] = [w - self.lr * (self.decay * w + self.direction(t, m, h))
                        for w, m, h in zip(self.p[i], self.m[i], self.v[i])]
        if (t - 1) % self.every == 0:
            self.average(self.v, i, self.betas[1], self.estimate(g))


class SophiaH(SophiaG):
    """The same with the Hessian's diagonal, here the gradient's numbers: the loss is sum(g p^2) / 2."""

    def begin(self, lr=1e-4, betas=(0.965, 0.99), eps=1e-8, gamma=0.01, clip_threshold=1, weight_decay=1e-4,
              update_interval=10):
        self.lr, self.betas, self.eps, self.gamma, self.limit = lr, betas, eps, gamma, clip_threshold
        self.decay, self.every = weight_decay, update_interval

    def estimate(self, g):
        return g

    def direction(self, t, m, h):
        u = m / (1 - self.betas[0]**t) / max(self.gamma * h, self.eps)
        return max(-self.limit, min(u, self.limit))


class LARS(Algorithm):
    """You, Gitman, Ginsburg 2017, arXiv:1708.03888, algorithm 1; "timm": with lr outside of the momentum, as in Apex;
    "optax": the ratio is that of the gradient with its decay."""

    def begin(self, lr=1.0, momentum=0.9, weight_decay=0.0, trust_coefficient=1e-3, eps=0.0, nesterov=False,
              variant="optax", trust_clip=False, always_adapt=True):
        self.lr, self.momentum, self.decay, self.coefficient, self.eps = lr, momentum, weight_decay, trust_coefficient, eps
        self.nesterov, self.variant, self.clip, self.always = nesterov, variant, trust_clip, always_adapt

    def step_tensor(self, t, i, g):
        w = self.p[i]
        decayed = [x + self.decay * y for x, y in zip(g, w)]
        length = norm(decayed) if self.variant == "optax" else norm(g) + self.decay * norm(w)
        rate = 1
        if self.always or self.decay != 0:
            rate = self.coefficient * norm(w) / (length + self.eps)
            rate = min(rate / self.lr, 1) if self.clip else rate
        inside, outside = (1, self.lr) if self.variant == "timm" else (self.lr, 1)
        u = [inside * rate * x for x in decayed]
        self.m[i][:] = [self.momentum * m + x for m, x in zip(self.m[i], u)]
        step = [x + self.momentum * m for m, x in zip(self.m[i], u)] if self.nesterov else self.m[i]
        w[:] = [x - outside * y for x, y in zip(w, step)]


class MARS(Algorithm):
    """Yuan et al. 2024, arXiv:2411.10438, algorithm 2 with AdamW's or Lion's step, vectors and numbers by AdamW; in
    timm's program the first gradient is taken as it is."""

    def begin(self, lr=3e-3, betas=(0.95, 0.99), eps=1e-8, weight_decay=0.0, gamma=0.025, mars_type="adamw",
              optimize_1d=False, lr_1d=3e-3, betas_1d=(0.9, 0.95), weight_decay_1d=0.1, variant="authors"):
        self.own = lr, betas, weight_decay
        self.for_vectors = lr_1d, betas_1d, weight_decay_1d
        self.eps, self.gamma, self.lion, self.all, self.timm = eps, gamma, mars_type == "lion", optimize_1d, variant == "timm"
        self.before = zeros_like(self.p)

    def step_tensor(self, t, i, g):
        reduces = self.all or len(self.shapes[i]) == 2
        lr, (b1, b2), decay = self.own if reduces else self.for_vectors
        c = list(g)
        if reduces and not (self.timm and t == 1):
            weight = self.gamma * b1 / (1 - b1)
            c = [x + weight * (x - y) for x, y in zip(g, self.before[i])]
            c = [x / max(1, norm(c)) for x in c]
        self.before[i] = list(g)
        self.average(self.m, i, b1, c)
        self.average(self.v, i, b2, [x * x for x in c])
        if reduces and self.lion:
            u = [math.copysign(1, m) for m in self.m[i]]
        else:
            u = [m / (1 - b1**t) / (math.sqrt(v / (1 - b2**t)) + self.eps) for m, v in zip(self.m[i], self.v[i])]
        self.p[i][:] = [w - lr * (x + decay * w) for w, x in zip(self.p[i], u)]


class Adafactor(Algorithm):
    """Shazeer, Stern 2018, arXiv:1804.04235, algorithm 4, with the mean square in full (axes below 128, as in optax and
    timm's AdafactorBigVision, whose decay has a limit); the updates' mean is of optax."""

    def begin(self, lr=1e-2, beta2_decay=-0.8, beta2_cap=1.0, d=1.0, beta1=None, scale_parameter=True, weight_decay=0.0,
              variant="optax"):
        self.lr, self.power, self.cap, self.d, self.beta1 = lr, beta2_decay, beta2_cap, d, beta1
        self.scales, self.decay = scale_parameter, weight_decay

    def step_tensor(self, t, i, g):
        w = self.p[i]
        self.average(self.v, i, min(1 - t**self.power, self.cap), [x * x + 1e-30 for x in g])
        u = [x / math.sqrt(v) for x, v in zip(g, self.v[i])]
        rms = norm(u) / math.sqrt(len(u))
        rate = self.lr / max(1, rms / self.d) * (max(1e-3, norm(w) / math.sqrt(len(w))) if self.scales else 1)
        u = [rate * x for x in u]
        if self.beta1 is not None:
            self.average(self.m, i, self.beta1, u)
            u = self.m[i]
        w[:] = [x - y - self.decay * x for x, y in zip(w, u)]
