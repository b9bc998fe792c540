"""Where a store's files are: a local folder, or below an http(s) address; a file of it that can be read in ranges."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from ..errors import InputError

Range = tuple[int, int]
"""Offset and length, in bytes."""
Check = Callable[[], None]
"""Raises Cancelled once the work was asked to stop."""

MANIFEST = "manifest.parquet"
LONGEST_PATH = 1024
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
"""A URL's scheme or a drive letter."""
ODD = re.compile(r"[\x00-\x1f\x7f\\:?#%]")


class ShardError(InputError):
    """A shard that is missing, damaged or does not answer: ``path`` as the manifest has it, and ``why`` in words.

    One shard's failure is for the caller to count; it need not end a search.
    """

    def __init__(self, path: str, why: str, detail: str = "") -> None:
        super().__init__(f"{path}: {why}", detail)
        self.path = path
        self.why = why


class Counter:
    """Bytes read, over all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = 0

    def add(self, count: int) -> None:
        """Count some more."""
        with self._lock:
            self._total += count

    @property
    def total(self) -> int:
        """The count so far."""
        return self._total


class StoredFile(Protocol):
    """One open file, for one thread. Its methods raise ShardError."""

    name: str
    size: int
    version: int
    """Another one after the file was changed, where that can be seen without reading it; else 0."""

    def want(self, ranges: Sequence[Range]) -> None:
        """Announce what will be read: it is counted, and fetched now, in few requests, where the file is far away."""

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes."""

    def read_into(self, offset: int, target: memoryview) -> None:
        """Exactly as many bytes as ``target`` has."""

    def arrow(self) -> Any:
        """The file for pyarrow; closed with this one."""


class Location(Protocol):
    """A folder of files, by relative path. ``name`` is what people call it."""

    name: str
    manifest: str
    counter: Counter
    remote: bool

    def open(
        self, path: str, size: int | None = None, check: Check = lambda: None, known: bool = False
    ) -> AbstractContextManager[StoredFile]:
        """Open a file of the folder; ``size`` is what it should have, if that is known. ``known``: so is its footer,
        which need not be fetched. Raises ShardError."""


def wrong_path(path: str) -> str:
    """Why ``path`` may lead out of a store, on some system; "" if it is relative, with forward slashes, without dots,
    scheme or drive."""
    if not path or len(path) > LONGEST_PATH:
        return f"a path has 1 to {LONGEST_PATH} characters"
    if path.startswith("/") or ADDRESS.match(path):
        return "it is an absolute path or an address"
    if ODD.search(path):
        return "it holds a backslash, a control character, or one of : ? # %, which mean something else in an address"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "it leads out of the store, or in a circle"
    return ""


def require_inside(path: str) -> None:
    """Raise ShardError if a path may lead out of the store."""
    if why := wrong_path(path):
        raise ShardError(path[:200], f"a path that cannot be: {why}.")


class LocalFolder:
    """A store on disk."""

    remote = False

    def __init__(self, folder: Path, manifest: str = MANIFEST) -> None:
        self.name = str(folder)
        self.manifest = manifest
        self.counter = Counter()
        self._root = folder.resolve()

    @contextmanager
    def open(
        self, path: str, size: int | None = None, check: Check = lambda: None, known: bool = False  # noqa: ARG002
    ) -> Iterator[StoredFile]:
        """Open a file. Raises ShardError if it is missing, outside the folder (by a link), or of another size."""
        check()
        require_inside(path)
        try:
            place = (self._root / path).resolve()
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
            raise ShardError(path, "it is a link that leads nowhere.", str(error)) from error
        if not place.is_relative_to(self._root):
            raise ShardError(path, "it is a link that leads out of the store, so it is not read.")
        try:
            stream = place.open("rb", buffering=0)
        except FileNotFoundError as error:
            raise ShardError(
                path, f"there is no such file in {self.name}, though the manifest names it.", str(error)) from error
        except OSError as error:
            raise ShardError(path, "it cannot be opened.", str(error)) from error
        with stream:
            file = LocalFile(path, place, stream, self.counter)
            try:
                yield file.expected(size)
            finally:
                file.close()


class LocalFile:
    """A local file; see StoredFile."""

    def __init__(self, name: str, place: Path, stream: Any, counter: Counter) -> None:
        self.name = name
        known = os.fstat(stream.fileno())
        self.size, self.version = known.st_size, known.st_mtime_ns
        self._place, self._stream, self._counter = place, stream, counter
        self._arrow: Any = None

    def expected(self, size: int | None) -> LocalFile:
        """Itself. Raises ShardError if it has another size than the manifest says."""
        require_size(self.name, self.size, size)
        return self

    def want(self, ranges: Sequence[Range]) -> None:
        """Counts them."""
        self._counter.add(sum(length for _, length in ranges))

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises ShardError if the file ends before."""
        target = bytearray(min(length, self.size))
        if length > len(target):
            raise truncated(self.name)
        self.read_into(offset, memoryview(target))
        return bytes(target)

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill ``target``. Raises ShardError if the file ends before."""
        try:
            self._stream.seek(offset)
            done = self._stream.readinto(target)
            while done < len(target):
                count = self._stream.readinto(target[done:])
                if not count:
                    raise truncated(self.name)
                done += count
        except (OSError, ValueError) as error:
            raise ShardError(self.name, "it cannot be read.", str(error)) from error

    def arrow(self) -> Any:
        """The same file, opened by pyarrow."""
        if self._arrow is None:
            try:
                self._arrow = pa.OSFile(str(self._place), "rb")
            except OSError as error:
                raise ShardError(self.name, "it cannot be opened.", str(error)) from error
        return self._arrow

    def close(self) -> None:
        """Close pyarrow's handle."""
        if self._arrow is not None:
            self._arrow.close()


def require_size(name: str, found: int, size: int | None) -> None:
    """Raise ShardError if a file has not the size that the manifest says."""
    if size is not None and found != size:
        raise ShardError(
            name, f"it has {found:,} bytes where the manifest says {size:,}: it was changed, or not copied to its end.")


def truncated(name: str) -> ShardError:
    """The error of a file that ends too early."""
    return ShardError(name, "it ends too early: it was truncated, or changed while it was read.")
