#!/usr/bin/env python3
"""Very many outputs: what a training step costs at 10,000 and 100,000 of them, and what a sample costs in accuracy.

Makes sparse data around label prototypes (the same for the same arguments, whatever the machine), writes them as svmlight, and trains
a network of one hidden layer with `rarefy fit`:

* time per step, the last layer being `sampled-linear` (one class a row by sampled softmax; a few labels a row by label
  cross-entropy), at 10,000 and at 100,000 outputs, over the same number of rows and with the same sample; beside it `linear`, which
  computes all outputs;
* accuracy on test rows at 10,000 classes, sampled beside full softmax, over several seeds. Goal: within 0.5 points.

    cargo build --release
    python3 bench/labels.py [--seeds 3] [--rarefy target/release/rarefy] [--quick]

Needs nothing but Python.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FEATURES = 4096
ACTIVE = 12  # features of a prototype
KEPT = 0.8  # share of them that a row shows
NOISE = 4  # features of a row that are not its prototype's
BATCH = 128


def prototype(label):
    """The features that rows of a label tend to have."""
    return random.Random(f"prototype {label}").sample(range(1, FEATURES + 1), ACTIVE)


def write(path, prototypes, rows, labels_a_row, seed):
    """Rows of sparse features. Each label has as many rows as any other, give or take one."""
    draw = random.Random(f"rows {seed}")
    order = [row % len(prototypes) for row in range(rows)]
    draw.shuffle(order)
    with open(path, "w") as out:
        for first in order:
            labels = {first}
            while len(labels) < labels_a_row:
                labels.add(draw.randrange(len(prototypes)))
            features = {feature for label in labels for feature in prototypes[label] if draw.random() < KEPT}
            features.update(draw.randrange(1, FEATURES + 1) for _ in range(NOISE))
            line = " ".join(f"{feature}:1" for feature in sorted(features))
            out.write(f"{','.join(str(label) for label in sorted(labels))} {line}\n")


def fit(rarefy, folder, train, test, last, epochs, seed, loss):
    """The outcome of one run, as `rarefy fit --json` prints it."""
    recipe = folder / "recipe.toml"
    task = "labels" if loss == "label-cross-entropy" else "classes"
    recipe.write_text(
        f"""[data]
train = {json.dumps(str(train))}
test = {json.dumps(str(test))}
validation = 0
task = "{task}"
scaling = "none"
[model]
layers = ["linear 256", "relu", "{last}"]
[train]
loss = "{loss}"
optimizer = "adam"
learning-rate = 2e-3
schedule = "cosine"
batch = {BATCH}
epochs = {epochs}
seed = {seed}
[sparsity]
method = "dense"
[twin]
train = false
"""
    )
    command = [rarefy, "fit", str(recipe), "--json", "--quiet", "--out", str(folder / "out")]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=1000, help="outputs drawn for each batch")
    parser.add_argument("--rarefy", default=str(ROOT / "target/release/rarefy"))
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    arguments = parser.parse_args()
    part = 10 if arguments.quick else 1
    few, many, rows, sample = 10_000 // part, 100_000 // part, 100_000 // part, arguments.sample // part
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        print(f"{'':36} {'outputs':>8} {'ms / step':>10}   (batch {BATCH}, {FEATURES}-256-outputs, sample {sample})")
        for labels in (few, many):
            prototypes = [prototype(label) for label in range(labels)]
            for loss, labels_a_row in (("cross-entropy", 1), ("label-cross-entropy", 3)):
                train, test = folder / "train.svm", folder / "test.svm"
                write(train, prototypes, rows, labels_a_row, "train")
                write(test, prototypes, 200, labels_a_row, "test")
                lasts = [f"sampled-linear {labels} {sample}"] + ([f"linear {labels}"] if labels == few else [])
                for last in lasts:
                    outcome = fit(arguments.rarefy, folder, train, test, last, 1, 0, loss)
                    steps = -(-outcome["rows"]["train"] // BATCH)
                    what = f"{loss}, {last.split()[0]}"
                    print(f"{what:36} {labels:8} {1000 * outcome['epoch_seconds'] / steps:10.2f}", flush=True)
        prototypes = [prototype(label) for label in range(few)]
        train, test = folder / "train.svm", folder / "test.svm"
        write(train, prototypes, rows, 1, "train")
        write(test, prototypes, 10_000 // part, 1, "test")
        print(f"\ntest accuracy at {few} classes")
        means = {}
        for last in (f"sampled-linear {few} {sample}", f"linear {few}"):
            outcomes = [fit(arguments.rarefy, folder, train, test, last, 5, seed, "cross-entropy") for seed in range(arguments.seeds)]
            found = [100 * outcome["accuracy"] for outcome in outcomes]
            means[last] = statistics.mean(found)
            print(f"{last:34} {means[last]:8.2f} % (spread {max(found) - min(found):.2f})", flush=True)
        sampled, full = means.values()
        print(f"sampled within 0.5 points of full softmax: {'yes' if sampled >= full - 0.5 else 'NO'} ({sampled - full:+.2f})")


if __name__ == "__main__":
    main()
