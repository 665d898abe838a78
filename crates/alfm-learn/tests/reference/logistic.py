"""Writes logistic.json, the reference that tests/reference.rs compares with.

Regenerate, from this folder: pip install numpy scikit-learn && python logistic.py
scikit-learn minimises sum_i s_i CE_i + ||W||^2 / (2 C), intercepts free, in double precision.
"""

import json

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

ROWS, COLUMNS, CLASSES = 60, 5, 3
CASES = [
    {"c": 0.3, "balanced": True},
    {"c": 10.0, "balanced": True},
    {"c": 10.0, "balanced": False},
    {"c": 1000.0, "balanced": True},
]

rng = np.random.default_rng(7)
labels = rng.choice(CLASSES, ROWS, p=[0.7, 0.2, 0.1])
centres = rng.normal(size=(CLASSES, COLUMNS))
rows = np.round(centres[labels] + rng.normal(size=(ROWS, COLUMNS)), 3)
weights = rng.choice([0.25, 0.5, 1.0, 2.0], ROWS)

counts = np.bincount(labels, weights, CLASSES)
for case in CASES:
    scale = weights.sum() / (CLASSES * counts) if case["balanced"] else np.ones(CLASSES)
    sample_weights = weights * scale[labels]
    model = LogisticRegression(C=case["c"], tol=1e-12, max_iter=100_000)
    model.fit(rows, labels, sample_weights)
    losses = -model.predict_log_proba(rows)[np.arange(ROWS), labels]
    penalty = (model.coef_**2).sum() / (2 * case["c"])
    # Per unit of weight, as `Fit` reports it.
    case["loss"] = (float(sample_weights @ losses) + penalty) / weights.sum()
    case["weights"] = model.coef_.tolist()
    case["intercepts"] = model.intercept_.tolist()

reference = {
    "made_with": f"scikit-learn {sklearn.__version__}",
    "rows": rows.tolist(),
    "labels": labels.tolist(),
    "item_weights": weights.tolist(),
    "cases": CASES,
}
with open("logistic.json", "w") as file:
    json.dump(reference, file, separators=(",", ":"))
    file.write("\n")
