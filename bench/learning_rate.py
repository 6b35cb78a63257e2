#!/usr/bin/env python3
"""`train.learning-rate = "auto"` beside learning rates chosen by hand, on the validation part.

Trains the built-in recipe (784-1024-1024-10 on MNIST, RigL at density 0.02), the same with a constant schedule, its dense twin, and
examples/digits.toml, each at several learning rates and at "auto", over several seeds, on one thread. Prints the validation accuracy
after the last epoch: its mean over the seeds, half of its range, and of "auto" the rate that it settled on.

No test set is looked at: `data.test` takes the rows that every run must test on out of the training rows, and nothing reads what came
of them.

    cargo build --release
    python3 bench/learning_rate.py [--seeds 3] [--rarefy target/release/rarefy] [--only digits] [--set train.warm-up=0.1 ...]

Needs nothing but Python.
"""

import argparse
import csv
import json
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
RATES = ["5e-4", "1e-3", "2e-3", "4e-3", "8e-3", "1.6e-2", "auto"]
JOBS = {
    "mnist-sparse": (None, ["data.test=1000"]),
    "mnist-constant": (None, ["data.test=1000", "train.schedule=constant", "train.epochs=4"]),
    "mnist-dense": (None, ["data.test=1000", "sparsity.method=dense", "train.epochs=2"]),
    "digits": ("examples/digits.toml", ["data.test=100"]),
}


def fit(rarefy, recipe, seed, settings, out):
    """One run: the validation accuracy after its last epoch, and the learning rate that was found, if one was."""
    command = [rarefy, "fit", "--json", "--quiet", "--no-twin", "--threads", "1", "--seed", str(seed), "--out", str(out)]
    command += [str(ROOT / recipe)] if recipe else []
    for setting in settings:
        command += ["--set", setting]
    outcome = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    with (out / "metrics.csv").open(newline="") as file:
        last = [row for row in csv.DictReader(file) if row["model"] == "sparse"][-1]
    return 100 * float(last["validation_accuracy"]), outcome.get("learning_rate")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rarefy", default=str(ROOT / "target/release/rarefy"))
    parser.add_argument("--only", choices=JOBS, action="append", help="this comparison; all unless given")
    parser.add_argument("--rates", default=",".join(RATES), help="learning rates, separated by commas")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for rarefy fit, for all runs")
    arguments = parser.parse_args()
    print("| recipe | learning rate | validation accuracy | each seed | rate found |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only or JOBS:
            recipe, settings = JOBS[name]
            for rate in arguments.rates.split(","):
                of_rate = [*settings, f"train.learning-rate={rate}", *arguments.set]
                runs = [
                    fit(arguments.rarefy, recipe, seed, of_rate, pathlib.Path(folder) / f"{name}-{rate}-{seed}")
                    for seed in range(arguments.seeds)
                ]
                accuracy = [run[0] for run in runs]
                found = ", ".join(f"{run[1]:.1e}" for run in runs if run[1] is not None)
                half = (max(accuracy) - min(accuracy)) / 2
                each = ", ".join(f"{one:.2f}" for one in accuracy)
                print(f"| {name} | {rate} | {statistics.mean(accuracy):.2f} ± {half:.2f} | {each} | {found} |", flush=True)


if __name__ == "__main__":
    main()
