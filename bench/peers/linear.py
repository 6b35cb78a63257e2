"""Sparse linear models: Rarefy against celer, skglm and glmnet, all judged alike.

    apt-cache dumpavail > index
    python data/text/make.py index --target size --out text-size
    python data/text/make.py index --target library --out text-library
    cargo build --release -p rarefy-linear --example measure
    python bench/peers/linear.py [lasso] [logistic] [path] [--rounds 5]

Every solver minimises the same objective, without an intercept, on the same numbers in memory, on one thread. It is run at tolerances that fall
by powers of ten until what it returns is at most 1e-6 of the null objective above the best solution known (at every strength of a path); at that
tolerance all take turns, and medians of --rounds are printed. Times are those of the fit alone: reading, the making of arrays, and the compilation of
the first call of celer and skglm are outside of the clock.

Data: the text set (training rows; target the size of a package, its mean taken off, or whether it is a library), and 1000 × 20,000 dense
columns whose neighbours have correlation 0.6, 50 true coefficients, noise a fifth of the signal.

Needs numpy, scipy, scikit-learn; celer, skglm and R with glmnet where they are there.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import scipy.sparse as sp

warnings.filterwarnings("ignore")
ROOT = pathlib.Path(__file__).resolve().parents[2]
MEASURE = ROOT / "target/release/examples/measure"
GOAL = 1e-6


class Data:
    """A design, its targets, and the same as files for other processes."""

    def __init__(self, name, x, y, folder):
        self.name, self.x, self.y = name, x, y
        self.folder = folder / name
        self.folder.mkdir()
        sparse = sp.issparse(x)
        (self.folder / "meta").write_text(f"{x.shape[0]} {x.shape[1]} {x.nnz if sparse else 0}")
        if sparse:
            for file, array, kind in (("indptr", x.indptr, "<i8"), ("indptr32", x.indptr, "<i4"), ("indices", x.indices, "<u4")):
                array.astype(kind).tofile(self.folder / file)
        (x.data if sparse else x.ravel(order="F")).astype("<f8").tofile(self.folder / "values")
        self.targets().astype("<f8").tofile(self.folder / "y")

    def targets(self):
        """As Rarefy and glmnet want them: classes are 0 and 1."""
        return (self.y + 1) / 2 if self.name == "text-library" else self.y


def text(what, folder):
    from sklearn.datasets import load_svmlight_file

    path = pathlib.Path(f"text-{what}") / "train.svm"
    if not path.exists():
        sys.exit(f"{path} is not there: see the head of {__file__}")
    x, y = load_svmlight_file(str(path))
    x = x.tocsc()
    x.sort_indices()
    return Data(f"text-{what}", x, y - y.mean() if what == "size" else 2 * y - 1, folder)


def correlated(folder):
    random, (n, p, rho) = np.random.default_rng(0), (1000, 20000, 0.6)
    x = np.empty((n, p), order="F")
    x[:, 0] = random.standard_normal(n)
    for j in range(1, p):
        x[:, j] = rho * x[:, j - 1] + np.sqrt(1 - rho * rho) * random.standard_normal(n)
    true = np.zeros(p)
    true[random.choice(p, n // 20, replace=False)] = random.standard_normal(n // 20)
    y, noise = x @ true, random.standard_normal(n)
    y = y + noise * np.linalg.norm(y) / np.linalg.norm(noise) / 5
    return Data("correlated", x, y - y.mean(), folder)


class Task:
    """One loss and penalty on one set of data, at some strengths."""

    def __init__(self, data, loss, lambdas, l1_ratio=1.0):
        self.data, self.loss, self.lambdas, self.l1_ratio = data, loss, np.asarray(lambdas), l1_ratio
        self.best = np.full(len(self.lambdas), np.inf)

    def objectives(self, w):
        """Of coefficients, a column a strength."""
        eta = self.data.x @ w
        y = self.data.y[:, None]
        loss = 0.5 * np.square(y - eta) if self.loss == "squared" else np.logaddexp(0, -y * eta)
        norm = self.l1_ratio * np.abs(w).sum(0) + (1 - self.l1_ratio) / 2 * np.square(w).sum(0)
        return loss.mean(0) + self.lambdas * norm

    def null(self):
        return self.objectives(np.zeros((self.data.x.shape[1], len(self.lambdas))))[0]

    def above(self, w):
        """How far the worst strength is above the best solution known, over the null objective."""
        return float(((self.objectives(w) - self.best) / self.null()).max())


def rarefy(task, tolerance):
    out = task.data.folder / "rarefy.coef"
    command = [MEASURE, task.data.folder, f"what={'path' if len(task.lambdas) > 1 else 'solve'}", f"loss={task.loss}", "repeat=1"]
    command += [f"tolerance={tolerance}", "lambda=" + ",".join(map(repr, map(float, task.lambdas))), f"out={out}"]
    if task.l1_ratio < 1:
        command += ["penalty=elastic-net", f"l1-ratio={task.l1_ratio}"]
    done = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)
    rarefy.certificate = done["certificate"]
    return done["seconds"][0], np.fromfile(out).reshape(len(task.lambdas), -1)[:, :-1].T


def glmnet(task, tolerance):
    folder = task.data.folder
    (folder / "lambdas").write_text("\n".join(map(repr, map(float, task.lambdas))))
    family = "gaussian" if task.loss == "squared" else "binomial"
    command = ["Rscript", str(ROOT / "bench/peers/glmnet.R"), str(folder), family, str(task.l1_ratio), str(tolerance), "false"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(out.split()[0]), np.fromfile(folder / "glmnet.coef").reshape(len(task.lambdas), -1)[:, :-1].T


def celer(task, tolerance):
    import celer as peer

    (x, y), (strength,) = (task.data.x, task.data.y), task.lambdas
    settings = dict(fit_intercept=False, tol=tolerance, max_iter=1000)
    if task.loss == "logistic":
        model = peer.LogisticRegression(C=1 / (strength * len(y)), **settings)
    elif task.l1_ratio < 1:
        model = peer.ElasticNet(alpha=strength, l1_ratio=task.l1_ratio, **settings)
    else:
        model = peer.Lasso(alpha=strength, **settings)
    return fitted(model, x, y)


def skglm(task, tolerance):
    import skglm as peer

    (x, y), (strength,) = (task.data.x, task.data.y), task.lambdas
    settings = dict(fit_intercept=False, tol=tolerance * strength, max_iter=1000)
    if task.loss == "logistic":
        model = peer.SparseLogisticRegression(alpha=strength, **settings)
    elif task.l1_ratio < 1:
        model = peer.ElasticNet(alpha=strength, l1_ratio=task.l1_ratio, **settings)
    else:
        model = peer.Lasso(alpha=strength, **settings)
    return fitted(model, x, y)


def fitted(model, x, y):
    start = time.perf_counter()
    model.fit(x, y)
    return time.perf_counter() - start, np.asarray(model.coef_).reshape(-1, 1)


def compare(what, task, peers, rounds):
    """Prints a row for each solver; ratios are those of the rounds, peer over Rarefy."""
    task.best = np.minimum(task.best, task.objectives(rarefy(task, 1e-10)[1]))
    tolerances = {}
    for solver in (rarefy, *peers):
        for power in range(2 if solver is not skglm else 1, 13):
            try:
                _, w = solver(task, 10.0**-power)
            except (ImportError, FileNotFoundError, subprocess.CalledProcessError) as error:
                print(f"| {what} | {solver.__name__} | not run: {error} |")
                break
            task.best = np.minimum(task.best, task.objectives(w))
            if task.above(w) <= GOAL:
                tolerances[solver] = (10.0**-power, task.above(w))
                break
        else:
            print(f"| {what} | {solver.__name__} | does not come within {GOAL} |")
    times = {solver: [] for solver in tolerances}
    for _ in range(rounds):
        for solver, (tolerance, _) in tolerances.items():
            times[solver].append(solver(task, tolerance)[0])
    certificate = rarefy.certificate
    for solver, (tolerance, above) in tolerances.items():
        ratio = statistics.median(t / own for t, own in zip(times[solver], times[rarefy]))
        cells = [what, solver.__name__, f"{tolerance:.0e}", f"{above:.1e}", f"{certificate:.1e}" if solver is rarefy else ""]
        cells += [f"{1e3 * statistics.median(times[solver]):.1f}", "" if solver is rarefy else f"{ratio:.2f}×"]
        print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="lasso, logistic, path; all unless given")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    wanted = options.what or ["lasso", "logistic", "path"]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        sets = {}
        print("| task | solver | tolerance | above the best | certificate | ms | over Rarefy's |\n|---|---|---|---|---|---|---|")
        if {"lasso", "path"} & set(wanted):
            sets = {"text": text("size", folder), "correlated": correlated(folder)}
        largest = {name: np.abs(data.x.T @ data.y).max() / len(data.y) for name, data in sets.items()}
        if "lasso" in wanted:
            for name, data in sets.items():
                for share in (10, 100):
                    compare(f"lasso, {name}, λmax/{share}", Task(data, "squared", [largest[name] / share]), [celer, skglm], options.rounds)
                task = Task(data, "squared", [2 * largest[name] / 100], 0.5)
                compare(f"elastic net (½), {name}, λmax/100", task, [celer, skglm], options.rounds)
        if "logistic" in wanted:
            data = text("library", folder)
            top = np.abs(data.x.T @ data.y).max() / (2 * len(data.y))
            for share in (10, 50):
                task = Task(data, "logistic", [top / share])
                compare(f"logistic, text, λmax/{share}", task, [celer, skglm], options.rounds)
        if "path" in wanted:
            for name, data in sets.items():
                task = Task(data, "squared", largest[name] * np.logspace(0, -2, 100))
                compare(f"lasso path, {name}", task, [glmnet], options.rounds)


if __name__ == "__main__":
    main()
