"""Stores behind http(s): files read in ranges, in few requests, that can be given up at once."""

from __future__ import annotations

import asyncio
import bisect
import io
import re
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa

from ..environment import bitscape_version
from ..errors import InputError
from .location import MANIFEST, Check, Counter, Range, ShardError, StoredFile, require_inside, require_size, truncated

T = TypeVar("T")
GAP = 128 * 2**10
"""Ranges closer than this are one request: a request costs as much as so many bytes."""
LONGEST_RANGE = 8 * 2**20
AT_ONCE = 16
"""Requests under way for a store."""
TAIL = 64 * 2**10
SMALL = 256 * 2**10
"""A file up to this size is read whole: its footer alone would cost as much time."""
CONNECT_SECONDS, SILENT_SECONDS, REQUEST_SECONDS = 10, 20, 300
RETRIES, RETRY_SECONDS = 3, 60
POLL = 0.1


class RemoteFolder:
    """A store below an address. Only what it is asked for is requested, and of this server alone."""

    remote = True

    def __init__(self, address: str, manifest: str) -> None:
        from obstore.store import HTTPStore

        self.name = address
        self.manifest = manifest
        self.counter = Counter()
        self._gate = asyncio.Semaphore(AT_ONCE)
        try:
            self._store = HTTPStore(
                address,
                client_options={
                    "allow_http": address.lower().startswith("http://"),
                    "user_agent": f"Bitscape/{bitscape_version()}",
                    "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                    "read_timeout": timedelta(seconds=SILENT_SECONDS),
                    "timeout": timedelta(seconds=REQUEST_SECONDS),
                },
                retry_config={
                    "max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS),
                    "backoff": {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=5), "base": 2},
                },
            )
        except Exception as error:  # obstore's own errors have no common public base
            raise InputError(f"{address} is not an address that can be read.", str(error)) from error

    @staticmethod
    def at(address: str) -> RemoteFolder:
        """The store of an address of its folder or its manifest. Raises InputError if it cannot be one."""
        parts = urlsplit(address)
        try:
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise InputError(f"{address[:200]} is not an address.", str(error)) from error
        if not host:
            raise InputError(f"{address[:200]} names no server.")
        if parts.username or parts.password:
            raise InputError(
                "The store's address holds a user name or password, which would be saved in projects and logs. Only "
                "stores that anyone may read can be opened.")
        if parts.query or parts.fragment:
            raise InputError(
                f"{urlunsplit((parts.scheme, parts.netloc, parts.path, '', ''))}: a store's address has no ? or #, "
                "because the shards' paths are put behind it.")
        folder, _, last = parts.path.rpartition("/")
        manifest = MANIFEST
        if last.lower().endswith(".parquet"):
            manifest = last
        else:
            folder = parts.path.rstrip("/")
        return RemoteFolder(urlunsplit((parts.scheme.lower(), parts.netloc, f"{folder}/", "", "")), manifest)

    @contextmanager
    def open(
        self, path: str, size: int | None = None, check: Check = lambda: None, known: bool = False
    ) -> Iterator[StoredFile]:
        """Open a file by asking for its end, or for all of it where it is small; for nothing yet where size and footer
        are known. Raises ShardError."""
        require_inside(path)
        file = RemoteFile(self._store, path, self.counter, self._gate, check)
        try:
            if known and size:
                file.size = size
            else:
                file.start(size)
            yield file
        finally:
            file.close()


