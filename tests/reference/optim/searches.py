# SPDX-License-Identifier: BSD-3-Clause
"""L-BFGS with optax's zoom line search, in plain Python for generate.py: Nocedal & Wright's algorithms 7.4, 3.5 and 3.6
with Hager & Zhang's approximate decrease, one evaluation at a time over a table of what is known.
"""
import math

NAN, INF = float("nan"), float("inf")


def dot(x, y):
    return math.fsum(a * b for a, b in zip(x, y))


def rosenbrock(x):
    a, b = x
    return (1 - a)**2 + 100 * (b - a * a)**2, [-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)]


def barrier(x):
    """x - log(x) + y^4, which is not a number for x < 0."""
    a, b = x
    return (a - math.log(a) if a > 0 else NAN) + b**4, [1 - 1 / a, 4 * b**3]


def cliff(x):
    """log(1 + x^2) + log(1 + 25 y^2) / 2: the Hessian is indefinite from afar."""
    a, b = x
    return math.log1p(a * a) + math.log1p(25 * b * b) / 2, [2 * a / (1 + a * a), 25 * b / (1 + 25 * b * b)]


def quadratic_fit(a, fa, ga, b, fb):
    x = b - a
    curvature = (fb - fa - ga * x) / (x * x)
    return a - ga / (2 * curvature) if curvature != 0 else NAN


def cubic_fit(a, fa, ga, b, fb, c, fc):
    """The critical point of the cubic with value fa and slope ga at a that goes through b and c, by Cramer's rule."""
    x, y = b - a, c - a
    determinant = (x * y)**2 * (x - y)
    if determinant == 0:
        return NAN
    u, v = fb - fa - ga * x, fc - fa - ga * y
    third, second = (y**2 * u - x**2 * v) / determinant, (-y**3 * u + x**3 * v) / determinant
    radical = second * second - 3 * third * ga
    return a + (-second + math.sqrt(radical)) / (3 * third) if radical >= 0 and third != 0 else NAN


class Line:
    def __init__(self, f, x, d, value, slope):
        self.f, self.x, self.d, self.value, self.slope, self.calls = f, x, d, value, slope, 0

    def at(self, t):
        """(length, value, slope, gradient, how far from sufficient decrease, how far from little curvature)"""
        self.calls += 1
        value, grad = self.f([a + t * b for a, b in zip(self.x, self.d)])
        slope = dot(grad, self.d)
        armijo = value - self.value - 1e-4 * t * self.slope
        approximate = slope - (2e-4 - 1) * self.slope
        close = value - self.value - 1e-6 * abs(self.value)
        if any(map(math.isnan, (armijo, approximate, close))):
            decrease = INF
        else:
            decrease = max(0, min(armijo, max(approximate, close)))
        curvature = max(0, abs(slope) - 0.9 * abs(self.slope))
        return t, value, slope, grad, decrease, INF if math.isnan(curvature) else curvature


def zoom(line, grad, guess, most=20):
    start = (0.0, line.value, line.slope, grad)
    previous = safe = start
    interval = reference = None
    for count in range(most):
        last = count + 1 == most
        if interval is None:
            new = line.at(guess if count == 0 else 2 * previous[0])
            if new[4] <= 0:
                safe = new
            if new[4] <= 0 and new[5] <= 0:
                return new
            if new[4] > 0 or (new[1] >= previous[1] and count > 0):
                interval = previous, new
            elif new[2] >= 0:
                interval = new, previous
            if interval:
                reference = interval[0]
            previous, width = new, INF
        else:
            low, high = interval
            left, right, width = min(low[0], high[0]), max(low[0], high[0]), abs(high[0] - low[0])
            middle = cubic_fit(*low[:3], *high[:2], *reference[:2])
            if not left + 0.2 * width < middle < right - 0.2 * width:
                middle = quadratic_fit(*low[:3], *high[:2])
                if not left + 0.1 * width < middle < right - 0.1 * width:
                    middle = (low[0] + high[0]) / 2
            new = line.at(middle)
            if new[4] <= 0 and new[1] < safe[1]:
                safe = new
            if new[4] <= 0 and new[5] <= 0:
                return new
            if new[4] > 0 or new[1] >= low[1]:
                interval, reference = (low, new), high
            elif new[2] * (high[0] - low[0]) >= 0:
                interval, reference = (new, low), high
            else:
                interval, reference = (new, high), low
        if last or (width <= 1e-5 and safe[0] > 0):
            return safe if safe[0] > 0 or math.isinf(new[4]) else new


def lbfgs(f, x, steps, memory=10, guess=1.0):
    """After each step the point, and how often f was evaluated until then, its start included."""
    pairs, calls, path, old = [], 0, [], None
    for _ in range(steps):
        value, grad = f(x)
        calls += 1
        scale = min(1.0, 1 / math.sqrt(dot(grad, grad)))
        if old:
            s, y = [a - b for a, b in zip(x, old[0])], [a - b for a, b in zip(grad, old[1])]
            pairs = (pairs + [(s, y, 1 / dot(s, y))])[-memory:]
            scale = dot(s, y) / dot(y, y)
        q, weights = grad, []
        for s, y, rho in reversed(pairs):
            weights.append(rho * dot(s, q))
            q = [a - weights[-1] * b for a, b in zip(q, y)]
        q = [scale * a for a in q]
        for (s, y, rho), weight in zip(pairs, reversed(weights)):
            beta = rho * dot(y, q)
            q = [a + (weight - beta) * b for a, b in zip(q, s)]
        d = [-a for a in q]
        line = Line(f, x, d, value, dot(grad, d))
        found = zoom(line, grad, guess)
        calls += line.calls
        old = x, grad
        x = [a + found[0] * b for a, b in zip(x, d)]
        path.append([*x, calls])
    return path


FUNCTIONS = {"rosenbrock": (rosenbrock, [-1.2, 1.0]), "barrier": (barrier, [3.0, 1.0]), "cliff": (cliff, [2.0, -3.0])}


def searches():
    result = []
    for name, steps, options in (("rosenbrock", 15, {}), ("rosenbrock", 15, {"memory": 2}), ("rosenbrock", 10, {"guess": 0.01}),
                                 ("barrier", 8, {}), ("barrier", 6, {"guess": 64.0}), ("cliff", 8, {}), ("cliff", 8, {"guess": 1e-3})):
        f, start = FUNCTIONS[name]
        config = {"type": "lbfgs", "line_search_fn": "zoom", "max_iter": 1, "tolerance_grad": 0, "tolerance_change": 0,
                  "history_size": options.get("memory", 10), "lr": options.get("guess", 1.0)}
        result.append({"function": name, "config": config, "path": lbfgs(f, start, steps, **options)})
    return result
