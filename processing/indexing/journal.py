"""What a build has finished, on disk beside its target: so that the same build goes on where it was stopped.

The work folder ``<name>.unfinished`` holds ``plan.json`` (the request, the inputs with their fingerprints, and what was
decided before the work began), ``journal.jsonl`` (a line for every file that is finished), sorted runs, and shards.
What the journal says is believed only where size and fingerprint of the file still agree.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import OutputError
from ..outputs import explained

PLAN, JOURNAL, LOCK = "plan.json", "journal.jsonl", "lock"
RUNS, STORE = "runs", "store"
OURS = {PLAN, f"{PLAN}.new", JOURNAL, LOCK, RUNS, STORE}
CHUNK = 1 << 20


def work_folder(target: Path) -> Path:
    """Where the unfinished work for a target lies."""
    return target.with_name(f"{target.name}.unfinished")


class Journal:
    """The journal of one build. Every line is a JSON object with ``what`` it is about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs, self.store = folder / RUNS, folder / STORE
        self._stream: BinaryIO | None = None

    @staticmethod
    @contextmanager
    def of(target: Path) -> Iterator[Journal]:
        """The journal for a target, this process's alone while the block runs.

        Raises OutputError if another process works on it, or the folder's name is taken by something else.
        """
        folder = work_folder(target)
        if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - OURS):
            raise OutputError(f"{folder} is where unfinished work for {target} would go, but it holds something else. "
                              "Move it, or choose another folder.")
        with explained(folder):
            folder.mkdir(exist_ok=True)
            held = _take(folder / LOCK, target)
        journal = Journal(folder)
        try:
            yield journal
        finally:
            journal._close()
            held.close()
            if {path.name for path in folder.iterdir()} <= {LOCK}:
                (folder / LOCK).unlink(missing_ok=True)
                folder.rmdir()

    def plan(self) -> dict[str, Any] | None:
        """The plan of the work that lies here; None if none does, or it cannot be read."""
        try:
            found = json.loads((self.folder / PLAN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def begin(self, plan: dict[str, Any]) -> None:
        """Begin anew: whatever lies here is removed, the plan is written."""
        self.discard()
        for folder in (self.runs, self.store):
            folder.mkdir(parents=True)
        beside = self.folder / f"{PLAN}.new"
        beside.write_text(json.dumps(plan, ensure_ascii=False), encoding="utf-8")
        os.replace(beside, self.folder / PLAN)

    def add(self, what: str, **facts: Any) -> None:
        """Write a line; it has left this process when this returns."""
        if self._stream is None:
            self._stream = (self.folder / JOURNAL).open("ab")
        self._stream.write(json.dumps({"what": what, **facts}, ensure_ascii=False).encode() + b"\n")
        self._stream.flush()

    def lines(self, what: str) -> list[dict[str, Any]]:
        """The lines about something, up to the first that is not whole."""
        found: list[dict[str, Any]] = []
        try:
            text = (self.folder / JOURNAL).read_bytes()
        except OSError:
            return found
        for line in text.splitlines(keepends=True):
            try:
                one = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n") or not isinstance(one, dict):
                break
            if one.get("what") == what:
                found.append(one)
        return found

    def rewrite(self, lines: list[dict[str, Any]]) -> None:
        """Keep only these lines: what a killed process left half written, or what is not believed, goes."""
        self._close()
        beside = self.folder / f"{PLAN}.new"
        beside.write_bytes(b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines))
        os.replace(beside, self.folder / JOURNAL)

    def sweep(self) -> None:
        """Remove the hidden files that a killed process has left among the shards: halves, and probes of folders."""
        for path in self.store.rglob(".*"):
            if path.is_file():
                path.unlink()

    def discard(self) -> None:
        """Remove all work, the plan first: without it nothing else is believed."""
        self._close()
        for name in (PLAN, f"{PLAN}.new", JOURNAL):
            (self.folder / name).unlink(missing_ok=True)
        for name in (RUNS, STORE):
            if (self.folder / name).exists():
                shutil.rmtree(self.folder / name)

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def file_facts(path: Path) -> dict[str, Any]:
    """Size and BLAKE2b-128 of a file, for its line."""
    digest, size = hashlib.blake2b(digest_size=16), 0
    with path.open("rb") as stream:
        while part := stream.read(CHUNK):
            digest.update(part)
            size += len(part)
    return {"bytes": size, "fingerprint": digest.hexdigest()}


def is_as_said(path: Path, line: dict[str, Any]) -> bool:
    """Whether a file is still what its line says."""
    try:
        if path.stat().st_size != line.get("bytes"):
            return False
        return bool(file_facts(path)["fingerprint"] == line.get("fingerprint"))
    except OSError:
        return False


def _take(lock: Path, target: Path) -> BinaryIO:
    """The lock file, held until it is closed or this process ends, however it ends. Raises OutputError if it is held
    by another."""
    stream = lock.open("ab")
    try:
        if os.name == "nt":
            import msvcrt

            getattr(msvcrt, "locking")(stream.fileno(), getattr(msvcrt, "LK_NBLCK"), 1)  # noqa: B009 (not on Unix)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        stream.close()
        raise OutputError(
            f"Another run is building {target} at this moment. Wait for it, or choose another folder.",
            str(error)) from error
    return stream
