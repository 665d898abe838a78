"""GALAXY, DIRECT, BADGE and CORESET as public Python code computes them, on the files of `scale make`.

Our own code, in the manner of such code as LabelBench: a list of node objects a class that every query
walks through, an accuracy that is computed anew for every move of a pointer, a distribution object for
every draw, a library call for every new centre. The rules are those of `scale run`: `coreset`, and
`galaxy` as long as there is a cut, draw no random number, so that their `picks` must be equal.

    python -m venv venv
    venv/bin/pip install numpy scipy scikit-learn
    target/release/scale make pool --rows 500000 --classes 10 --dimension 384 --labelled 500
    venv/bin/python benches/peers/labelbench_style.py pool --strategy galaxy --budget 500

For a pool of that size and budget LabelBench's own code took 75 s (GALAXY), 21 s (DIRECT), 64 s (BADGE)
and 186 s (CORESET) on two cores, and up to 3.3 GB.

Prints one JSON line: seconds to load and to select, peak memory, digest of the selection.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.metrics import pairwise_distances

from measure import digest, load, peak_memory

Oracle = Callable[[int], int]


class Node:
    """An item on the line of one class."""

    def __init__(self, index: int, label: int | None):
        self.index = index
        self.label = label

    @property
    def labelled(self) -> bool:
        return self.label is not None


def line_order(p: np.ndarray, k: int) -> np.ndarray:
    """All items, the ones most like class `k` first."""
    behind = p[:, k] - p.max(axis=1)
    return np.lexsort((-p[:, k], -behind))


def galaxy(p: np.ndarray, labels: np.ndarray, budget: int, oracle: Oracle, rng) -> list[int]:
    """Bisection of the shortest gap, then growth around the cuts; the classes take turns."""
    lines, nodes_of = [], [[] for _ in range(len(p))]
    for k in range(p.shape[1]):
        line = []
        for index in line_order(p, k).tolist():
            label = None if labels[index] < 0 else int(labels[index])
            line.append(Node(index, label))
            nodes_of[index].append(line[-1])
        lines.append(line)
    picks = []
    for turn in range(budget):
        k = turn % len(lines)
        index = bisect(lines[k], k)
        if index is None:
            index = expand(lines[k], k)
        if index is None:
            index = rng.choice([node.index for node in lines[k] if not node.labelled])
        label = oracle(index)
        for node in nodes_of[index]:
            node.label = label
        picks.append(int(index))
    return picks


def bisect(line: list[Node], k: int) -> int | None:
    """The middle of the shortest unlabelled stretch between opposite labels."""
    best, shortest, last = None, len(line) + 1, None
    for at, node in enumerate(line):
        if not node.labelled:
            continue
        if last is not None and (line[last].label == k) != (node.label == k):
            if 1 < at - last < shortest:
                shortest, best = at - last, (last + at) // 2
        last = at
    return None if best is None else line[best].index


def expand(line: list[Node], k: int) -> int | None:
    """The unlabelled node nearest to a cut."""
    cuts = []
    for at, (a, b) in enumerate(zip(line, line[1:])):
        if a.labelled and b.labelled and (a.label == k) != (b.label == k):
            cuts.append(at)
    best, nearest = None, len(line) + 1
    for cut in cuts:
        left, right = cut, cut + 1
        while left >= 0 and line[left].labelled:
            left -= 1
        while right < len(line) and line[right].labelled:
            right += 1
        if left >= 0 and cut - left < nearest:
            nearest, best = cut - left, left
        if right < len(line) and right - cut - 1 < nearest:
            nearest, best = right - cut - 1, right
    return None if best is None else line[best].index


def direct(p: np.ndarray, labels: np.ndarray, budget: int, oracle: Oracle, rng) -> list[int]:
    """Half of the budget to narrow down every class's threshold, the rest around the thresholds."""
    classes, annotators, most = p.shape[1], 20, 60  # as the reference code sets them
    known = {int(index): int(labels[index]) for index in np.flatnonzero(labels >= 0)}
    picks = []

    def ask(index: int) -> None:
        known[index] = oracle(index)
        picks.append(index)

    counts = np.bincount(labels[labels >= 0], minlength=classes)
    for k in np.argsort(-counts, kind="stable"):
        nodes = line_nodes(p, k, known)
        narrow(nodes, k, known, min(budget // classes // 2, most), annotators, ask, rng)
    left = budget - len(picks)
    for turn, k in enumerate(rng.permutation(classes)):
        share = left * (turn + 1) // classes - left * turn // classes
        nodes = line_nodes(p, k, known)
        around(nodes, int(np.argmax(accuracy(signs(nodes, k)))), share, ask)
    return picks


def line_nodes(p: np.ndarray, k: int, known: dict[int, int]) -> list[Node]:
    return [Node(index, known.get(index)) for index in line_order(p, k).tolist()]


def signs(nodes: list[Node], k: int) -> np.ndarray:
    """1 for a node of class `k`, -1 for one of another class, 0 without a label."""
    return np.array([0 if not node.labelled else 1 if node.label == k else -1 for node in nodes])


def accuracy(weights: np.ndarray) -> np.ndarray:
    """Labels that a threshold before each position gets right, less those that it gets wrong."""
    before = np.concatenate([[0], np.cumsum(weights)])
    return 2 * before - before[-1]


def narrow(nodes, k, known, budget, annotators, ask, rng) -> None:
    """Queries within the interval that holds all contradictions, and shrinks it after each round."""
    marks = [(at, node.label == k) for at, node in enumerate(nodes) if node.labelled]
    low, high = 0, len(nodes) - 1
    for at, positive in marks:
        if not positive:
            break
        low = at
    for at, positive in reversed(marks):
        if positive:
            break
        high = at
    while budget > 0:
        unlabelled = [node for node in nodes[low : high + 1] if not node.labelled]
        count = min(annotators, budget, len(unlabelled))
        if count == 0:
            return
        for node in rng.choice(np.array(unlabelled, dtype=object), count, replace=False):
            ask(node.index)
            node.label = known[node.index]
        rounds = budget // annotators
        width = sum(not node.labelled for node in nodes[low : high + 1])
        target = int(np.ceil(width ** (1 - 1 / rounds))) if rounds >= 2 else width
        weights = signs(nodes, k)
        while width > target:
            right = accuracy(weights)
            if right[low] < right[high] or (right[low] == right[high] and rng.random() < 0.5):
                width -= not nodes[low].labelled
                low += 1
            else:
                width -= not nodes[high].labelled
                high -= 1
        budget -= min(annotators, budget)


def around(nodes: list[Node], threshold: int, budget: int, ask) -> None:
    """Walks away from the threshold, one step to the left, one to the right."""
    left, right = threshold - 1, threshold
    while budget > 0 and (left >= 0 or right < len(nodes)):
        for at in (left, right):
            if 0 <= at < len(nodes) and budget > 0 and not nodes[at].labelled:
                ask(nodes[at].index)
                budget -= 1
        left, right = left - 1, right + 1


def badge(p: np.ndarray, x: np.ndarray, labels: np.ndarray, budget: int, rng) -> list[int]:
    """k-means++ on gradients that are kept as two factors; a distribution is built for every draw."""
    unlabelled = np.flatnonzero(labels < 0)
    q, x = p[unlabelled].copy(), x[unlabelled]
    q[np.arange(len(q)), q.argmax(axis=1)] -= 1.0
    norms = (q**2).sum(axis=1) * (x**2).sum(axis=1)
    chosen = [int(norms.argmax())]
    nearest = None
    while len(chosen) < budget:
        last = chosen[-1]
        distances = norms + norms[last] - 2 * (q @ q[last]) * (x @ x[last])
        distances = np.maximum(distances.astype(np.float64), 0.0)
        nearest = distances if nearest is None else np.minimum(nearest, distances)
        nearest[chosen] = 0.0
        weights = nearest / nearest.sum()
        draw = stats.rv_discrete(name="nearest", values=(np.arange(len(weights)), weights))
        chosen.append(int(draw.rvs(random_state=rng)))
    return unlabelled[chosen].tolist()


def coreset(x: np.ndarray, labels: np.ndarray, budget: int) -> list[int]:
    """All distances to the labelled items, then those to every new centre."""
    unlabelled, labelled = np.flatnonzero(labels < 0), np.flatnonzero(labels >= 0)
    pool = x[unlabelled]
    nearest = pairwise_distances(pool, x[labelled]).min(axis=1)
    picks = []
    for _ in range(budget):
        at = int(nearest.argmax())
        picks.append(int(unlabelled[at]))
        nearest = np.minimum(nearest, pairwise_distances(pool, pool[at : at + 1])[:, 0])
    return picks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--strategy", choices=["galaxy", "direct", "badge", "coreset"], required=True
    )
    parser.add_argument("--budget", type=int, required=True)
    options = parser.parse_args()

    start = time.perf_counter()
    labels, truth = load(options.folder, "labels", "truth")
    needs = {"badge": ["model", "embeddings"], "coreset": ["embeddings"]}
    inputs = load(options.folder, *needs.get(options.strategy, ["model"]))
    loaded = time.perf_counter()
    rng = np.random.default_rng(0)

    def oracle(index: int) -> int:
        return int(truth[index])

    match options.strategy:
        case "galaxy":
            picks = galaxy(*inputs, labels, options.budget, oracle, rng)
        case "direct":
            picks = direct(*inputs, labels, options.budget, oracle, rng)
        case "badge":
            picks = badge(*inputs, labels, options.budget, rng)
        case "coreset":
            picks = coreset(*inputs, labels, options.budget)
    row = {
        "peer": "labelbench style",
        "strategy": options.strategy,
        "rows": len(labels),
        "budget": len(picks),
        "load_seconds": round(loaded - start, 3),
        "select_seconds": round(time.perf_counter() - loaded, 3),
        "peak_memory_bytes": peak_memory(),
        "picks": digest(picks),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
