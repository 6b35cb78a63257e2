"""Answers of a golden artifact in double precision, from the file's bytes alone: python3 answers.py v1.rarefy > v1.json

Reads format version 1 with the standard library only, so that the expected numbers do not come from Rarefy.
"""

import json
import math
import struct
import sys

FORMATS = {"F32": "f", "U64": "Q", "U32": "I", "U16": "H", "U8": "B"}

with open(sys.argv[1], "rb") as file:
    data = file.read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8 : 8 + length])
manifest = json.loads(header.pop("__metadata__")["manifest"])


def tensor(name):
    start, end = header[name]["data_offsets"]
    chunk = data[8 + length + start : 8 + length + end]
    code = FORMATS[header[name]["dtype"]]
    return [value[0] for value in struct.iter_unpack("<" + code, chunk)]


def linear(name, x):
    if name + ".weight" in header:
        outputs, inputs = header[name + ".weight"]["shape"]
        weight = tensor(name + ".weight")
        return [sum(weight[i * inputs + j] * x[j] for j in range(inputs)) for i in range(outputs)]
    entries = zip(tensor(name + ".indices"), tensor(name + ".values"))
    return [sum(v * x[j] for j, v in (next(entries) for _ in range(n))) for n in tensor(name + ".row-lengths")]


def run(node, x):
    name, attributes = node["name"], node["attributes"]
    match node["kind"]:
        case "linear":
            return linear(name, x)
        case "bias":
            return [a + b for a, b in zip(x, tensor(name + ".values"))]
        case "batch-norm":
            numbers = zip(x, *(tensor(f"{name}.{part}") for part in ("gamma", "beta", "mean", "variance")))
            return [g * (a - m) / math.sqrt(v + attributes["epsilon"]) + b for a, g, b, m, v in numbers]
        case "relu":
            return [max(a, 0.0) for a in x]
        case "leaky-relu":
            return [a if a > 0 else attributes["slope"] * a for a in x]
        case "tanh":
            return [math.tanh(a) for a in x]
        case "sigmoid":
            return [1 / (1 + math.exp(-a)) for a in x]
        case "gelu":
            return [a / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a**3))) for a in x]
        case "softmax":
            powers = [math.exp(a) for a in x]
            return [p / sum(powers) for p in powers]


rows = [[((7 * i + 3 * j) % 11 - 5) / 4 for j in range(manifest["inputs"])] for i in range(6)]
answers = []
for row in rows:
    values = [[a * f for a, f in zip(row, tensor("scaling"))]]
    for node in manifest["nodes"]:
        values.append(run(node, values[node["inputs"][0]]))
    answers.append(values[-1])
json.dump({"rows": rows, "answers": answers}, sys.stdout, indent=1)
print()
