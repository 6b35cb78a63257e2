"""Writes scikit-learn's handwritten digits as two IDX files: python3 make.py .../sklearn/datasets/data/digits.csv.gz"""

import gzip
import pathlib
import struct
import sys

rows = [[int(float(field)) for field in line.split(",")] for line in gzip.open(sys.argv[1], "rt")]
images = bytes(pixel for row in rows for pixel in row[:64])
labels = bytes(row[64] for row in rows)
assert len(images) == 1797 * 64 and max(images) == 16 and max(labels) == 9

here = pathlib.Path(__file__).parent
for name, header, body in [
    ("digits-images-idx3-ubyte.gz", struct.pack(">BBBBIII", 0, 0, 8, 3, len(rows), 8, 8), images),
    ("digits-labels-idx1-ubyte.gz", struct.pack(">BBBBI", 0, 0, 8, 1, len(rows)), labels),
]:
    (here / name).write_bytes(gzip.compress(header + body, 9, mtime=0))
