"""Run the whole chain once on a tiny landscape, so that its kernels are compiled before anyone waits for them.

Runs in .venv with the folder that holds the package ``bitscape`` on PYTHONPATH. The compiled code goes to the user's
own cache, keyed by version; a change of a kernel's source has it compiled again at its next use.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bitscape.processing.environment import prepare

SIZE = 128


def main() -> None:
    """Sample data, tiles, model, map."""
    prepare()
    from bitscape.processing import operations
    from bitscape.processing.progress import Progress

    def run(name: str, **request: Any) -> dict[str, Any]:
        return operations.run(name, request, Progress())

    with tempfile.TemporaryDirectory(prefix="bitscape-") as name:
        folder = Path(name)
        tiles, model = folder / "tiles.tif", folder / "model.json"
        made = run("createsampledata", folder=folder / "data", size=SIZE, years=[2020, 2024])
        run(
            "buildembeddingtiles", inputs=made["embeddings"], output=tiles, picture=folder / "picture.tif",
            coverage=folder / "coverage.tif",
        )
        run("trainclassifier", tiles=tiles, labels=made["labels"], model=model)
        run("applyclassifier", tiles=[tiles], model=model, score=folder / "score.tif", classes=folder / "classes.tif")


if __name__ == "__main__":
    main()
