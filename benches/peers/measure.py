"""What the peers share: the files of `scale make`, peak memory, and the digest of a selection."""

import hashlib
import resource
from pathlib import Path

import numpy as np


def load(folder: Path, *names: str) -> list[np.ndarray]:
    """Arrays by name, read into memory."""
    return [np.load(folder / f"{name}.npy") for name in names]


def digest(picks: list[int]) -> str:
    """The digest that `scale run` prints as `picks`: equal digests, equal rows in equal order."""
    rows = np.asarray(picks, dtype="<u8")
    return hashlib.sha256(rows.tobytes()).hexdigest()[:16]


def peak_memory() -> int:
    """The most bytes of this process that were resident at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
