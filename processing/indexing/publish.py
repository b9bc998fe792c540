"""A store appears at its target whole, in the place of an older one, or added to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, OutputError
from ..outputs import explained, require_folder
from ..progress import Progress
from ..store.description import StoreInfo
from ..store.manifest import ShardEntry, write_manifest
from ..store.shard_writer import fine_path
from ..store.store import Store

MANIFEST = "manifest.parquet"
SIDE_FILES = {".gpkg", ".qml", ".qmd"}
"""What may lie in a store's folder besides its own files."""


def require_target(target: Path, append: bool) -> None:
    """Raise OutputError unless a store can be written to ``target``: nothing, an empty folder, or an older store.

    A folder that holds anything a store does not is never replaced. With ``append`` there must be a store.
    """
    require_folder(target.with_name(f"{target.name}.probe"))
    if append:
        if not (target / MANIFEST).is_file():
            raise OutputError(f"There is no store at {target} to add patches to. Choose one, or build anew.")
        return
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"{target} is a file; a store is a folder. Choose another name.")
    if not any(target.iterdir()):
        return
    strangers = _strangers(target)
    if strangers:
        raise OutputError(f"{target} holds other things than a retrieval store, such as {strangers[0]}. Choose another "
                          "folder, or an empty one.")


def place(store: Path, target: Path, aside: Path) -> None:
    """Rename a finished store to its target; an older one there is first moved ``aside``, and then removed."""
    with explained(target):
        if target.exists():
            if any(target.iterdir()):
                if aside.exists():
                    shutil.rmtree(aside)
                target.rename(aside)
            else:
                target.rmdir()
        store.rename(target)
        if aside.exists():
            shutil.rmtree(aside)


def add(
    store: Path, target: Path, old: Sequence[ShardEntry], new: Sequence[ShardEntry], about: StoreInfo,
    progress: Progress,
) -> None:
    """Move new shards into a store, then replace its manifest: only what it lists is ever read."""
    with explained(target):
        for entry in new:
            for name in (entry.path, fine_path(entry.path)):
                if (store / name).exists():
                    (target / name).parent.mkdir(parents=True, exist_ok=True)
                    os.replace(store / name, target / name)
            progress.check()
    write_manifest(target / MANIFEST, [*old, *new], about, progress)


def open_existing(target: Path) -> tuple[StoreInfo, list[ShardEntry]]:
    """The store that is added to. Raises InputError if it is none of Bitscape's."""
    store = Store.open(target)
    if not store.about.record and not store.about.cells:
        raise InputError(f"{target} was not built by Bitscape; patches cannot be added to it.")
    return store.about, list(store.shards)


def _strangers(target: Path) -> list[str]:
    """Files in a folder that do not belong to a store; all of them if it is none."""
    files = [path.relative_to(target).as_posix() for path in sorted(target.rglob("*")) if not path.is_dir()]
    try:
        store = Store.open(target)
    except InputError:
        return files or [path.name for path in target.iterdir()]
    known = {entry.path for entry in store.shards}
    known |= {fine_path(path) for path in known} | {MANIFEST}
    return [name for name in files if name not in known and Path(name).suffix not in SIDE_FILES]
