"""Writes label_quality.json, the reference that tests/label_quality.rs compares with.

Regenerate, from this folder: pip install numpy cleanlab && python label_quality.py
cleanlab rounds the joint to whole counts; here it is kept as it is before that.
"""

import json

import cleanlab
import numpy as np
from cleanlab.count import compute_confident_joint, estimate_joint, get_confident_thresholds
from cleanlab.filter import find_label_issues

# Rows, classes, share of wrong labels, how sharp the predictions are, labels of the rarest class.
CASES = [(80, 2, 0.1, 2.0, 30), (120, 3, 0.2, 2.0, 12), (150, 5, 0.4, 4.0, 5)]

rng = np.random.default_rng(11)
cases = []
for rows, classes, noise, sharpness, rare in CASES:
    # One class more than there are labels of: no item has it, no item is flagged as it.
    truth = np.concatenate([np.zeros(rare, int), rng.integers(1, classes, rows - rare)])
    wrong = rng.random(rows) < noise
    labels = np.where(wrong, (truth + rng.integers(1, classes, rows)) % classes, truth)
    odds = rng.lognormal(size=(rows, classes + 1))
    odds[np.arange(rows), truth] *= np.exp(sharpness)
    # Single precision, as alfm holds them.
    p = np.round(odds / odds.sum(axis=1, keepdims=True), 4).astype(np.float32).astype(np.float64)

    counts = np.bincount(labels, minlength=classes + 1)
    assert counts[:classes].min() > 1, "cleanlab judges classes with one label, alfm does not"
    thresholds = get_confident_thresholds(labels, p)
    confident = p >= thresholds
    # Of several confident classes the paper takes the most probable; cleanlab takes the most probable of
    # all, confident or not. And cleanlab flags an item by its most probable class, not its confident one.
    several = confident.sum(axis=1) > 1
    among = np.where(confident, p, -1).argmax(axis=1)
    assert (among == p.argmax(axis=1))[several].all(), "the rules differ on these rows"
    joint = compute_confident_joint(labels, p, calibrate=False)
    # Including the one that cleanlab puts where the diagonal is 0.
    scaled = joint / joint.sum(axis=1, keepdims=True) * counts[:, None] / rows
    assert np.abs(scaled - estimate_joint(labels, p)).max() < 1 / rows
    flagged = find_label_issues(labels, p, filter_by="confident_learning", n_jobs=1)
    cases.append(
        {
            "probabilities": np.round(p, 4).tolist(),
            "labels": labels.tolist(),
            "thresholds": [None if t > 1 else t for t in thresholds.tolist()],
            "confident_joint": joint.tolist(),
            "joint": scaled.tolist(),
            "noise_rate": 1 - float(np.trace(scaled)),
            "flagged": np.flatnonzero(flagged).tolist(),
        }
    )

with open("label_quality.json", "w") as file:
    reference = {"made_with": f"cleanlab {cleanlab.__version__}", "cases": cases}
    json.dump(reference, file, separators=(",", ":"))
    file.write("\n")
