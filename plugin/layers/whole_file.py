"""A file that appears whole or not at all: written under a temporary name beside it and renamed at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from ...processing.errors import OutputError
from ..translation import tr

ENDINGS = ("", "-journal", "-wal", "-shm")
"""What SQLite may leave beside a GeoPackage that could not be finished."""


@contextmanager
def whole_file(path: str | Path, replace: bool = True) -> Iterator[Path]:
    """A temporary path to write to; renamed to ``path`` when the block succeeds, else removed.

    Raises OutputError if the folder is missing or not writable, the disk is full, ``path`` is open as a GeoPackage
    somewhere, or it exists and is not to be replaced.
    """
    final = Path(path).absolute()
    if not final.parent.is_dir():
        raise OutputError(tr("The folder {0} does not exist. Create it or choose another one.").format(final.parent))
    if final.is_dir():
        raise OutputError(tr("{0} is a folder; a file is to be written there. Choose another name.").format(final))
    _require_free(final, replace)
    partial = final.with_name(f".{final.stem}.{uuid4().hex[:8]}.partial{final.suffix}")
    try:
        partial.touch()  # tells a folder without permission before a driver of GDAL says so in its own words
        partial.unlink()
        yield partial
        _require_free(final, replace)
        os.replace(partial, final)
    except OSError as error:
        message = tr("{0} could not be written: {1}. Choose another folder or name.")
        raise OutputError(message.format(final, error.strerror or error), str(error)) from error
    finally:
        for ending in ENDINGS:
            partial.with_name(partial.name + ending).unlink(missing_ok=True)


def _require_free(final: Path, replace: bool) -> None:
    if final.exists() and not replace:
        raise OutputError(tr("{0} exists already. Choose another name, or open that file.").format(final))
    if final.with_name(final.name + "-wal").exists():  # SQLite would replay this log into the new file
        message = tr("{0} is open in QGIS or in another program. Close it there or choose another name.")
        raise OutputError(message.format(final))
