"""MLP, balanced margin, WL-AC's chances of inclusion and Balancing, straight from their definitions.

Writes rare.json beside this file; regenerate with `python3 rare.py`.
"""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import brentq

RNG = np.random.default_rng(2003)


def plain(values):
    return np.round(np.asarray(values, dtype=np.float64), 4).tolist()


def most_likely_positive(p, labels, rows):
    counts = np.bincount([c for c in labels if c is not None], minlength=p.shape[1])
    scores = np.delete(p, int(counts.argmax()), axis=1).max(axis=1)
    order = sorted(rows, key=lambda row: (-scores[row], row))
    return {"rows": order, "scores": [round(float(scores[row]), 9) for row in order]}


def balanced_margin(p, labels, rows, budget):
    """A plain loop over questions: the class with the fewest labels, the row nearest to its boundary."""
    classes, left, picks = p.shape[1], list(rows), []
    counts = [labels.count(c) for c in range(classes)]
    total = sum(counts)
    short = [c for c in range(classes) if counts[c] < total / classes / 2]
    short = [c for c in short if counts[c] or total >= 2 * classes]
    share = int(np.floor(0.4 * budget + 0.5)) if short else 0
    asked = []
    for _ in range(share):
        c = min(short, key=lambda c: (counts[c] + asked.count(c), c))
        asked.append(c)
    for c in sorted(asked):
        gap = lambda row: abs(np.log(p[row, c]) - np.log(np.delete(p[row], c).max()))
        picks.append(min(left, key=lambda row: (gap(row), row)))
        left.remove(picks[-1])
    top = np.sort(p, axis=1)
    margin = top[:, -1] - top[:, -2]
    picks += sorted(left, key=lambda row: (margin[row], row))[: budget - share]
    return {"rows": picks, "scores": [round(float(-margin[row]), 9) for row in picks]}


def inclusion(p, rows, budget):
    """The scale is a root, not a closed form."""
    ordered = np.sort(p[rows], axis=1)
    doubt = 1 - (ordered[:, -1] - ordered[:, -2])
    weights = np.clip(doubt, budget / (10 * len(rows)), 1)
    excess = lambda scale: np.minimum(1, scale * weights).sum() - budget
    scale = brentq(excess, 0, budget / weights.min(), xtol=1e-14)
    return [round(float(q), 9) for q in np.minimum(1, scale * weights)]


def balancing(x, labels, truth, budget, fold):
    """One query at a time, all centres from scratch; asserts that no query is a random one."""
    labels, picks, ratios = list(labels), [], []
    classes = max(truth) + 1
    for left in range(budget, 0, -1):
        counts = [labels.count(c) for c in range(classes)]
        major = [c for c in range(classes) if counts[c] > np.mean(counts)]
        minor = [c for c in range(classes) if c not in major]
        gap = np.mean([counts[c] for c in major]) - np.mean([counts[c] for c in minor])
        assert left <= len(minor) * gap
        rarest = int(np.argmin(counts))

        def squared(row, c):
            members = [i for i, label in enumerate(labels) if label == c]
            return ((x[row] - x[members].mean(axis=0)) ** 2).sum()

        def ratio(row):
            near = squared(row, rarest) if counts[rarest] else 1.0
            return near / fold(squared(row, c) for c in major)

        rows = [row for row, label in enumerate(labels) if label is None]
        best = min(rows, key=lambda row: (ratio(row), row))
        picks.append(best)
        ratios.append(round(float(ratio(best)), 9))
        labels[best] = truth[best]
    return {"rows": picks, "scores": ratios}


def case(rows, counts, width, budget):
    classes = len(counts)
    p = np.asarray(plain(RNG.dirichlet(np.full(classes, 0.7), rows)), np.float32).astype(float)
    truth = RNG.integers(0, classes, rows)
    centres = 2 * RNG.normal(size=(classes, width))
    x = np.asarray(plain(centres[truth] + RNG.normal(size=(rows, width))), np.float32).astype(float)
    truth = [int(c) for c in truth]
    labels = [None] * rows
    for c, count in enumerate(counts):
        for row in [row for row in range(rows) if truth[row] == c][:count]:
            labels[row] = c
    open_rows = [row for row in range(rows) if labels[row] is None]
    return {
        "classes": classes,
        "truth": truth,
        "observed": labels,
        "model": plain(p.ravel()),
        "embeddings": plain(x.ravel()),
        "mlp": most_likely_positive(p, labels, open_rows),
        "balanced": balanced_margin(p, labels, open_rows, 12),
        "inclusion": {b: inclusion(p, open_rows, b) for b in (1, 5, len(open_rows) - 1)},
        "budget": budget,
        "nearest": balancing(x, labels, truth, budget, min),
        "farthest": balancing(x, labels, truth, budget, max),
    }


cases = [case(40, [8, 1], 2, 4), case(60, [9, 9, 2, 1], 3, 6), case(50, [7, 0, 1], 4, 3)]
Path(__file__).with_suffix(".json").write_text(json.dumps(cases) + "\n")
