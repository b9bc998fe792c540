"""Outputs appear whole or not at all: written under a temporary name in their own folder, renamed at the end."""

from __future__ import annotations

import errno
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError
from .progress import Progress

SETTLING = 0.05
"""Seconds in which a file that is about to be created comes to be."""

_open: set[Path] = set()
_lock = threading.Lock()


@contextmanager
def whole_or_nothing(progress: Progress, *targets: str | Path) -> Iterator[tuple[Path, ...]]:
    """Temporary paths to write ``targets`` to; renamed to them, in order, when the block succeeds, else removed.

    Raises OutputError if a folder is missing or not writable, or the disk is full.
    """
    finals = [Path(target) for target in targets]
    if len({final.resolve() for final in finals}) != len(finals):
        raise OutputError(f"Two outputs have the same name: {', '.join(str(final) for final in finals)}.")
    partials = tuple(_partial(final) for final in finals)
    for final, partial in zip(finals, partials, strict=True):
        require_folder(final)
        _remove_stale(final)
        with _lock:
            _open.add(partial)
        progress.writing(str(partial))
    try:
        with explained(finals[0]):
            yield partials
            progress.check()
            for final, partial in zip(finals, partials, strict=True):
                os.replace(partial, final)
                _forget_statistics(final)
    finally:
        for partial in partials:
            partial.unlink(missing_ok=True)
            with _lock:
                _open.discard(partial)


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn the operating system's errors while writing ``target`` into words."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(
                f"The disk that holds {target.parent} is full; nothing was written. Free space or choose "
                "another folder.",
                str(error),
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise OutputError(f"{target.parent} does not allow writing. Choose another folder.", str(error)) from error
        raise


def require_folder(target: str | Path) -> None:
    """Raise OutputError if ``target`` cannot be written: its folder is missing or read-only, or it is a folder."""
    final = Path(target)
    folder = final.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"The folder {folder} does not exist. Create it or choose another one.")
    if final.is_dir():
        raise OutputError(f"{final} is a folder; a file is to be written there. Choose another name.")
    try:
        probe = folder / f".bitscape.{os.getpid()}.{threading.get_ident()}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"{folder} does not allow writing. Choose another folder.", str(error)) from error


def require_space(target: str | Path, size: int) -> None:
    """Raise OutputError if the disk of ``target`` has less than ``size`` bytes left."""
    folder = Path(target).absolute().parent
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OutputError(
            f"{target} may need {size / 1e9:.2f} GB, but the disk that holds {folder} has "
            f"{free / 1e9:.2f} GB left. Free space or choose another folder."
        )


def remove_partials() -> None:
    """Remove every unfinished file of this process: it is about to end.

    Another thread may be about to create one that is announced already, so this looks until it finds nothing twice.
    """
    quiet = 0
    while quiet < 2:
        with _lock:
            found = [partial for partial in _open if partial.exists()]
            for partial in found:
                partial.unlink(missing_ok=True)
        quiet = 0 if found else quiet + 1
        time.sleep(SETTLING)


def _partial(final: Path) -> Path:
    return final.with_name(f".{final.stem}.{os.getpid()}.partial{final.suffix}")


def _remove_stale(final: Path) -> None:
    """Remove what runs that were killed left of this very target."""
    pattern = re.compile(rf"\.{re.escape(final.stem)}\.(\d+)\.partial{re.escape(final.suffix)}")
    for path in final.absolute().parent.iterdir():
        found = pattern.fullmatch(path.name)
        if found and not _alive(int(found.group(1))):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    if os.name == "nt":  # signal 0 would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _forget_statistics(final: Path) -> None:
    """Remove the statistics and styles QGIS kept for the file that was replaced."""
    final.with_name(final.name + ".aux.xml").unlink(missing_ok=True)
