"""How many patches have the name and year of another one: counted exactly, in little memory, by 64-bit hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress

BLOCK = 1 << 21
"""Hashes compared at once, about."""


def hashes(ids: Any, years: NDArray[np.int32]) -> NDArray[np.uint64]:
    """A hash (BLAKE2b, 8 bytes) of each name, a pyarrow array of strings, with its year."""
    salts = [int(year).to_bytes(2, "little") for year in years]
    digest = hashlib.blake2b
    parts = [digest((text or "").encode() + salt, digest_size=8).digest()
             for text, salt in zip(ids.to_pylist(), salts, strict=True)]
    return np.frombuffer(b"".join(parts), np.uint64)


def write_hashes(path: Path, parts: Sequence[NDArray[np.uint64]]) -> None:
    """Write hashes, sorted, as raw numbers."""
    np.sort(np.concatenate(parts)).tofile(path)


def repeated(paths: Sequence[Path], progress: Progress) -> int:
    """How many of the hashes in sorted files are there already. Ranges of values are compared one after another."""
    total = sum(path.stat().st_size // 8 for path in paths)
    count = max(1, -(-total // BLOCK))
    edges = [round(step * 2**64 / count) for step in range(1, count)]
    starts = [np.zeros(len(paths), np.int64)]
    files = [np.memmap(path, np.uint64, "r") if path.stat().st_size else np.empty(0, np.uint64) for path in paths]
    starts += [np.array([np.searchsorted(file, np.uint64(edge)) for file in files], np.int64) for edge in edges]
    starts.append(np.array([len(file) for file in files], np.int64))
    del files
    found = 0
    for step in range(count):
        parts = [np.fromfile(path, np.uint64, int(high - low), offset=8 * int(low))
                 for path, low, high in zip(paths, starts[step], starts[step + 1], strict=True)]
        values = np.concatenate(parts) if parts else np.empty(0, np.uint64)
        found += len(values) - len(np.unique(values))
        progress.report((step + 1) / count)
    return found
