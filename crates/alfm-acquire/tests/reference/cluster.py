"""Reference for the strategies that cluster, in the most direct form: full matrices, plain loops.

Regenerate `cluster.json` beside this file with `python3 cluster.py` (needs numpy and scipy).

Random numbers are those of the crate: a tree of SHA-256 seeds, ChaCha8, inverse cumulative sums.
"""

import hashlib
import json
import pathlib

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist


# Random numbers


def root(seed):
    return hashlib.sha256(seed.to_bytes(8, "little")).digest()


def child(node, name):
    return hashlib.sha256(node + b"\0" + name.encode()).digest()


def index(node, number):
    return hashlib.sha256(node + b"\1" + number.to_bytes(8, "little")).digest()


def chacha8(key):
    """Words of the stream of a 32-byte key, stream 0."""

    def quarter(s, a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xFFFFFFFF
            mixed = s[z] ^ s[x]
            s[z] = ((mixed << turn) | (mixed >> (32 - turn))) & 0xFFFFFFFF

    constants = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]
    words = [int.from_bytes(key[i : i + 4], "little") for i in range(0, 32, 4)]
    counter = 0
    while True:
        start = constants + words + [counter & 0xFFFFFFFF, counter >> 32, 0, 0]
        state = list(start)
        for _ in range(4):
            quarter(state, 0, 4, 8, 12)
            quarter(state, 1, 5, 9, 13)
            quarter(state, 2, 6, 10, 14)
            quarter(state, 3, 7, 11, 15)
            quarter(state, 0, 5, 10, 15)
            quarter(state, 1, 6, 11, 12)
            quarter(state, 2, 7, 8, 13)
            quarter(state, 3, 4, 9, 14)
        yield from ((a + b) & 0xFFFFFFFF for a, b in zip(state, start))
        counter += 1


assert next(chacha8(root(0))) == 2_379_803_234


def uniforms(node):
    words = chacha8(node)
    while True:
        low, high = next(words), next(words)
        yield ((high << 32 | low) >> 11) * 2.0**-53


def categorical(weights, random):
    total = weights.sum()
    if total <= 0:
        return None
    return int(np.argmax(np.cumsum(weights) > next(random) * total))


def draw(left, random):
    return left.pop(min(int(next(random) * len(left)), len(left) - 1))


# Building blocks


def normalised(x):
    x = x.astype(np.float64)
    norms = np.sqrt((x**2).sum(1, keepdims=True))
    return np.divide(x, norms, out=np.zeros_like(x), where=norms > 0).astype(np.float32)


def squared(a, b):
    return cdist(a.astype(np.float64), b.astype(np.float64), "sqeuclidean")


def plus_plus(x, count, random, first=None):
    left, chosen, scores = list(range(len(x))), [], []
    nearest = np.full(len(x), np.inf)
    while left and len(chosen) < count:
        at = first if not chosen else categorical(nearest, random)
        if at is None:
            at = draw(left, random)
        else:
            left.remove(at)
        scores.append(nearest[at])
        chosen.append(at)
        nearest = np.minimum(nearest, squared(x, x[[at]])[:, 0])
        nearest[at] = 0
    return chosen, scores


def k_means(x, k, random):
    means = x[plus_plus(x, k, random)[0]].copy()
    before = None
    for _ in range(100):
        distances = squared(x, means)
        labels = distances.argmin(1)
        own = distances[np.arange(len(x)), labels]
        far = [i for i in np.argsort(-own, kind="stable") if own[i] > 0]
        for empty in [c for c in range(len(means)) if not (labels == c).any()]:
            far = [i for i in far if (labels == labels[i]).sum() > 1]
            if not far:
                break
            labels[far.pop(0)] = empty
        if before is not None and (labels == before).all():
            break
        before = labels
        for c in range(len(means)):
            if (labels == c).any():
                means[c] = x[labels == c].astype(np.float64).mean(0).astype(np.float32)
    return labels, means


