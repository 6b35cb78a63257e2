"""Prints the numbers of reference.rs: the same objectives, minimised by scikit-learn and by cvxpy with Clarabel.

Run with numpy, scipy, scikit-learn, cvxpy and clarabel (made with 1.26.4, 1.17.1, 1.9.1, 1.7.5, 0.11.1); paste the output into the table there.
"""

import cvxpy as cp
import numpy as np
from scipy.optimize import brentq, root
from sklearn.linear_model import ElasticNet, HuberRegressor, Lasso, QuantileRegressor

ROWS, COLS = 24, 6


def data():
    i, j = np.arange(ROWS)[:, None], np.arange(COLS)[None, :]
    x = np.sin(1.0 + 1.7 * i + 0.9 * j * j + 0.37 * i * j)
    score = 1.2 * x[:, 0] - 0.8 * x[:, 2] + 0.5 * x[:, 3]
    k = np.arange(ROWS)
    noise = np.cos(2.3 * k + 0.4 * k * k)
    weights = 0.5 + (k % 4) * 0.5
    weights[7] = 0.0
    return x, score, noise, weights


def targets(name, score, noise):
    numbers = 3.0 + score + 0.6 * noise
    if name == "huber":
        numbers[[3, 11, 18]] += np.array([9.0, -7.0, 12.0])
    return {
        "logistic": (score + noise > 0.2).astype(float),
        "squared-hinge": (score + noise > 0.2).astype(float),
        "poisson": np.floor(np.exp(0.7 + 0.5 * score + 0.3 * noise)),
        "gamma": np.exp(0.4 + 0.6 * score + 0.5 * noise),
        # Times in steps, so that some are shared; every fourth is censored.
        "cox": np.ceil(4.0 * np.exp(-0.7 * score + 0.6 * noise)) * np.where(np.arange(ROWS) % 4 == 1, -1.0, 1.0),
    }.get(name, numbers)


def loss(name, y, eta, a):
    """The mean over rows, weighted by a."""
    sign = 2 * y - 1
    if name == "squared":
        return a @ cp.square(y - eta) / 2
    if name == "logistic":
        return a @ cp.logistic(eta) - (a * y) @ eta
    if name == "poisson":
        return a @ cp.exp(eta) - (a * y) @ eta
    if name == "gamma":
        return (a * y) @ cp.exp(-eta) + a @ eta
    if name == "squared-hinge":
        return a @ cp.square(cp.pos(1 - cp.multiply(sign, eta))) / 2
    if name == "quantile":
        return a @ cp.maximum(0.3 * (y - eta), -0.7 * (y - eta))
    if name == "huber":
        # H(z) = min over v of (z - v)^2 + 2 eps |v|, so that sigma H(r/sigma) = min (r - v)^2/sigma + 2 eps |v|.
        sigma, v = cp.Variable(nonneg=True), cp.Variable(len(y))
        root = np.sqrt(a)
        square = cp.quad_over_lin(cp.multiply(root, y - eta - v), sigma)
        return sigma + square + 2 * 1.35 * (a @ cp.abs(v))
    terms = []
    for i in np.flatnonzero((y > 0) & (a > 0)):
        risk = np.flatnonzero((np.abs(y) >= y[i]) & (a > 0))
        terms.append(a[i] * (cp.log_sum_exp(eta[risk] + np.log(a[risk])) - eta[i] - np.log(a[i])))
    return sum(terms)


def fit(name, ratio, strength, intercept, weights):
    x, score, noise, given = data()
    y = targets(name, score, noise)
    a = given / given.sum() if weights else np.full(ROWS, 1.0 / ROWS)
    w, b = cp.Variable(COLS), cp.Variable() if intercept else 0.0
    value = loss(name, y, x @ w + b, a)
    penalty = strength * (ratio * cp.norm1(w) + (1 - ratio) / 2 * cp.sum_squares(w))
    problem = cp.Problem(cp.Minimize(value + penalty))
    tight = {"tol_gap_abs": 1e-13, "tol_gap_rel": 1e-13, "tol_feas": 1e-13, "reduced_tol_gap_abs": 1e-11}
    problem.solve(solver=cp.CLARABEL, max_iter=500, **tight)
    coefficients, constant = w.value, float(b.value) if intercept else 0.0
    if name != "quantile":
        coefficients, constant = polish(name, ratio, strength, x, y, a, intercept, coefficients, constant)
    check(name, ratio, strength, x, y, a, intercept, coefficients, constant)
    return coefficients, constant, problem.value


