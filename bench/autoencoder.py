#!/usr/bin/env python3
"""Autoencoders of MNIST, sparse beside their dense twins: test loss over several seeds.

Trains examples/autoencoder.toml (784-256-784 at 90 %) and examples/autoencoder-32.toml (784-32-784 at 50 %), each with its twin,
and prints the mean binary cross-entropy of the test digits, its spread over the seeds, and whether the goals hold:

* 784-256-784 at 90 % within 8 % of its twin, and below dense 784-32-784;
* 784-32-784 at 50 % within 5 % of its twin.

    cargo build --release
    python3 bench/autoencoder.py [--seeds 3] [--only wide|narrow] [--rarefy target/release/rarefy] [--set train.epochs=2 ...]

Needs nothing but Python. The test digits are read at the end of each training, once.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
WIDE, NARROW = "examples/autoencoder.toml", "examples/autoencoder-32.toml"
NAMES = {WIDE: "784-256-784", NARROW: "784-32-784"}


def fit(rarefy, recipe, seed, settings, out):
    """One run: the outcome as `rarefy fit --json` prints it."""
    command = [rarefy, "fit", str(ROOT / recipe), "--json", "--quiet", "--seed", str(seed), "--out", str(out)]
    for setting in settings:
        command += ["--set", setting]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def spread(values):
    """Mean and largest less smallest."""
    return statistics.mean(values), max(values) - min(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rarefy", default=str(ROOT / "target/release/rarefy"))
    parser.add_argument("--only", choices=("wide", "narrow"), help="one of the two")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for rarefy fit, for all runs")
    arguments = parser.parse_args()
    recipes = [recipe for recipe, word in ((WIDE, "wide"), (NARROW, "narrow")) if arguments.only in (None, word)]
    losses, seconds = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for recipe in recipes:
            for seed in range(arguments.seeds):
                outcome = fit(arguments.rarefy, recipe, seed, arguments.set, pathlib.Path(folder) / f"{seed}")
                for role, model in (("sparse", outcome), ("twin", outcome["twin"])):
                    losses.setdefault((recipe, role), []).append(model["loss"])
                    seconds.setdefault((recipe, role), []).append(model["epoch_cpu_seconds"])
    print(f"{'autoencoder':34} {'test loss':>9} {'spread':>7} {'over twin':>9} {'CPU s / epoch':>13}")
    for recipe in recipes:
        name = NAMES[recipe]
        twin = statistics.mean(losses[recipe, "twin"])
        for role in ("twin", "sparse"):
            mean, between = spread(losses[recipe, role])
            over = f"{100 * (mean / twin - 1):+.1f} %" if role == "sparse" else ""
            cpu = statistics.median(seconds[recipe, role])
            print(f"{name + ', ' + ('dense' if role == 'twin' else 'sparse'):34} {mean:9.4f} {between:7.4f} {over:>9} {cpu:13.2f}")
    mean = {key: statistics.mean(values) for key, values in losses.items()}
    goals = [
        ("784-256-784 within 8 % of its twin", (WIDE, "sparse"), 1.08, (WIDE, "twin")),
        ("784-256-784 sparse below dense 784-32-784", (WIDE, "sparse"), 1.0, (NARROW, "twin")),
        ("784-32-784 within 5 % of its twin", (NARROW, "sparse"), 1.05, (NARROW, "twin")),
    ]
    for goal, model, most, other in goals:
        if model in mean and other in mean:
            print(f"{goal}: {'yes' if mean[model] <= most * mean[other] else 'NO'}")


if __name__ == "__main__":
    main()
