"""Facility location, SIMILAR and BAIT, written down as directly as possible.

Every objective is evaluated anew for every candidate and every step, on explicit gradients and explicit
Kronecker products. Regenerate `designs.json` with

    python3 crates/alfm-acquire/tests/reference/designs.py

It needs numpy only; the seed is fixed.
"""

import json
from pathlib import Path

import numpy as np

BUDGET = 5
WIDTH = 1.5


def pool(rng, rows, classes, width, imbalance):
    p = rng.dirichlet(np.linspace(imbalance, 0.4, classes), rows).astype(np.float32)
    x = rng.normal(size=(rows, width)).astype(np.float32)
    labels = [None] * rows
    for row in rng.choice(rows, rows // 3, replace=False):
        labels[row] = int(rng.choice(classes, p=p[row].astype(float) / p[row].astype(float).sum()))
    return p.astype(np.float64), x.astype(np.float64), labels


def greedy(objective, candidates):
    chosen, scores = [], []
    for _ in range(BUDGET):
        value = objective(chosen)
        gains = [
            -np.inf if row in chosen else objective(chosen + [row]) - value for row in candidates
        ]
        best = int(np.argmax(gains))
        chosen.append(candidates[best])
        scores.append(gains[best])
    return {"rows": chosen, "scores": scores}


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


def facility_location(x, labels, similarity, weights):
    candidates = [row for row, label in enumerate(labels) if label is None]
    labelled = [row for row, label in enumerate(labels) if label is not None]

    def objective(chosen):
        centres = labelled + chosen
        return sum(
            weights[i] * max((similarity(x[i], x[j]) for j in centres), default=0.0)
            for i in candidates
        )

    return greedy(objective, candidates)


def gradients(p, x, labels):
    gradients = []
    for row, label in enumerate(labels):
        q = p[row].copy()
        q[np.argmax(p[row]) if label is None else label] -= 1.0
        gradients.append(np.kron(q, np.append(x[row], 1.0)))
    return gradients


def similar(p, x, labels, graph_cut):
    classes = p.shape[1]
    counts = [sum(label == k for label in labels) for k in range(classes)]
    rare = [k for k in range(classes) if counts[k] < np.mean(counts)]
    examples = [row for row, label in enumerate(labels) if label in rare]
    candidates = [row for row, label in enumerate(labels) if label is None]
    g = gradients(p, x, labels)
    s = {(q, j): (1 + cosine(g[q], g[j])) / 2 for q in examples for j in candidates}

    def objective(chosen):
        if not chosen:
            return 0.0
        if graph_cut:
            return 2 * 0.5 * sum(s[q, j] for q in examples for j in chosen)
        cover = sum(max(s[q, j] for j in chosen) for q in examples)
        return cover + sum(max(s[q, j] for q in examples) for j in chosen)

    assert examples
    return greedy(objective, candidates)


def bait(p, x, labels):
    rows, classes = p.shape
    fisher = [
        np.kron(np.diag(p[i]) - np.outer(p[i], p[i]), np.outer(x[i], x[i])) for i in range(rows)
    ]
    target = sum(fisher) / rows
    start = np.eye(classes * x.shape[1])
    start = start + sum(fisher[i] for i in range(rows) if labels[i] is not None)

    def trace(chosen):
        return np.trace(np.linalg.inv(start + sum(fisher[i] for i in chosen)) @ target)

    candidates = [row for row, label in enumerate(labels) if label is None]
    chosen, scores = [], []
    for _ in range(2 * BUDGET):
        traces = [np.inf if row in chosen else trace(chosen + [row]) for row in candidates]
        scores.append(trace(chosen) - min(traces))
        chosen.append(candidates[int(np.argmin(traces))])
    while len(chosen) > BUDGET:
        without = [trace([row for row in chosen if row != out]) for out in chosen]
        drop = int(np.argmin(without))
        del chosen[drop], scores[drop]
    return {"rows": chosen, "scores": scores}


def case(rng, *shape):
    p, x, labels = pool(rng, *shape)
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1)
    ones = np.ones(len(p))

    def gaussian(a, b):
        return np.exp(-((a - b) ** 2).sum() / WIDTH**2)

    def half_cosine(a, b):
        return (1 + cosine(a, b)) / 2

    return {
        "classes": p.shape[1],
        "probabilities": p.ravel().tolist(),
        "embeddings": x.ravel().tolist(),
        "labels": labels,
        "facility-location": facility_location(x, labels, half_cosine, ones),
        "facility-location-gaussian": facility_location(x, labels, gaussian, ones),
        "facility-location-uncertain": facility_location(x, labels, half_cosine, entropy),
        "similar": similar(p, x, labels, graph_cut=False),
        "similar-graph-cut": similar(p, x, labels, graph_cut=True),
        "bait": bait(p, x, labels),
    }


def main():
    rng = np.random.default_rng(20240601)
    shapes = [(33, 2, 3, 1.5), (36, 3, 4, 3.0), (44, 5, 3, 2.0)]
    document = {"budget": BUDGET, "width": WIDTH, "cases": [case(rng, *s) for s in shapes]}
    Path(__file__).with_suffix(".json").write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
