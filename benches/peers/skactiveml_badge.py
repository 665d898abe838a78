"""BADGE of scikit-activeml, which builds every gradient, beside a factorised BADGE in plain numpy.

The gradients of 20,000 x 100 x 768 alone are 6.1 GB in single precision, and the query holds more than one
copy of them (24.6 GB, issue 589 of scikit-activeml): choose `--rows` so that it fits the machine.

    python -m venv venv
    venv/bin/pip install numpy scikit-learn scikit-activeml
    venv/bin/python benches/peers/skactiveml_badge.py skactiveml --rows 4000 --budget 100
    venv/bin/python benches/peers/skactiveml_badge.py numpy --rows 20000 --budget 100
    venv/bin/python benches/peers/skactiveml_badge.py numpy --pool pool --budget 1000

Without `--pool`, a folder of `scale make`, the items are random, `--classes` and `--dimension` wide.
Prints one JSON line: seconds of the query, peak memory above that before it.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from skactiveml.base import SkactivemlClassifier
from skactiveml.pool import Badge

from measure import load, peak_memory


def random_pool(rows: int, classes: int, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, dimension), dtype=np.float32)
    logits = 2 * rng.standard_normal((rows, classes), dtype=np.float32)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True), x / np.linalg.norm(x, axis=1, keepdims=True)


class Given(SkactivemlClassifier):
    """Hands out the probabilities that are given, so that no training is measured."""

    def __init__(self, probabilities, classes):
        super().__init__(classes=classes)
        self.probabilities = probabilities

    def fit(self, X, y, sample_weight=None):
        return self

    def predict_proba(self, X):
        return self.probabilities


def skactiveml(p: np.ndarray, x: np.ndarray, labels: np.ndarray, budget: int) -> list[int]:
    """With `x` as the embedding, which is the default."""
    y = np.where(labels < 0, np.nan, labels)
    clf = Given(p[labels < 0], np.arange(p.shape[1]))
    picks = Badge(random_state=0).query(x, y, clf, fit_clf=False, batch_size=budget)
    return [int(row) for row in picks]


def factorised(p: np.ndarray, x: np.ndarray, labels: np.ndarray, budget: int) -> list[int]:
    """The same rule; <g, h> of two gradients is the product of two short inner products."""
    rng = np.random.default_rng(0)
    unlabelled = np.flatnonzero(labels < 0)
    q, x = p[unlabelled], x[unlabelled]
    q[np.arange(len(q)), q.argmax(axis=1)] -= 1.0
    norms = np.einsum("ij,ij->i", q, q) * np.einsum("ij,ij->i", x, x)
    chosen = [int(norms.argmax())]
    nearest = np.full(len(q), np.inf)
    while len(chosen) < budget:
        last = chosen[-1]
        distances = norms + norms[last] - 2 * (q @ q[last]) * (x @ x[last])
        np.minimum(nearest, np.maximum(distances, 0.0), out=nearest)
        nearest[last] = 0.0
        sums = np.cumsum(nearest)
        chosen.append(int(np.searchsorted(sums, rng.random() * sums[-1], side="right")))
    return unlabelled[chosen].tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=["skactiveml", "numpy"])
    parser.add_argument("--pool", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--dimension", type=int, default=768)
    parser.add_argument("--budget", type=int, required=True)
    options = parser.parse_args()

    if options.pool:
        p, x, labels = load(options.pool, "model", "embeddings", "labels")
    else:
        p, x = random_pool(options.rows, options.classes, options.dimension)
        labels = np.full(len(p), -1)
    query = skactiveml if options.peer == "skactiveml" else factorised
    before = peak_memory()
    start = time.perf_counter()
    picks = query(p, x, labels, options.budget)
    row = {
        "peer": options.peer,
        "rows": len(p),
        "classes": p.shape[1],
        "dimension": x.shape[1],
        "budget": len(set(picks)),
        "seconds": round(time.perf_counter() - start, 3),
        "memory_above_inputs_bytes": peak_memory() - before,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
