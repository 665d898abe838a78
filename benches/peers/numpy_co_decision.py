"""The co-decision quantities of two probability matrices in plain numpy.

The same work as the `co_decision` bench: the product of both experts normalised, its entropy and the
small model's, and the most probable class of either expert and of both together.

    python -m venv venv
    venv/bin/pip install numpy
    venv/bin/python benches/peers/numpy_co_decision.py

Prints one JSON line a size: seconds of the best of `--repeats` runs after a first one, and peak memory.
"""

import argparse
import json
import time

import numpy as np

from measure import peak_memory


def probabilities(rows: int, classes: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).uniform(0.01, 1.0, (rows, classes)).astype(np.float32)
    return values / values.sum(axis=1, keepdims=True)


def entropy(p: np.ndarray) -> np.ndarray:
    """In nats, with 0 ln 0 = 0."""
    return -(p * np.log(np.maximum(p, np.finfo(p.dtype).tiny))).sum(axis=1)


def co_decide(prior: np.ndarray, model: np.ndarray) -> tuple[np.ndarray, ...]:
    joint = prior * model
    joint /= joint.sum(axis=1, keepdims=True)
    rows = np.arange(len(joint))
    prior_label, model_label, joint_label = (p.argmax(axis=1) for p in (prior, model, joint))
    return (
        entropy(joint),
        entropy(model),
        prior_label,
        model_label,
        joint_label,
        joint[rows, prior_label],
        joint[rows, joint_label],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    for classes in options.classes:
        prior, model = (probabilities(options.rows, classes, seed) for seed in (0, 1))
        co_decide(prior, model)
        seconds = []
        for _ in range(options.repeats):
            start = time.perf_counter()
            co_decide(prior, model)
            seconds.append(time.perf_counter() - start)
        row = {
            "peer": f"numpy {np.__version__}",
            "rows": options.rows,
            "classes": classes,
            "seconds": round(min(seconds), 4),
            "peak_memory_bytes": peak_memory(),
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