def slope(name, y, eta, a):
    """The gradient of a smooth loss."""
    sign = 2 * y - 1
    if name == "huber":
        # The scale at which the squares of bounded residuals have mean 1.
        size = np.abs(y - eta)
        scale = brentq(lambda s: a @ np.minimum(size / s, 1.35) ** 2 - 1, 1e-9, 1e9, xtol=1e-15, rtol=1e-15)
        return -2 * a * np.clip((y - eta) / scale, -1.35, 1.35)
    if name == "cox":
        total = np.zeros(len(y))
        for i in np.flatnonzero((y > 0) & (a > 0)):
            risk = np.where(np.abs(y) >= y[i], a * np.exp(eta), 0)
            total += a[i] * risk / risk.sum()
        return total - a * (y > 0)
    return a * {
        "squared": lambda: eta - y,
        "logistic": lambda: 1 / (1 + np.exp(-eta)) - y,
        "poisson": lambda: np.exp(eta) - y,
        "gamma": lambda: 1 - y * np.exp(-eta),
        "squared-hinge": lambda: -sign * np.maximum(0, 1 - sign * eta),
    }[name]()


def polish(name, ratio, strength, x, y, a, intercept, w, b):
    """Interior points end near 1e-6: the equations of the columns that are not zero give the rest."""
    found = np.abs(w) > 1e-5
    columns = np.column_stack([x[:, found], np.ones(len(y))]) if intercept else x[:, found]
    signs = np.append(np.sign(w[found]), 0) if intercept else np.sign(w[found])
    squares = np.append(np.ones(found.sum()), 0) if intercept else np.ones(found.sum())

    def equations(p):
        penalty = strength * (ratio * signs + (1 - ratio) * squares * p)
        return columns.T @ slope(name, y, columns @ p, a) + penalty

    start = np.append(w[found], b) if intercept else w[found]
    end = root(equations, start, tol=1e-14).x
    assert np.abs(equations(end)).max() < 1e-11 and np.abs(end - start).max() < 1e-4, (name, end, start)
    w = np.zeros(len(w))
    w[found] = end[: found.sum()]
    return w, float(end[-1]) if intercept else 0.0


def check(name, ratio, strength, x, y, a, intercept, w, b):
    """Where scikit-learn has the objective, it must agree."""
    if name == "squared":
        model = ElasticNet if ratio < 1 else Lasso
        more = {"l1_ratio": ratio} if ratio < 1 else {}
        peer = model(alpha=strength, fit_intercept=intercept, tol=1e-14, max_iter=10**6, **more)
    elif name == "quantile":
        peer = QuantileRegressor(quantile=0.3, alpha=strength, fit_intercept=intercept)
    elif name == "huber" and ratio == 0:
        alpha = strength / 2 * len(a)
        peer = HuberRegressor(epsilon=1.35, alpha=alpha, fit_intercept=intercept, tol=1e-10, max_iter=10**5)
    else:
        return
    peer.fit(x, y, sample_weight=a * len(a))
    far = max(np.abs(peer.coef_ - w).max(), abs(peer.intercept_ - b))
    # Its Huber regression stops early.
    assert far < (1e-4 if name == "huber" else 1e-6), (name, ratio, intercept, far)


CASES = [
    ("squared", 1.0, 0.1),
    ("squared", 0.5, 0.2),
    ("logistic", 1.0, 0.03),
    ("poisson", 1.0, 0.1),
    ("gamma", 1.0, 0.05),
    ("squared-hinge", 1.0, 0.05),
    ("huber", 1.0, 0.2),
    ("huber", 0.0, 0.2),
    ("quantile", 1.0, 0.02),
    ("cox", 1.0, 0.03),
]

for name, ratio, strength in CASES:
    for intercept in [False] if name == "cox" else [False, True]:
        for weights in [False, True]:
            w, b, value = fit(name, ratio, strength, intercept, weights)
            flags = f"{str(intercept).lower()}, {str(weights).lower()}"
            numbers = ", ".join(f"{0.0 if abs(c) < 1e-7 else c:.9f}" for c in w)
            print(f'("{name}", {ratio}, {strength}, {flags}, [{numbers}], {b:.9f}, {value:.9f}),')
