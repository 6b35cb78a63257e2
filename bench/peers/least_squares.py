"""Sparse least squares beside SciPy: LSMR, LSQR and conjugate gradients on the normal equations, on one core.

    python bench/peers/least_squares.py                    both tables
    python bench/peers/least_squares.py solve | scale      one of them
    python bench/peers/least_squares.py scale --largest 100000000      takes 3 GB

Needs numpy, scipy and `cargo build --release -p rarefy-linear --example least_squares`.

`solve`: 200,000 × 50,000 with 11 nonzeros a row, columns of lengths that differ by a factor of 100. All stop by the same tolerance; what
counts is judged here, from the coefficients: ‖r‖ and ‖Aᵀr‖. They take turns, medians of --turns are shown. SciPy gets the matrix by rows,
whose transpose it takes once and keeps. Seconds are processor time of one thread, so that others on the machine disturb little.
Reading, writing and conversion are not measured on either side.

`scale`: seconds a nonzero and iteration of LSMR, 10 nonzeros a row and 4 rows a column at every size, ours in one order, both orders and
in single precision, and SciPy's.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, cg, lsmr, lsqr

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target/release/examples/least_squares"


def system(rows, cols, per_row, spread, seed=0):
    """Random columns and normal values; column lengths from 1 to 10**spread. Duplicates are summed."""
    random = np.random.default_rng(seed)
    indices = random.integers(0, cols, rows * per_row, dtype=np.int32)
    factors = 10.0 ** random.uniform(0, spread, cols)
    values = random.standard_normal(rows * per_row) * factors[indices]
    a = sp.csr_matrix((values, indices, np.arange(0, rows * per_row + 1, per_row)), shape=(rows, cols))
    a.sum_duplicates()
    y = a @ (random.standard_normal(cols) / factors) + random.standard_normal(rows)
    return a, y


def write(a, y, folder):
    (folder / "meta").write_text(f"{a.shape[0]} {a.shape[1]} {a.nnz}")
    a.indptr.astype("<i8").tofile(folder / "indptr")
    a.indices.astype("<u4").tofile(folder / "indices")
    a.data.astype("<f8").tofile(folder / "values")
    y.astype("<f8").tofile(folder / "y")


def ours(where, *flags):
    command = [PROGRAM, *where, "--threads", "1", *map(str, flags)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def theirs(method, a, y, tolerance, iterations):
    """Coefficients and iterations."""
    if method == "cg":
        at = a.T.tocsr()
        normal = LinearOperator((a.shape[1],) * 2, matvec=lambda x: at @ (a @ x))
        count = [0]

        def step(_):
            count[0] += 1

        # ‖Aᵀr‖ ≤ atol‖A‖‖r‖, as the other two: ‖r‖ hardly moves from its value at the end, of which ‖y‖ is no worse than twice.
        goal = tolerance * np.sqrt((a.data**2).sum()) * np.sqrt(a.shape[0] - a.shape[1])
        begun = time.process_time()
        x, _ = cg(normal, at @ y, rtol=0.0, atol=goal, maxiter=iterations, callback=step)
        return x, count[0], time.process_time() - begun
    begun = time.process_time()
    if method == "lsmr":
        x, _, count, *_ = lsmr(a, y, atol=tolerance, btol=tolerance, conlim=1e8, maxiter=iterations)
    else:
        x, _, count, *_ = lsqr(a, y, atol=tolerance, btol=tolerance, conlim=1e8, iter_lim=iterations)
    return x, count, time.process_time() - begun


def solve(turns, tolerance):
    a, y = system(200_000, 50_000, 11, 2)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write(a, y, folder)
        for method in ("lsmr", "lsqr", "cg"):
            seconds = {"rarefy": [], "scipy": []}
            for _ in range(turns):
                mine = ours([folder], "--method", method, "--atol", tolerance, "--out", folder / "x")
                seconds["rarefy"].append(mine["cpu"])
                x, count, took = theirs(method, a, y, tolerance, 10_000)
                seconds["scipy"].append(took)
            found = {"rarefy": (np.fromfile(folder / "x"), mine["iterations"]), "scipy": (x, count)}
            medians = {who: statistics.median(all) for who, all in seconds.items()}
            for who, (x, iterations) in found.items():
                r = y - a @ x
                ratio = f"{medians['scipy'] / medians['rarefy']:.2f}×" if who == "rarefy" else ""
                length, gradient = np.linalg.norm(r), np.linalg.norm(a.T @ r)
                rows.append(f"| {method} | {who} | {medians[who]:.3f} | {iterations} | {length:.8f} | {gradient:.2e} | {ratio} |")
    print(f"200,000 × 50,000, {a.nnz:,} nonzeros, atol = btol = {tolerance:g}, one core, medians of {turns} turns\n")
    print("| method | | seconds | iterations | ‖r‖ | ‖Aᵀr‖ | faster |\n|---|---|---|---|---|---|---|")
    print("\n".join(rows) + "\n")


def scale(turns, largest):
    print(f"Nanoseconds a nonzero and iteration of LSMR, one core, medians of {turns} turns\n")
    print("| nonzeros | one order | both orders | f32 values | scipy | faster |\n|---|---|---|---|---|---|")
    size = 10**5
    while size <= largest:
        rows, cols = size // 10, size // 40
        # Such matrices are solved to the last bit after some 55 iterations: twice this must be less.
        iterations = max(5, min(25, 2 * 10**8 // size))
        where = ["--random", str(rows), str(cols), "10"]
        kinds = {"one": [], "both": ["--both"], "single": ["--single"], "scipy": None}
        seconds = {kind: [] for kind in kinds}
        a, y = system(rows, cols, 10, 0)
        for _ in range(turns):
            for kind, flags in kinds.items():
                if flags is None:
                    # The difference of two runs: without what comes before the first iteration.
                    took = theirs("lsmr", a, y, 0.0, 2 * iterations)[2] - theirs("lsmr", a, y, 0.0, iterations)[2]
                else:
                    short, long = (
                        ours(where, "--atol", 0, "--iterations", n, "--repeats", 3, *flags)["cpu"]
                        for n in (iterations, 2 * iterations)
                    )
                    took = long - short
                seconds[kind].append(took)
        cost = {kind: statistics.median(all) / (iterations * size) * 1e9 for kind, all in seconds.items()}
        cells = " | ".join(f"{cost[kind]:.2f}" for kind in kinds)
        print(f"| {size:.0e} | {cells} | {cost['scipy'] / min(cost['one'], cost['both']):.2f}× |", flush=True)
        size *= 10
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="?", choices=["solve", "scale"])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=1e-8)
    parser.add_argument("--largest", type=int, default=10**7)
    given = parser.parse_args()
    if given.table != "scale":
        solve(given.turns, given.tolerance)
    if given.table != "solve":
        scale(given.turns, given.largest)


if __name__ == "__main__":
    main()
