#!/usr/bin/env python3
"""The Debian package text set, as svmlight: what section of the archive a package belongs to, from the words about it.

    apt-cache dumpavail | python3 data/text/make.py --out text-data

A row is a package. Its features, counted per package:
    w:WORD   words of its one-line description (two letters or more, lower case)
    b:A_B    pairs of neighbouring words of it
    n:PIECE  pieces of its name
    d:NAME   names of packages that it depends on, recommends or suggests
The section is the class; nothing that is made from the section is among the features. Classes of fewer than --class-min
packages and features of fewer than --feature-min packages are left out. With --values tfidf (the default) a feature is
(1 + ln count) · (1 + ln((1 + n) / (1 + packages that have it))), and every row is scaled to length 1; n and the numbers of
packages are those of the training rows alone. With --values count it is the count.

--target size writes ln(1 + installed size in KiB) in place of the section, --target library 1 for libraries (sections libs, libdevel and
oldlibs) and 0 for all else: for models of numbers and of two classes.

A fifth of the packages (--test), drawn by --seed, is the test part. Written are train.svm and test.svm (indices from 1, labels by
name), vocabulary.txt (line i is feature i) and README.txt. The same archive index and options give the same bytes.
Needs nothing but Python 3.8.
"""
import argparse
import collections
import hashlib
import math
import os
import re
import sys

TOKEN = re.compile(r"[a-z]{2,}")
RELATIONS = ("Depends", "Pre-Depends", "Recommends", "Suggests")


def paragraphs(stream):
    """Each paragraph of an archive index as a dict of its one-line fields, the first of a name only."""
    seen, fields = set(), {}
    for line in stream:
        line = line.rstrip("\n")
        if not line:
            if fields.get("Package") not in seen:
                seen.add(fields.get("Package"))
                yield fields
            fields = {}
        elif line[0] not in " \t" and ":" in line:
            key, value = line.split(":", 1)
            fields.setdefault(key, value.strip())
    if fields and fields.get("Package") not in seen:
        yield fields


def features(fields):
    """The features of a package and how often it has each."""
    words = TOKEN.findall(fields["Description"].lower())
    found = ["w:" + word for word in words]
    found += ["b:%s_%s" % pair for pair in zip(words, words[1:])]
    found += ["n:" + piece for piece in TOKEN.findall(fields["Package"].lower())]
    for relation in RELATIONS:
        for other in re.split(r"[,|]", fields.get(relation, "")):
            name = other.strip().split(" ")[0].split(":")[0]
            if name:
                found.append("d:" + name)
    return collections.Counter(found)


def target(fields, what):
    """What is to be predicted of a package."""
    section = fields["Section"].split("/")[-1]
    if what == "size":
        return "%.6g" % math.log1p(float(fields.get("Installed-Size", 0)))
    return str(int(section in ("libs", "libdevel", "oldlibs"))) if what == "library" else section


def draw(name, seed):
    """A number in 0..1 that depends on the package's name and the seed only."""
    digest = hashlib.sha256(("%d %s" % (seed, name)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", nargs="?", help="output of `apt-cache dumpavail`; standard input unless given")
    parser.add_argument("--out", default="text-data", help="folder to write to (text-data)")
    parser.add_argument("--seed", type=int, default=0, help="of the split (0)")
    parser.add_argument("--test", type=float, default=0.2, help="share of the packages that is the test part (0.2)")
    parser.add_argument("--class-min", type=int, default=60, help="fewest packages of a class (60)")
    parser.add_argument("--feature-min", type=int, default=2, help="fewest packages with a feature (2)")
    parser.add_argument("--target", choices=["section", "size", "library"], default="section")
    parser.add_argument("--values", choices=["tfidf", "count"], default="tfidf")
    options = parser.parse_args()

    source = open(options.index, encoding="utf8", errors="replace") if options.index else sys.stdin
    packages = []
    for fields in paragraphs(source):
        if "Section" in fields and "Description" in fields and "Package" in fields:
            section = fields["Section"].split("/")[-1]
            packages.append((fields["Package"], section, features(fields), target(fields, options.target)))
    sizes = collections.Counter(package[1] for package in packages)
    packages = [package for package in packages if sizes[package[1]] >= options.class_min]
    if not packages:
        sys.exit("no packages with Section and Description: is this the output of `apt-cache dumpavail`?")
    packages.sort(key=lambda package: (draw(package[0], options.seed), package[0]))
    cut = len(packages) - int(options.test * len(packages))
    parts = {"train": packages[:cut], "test": packages[cut:]}

    having = collections.Counter(feature for _, _, found, _ in packages for feature in found)
    vocabulary = sorted(feature for feature, count in having.items() if count >= options.feature_min)
    number = {feature: i for i, feature in enumerate(vocabulary, 1)}
    trained = collections.Counter(feature for _, _, found, _ in parts["train"] for feature in found)
    rarity = {f: 1 + math.log((1 + cut) / (1 + trained[f])) for f in vocabulary}

    os.makedirs(options.out, exist_ok=True)
    nonzeros = 0
    for part, rows in parts.items():
        with open(os.path.join(options.out, part + ".svm"), "w", encoding="utf8", newline="\n") as out:
            for _, _, found, label in rows:
                kept = sorted((number[f], f, count) for f, count in found.items() if f in number)
                values = [count if options.values == "count" else (1 + math.log(count)) * rarity[f] for _, f, count in kept]
                length = 1.0 if options.values == "count" else math.sqrt(sum(v * v for v in values)) or 1.0
                pairs = " ".join("%d:%.6g" % (j, value / length) for (j, _, _), value in zip(kept, values))
                out.write("%s %s\n" % (label, pairs))
                nonzeros += len(kept)
    with open(os.path.join(options.out, "vocabulary.txt"), "w", encoding="utf8", newline="\n") as out:
        out.write("\n".join(vocabulary) + "\n")
    classes = len({package[3] for package in packages})
    summary = "%d train and %d test packages, %d features, %d labels, %.1f nonzeros a row" % (
        len(parts["train"]), len(parts["test"]), len(vocabulary), classes, nonzeros / len(packages))
    with open(os.path.join(options.out, "README.txt"), "w", encoding="utf8", newline="\n") as out:
        out.write("Debian packages by %s, by data/text/make.py: %s; values %s, seed %d\n"
                  % (options.target, summary, options.values, options.seed))
    print(summary)


if __name__ == "__main__":
    main()
