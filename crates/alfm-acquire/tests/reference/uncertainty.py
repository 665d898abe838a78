"""Uncertainty scores on random predictions, straight from their definitions.

Writes uncertainty.json beside this file; regenerate with `python3 uncertainty.py`.
"""

import json
from pathlib import Path

import numpy as np

RNG = np.random.default_rng(2201)


def plain(values):
    return np.round(np.asarray(values, dtype=np.float64), 4).tolist()


def entropy(p):
    p = p[p > 0]
    return -(p * np.log(p)).sum()


def predictions(rows, classes):
    p = RNG.dirichlet(np.full(classes, 0.7), rows)
    p[1] = np.eye(classes)[classes - 1]  # a certain row
    p[2] = np.append([0.5, 0.5], np.zeros(classes - 2))  # zeros
    return p


def ranking(scores, rows):
    order = sorted(rows, key=lambda row: (-round(scores[row], 9), row))
    return {"rows": order, "scores": [round(float(scores[row]), 9) for row in order]}


def case(rows, classes, count):
    passes = [np.asarray(plain(predictions(rows, classes)), np.float32) for _ in range(count)]
    labelled = sorted(RNG.choice(rows, rows // 5, replace=False).tolist())
    open_rows = [row for row in range(rows) if row not in labelled]
    exact = [p.astype(np.float64) for p in passes]
    first = exact[0]
    ordered = [np.sort(row)[::-1] for row in first]
    margin = np.array([row[0] - row[1] for row in ordered])
    doubt = np.array([entropy(row) for row in first])
    mean = sum(exact) / count
    information = [
        max(0.0, entropy(mean[row]) - sum(entropy(p[row]) for p in exact) / count)
        for row in range(rows)
    ]
    scores = {
        "least-confident": -first.max(axis=1),
        "margin": -margin,
        "entropy": doubt,
        "gini": 1 - (first**2).sum(axis=1),
        "bald": np.array(information),
    }
    logs = {
        "power-least-confident": 1 - first.max(axis=1),
        "power-margin": 1 - margin,
        "power-entropy": doubt,
        "power-bald": np.array(information),
    }
    return {
        "classes": classes,
        "labelled": labelled,
        "passes": [plain(p.ravel()) for p in passes],
        "rankings": {name: ranking(s, open_rows) for name, s in scores.items()},
        "logarithms": {
            name: [round(float(np.log(max(s[row], 1e-12))), 9) for row in open_rows]
            for name, s in logs.items()
        },
    }


cases = [case(12, 2, 2), case(25, 3, 5), case(20, 8, 3), case(10, 4, 1)]
Path(__file__).with_suffix(".json").write_text(json.dumps(cases) + "\n")
