"""GALAXY and the second phase of DIRECT on random predictions and noisy labels, by the slowest road.

Writes graph.json beside this file; regenerate with `python3 graph.py`.
"""

import itertools
import json
from pathlib import Path

import numpy as np

RNG = np.random.default_rng(2202)


def line(p, k):
    if p.shape[1] == 2 and k == 1:
        return line(p, 0)[::-1]
    s = p[:, k] - p.max(axis=1)  # float32, as the predictions are
    return sorted(range(len(p)), key=lambda row: (-s[row], -p[row, k], row))


def galaxy_question(order, labels, k):
    n = len(order)
    y = [None if labels[row] is None else labels[row] == k for row in order]
    known = [at for at in range(n) if y[at] is not None]
    cuts = [(a, c) for a, c in itertools.pairwise(known) if y[a] != y[c]]
    gaps = [(c - a, a) for a, c in cuts if c - a > 1]
    if gaps:
        length, a = min(gaps)
        return order[(2 * a + length) // 2]
    # Edges of growing order around the cuts that are closed.
    for radius in range(1, n):
        around = {at for a, c in cuts for at in (a - radius, c + radius)}
        found = sorted(at for at in around if 0 <= at < n and y[at] is None)
        if found:
            return order[found[0]]
    raise ValueError("no cut")


def galaxy(p, labels, answers, budget):
    labels = list(labels)
    count = 1 if p.shape[1] == 2 else p.shape[1]
    lines = [line(p, k) for k in range(count)]
    picks = []
    for turn in range(budget):
        row = galaxy_question(lines[turn % count], labels, turn % count)
        labels[row] = answers[row]
        picks.append(row)
    return picks


def direct_around(p, labels, answers, budget, permutation):
    labels, picks, classes = list(labels), [], p.shape[1]
    for turn, k in enumerate(permutation):
        share = budget * (turn + 1) // classes - budget * turn // classes
        order = line(p, k)
        w = [0 if labels[row] is None else 1 if labels[row] == k else -1 for row in order]
        loss = [w[:j].count(-1) + w[j:].count(1) for j in range(len(w) + 1)]
        left, right = loss.index(min(loss)) - 1, loss.index(min(loss))
        while share:
            for at in (left, right):
                if share and 0 <= at < len(order) and labels[order[at]] is None:
                    labels[order[at]] = answers[order[at]]
                    picks.append(order[at])
                    share -= 1
            left, right = left - 1, right + 1
    return picks


def case(rows, classes, budget):
    p = RNG.dirichlet(np.full(classes, 0.5), rows).round(2 if rows > 40 else 4)
    p[:, 0] = 1 - p[:, 1:].sum(axis=1)
    p = np.abs(p).astype(np.float32)
    answers = [int(RNG.choice(classes, p=row / row.sum())) for row in p.astype(np.float64)]
    labelled = set(RNG.choice(rows, rows // 5, replace=False).tolist())
    labelled |= {answers.index(k) for k in range(classes)}
    labels = [answers[row] if row in labelled else None for row in range(rows)]
    return {
        "classes": classes,
        "probabilities": [round(float(x), 6) for x in p.ravel()],
        "labelled": sorted(labelled),
        "answers": answers,
        "galaxy": galaxy(p, labels, answers, budget),
        "direct": [
            direct_around(p, labels, answers, budget, permutation)
            for permutation in itertools.permutations(range(classes))
        ],
    }


if __name__ == "__main__":
    cases = [
        case(rows, classes, budget)
        for rows, classes, budget in [(20, 2, 12), (35, 3, 20), (60, 3, 40), (80, 4, 45), (90, 2, 60)]
    ]
    Path(__file__).with_suffix(".json").write_text(json.dumps(cases) + "\n")
