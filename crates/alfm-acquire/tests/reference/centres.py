"""Naive CORESET and BADGE on a small pool, for `tests/centres.rs`.

Regenerate with `python3 centres.py` in this folder; needs numpy only. Everything is done the long way, in
double precision: all distances at once, gradient embeddings built in full.
"""

import json
from pathlib import Path

import numpy as np

ROWS, WIDTH, CLASSES, BUDGET = 40, 11, 4, 14
LABELLED = [3, 8, 21, 22, 37]


def squared_distances(points):
    difference = points[:, None, :] - points[None, :, :]
    return (difference**2).sum(axis=2)


def k_center(distances):
    nearest = distances[:, LABELLED].min(axis=1)
    nearest[LABELLED] = -1
    rows, scores = [], []
    for _ in range(BUDGET):
        row = int(np.argmax(nearest))
        rows.append(row)
        scores.append(float(nearest[row]))
        nearest = np.minimum(nearest, distances[:, row])
        nearest[row] = -1
    return {"rows": rows, "scores": scores}


def main():
    rng = np.random.default_rng(20)
    centres = rng.normal(size=(5, WIDTH))
    embeddings = centres[rng.integers(0, 5, ROWS)] + 0.5 * rng.normal(size=(ROWS, WIDTH))
    embeddings = embeddings.astype(np.float32)
    logits = (2 * rng.normal(size=(ROWS, CLASSES))).astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    probabilities = probabilities.astype(np.float32)

    x = embeddings.astype(np.float64)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    p = probabilities.astype(np.float64)
    residuals = p - np.eye(CLASSES)[p.argmax(axis=1)]
    gradients = (residuals[:, :, None] * x[:, None, :]).reshape(ROWS, -1)
    norms = (gradients**2).sum(axis=1)
    norms[LABELLED] = -1

    result = {
        "width": WIDTH,
        "classes": CLASSES,
        "labelled": LABELLED,
        "embeddings": [float(value) for value in embeddings.ravel()],
        "probabilities": [float(value) for value in probabilities.ravel()],
        "l2": k_center(squared_distances(x)),
        "cosine": k_center(squared_distances(unit)),
        "longest": int(norms.argmax()),
        "gradient_distances": squared_distances(gradients).ravel().round(9).tolist(),
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(result) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
