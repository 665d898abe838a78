"""k-center greedy of `lightly-mundig`, Rust with Python bindings, on the files of `scale make`.

Its diversity selection chooses the item farthest from all chosen before, as CORESET does. It rounds
distances more coarsely, to about 1e-5: on small pools `picks` is the digest of `scale run --strategy
coreset`, on large ones near ties fall in another order (499 of 500 rows equal out of 100,000).

The file is not named after the package, which Python would then take it for.

    python -m venv venv
    venv/bin/pip install numpy lightly-mundig
    target/release/scale make pool --rows 1000000 --classes 10 --dimension 384 --labelled 500
    venv/bin/python benches/peers/mundig_k_center.py pool --budget 1000

Prints one JSON line: seconds to load, to hand over the embeddings and to select, and peak memory.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from lightly_mundig import Selection

from measure import digest, load, peak_memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--budget", type=int, required=True)
    options = parser.parse_args()

    start = time.perf_counter()
    labels, embeddings = load(options.folder, "labels", "embeddings")
    labelled = np.flatnonzero(labels >= 0).tolist()
    loaded = time.perf_counter()
    selection = Selection()
    selection.add_diversifying_strategy(embeddings=embeddings, strength=1.0)
    handed = time.perf_counter()
    chosen = selection.run_selection(
        preselected_indices=labelled,
        n_total_samples=len(labels),
        n_samples_to_select=len(labelled) + options.budget,
    )
    end = time.perf_counter()
    picks = chosen[len(labelled) :]
    row = {
        "peer": f"lightly-mundig {version('lightly-mundig')}",
        "rows": len(labels),
        "dimension": embeddings.shape[1],
        "labelled": len(labelled),
        "budget": len(picks),
        "load_seconds": round(loaded - start, 3),
        "hand_over_seconds": round(handed - loaded, 3),
        "select_seconds": round(end - handed, 3),
        "peak_memory_bytes": peak_memory(),
        "picks": digest(picks),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
