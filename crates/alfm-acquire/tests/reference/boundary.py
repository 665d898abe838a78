"""BASE, MASE and DFAL on random heads, with every difference of weights written out.

Writes boundary.json beside this file; regenerate with `python3 boundary.py`.
"""

import json
from pathlib import Path

import numpy as np

RNG = np.random.default_rng(2111)


def plain(values):
    return np.round(np.asarray(values, dtype=np.float64), 4).tolist()


def distances(weights, bias, x):
    """R[i, c], and m[i] in the column of the predicted class."""
    logits = x @ weights.T + bias
    table = np.empty_like(logits)
    for i, z in enumerate(logits):
        yhat = int(np.argmax(z))
        for c in range(len(bias)):
            norm = np.linalg.norm(weights[yhat] - weights[c])
            table[i, c] = np.inf if norm == 0 else (z[yhat] - z[c]) / norm
        table[i, yhat] = np.inf
        table[i, yhat] = table[i].min()
    return table, logits.argmax(axis=1)


def base(table, rows, budget, labelled):
    classes = table.shape[1]
    rest = budget % classes
    start = (labelled // budget) * rest % classes
    extra = {(start + turn) % classes for turn in range(rest)}
    chosen = []
    for c in range(classes):
        quota = budget // classes + (c in extra)
        left = [row for row in rows if row not in chosen]
        chosen += sorted(left, key=lambda row: (table[row, c], row))[:quota]
    return chosen


def case(rows, classes, width, labelled):
    weights = np.asarray(plain(RNG.normal(size=(classes, width))), np.float32).astype(float)
    bias = np.asarray(plain(RNG.normal(size=classes)), np.float32).astype(float)
    x = np.asarray(plain(RNG.normal(size=(rows, width))), np.float32).astype(float)
    table, predicted = distances(weights, bias, x)
    open_rows = list(range(labelled, rows))
    nearest = {row: table[row, predicted[row]] for row in open_rows}
    order = sorted(open_rows, key=lambda row: (nearest[row], row))
    return {
        "classes": classes,
        "labelled": labelled,
        "weights": plain(weights.ravel()),
        "bias": plain(bias),
        "embeddings": plain(x.ravel()),
        "nearest_first": order,
        "distances": [round(float(nearest[row]), 9) for row in order],
        "base": {budget: base(table, open_rows, budget, labelled) for budget in (1, 2, 5, 9)},
    }


cases = [case(30, 2, 3, 0), case(40, 4, 5, 7), case(35, 7, 9, 12), case(12, 3, 1, 2)]
Path(__file__).with_suffix(".json").write_text(json.dumps(cases) + "\n")
