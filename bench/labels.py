#!/usr/bin/env python3
"""Very many outputs: what a training step costs at 10,000 and 100,000 of them, and what a sample costs in accuracy.

Makes sparse data around label prototypes (the same for the same arguments, whatever the machine), writes them as svmlight, and trains
a network of one hidden layer with `rarefy fit`:

* time per step, the last layer being `sampled-linear` (one class a row by sampled softmax; a few labels a row by label
  cross-entropy), at 10,000 and at 100,000 outputs, over the same number of rows and with the same sample; beside it `linear`, which
  computes all outputs;
* accuracy on test rows at 10,000 classes, sampled beside full softmax, over several seeds, with that sample and with twice as many.
  Goal: at most 0.5 points below. For this the labels come in families whose prototypes differ in a few features only: what must be
  told apart is seldom in one sample.

    cargo build --release
    python3 bench/labels.py [--seeds 3] [--only time|accuracy] [--rarefy target/release/rarefy] [--quick]

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
FAMILY, OWN = 20, 4  # hard: labels of a family; features of a prototype that its family does not share
HARD_KEPT, HARD_NOISE = 0.65, 6  # hard: as above
EPOCHS = 5  # hard: of each training
BATCH = 128


def prototype(label):
    """The features that rows of a label tend to have."""
    return random.Random(f"prototype {label}").sample(range(1, FEATURES + 1), ACTIVE)


def relative(label):
    """The features of a label that shares most of them with its family."""
    family = random.Random(f"family {label // FAMILY}").sample(range(1, FEATURES + 1), ACTIVE - OWN)
    return family + random.Random(f"own {label}").sample(range(1, FEATURES + 1), OWN)


def write(path, prototypes, rows, labels_a_row, seed, kept=KEPT, noise=NOISE):
    """Rows of sparse features. Each label has as many rows as any other, give or take one."""
    draw = random.Random(f"rows {seed}")
    order = [row % len(prototypes) for row in range(rows)]
    draw.shuffle(order)
    with open(path, "w") as out:
        for first in order:
            labels = {first}
            while len(labels) < labels_a_row:
                labels.add(draw.randrange(len(prototypes)))
            features = {feature for label in labels for feature in prototypes[label] if draw.random() < kept}
            features.update(draw.randrange(1, FEATURES + 1) for _ in range(noise))
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


def times(arguments, few, many, rows, sample, folder):
    """Milliseconds a step, at few and at many outputs."""
    train, test = folder / "train.svm", folder / "test.svm"
    print(f"{'':36} {'outputs':>8} {'ms / step':>10}   (batch {BATCH}, {FEATURES}-256-outputs, sample {sample})")
    for labels in (few, many):
        prototypes = [prototype(label) for label in range(labels)]
        for loss, labels_a_row in (("cross-entropy", 1), ("label-cross-entropy", 3)):
            write(train, prototypes, rows, labels_a_row, "train")
            write(test, prototypes, 200, labels_a_row, "test")
            lasts = [f"sampled-linear {labels} {sample}"] + ([f"linear {labels}"] if labels == few else [])
            for last in lasts:
                outcome = fit(arguments.rarefy, folder, train, test, last, 1, 0, loss)
                steps = -(-outcome["rows"]["train"] // BATCH)
                what = f"{loss}, {last.split()[0]}"
                print(f"{what:36} {labels:8} {1000 * outcome['epoch_seconds'] / steps:10.2f}", flush=True)


def accuracies(arguments, classes, rows, tested, sample, folder):
    """Accuracy on test rows of hard data, sampled beside full softmax."""
    train, test = folder / "train.svm", folder / "test.svm"
    prototypes = [relative(label) for label in range(classes)]
    write(train, prototypes, rows, 1, "train", HARD_KEPT, HARD_NOISE)
    write(test, prototypes, tested, 1, "test", HARD_KEPT, HARD_NOISE)
    print(f"test accuracy at {classes} classes, {EPOCHS} epochs of {rows} rows")
    means = {}
    for last in (f"linear {classes}", f"sampled-linear {classes} {sample}", f"sampled-linear {classes} {2 * sample}"):
        found = []
        for seed in range(arguments.seeds):
            outcome = fit(arguments.rarefy, folder, train, test, last, EPOCHS, seed, "cross-entropy")
            found.append(100 * outcome["accuracy"])
        means[last] = statistics.mean(found)
        each = ", ".join(f"{share:.2f}" for share in found)
        print(f"{last:34} {means[last]:8.2f} % ({each})", flush=True)
    full = means.pop(f"linear {classes}")
    for last, sampled in means.items():
        held = "yes" if sampled >= full - 0.5 else "NO"
        print(f"{last}: at most 0.5 points below full softmax: {held} ({sampled - full:+.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=1000, help="outputs drawn for each batch")
    parser.add_argument("--only", choices=("time", "accuracy"), help="one of the two parts")
    parser.add_argument("--rarefy", default=str(ROOT / "target/release/rarefy"))
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it runs")
    arguments = parser.parse_args()
    part = 10 if arguments.quick else 1
    few, many, rows, sample = 10_000 // part, 100_000 // part, 100_000 // part, arguments.sample // part
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if arguments.only != "accuracy":
            times(arguments, few, many, rows, sample, folder)
        if arguments.only != "time":
            accuracies(arguments, few, rows, 10_000 // part, sample, folder)


if __name__ == "__main__":
    main()