def representatives(x, rows, count, random):
    if len(rows) <= count:
        return [(r, 1.0) for r in rows]
    unit = normalised(x[rows])
    labels, means = k_means(unit, count, random)
    found = []
    for c in range(len(means)):
        members = np.flatnonzero(labels == c)
        if len(members):
            nearest = members[squared(unit[members], means[[c]])[:, 0].argmin()]
            found.append((rows[nearest], float(len(members))))
    return sorted(found, key=lambda pick: -pick[1])


def complete(picks, candidates, budget, random):
    left = [r for r in candidates if r not in {p for p, _ in picks}]
    while len(picks) < budget and left:
        picks.append((draw(left, random), 0.0))
    return picks


def softmax(z):
    e = np.exp(z.astype(np.float64) - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def margin(case, count):
    top = np.sort(softmax(case["model"]), axis=1)
    margins = top[:, -1] - top[:, -2]
    return sorted(((r, -margins[r]) for r in case["candidates"]), key=lambda p: -p[1])[:count]


# Strategies: (case, budget, node) -> picks


def oversampled(case, budget, node, factor=3):
    rows = sorted(r for r, _ in margin(case, factor * budget))
    random = uniforms(node)
    picks = representatives(case["embeddings"], rows, budget, random)
    return complete(picks, rows, budget, random)


def cluster_margin(case, budget, node, subset=2000, shuffled=False, epsilon=None):
    x = case["embeddings"].astype(np.float64)
    random = uniforms(child(node, "subset"))
    left = list(range(len(x)))
    some = left if len(x) <= subset else sorted(draw(left, random) for _ in range(subset))
    merges = linkage(x[some], "average")
    if epsilon is None:
        epsilon = merges[len(some) - int(np.ceil(len(some) / 10)) - 1, 2]
    raw = fcluster(merges, epsilon, "distance")
    order = list(dict.fromkeys(raw))
    labels = {r: order.index(c) for r, c in zip(some, raw)}
    means = np.array([x[[r for r in some if labels[r] == c]].mean(0) for c in range(len(order))])
    unsure = margin(case, 10 * budget)
    groups = {}
    for pick in unsure:
        row = pick[0]
        if row not in labels:
            labels[row] = int(squared(x[[row]], means)[0].argmin())
        groups.setdefault(labels[row], []).append(pick)
    groups = [groups[c] for c in sorted(groups)]
    if shuffled:
        random = uniforms(child(node, "members"))
        groups = [[draw(group, random) for _ in range(len(group))] for group in groups]
    groups = sorted(groups, key=len)
    picks = []
    while len(picks) < min(budget, len(unsure)):
        for group in groups:
            if group and len(picks) < budget:
                picks.append(group.pop(0))
    return picks


def typiclust(case, budget, node, max_clusters=500):
    rows = sorted(case["labels"].keys() | set(case["candidates"]))
    x = normalised(case["embeddings"][rows])
    labelled = np.array([r in case["labels"] for r in rows])
    count = min(labelled.sum() + budget, max_clusters)
    labels, means = k_means(x, count, uniforms(child(node, "k-means")))
    clusters = [np.flatnonzero(labels == c) for c in range(len(means))]
    clusters = [c for c in clusters if len(c) >= 6]
    clusters = sorted(clusters, key=lambda c: (labelled[c].sum(), -len(c)))
    clusters = [[i for i in c if not labelled[i]] for c in clusters]
    picks = []
    while any(clusters) and len(picks) < budget:
        for cluster in clusters:
            if not cluster or len(picks) == budget:
                continue
            neighbours = min(20, max(1, len(cluster) // 2))
            distances = np.sqrt(squared(x[cluster], x[cluster]))
            scores = []
            for i in range(len(cluster)):
                others = np.sort(np.delete(distances[i], i))[:neighbours]
                scores.append(1 / ((others.mean() if len(others) else 0.0) + 1e-5))
            best = int(np.argmax(scores))
            picks.append((rows[cluster.pop(best)], scores[best]))
    return complete(picks, case["candidates"], budget, uniforms(child(node, "rest")))


def probcover(case, budget, node, delta=None):
    rows = sorted(case["labels"].keys() | set(case["candidates"]))
    x = normalised(case["embeddings"][rows])
    distances = np.sqrt(squared(x, x))
    if delta is None:
        labels, _ = k_means(x, case["model"].shape[1], uniforms(child(node, "k-means")))
        low, high = 0.0, 1.0
        for _ in range(6):
            radius = (low + high) / 2
            pure = [(labels[distances[i] < radius] == labels[i]).all() for i in range(len(x))]
            low, high = (radius, high) if np.mean(pure) >= 0.95 else (low, radius)
        delta = low or high
    near = distances < delta
    np.fill_diagonal(near, True)
    labelled = np.array([r in case["labels"] for r in rows])
    covered = near[labelled].any(0)
    picks = []
    while len(picks) < budget:
        gains = np.where(labelled, -1, (near & ~covered).sum(1))
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        picks.append((rows[best], float(gains[best])))
        covered |= near[best]
    return complete(picks, case["candidates"], budget, uniforms(child(node, "rest")))


def dropquery(case, budget, node, factor=2):
    candidates = case["candidates"]
    if case["labels"]:
        predicted = case["model"].argmax(1)
        wrong = sum((drop.argmax(1) != predicted).astype(int) for drop in case["passes"])
        threshold = len(case["passes"]) // 2
        while threshold > 0 and sum(wrong[r] > threshold for r in candidates) < factor * budget:
            threshold -= 1
        rows = [r for r in candidates if wrong[r] > threshold]
    else:
        rows = candidates
    random = uniforms(node)
    picks = representatives(case["embeddings"], rows, budget, random)
    return complete(picks, candidates, budget, random)


def alfamix(case, budget, node):
    """The elementwise form, anchor by anchor."""
    candidates = case["candidates"]
    x, w, c = (case[k].astype(np.float64) for k in ("embeddings", "weights", "bias"))
    labels = case["labels"]
    anchors = []
    for k in range(len(w)):
        rows = [r for r, label in labels.items() if label == k] or list(labels)
        if rows:
            anchors.append(x[rows].mean(0))
    rows = []
    for step in range(1, 6):
        epsilon = 0.2 * step / np.sqrt(x.shape[1])
        rows = []
        for r in candidates:
            z = w @ x[r] + c
            q = softmax(z)
            q[z.argmax()] -= 1
            gradient = w.T @ q
            for anchor in anchors:
                apart = anchor - x[r]
                size = np.linalg.norm(apart) / np.linalg.norm(gradient)
                alpha = epsilon * size * gradient / apart
                mixed = alpha * anchor + (1 - alpha) * x[r]
                if (w @ mixed + c).argmax() != z.argmax():
                    rows.append(r)
                    break
        if len(rows) > budget:
            break
    random = uniforms(node)
    picks = representatives(case["embeddings"], rows, budget, random)
    return complete(picks, candidates, budget, random)


def alps(case, budget, node):
    candidates = case["candidates"]
    sampled = np.zeros_like(case["surprisal"])
    for r in candidates:
        left = list(np.flatnonzero(case["surprisal"][r]))
        random = uniforms(index(child(node, "tokens"), r))
        for _ in range(max(1, int(np.floor(0.15 * len(left) + 0.5)))):
            if left:
                at = draw(left, random)
                sampled[r, at] = case["surprisal"][r, at]
    random = uniforms(child(node, "k-means"))
    picks = representatives(sampled, candidates, budget, random)
    return complete(picks, candidates, budget, random)


def lhd(case, budget, node):
    candidates = case["candidates"]
    average, online = softmax(case["averaged"]), softmax(case["model"])
    label = average.argmax(1)
    every = np.arange(len(label))
    change = np.abs(np.log(average[every, label]) - np.log(online[every, label]))
    hidden = case["hidden"].astype(np.float64) - case["online_hidden"].astype(np.float64)
    v = (change[:, None] * hidden)[candidates].astype(np.float32)
    norms = (v.astype(np.float64) ** 2).sum(1)
    chosen, scores = plus_plus(v, budget, uniforms(node), int(norms.argmax()))
    scores[0] = norms[chosen[0]]
    return [(candidates[i], s) for i, s in zip(chosen, scores)]


STRATEGIES = {
    "oversampled": ("oversampled", oversampled),
    "cluster-margin": ("cluster-margin", cluster_margin),
    "cluster-margin, subset": (
        "cluster-margin",
        lambda *a: cluster_margin(*a, subset=25, shuffled=True, epsilon=1.5),
    ),
    "typiclust": ("typiclust", typiclust),
    "typiclust, few clusters": ("typiclust", lambda *a: typiclust(*a, max_clusters=3)),
    "probcover": ("probcover", probcover),
    "probcover, delta": ("probcover", lambda *a: probcover(*a, delta=0.6)),
    "dropquery": ("dropquery", dropquery),
    "alfamix": ("alfamix", alfamix),
    "alps": ("alps", alps),
    "lhd": ("lhd", lhd),
}


def make_case(number):
    rng = np.random.default_rng(number)
    rows, classes, width = [40, 60, 50][number], [3, 4, 2][number], [4, 5, 3][number]
    centres = rng.normal(0, 1.5, (classes + 2, width))
    short = lambda x: np.round(x, 4).astype(np.float32)
    surprisal = short(rng.gamma(1.0, 2.0, (rows, 16)) + 0.01)
    for r in range(rows):
        surprisal[r, rng.integers(3, 17) :] = 0
    model = rng.normal(0, 1, (rows, classes))
    # The last class is never seen; nothing is labelled in the last case.
    known = rng.choice(rows, [5, 8, 0][number], replace=False)
    labels = {int(r): int(rng.integers(0, max(1, classes - 1))) for r in sorted(known)}
    return {
        "rows": rows,
        "labels": labels,
        "candidates": [r for r in range(rows) if r not in labels],
        "embeddings": short(centres[rng.integers(0, classes + 2, rows)] + rng.normal(0, 0.5, (rows, width))),
        "model": short(model),
        "passes": [short(model + rng.normal(0, 0.8, model.shape)) for _ in range(3)],
        "averaged": short(model + rng.normal(0, 0.5, model.shape)),
        "hidden": short(rng.normal(0, 1, (rows, 4))),
        "online_hidden": short(rng.normal(0, 1, (rows, 4))),
        "weights": short(rng.normal(0, 1, (classes, width))),
        "bias": short(rng.normal(0, 0.3, classes)),
        "surprisal": surprisal,
    }


def flat(value):
    if isinstance(value, np.ndarray):
        return [round(float(v), 4) for v in value.ravel()]
    if isinstance(value, dict):
        return [[r, c] for r, c in value.items()]
    return [flat(v) for v in value] if isinstance(value, list) else value


def main():
    cases = []
    for number in range(3):
        case = make_case(number)
        given = {k: flat(v) for k, v in case.items() if k != "candidates"}
        given["width"] = case["embeddings"].shape[1]
        given["classes"] = case["model"].shape[1]
        expected = []
        for label, (name, strategy) in STRATEGIES.items():
            for budget, seed in ((1, 0), (4, 1), (11, 2)):
                picks = strategy(case, budget, child(root(seed), name))
                assert len({r for r, _ in picks}) == budget
                expected.append(
                    {
                        "strategy": label,
                        "budget": budget,
                        "seed": seed,
                        "rows": [int(r) for r, _ in picks],
                        "scores": [float(f"{s:.7g}") for _, s in picks],
                    }
                )
        cases.append(given | {"expected": expected})
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")
    print(path.stat().st_size, "bytes")


main()
