"""Run the whole chain once on a tiny landscape, so that its kernels are compiled before anyone waits for them.

Calls the backend as a user does, by the path of its folder: numba keeps compiled code by that path, in
the user's own cache. A change of a kernel's source has it compiled again at its next use.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BACKEND = Path(__file__).resolve().parent.parent / "processing" / "__main__.py"
SIZE = 640
"""More than one block, so that overviews are averaged too."""


def run(operation: str, **request: Any) -> dict[str, Any]:
    """One operation of the backend; its result. Raises CalledProcessError if it fails."""
    done = subprocess.run(
        [sys.executable, "-I", str(BACKEND), operation, "-"],
        input=json.dumps(request, default=str),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    """Sample data, tiles, model, map."""
    with tempfile.TemporaryDirectory(prefix="bitscape-") as name:
        folder = Path(name)
        tiles, model = folder / "tiles.tif", folder / "model.json"
        made = run("createsampledata", folder=folder / "data", size=SIZE, years=[2020, 2024])
        pictures = {"picture": folder / "picture.tif", "coverage": folder / "coverage.tif"}
        run("buildembeddingtiles", inputs=made["embeddings"], output=tiles, **pictures)
        run("trainclassifier", tiles=tiles, labels=made["labels"], model=model)
        run("applyclassifier", tiles=[tiles], model=model, score=folder / "score.tif", classes=folder / "classes.tif")


if __name__ == "__main__":
    main()
