"""Sparse training: Rarefy beside PyTorch, in one run.

    python bench/peers/training.py [layer] [state] [epoch] [accuracy]      (all, if none is named)

Needs numpy, torch and a release build (`cargo build --release`). Every figure is a median; Rarefy and PyTorch take turns, so
that a change of the machine's speed meets both. One-thread figures of whole epochs are CPU seconds of the process, all others
are wall time: nothing else should be running.
"""

import gzip
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RAREFY = ROOT / "target/release/rarefy"
SIZES = (784, 1024, 1024, 10)
DENSITIES = {0.2: 2.5, 0.1: 5.5, 0.05: 11.0, 0.02: 25.0}


def median(values):
    return statistics.median(values)


def worker(kind, *arguments):
    """Runs this script's PyTorch part in a process of its own; returns what it prints."""
    command = [sys.executable, __file__, "--worker", kind, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


# ---------------------------------------------------------------- PyTorch's side


def torch_layer(size, batch, threads, repeats):
    """One dense layer: forward, dX, dW into buffers that exist, and fused Adam. No autograd, so no overhead of it."""
    import torch

    torch.set_num_threads(threads)
    x, weight, dy = torch.randn(batch, size), torch.randn(size, size) * 0.02, torch.randn(batch, size)
    y, dx, dw = torch.empty(batch, size), torch.empty(batch, size), torch.empty(size, size)
    parameter = torch.nn.Parameter(weight)
    parameter.grad = dw
    adam = torch.optim.Adam([parameter], lr=1e-6, fused=True)
    times = []
    with torch.no_grad():
        for _ in range(repeats + 3):
            start = time.perf_counter()
            torch.mm(x, weight.t(), out=y)
            torch.mm(dy, weight, out=dx)
            torch.mm(dy.t(), x, out=dw)
            adam.step()
            times.append((time.perf_counter() - start) * 1e3)
    return {"step": median(times[3:]), "best": min(times[3:])}


def idx(name):
    data = gzip.decompress((ROOT / "data/mnist" / f"{name}-ubyte.gz").read_bytes())
    import numpy

    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3])]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * data[3]).reshape(shape)