class RemoteFile:
    """A file behind http(s); see StoredFile. What was fetched is kept until it is closed."""

    def __init__(self, store: Any, name: str, counter: Counter, gate: asyncio.Semaphore, check: Check) -> None:
        self.name = name
        self.size = self.version = 0
        self._store, self._counter, self._gate, self._check = store, counter, gate, check
        self._tag: str | None = None
        self._starts: list[int] = []
        self._parts: list[memoryview] = []

    def start(self, size: int | None) -> None:
        """Ask for the end, which tells the size. Raises ShardError if it is not ``size``."""
        if size is not None and size <= 0:
            raise truncated(self.name)
        if size is not None:
            length = size if size <= SMALL else TAIL
            options: Any = {"range": (size - length, size)}
        else:
            options = {"range": {"suffix": TAIL}}
        self._keep(*self._wait(self._get(options)))
        require_size(self.name, self.size, size)
        if self.size <= SMALL:
            self.want([(0, self.size)])

    def want(self, ranges: Sequence[Range]) -> None:
        """Fetch what is not there yet, near ranges together, several at once."""
        missing = coalesced(gap for wanted in ranges for gap in self._missing(*wanted))
        if missing:
            for found in self._wait(self._get_all(missing)):
                self._keep(*found)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes, fetched if they were not announced."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise truncated(self.name)
        target = bytearray(length)
        self.read_into(offset, memoryview(target))
        return bytes(target)

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill ``target``."""
        if offset < 0 or offset + len(target) > self.size:
            raise truncated(self.name)
        self.want([(offset, len(target))])
        done = 0
        while done < len(target):
            index = bisect.bisect_right(self._starts, offset + done) - 1
            inside = offset + done - self._starts[index]
            piece = self._parts[index][inside : inside + len(target) - done]
            target[done : done + len(piece)] = piece
            done += len(piece)

    def arrow(self) -> Any:
        """The file for pyarrow."""
        return pa.PythonFile(_Seekable(self), "r")

    def close(self) -> None:
        """Forget what was fetched."""
        self._starts.clear()
        self._parts.clear()

    def _missing(self, offset: int, length: int) -> Iterator[Range]:
        """The parts of a range that are not there; parts that are kept do not overlap."""
        end = min(offset + length, self.size)
        index = max(bisect.bisect_right(self._starts, offset) - 1, 0)
        while offset < end:
            if index < len(self._starts) and self._starts[index] <= offset:
                offset = max(offset, self._starts[index] + len(self._parts[index]))
                index += 1
                continue
            stop = min(self._starts[index], end) if index < len(self._starts) else end
            yield (offset, stop - offset)
            offset = stop

    def _keep(self, start: int, content: Any, size: int, tag: str | None) -> None:
        """Keep what was fetched where nothing is kept yet. Raises ShardError if the file is no more what it was."""
        if self.size and (size != self.size or (self._starts and tag != self._tag)):
            raise ShardError(self.name, "it was changed on the server while it was read. Try again.")
        self.size, self._tag = size, tag
        view = memoryview(content).cast("B")
        self._counter.add(len(view))
        for offset, length in list(self._missing(start, len(view))):
            place = bisect.bisect_left(self._starts, offset)
            self._starts.insert(place, offset)
            self._parts.insert(place, view[offset - start : offset - start + length])

    async def _get(self, options: Any) -> tuple[int, Any, int, str | None]:
        import obstore

        async with self._gate:
            result = await obstore.get_async(self._store, self.name, options=options)
            content = await result.bytes_async()
        start, stop = result.range
        asked = options["range"]
        if isinstance(asked, tuple) and (start, stop) != (asked[0], min(asked[1], result.meta["size"])):
            raise ShardError(self.name, "the server sent another part of it than was asked for.")
        if len(content) != stop - start:
            raise truncated(self.name)
        return start, content, int(result.meta["size"]), result.meta["e_tag"]

    async def _get_all(self, ranges: Sequence[Range]) -> list[tuple[int, Any, int, str | None]]:
        parts = [self._get({"range": (offset, offset + length)}) for offset, length in ranges]
        return list(await asyncio.gather(*parts))

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the loop's answer, and give the request up as soon as the work is to stop."""
        future = asyncio.run_coroutine_threadsafe(work, _loop())
        try:
            while True:
                self._check()
                try:
                    return future.result(POLL)
                except NotYet:
                    if future.done():
                        raise
        except ShardError:
            raise
        except (NotYet, CancelledError) as error:
            raise ShardError(self.name, "the server did not answer in time.", str(error)) from error
        except Exception as error:
            if type(error).__module__.startswith("obstore") or isinstance(error, OSError):
                raise ShardError(self.name, *_explained(error)) from error
            raise
        finally:
            future.cancel()


class _Seekable(io.RawIOBase):
    """What pyarrow needs of a file."""

    def __init__(self, file: RemoteFile) -> None:
        super().__init__()
        self._file, self._place = file, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        self._place = max(base + offset, 0)
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        left = max(self._file.size - self._place, 0)
        length = left if size is None or size < 0 else min(size, left)
        content = self._file.read(self._place, length)
        self._place += length
        return content


def coalesced(ranges: Any, gap: int = GAP, longest: int = LONGEST_RANGE) -> list[Range]:
    """Ranges in order, those less than ``gap`` bytes apart joined, the long ones cut."""
    joined: list[list[int]] = []
    for offset, length in sorted(ranges):
        if joined and offset - joined[-1][1] <= gap:
            joined[-1][1] = max(joined[-1][1], offset + length)
        else:
            joined.append([offset, offset + length])
    return [
        (start, min(longest, stop - start)) for begin, stop in joined for start in range(begin, stop, longest)
    ]


def _explained(error: Exception) -> tuple[str, str]:
    """What a failed request means, and its detail."""
    kind, text = type(error).__name__, str(error)
    found = text.lower()
    status = re.search(r"status code: (\d{3})", text)
    if kind == "NotFoundError" or isinstance(error, FileNotFoundError):
        return "the server does not have it (404).", text
    if kind in ("PermissionDeniedError", "UnauthenticatedError") or isinstance(error, PermissionError):
        return "the server does not allow reading it (401 or 403).", text
    if kind == "NotSupportedError" or ("range" in found and "not supported" in found):
        return (
            "the server cannot send parts of a file (HTTP ranges), so a store cannot be read from it. Copy the store "
            "to a disk, or to a server that can.", text)
    if status:
        return f"the server answered with an error ({status[1]}).", text
    if "timed out" in found or "timedout" in found:
        return "the server did not answer in time.", text
    if "redirect" in found:
        return "the server sends from one address to the next without an end, or to one that cannot be read.", text
    if "body error" in found or "interrupted" in found:
        return "the server broke off in the middle of it.", text
    if "connect" in found or "dns" in found or "sending request" in found:
        return "the server cannot be reached.", text
    return "it could not be read from the server.", text


_starting = threading.Lock()
_running: list[asyncio.AbstractEventLoop] = []


def _loop() -> asyncio.AbstractEventLoop:
    """The one loop of this process that waits for servers, in a thread of its own."""
    with _starting:
        if not _running:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="bitscape-http", daemon=True).start()
            _running.append(loop)
        return _running[0]
