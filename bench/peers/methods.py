"""Every sparsity method on MNIST, beside the dense twin and the dense net of equal nonzeros.

    python bench/peers/methods.py                        both tables; runs that are in the file already are not repeated
    python bench/peers/methods.py all | few              one of them
    python bench/peers/methods.py tune METHOD SPARSITY [KEY=VALUE ...]      validation accuracy of some settings

Needs a release build (`cargo build --release`). The network and its settings are the built-in recipe's, 784-1024-1024-10;
methods that are sparse from the start train three times the twin's epochs, as there; those that come from dense or half dense weights
one and a half times as many, since each of their epochs costs more. The twin is trained once a seed, whatever the methods; the net
of equal nonzeros once a seed and sparsity. `few` learns from 1,000 training images, for more epochs.

Results are kept in `bench/methods.jsonl` (or --file), one line a run: stop it at any time, and start it again. Delete the file to measure
anew.

No test image takes part in a choice: `tune` never opens the test set, but takes 1,000 of the training images in its place, and
shows what the validation part says alone.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RAREFY = ROOT / "target/release/rarefy"
SPARSITIES = (0.9, 0.95, 0.98)
TABLES = {
    "all": ("all training images but 5,000 to validate with", []),
    # As many steps as the patterns need: 8 a epoch. Nothing is chosen, so that no images are kept to choose by.
    "few": ("1,000 training images", ["data.rows=1000", "data.validation=0", "train.epochs=100", "sparsity.every=20"]),
}


SPARSE_FROM_THE_START = ("fixed", "set", "rigl", "top-kast")


def methods():
    """The names that the binary knows."""
    text = subprocess.run([RAREFY, "fit", "--help"], check=True, capture_output=True, text=True).stdout
    listed = text.split("Sparsity methods:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2:3].strip()]


def builtin(settings):
    """The built-in recipe; its fraction was chosen for RigL, methods but RigL and SET take their own."""
    lines = (ROOT / "examples/mnist.toml").read_text().splitlines()
    keep = {"sparsity.method=rigl", "sparsity.method=set"} & set(settings)
    return "\n".join(line for line in lines if keep or not line.startswith("fraction"))


def fit(settings, seed, threads, flags=()):
    """One `rarefy fit`: its JSON, and the epochs of each of its models."""
    with tempfile.TemporaryDirectory() as out:
        recipe = pathlib.Path(out) / "builtin.toml"
        recipe.write_text(builtin(settings))
        command = [RAREFY, "fit", recipe, "--json", "--quiet", "--out", out, "--threads", threads, "--seed", seed, "--no-twin", *flags]
        for setting in settings:
            command += ["--set", setting]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
        lines = (pathlib.Path(out) / "metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","))) for line in lines[1:]]
    models = {row["model"]: [r for r in rows if r["model"] == row["model"]] for row in rows}
    return json.loads(done.stdout), models


def record(result, epochs):
    """What is kept of one model."""
    total = lambda name: sum(float(row[name]) for row in epochs) if epochs[0].get(name) else None
    return {
        "accuracy": result["accuracy"],
        "train_accuracy": float(epochs[-1]["train_accuracy"]),
        "density": result["density"],
        "epochs": len(epochs),
        "cpu_seconds": total("cpu_seconds"),
        "joules": total("joules"),
    }


class Store:
    """Finished runs by what they were asked."""

    def __init__(self, path):
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        whole = [json.loads(line) for line in lines if line.endswith("}")]  # the last line may be half of one
        self.runs = {self.key(run): run for run in whole}

    @staticmethod
    def key(run):
        return run["model"], tuple(run["settings"]), run["seed"], run["threads"]

    def get(self, model, settings, seed, threads, flags=(), also=None):
        """The record of a model; `also` is one that the same run trains."""
        wanted = {"model": model, "settings": settings, "seed": seed, "threads": threads}
        if self.key(wanted) not in self.runs:
            result, epochs = fit(settings, seed, threads, flags)
            self.put({**wanted, **record(result, epochs["sparse"])})
            if also:
                self.put({**wanted, "model": also, **record(result[also], epochs[also])})
        return self.runs[self.key(wanted)]

    def put(self, run):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        broken = self.path.exists() and not self.path.read_text().endswith("\n") and self.path.stat().st_size
        with self.path.open("a") as file:
            file.write(("\n" if broken else "") + json.dumps(run) + "\n")
        self.runs[self.key(run)] = run


def spread(values):
    """Mean ± half of the range, of values in percent."""
    values = [100 * value for value in values]
    return f"{statistics.mean(values):.2f} ± {(max(values) - min(values)) / 2:.2f}"


def line(name, sparsity, runs, twin):
    accuracy = [run["accuracy"] for run in runs]
    gap = statistics.mean(100 * (run["train_accuracy"] - run["accuracy"]) for run in runs)
    below = 100 * (statistics.mean(run["accuracy"] for run in twin) - statistics.mean(accuracy))
    each = lambda what: [run[what] / run["epochs"] for run in runs if run[what] is not None]
    joules = f"{statistics.mean(each('joules')):.1f}" if each("joules") else "not told"
    cells = [
        name, sparsity, f"{statistics.mean(run['density'] for run in runs):.4f}", spread(accuracy), f"{below:+.2f}",
        f"{gap:.2f}", str(runs[0]["epochs"]), f"{statistics.mean(each('cpu_seconds')):.2f}", joules,
    ]
    print("| " + " | ".join(cells) + " |", flush=True)


def table(name, store, seeds, threads, chosen):
    what, extra = TABLES[name]
    print(f"\n## Sparsity methods on MNIST, {what}: test accuracy in %, {seeds} seeds (mean ± half of the range)\n")
    print("Train − test: accuracy in the last epoch on the training images as they were seen, less that on the test images.\n")
    print("| method | sparsity | density | accuracy | below the twin | train − test | epochs | CPU s an epoch | J an epoch |")
    print("|---|---|---|---|---|---|---|---|---|")
    # The twin's epochs are the recipe's own.
    dense = [*extra, "sparsity.method=dense", "sparsity.epochs-factor=1"]
    twin = [store.get("sparse", dense, seed, threads) for seed in range(seeds)]
    line("dense twin", "", twin, twin)
    for sparsity in SPARSITIES:
        for method in chosen:
            factor = 3 if method in SPARSE_FROM_THE_START else 1.5
            settings = [*extra, f"sparsity.method={method}", f"sparsity.target={sparsity}", f"sparsity.epochs-factor={factor}"]
            also = ("control", ["--control"]) if method == "fixed" else (None, ())
            runs = [store.get("sparse", settings, seed, threads, also[1], also[0]) for seed in range(seeds)]
            line(method, str(sparsity), runs, twin)
            if also[0]:
                runs = [store.runs[Store.key({**run, "model": "control"})] for run in runs]
                line("dense net of equal nonzeros", str(sparsity), runs, twin)


def tune(method, sparsity, settings, seeds, threads):
    asked = ["data.test=1000", f"sparsity.method={method}", f"sparsity.target={sparsity}", *settings]
    found = []
    for seed in range(seeds):
        epochs = fit(asked, seed, threads)[1]["sparse"]
        found.append(float(epochs[-1]["validation_accuracy"]))
    cpu = sum(float(row["cpu_seconds"]) for row in epochs)
    print(f"{' '.join(asked[1:])}: validation {spread(found)}, {cpu:.0f} CPU s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="all, few, or tune METHOD SPARSITY [KEY=VALUE ...]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--file", type=pathlib.Path, default=ROOT / "bench/methods.jsonl")
    parser.add_argument("--methods", nargs="+", help="only these")
    options = parser.parse_args()
    if options.what[:1] == ["tune"]:
        method, sparsity, *settings = options.what[1:]
        return tune(method, sparsity, settings, options.seeds, options.threads)
    unknown = [name for name in options.what if name not in TABLES]
    if unknown:
        parser.error(f"no such table: {', '.join(unknown)}; known are {', '.join(TABLES)}")
    chosen = options.methods or [method for method in methods() if method != "dense"]
    for name in options.what or TABLES:
        table(name, Store(options.file), options.seeds, options.threads, chosen)


if __name__ == "__main__":
    main()
