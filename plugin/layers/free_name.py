"""Names for new files: nothing of the user's is ever overwritten."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST = 1000


def free_name(path: Path, taken: Callable[[Path], Any] = Path.exists) -> Path:
    """``path``, or the first like it with a number at its end that is not ``taken``; ``path`` where all are. A year at
    its end is no such number."""
    if not taken(path):
        return path
    stem = re.sub(r"_\d{1,3}$", "", path.stem)
    tries = (path.with_name(f"{stem}_{number}{path.suffix}") for number in range(2, MOST))
    return next((one for one in tries if not taken(one)), path)