def torch_epochs(variant, threads, epochs, steps=469):
    """784-1024-1024-10 on the 60,000 training images, Adam, batch 128: seconds of each epoch, or of its first steps times as many."""
    import numpy
    import torch
    from torch.nn.utils import prune

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x = torch.tensor(idx("train-images-idx3").reshape(60000, 784).astype(numpy.float32) / 255)
    labels = torch.tensor(idx("train-labels-idx1").astype(numpy.int64))
    layers = []
    for inputs, outputs in zip(SIZES, SIZES[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    if variant == "masks":
        for layer in net[:-1:2]:
            prune.random_unstructured(layer, "weight", 0.98)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    run = torch.compile(net) if variant == "compile" else net
    wall, cpu = [], []
    for _ in range(epochs):
        order = torch.randperm(60000)
        start = time.perf_counter(), time.process_time()
        for at in range(0, 60000, 128)[:steps]:
            rows = order[at : at + 128]
            with torch.autocast("cpu", torch.bfloat16, enabled=variant == "bf16"):
                loss = torch.nn.functional.cross_entropy(run(x[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        wall.append((time.perf_counter() - start[0]) * 469 / steps)
        cpu.append((time.process_time() - start[1]) * 469 / steps)
    return {"wall": wall, "cpu": cpu}


# ---------------------------------------------------------------- Rarefy's side


def rarefy_layer(size, batch, density, threads, repeats):
    command = [ROOT / "target/release/examples/layer_step", size, batch, density, threads, repeats]
    return json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout)


def rarefy_fit(*settings, flags=(), threads=2, seed=0):
    """One `rarefy fit`; returns its JSON and the rows of its metrics."""
    with tempfile.TemporaryDirectory() as out:
        command = [RAREFY, "fit", "--json", "--quiet", "--out", out, "--threads", threads, "--seed", seed, *flags]
        for setting in settings:
            command += ["--set", setting]
        start = time.perf_counter()
        done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
        result = json.loads(done.stdout)
        result["wall"] = time.perf_counter() - start
        lines = (pathlib.Path(out) / "metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    result["metrics"] = [dict(zip(names, line.split(","))) for line in lines[1:]]
    return result


def epochs_of(result, model, column):
    return [float(row[column]) for row in result["metrics"] if row["model"] == model]


# ---------------------------------------------------------------- the comparisons


def layer():
    subprocess.run(["cargo", "build", "--release", "-p", "rarefy-nn", "--example", "layer_step"], cwd=ROOT, check=True)
    print("\n## One 1024 × 1024 layer, batch 128, f32: forward, dX, dW, Adam (ms, medians of 9 rounds)\n")
    print("| threads | torch dense, fused Adam | density | Rarefy | ratio | goal |\n|---|---|---|---|---|---|")
    rounds = []
    for _ in range(9):
        times = {}
        for density in DENSITIES:
            for threads in (1, 2):
                times[threads, density] = rarefy_layer(1024, 128, density, threads, 300)["step"]
        rounds.append((times, {threads: worker("layer", 1024, 128, threads, 60)["step"] for threads in (1, 2)}))
    for threads in (1, 2):
        dense = median([torch[threads] for _, torch in rounds])
        for density, goal in DENSITIES.items():
            ratio = median([torch[threads] / times[threads, density] for times, torch in rounds])
            ours = median([times[threads, density] for times, _ in rounds])
            target = f"≥ {goal}" if threads == 1 else ""
            print(f"| {threads} | {dense:.2f} | {density} | {ours:.3f} | {ratio:.1f}× | {target} |", flush=True)
    print("\n| density | two threads against one, step by step in turn: median of 9 runs | least and most | goal |\n|---|---|---|---|")
    for density, goal in {0.1: "≥ 1.8×", 0.02: "≥ 1.6×"}.items():
        ratios = [rarefy_layer(1024, 128, density, 0, 300)["speedup"] for _ in range(9)]
        print(f"| {density} | {median(ratios):.2f}× | {min(ratios):.2f}–{max(ratios):.2f} | {goal} |", flush=True)


def epoch():
    plain = ["data.validation=1000", "train.epochs=2", "sparsity.epochs-factor=1"]
    print("\n## 784-1024-1024-10 on MNIST, batch 128, Adam, RigL at density ≤ 0.0200: seconds per epoch\n")
    print("bf16, compile and masks from 30 steps, three times, after as many to warm up; bf16 is emulated where the processor lacks it.\n")
    print("| threads | clock | torch f32 | bf16 | compile | masks | Rarefy dense | Rarefy sparse | f32 / sparse |")
    print("|---|---|---|---|---|---|---|---|---|")
    for threads, clock in ((1, "cpu"), (2, "wall")):
        column = {"cpu": "cpu_seconds", "wall": "seconds"}[clock]
        torch, dense, sparse, others = [], [], [], {}
        for _ in range(3):
            torch.append(median(worker("epochs", "f32", threads, 2)[clock]))
            result = rarefy_fit(*plain, threads=threads)
            dense.append(median(epochs_of(result, "twin", column)))
            sparse.append(median(epochs_of(result, "sparse", column)))
        for variant in ("bf16", "compile", "masks"):
            try:
                others[variant] = f"{median(worker('epochs', variant, threads, 4, 30)[clock][1:]):.2f}"
            except subprocess.CalledProcessError:
                others[variant] = "fails"
        ratio = median([a / b for a, b in zip(torch, sparse)])
        twin = median([a / b for a, b in zip(dense, torch)])
        row = " | ".join([f"{median(torch):.2f}", *others.values(), f"{median(dense):.2f} ({twin:.2f}× f32)"])
        print(f"| {threads} | {clock} | {row} | {median(sparse):.3f} | **{ratio:.1f}×** |", flush=True)


def accuracy():
    print("\n## The built-in recipe, five seeds (test accuracy in %, training seconds on two threads)\n")
    print("| seed | density | sparse | twin | dense net of equal nonzeros | sparse s | twin s | whole command s |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for seed in range(5):
        result = rarefy_fit(flags=["--control"], seed=seed)
        models = result, result["twin"], result["control"]
        seconds = [sum(epochs_of(result, name, "seconds")) for name in ("sparse", "twin")]
        rows.append([result["density"], *(100 * m["accuracy"] for m in models), *seconds, result["wall"]])
        print("| {} | {:.4f} | {:.2f} | {:.2f} | {:.2f} | {:.1f} | {:.1f} | {:.1f} |".format(seed, *rows[-1]), flush=True)
    means = [statistics.mean(column) for column in zip(*rows)]
    print("| mean | {:.4f} | **{:.2f}** | {:.2f} | {:.2f} | {:.1f} | {:.1f} | {:.1f} |".format(*means))


def state():
    print("\n## Training state at 95 % sparsity, counted by an allocator (`cargo test -p rarefy-nn --test state`)\n")
    done = subprocess.run(
        ["cargo", "test", "--release", "-p", "rarefy-nn", "--test", "state", "--", "--nocapture"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    print("\n".join(line for line in done.stdout.splitlines() if "bytes" in line))


def main():
    if sys.argv[1:2] == ["--worker"]:
        kind, *arguments = sys.argv[2:]
        if kind == "layer":
            print(json.dumps(torch_layer(*map(int, arguments))))
        else:
            print(json.dumps(torch_epochs(arguments[0], *map(int, arguments[1:]))))
        return
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    parts = {"layer": layer, "state": state, "epoch": epoch, "accuracy": accuracy}
    unknown = [name for name in sys.argv[1:] if name not in parts]
    if unknown:
        sys.exit(f"no such part: {', '.join(unknown)}; known are {', '.join(parts)}")
    for name in sys.argv[1:] or parts:
        parts[name]()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"\nlargest process: {peak / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
