"""Writes scikit-learn's small tables as CSV, `NAME/NAME.csv.gz` each: python3 tables.py (needs scikit-learn)

The rows, their order and their numbers are scikit-learn's; diabetes is the raw version, not the scaled one.
"""

import gzip
import pathlib

from sklearn import datasets

here = pathlib.Path(__file__).parent
for name, load, target in [
    ("iris", datasets.load_iris, "species"),
    ("breast-cancer", datasets.load_breast_cancer, "diagnosis"),
    ("wine", datasets.load_wine, "cultivar"),
    ("diabetes", lambda: datasets.load_diabetes(scaled=False), "progression"),
]:
    table = load()
    names = getattr(table, "target_names", None)
    number = lambda x: repr(round(float(x), 10)).removesuffix(".0")
    lines = [",".join([*table.feature_names, target])]
    for x, y in zip(table.data, table.target):
        lines.append(",".join([*map(number, x), number(y) if names is None else str(names[int(y)])]))
    folder = here / name
    folder.mkdir(exist_ok=True)
    text = "\n".join(lines) + "\n"
    (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(name, len(table.data), len(table.feature_names))
