"""Text classification on sparse data: Rarefy beside scikit-learn and PyTorch, in one run.

    apt-cache dumpavail | python3 data/text/make.py --out text-data
    python bench/peers/text.py [--data text-data] [--epochs 5] [accuracy] [memory] [epoch]      (all, if none is named)

Needs numpy, scipy, scikit-learn, torch and a release build (`cargo build --release`). Prints Markdown tables:

* accuracy: test accuracy of examples/text.toml beside `SGDClassifier` on the same split (log loss, averaged, its penalty chosen
  on a tenth of the training rows), both trained on all training rows once settings are chosen, means of 3 seeds
* memory (Linux): largest resident memory of `rarefy fit` on the training rows and on synthetic rows of the same shape whose nonzeros
  grow, and whose features grow at the same nonzeros: it must follow the first
* epoch: seconds of an epoch of 93,243-256-53, Adam, batch 128: Rarefy at density 0.2 (RigL) and 1, PyTorch with dense input
  batches and with EmbeddingBag (sums with weights, sparse gradients, SparseAdam); and of the example, which learns by SGD. Medians of
  5 epochs; for dense batches, which take minutes, of three times 30 steps, scaled to as many as an epoch has. Nothing else should
  be running
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RAREFY = ROOT / "target/release/rarefy"
HIDDEN, BATCH = 256, 128  # as in examples/text.toml


def median(values):
    return statistics.median(values)


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print(flush=True)


def load(folder):
    """Training and test part: (matrix, class numbers) each."""
    import numpy
    import scipy.sparse

    columns = sum(1 for _ in open(folder / "vocabulary.txt", encoding="utf8"))
    names, parts = {}, []
    for part in ("train", "test"):
        labels, ends, indices, values = [], [0], [], []
        for line in open(folder / f"{part}.svm", encoding="utf8"):
            label, *pairs = line.split()
            labels.append(names.setdefault(label, len(names)))
            for pair in pairs:
                index, value = pair.split(":")
                indices.append(int(index) - 1)
                values.append(float(value))
            ends.append(len(indices))
        values = numpy.array(values, numpy.float32)
        x = scipy.sparse.csr_matrix((values, indices, ends), shape=(len(labels), columns))
        parts.append((x, numpy.array(labels)))
    return parts


def fit(folder, *settings, threads=2, seed=0):
    """One `rarefy fit` of the example: its JSON (`epoch_seconds` is a median), and its largest resident memory in MiB."""
    with tempfile.TemporaryDirectory() as out:
        # The example learns by SGD: its momentum means nothing to another optimizer.
        lines = (ROOT / "examples/text.toml").read_text().splitlines()
        recipe = pathlib.Path(out) / "example.toml"
        recipe.write_text("\n".join(line for line in lines if "train.optimizer=adam" not in settings or not line.startswith("momentum")))
        command = [RAREFY, "fit", recipe, "--json", "--quiet", "--out", out]
        command += ["--threads", threads, "--seed", seed]
        command += ["--set", f"data.train={folder}/train.svm", "--set", f"data.test={folder}/test.svm"]
        for setting in settings:
            command += ["--set", setting]
        # The system's own largest size counts what this script held when it started the child; so it is watched instead.
        with tempfile.TemporaryFile("w+") as answer:
            child, largest = subprocess.Popen(list(map(str, command)), stdout=answer), 0
            while child.poll() is None:
                status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
                found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
                largest = max([largest, *map(int, found)])
                time.sleep(0.005)
            if child.returncode:
                sys.exit(f"rarefy fit failed: {command}")
            answer.seek(0)
            return json.load(answer), largest / 1024


def accuracy(folder):
    from sklearn.linear_model import SGDClassifier

    (x, y), (x_test, y_test) = load(folder)
    cut = len(y) * 9 // 10

    def peer(alpha, seed, rows):
        model = SGDClassifier(loss="log_loss", alpha=alpha, average=True, max_iter=50, random_state=seed)
        return model.fit(x[:rows], y[:rows])

    alphas = [1e-5, 3e-6, 1e-6, 3e-7, 1e-7]
    best = max(alphas, key=lambda alpha: peer(alpha, 0, cut).score(x[cut:], y[cut:]))
    peers = [peer(best, seed, len(y)).score(x_test, y_test) for seed in range(3)]
    ours = [fit(folder, "data.validation=0", seed=seed)[0] for seed in range(3)]
    show = lambda values: f"{100 * statistics.mean(values):.2f} % ({100 * min(values):.2f}–{100 * max(values):.2f})"
    table(
        ["model", "test accuracy, mean (range) of 3 seeds", "nonzero weights"],
        [
            ["Rarefy, examples/text.toml", show([o["accuracy"] for o in ours]), f"{ours[0]['nnz']:,}"],
            [f"scikit-learn SGDClassifier, alpha {best:g}", show(peers), f"{x.shape[1] * (y.max() + 1):,}"],
        ],
    )


def synthetic(folder, rows, columns, per_row):
    draw = random.Random(0)
    for part, count in (("train", rows), ("test", rows // 10)):
        with open(folder / f"{part}.svm", "w") as out:
            for _ in range(count):
                found = sorted({draw.randrange(columns) for _ in range(per_row)} | {columns - 1})
                out.write(f"c{draw.randrange(53)} " + " ".join(f"{j + 1}:1" for j in found) + "\n")


def memory(folder):
    # So few weights that the data are what counts.
    settings = ["model.layers=[\"linear 8\", \"relu\", \"linear 53\"]", "train.epochs=1"]
    settings += ["sparsity.method=fixed", "sparsity.target=0.99", "sparsity.distribution=uniform"]
    rows = []
    for name, shape in [("text set", None)] + [(None, shape) for shape in
            [(50_000, 100_000, 10), (50_000, 100_000, 20), (50_000, 100_000, 40), (50_000, 1_000_000, 20), (100_000, 100_000, 10)]]:
        with tempfile.TemporaryDirectory() as made:
            if shape:
                synthetic(pathlib.Path(made), *shape)
                where, (count, columns, per_row) = made, shape
                nnz = count * (per_row + 1)
            else:
                (x, _), _ = load(folder)
                where, (count, columns), nnz = folder, x.shape, x.nnz
            used = median([fit(where, *settings)[1] for _ in range(5)])
        rows.append([name or "synthetic", f"{count:,} × {columns:,}", f"{nnz:,}", f"{used:.0f} MiB", f"{nnz * 8 / 2**20:.0f} MiB", f"{count * columns * 4 / 2**20:,.0f} MiB"])
    table(["data", "rows × features", "nonzeros", "resident, median of 5", "8 bytes a nonzero", "stored dense"], rows)


def torch_epochs(folder, variant, threads, epochs):
    """Seconds of each epoch of PyTorch."""
    import numpy
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    (x, y), _ = load(folder)
    labels, columns, classes = torch.tensor(y), x.shape[1], int(y.max()) + 1
    head = [torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(HIDDEN, classes)]
    if variant == "dense batches":
        net = torch.nn.Sequential(torch.nn.Linear(columns, HIDDEN), *head)
        optimizers = [torch.optim.Adam(net.parameters(), 1e-3, fused=True)]
    else:
        first = torch.nn.EmbeddingBag(columns, HIDDEN, mode="sum", sparse=True)
        bias = torch.nn.Parameter(torch.zeros(HIDDEN))
        net = torch.nn.Sequential(*head)
        optimizers = [torch.optim.SparseAdam(first.parameters(), 1e-3), torch.optim.Adam([bias, *net.parameters()], 1e-3, fused=True)]
    seconds, steps = [], -(-len(y) // BATCH)
    measured = 30 if variant == "dense batches" else steps
    for _ in range(epochs):
        order = numpy.random.permutation(len(y))
        start = time.perf_counter()
        for at in range(0, measured * BATCH, BATCH):
            rows = order[at : at + BATCH]
            part = x[rows]
            if variant == "dense batches":
                z = net(torch.from_numpy(part.toarray()))
            else:
                indices, ends = torch.from_numpy(part.indices.astype(numpy.int64)), torch.from_numpy(part.indptr[:-1].astype(numpy.int64))
                z = net(first(indices, ends, per_sample_weights=torch.from_numpy(part.data)) + bias)
            loss = torch.nn.functional.cross_entropy(z, labels[torch.from_numpy(rows)])
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
        seconds.append((time.perf_counter() - start) * steps / measured)
    return seconds


def epoch(folder, epochs):
    rows = []
    for threads in (1, 2):
        peers = {}
        for variant, count in (("dense batches", 3), ("EmbeddingBag", epochs)):
            command = [sys.executable, __file__, "--worker", variant, "--data", folder, "--threads", threads, "--epochs", count]
            done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
            peers[variant] = median(json.loads(done.stdout.splitlines()[-1]))
        whole = ["data.validation=0", f"train.epochs={epochs}"]
        adam = ["train.optimizer=adam", "train.learning-rate=1e-3", "data.scaling=none"]
        rigl = ["sparsity.method=rigl", "sparsity.target=0.8", "sparsity.distribution=uniform"]
        ours = {
            "density 0.2, RigL": [*whole, *adam, *rigl],
            "density 1": [*whole, *adam, "sparsity.method=dense"],
            "examples/text.toml": ["data.validation=0"],
        }
        ours = {name: fit(folder, *settings, threads=threads)[0]["epoch_seconds"] for name, settings in ours.items()}
        for name, seconds in ours.items():
            ratios = [f"{peers[variant] / seconds:.1f}×" for variant in ("dense batches", "EmbeddingBag")]
            rows.append([threads, f"Rarefy, {name}", f"{seconds:.2f} s", *ratios])
        rows += [[threads, f"PyTorch, {variant}", f"{seconds:.2f} s", "", ""] for variant, seconds in peers.items()]
    table(["threads", "training", "epoch, median", "against dense batches", "against EmbeddingBag"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="accuracy, memory, epoch")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "text-data")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help=argparse.SUPPRESS)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(torch_epochs(options.data, options.worker, options.threads, options.epochs)))
        return
    if not RAREFY.exists():
        sys.exit(f"{RAREFY} is missing: cargo build --release")
    if not (options.data / "train.svm").exists():
        sys.exit(f"{options.data} has no train.svm: see data/text/make.py")
    for part in options.parts or ["accuracy", "memory", "epoch"]:
        print(f"## {part}\n", flush=True)
        {"accuracy": lambda: accuracy(options.data), "memory": lambda: memory(options.data), "epoch": lambda: epoch(options.data, options.epochs)}[part]()


if __name__ == "__main__":
    main()
