"""The operation buildretrievalstore: patch embeddings of any size → a retrieval store, in two passes that can be
interrupted: patches are read, coded and written as sorted runs; then cell after cell becomes shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BitscapeError, InputError, OutputError
from ..outputs import require_folder, require_space
from ..progress import Progress
from ..store.description import StoreInfo
from ..store.manifest import ShardEntry, write_manifest
from . import cell_size, filing, publish
from .filing import Filed
from .inputs import Found, Source, find_files, open_rasters, open_tables
from .journal import Journal
from .overview import write_overview
from .patch_raster import RasterOptions
from .patch_table import TableOptions
from .plan import Plan, decide, differing, identity
from .repeated_names import repeated
from .requests import BuildStoreRequest, BuildStoreResult
from .sharding import write_shards

SMALL = 600
"""Bytes that a patch may need on disk besides its codes, in runs and shards together."""


def build_retrieval_store(request: BuildStoreRequest, progress: Progress) -> BuildStoreResult:
    """Build a store, add to one, or go on where an interrupted build of the same request stopped.

    Raises InputError, OutputError or Cancelled; then the target is as it was, and finished work waits beside it.
    """
    publish.require_target(request.output, request.append)
    if request.overview is not None:
        require_folder(request.overview)
    files, tables = find_files(request.input)
    _apart(files, request.output)
    with Journal.of(request.output) as journal, _kept(journal, progress):
        with progress.stage(0.0, 0.03, "Looking at the input"):
            about = identity(request, files, progress)
        continued = _may_continue(request, about, journal, progress)
        with progress.stage(0.03, 0.06, "Opening the input"):
            sources = _opened(request, files, tables, progress)
        return _Build(request, sources, about, journal, continued, progress).run()


@dataclass(frozen=True)
class _Build:
    request: BuildStoreRequest
    sources: Sequence[Source]
    about: dict[str, Any]
    journal: Journal
    continued: bool
    progress: Progress

    def run(self) -> BuildStoreResult:
        request, journal, progress = self.request, self.journal, self.progress
        existing: StoreInfo | None = None
        old: list[ShardEntry] = []
        if request.append:
            existing, old = publish.open_existing(request.output)
            self._not_there_already(existing)
        plan = self._plan(existing)
        rows = sum(source.rows for source in self.sources)
        require_space(request.output, rows * (SMALL + 2 * (plan.coding.bytes + plan.coding.fine_bytes)))
        letters = cell_size.asked(request.geohash, "" if existing is None else existing.cells)
        with progress.stage(0.15, 0.65, "Reading and coding patches"):
            filed = filing.file_patches(self.sources, plan, letters, journal, progress)
        with progress.stage(0.65, 0.68, "Comparing names"):
            duplicates = repeated(filed.names, progress)
        with progress.stage(0.68, 0.97, "Writing shards"):
            new, letters = write_shards(request, filed, plan.coding, letters, old, journal, progress)
        description = plan.about(letters)
        if existing is not None:
            description = existing.model_copy(update={"record": _extended(existing.record, plan.record)})
        size = self._publish(old, new, description)
        entries = [*old, *new]
        if request.overview is not None:
            title = f"Shards of {request.output.name}"
            text = f"{sum(entry.rows for entry in entries):,} patches in {files_said(len(entries))}."
            write_overview(request.overview, entries, title, text, description.record, progress)
        self._tell(filed, duplicates)
        journal.discard()
        return self._result(plan, filed, entries, new, size, duplicates)

    def _plan(self, existing: StoreInfo | None) -> Plan:
        """The plan of the unfinished work, what of it is good checked; or a new one."""
        if self.continued:
            plan = Plan.from_json(self.journal.plan() or {})
            with self.progress.stage(0.06, 0.15, "Checking the unfinished work"):
                self.journal.sweep()
                good = filing.believed(self.journal, self.progress)
            read = self.journal.lines(filing.RUN)
            done = read[-1]["counts"]["read"] if read else 0
            self.progress.info(f"Going on with unfinished work: {done:,} patches are read already ({good} runs).")
            return plan
        self._say_input()
        with self.progress.stage(0.06, 0.15, "Deciding on codes"):
            plan = decide(self.request, self.sources, self.about, existing, self.progress)
        self.journal.begin(plan.to_json(self.about))
        return plan

    def _publish(self, old: Sequence[ShardEntry], new: Sequence[ShardEntry], about: StoreInfo) -> int:
        request, journal, progress = self.request, self.journal, self.progress
        progress.report(0.97, "Writing the manifest")
        if request.append:
            publish.add(journal.store, request.output, old, new, about, progress)
        else:
            write_manifest(journal.store / publish.MANIFEST, new, about, progress)
            publish.place(journal.store, request.output, journal.folder / "old")
        return sum(path.stat().st_size for path in request.output.rglob("*") if path.is_file())

    def _not_there_already(self, existing: StoreInfo) -> None:
        there = {str(one.get("fingerprint")) for one in existing.record.get("inputs", []) if isinstance(one, dict)}
        twice = [label for label, _, mark, *_ in self.about["inputs"] if mark in there]
        if twice:
            if self.continued:  # it was stopped after all was added
                self.journal.discard()
            raise InputError(f"{twice[0]} is in the store already; its patches would be found twice. Leave it out.")

    def _say_input(self) -> None:
        rows = sum(source.rows for source in self.sources)
        self.progress.info(f"{rows:,} patches in {files_said(len(self.sources))}")
        for text in list(dict.fromkeys(source.dated_by for source in self.sources))[:20]:
            self.progress.info(f"Years are from {text}." if text else "Nothing dates the patches; they are undated.")
        for note in [note for source in self.sources for note in source.notes][:20]:
            self.progress.warn(note)

    def _tell(self, filed: Filed, duplicates: int) -> None:
        counts = filed.counts
        if counts.no_vector:
            self.progress.warn(f"{counts.no_vector:,} of {counts.read:,} patches have no vector, or one with NaN or "
                               "infinity in it, or too little data; they are left out.")
        if counts.no_place:
            self.progress.warn(
                f"{counts.no_place:,} of {counts.read:,} patches have no footprint on the Earth; they are left out.")
        if duplicates:
            self.progress.warn(f"{duplicates:,} patches have the name and year of another one; all are in the store.")

    def _result(
        self, plan: Plan, filed: Filed, entries: Sequence[ShardEntry], new: Sequence[ShardEntry], size: int,
        duplicates: int,
    ) -> BuildStoreResult:
        rows, added = sum(entry.rows for entry in entries), sum(entry.rows for entry in new)
        coding, known, recall = plan.coding, plan.known, plan.coding.recall
        stored = rows * known.dimensions * known.number_bytes
        self.progress.info(f"{rows:,} patches in {files_said(len(entries))}, {size / 1e6:,.1f} MB")
        return BuildStoreResult(
            output=self.request.output, overview=self.request.overview, model=known.model or "unknown",
            kind=coding.kind, recipe=coding.recipe, dimensions=coding.dimensions, code_bytes=coding.bytes, rows=rows,
            shards=len(entries), bytes=size, ratio=stored / size if size and rows and not known.bits else None,
            recall=None if recall is None else recall.value, recall_low=None if recall is None else recall.low,
            recall_high=None if recall is None else recall.high, recall_patches=0 if recall is None else recall.n,
            recall_refined=None if coding.refined is None else coding.refined.value,
            no_vector=filed.counts.no_vector, no_place=filed.counts.no_place, duplicates=duplicates,
            years=sorted({entry.year or 0 for entry in entries}), mapping=known.mapping.kind,
            continued=self.continued, appended=added if self.request.append else 0)


def _may_continue(
    request: BuildStoreRequest, about: dict[str, Any], journal: Journal, progress: Progress
) -> bool:
    """Whether unfinished work of this very request lies here. Raises OutputError if it is another's and worth
    keeping."""
    plan = journal.plan()
    if plan is None:
        return False
    if request.restart:
        progress.info("Unfinished work was thrown away, as asked.")
        return False
    if plan.get("identity") == about:
        return True
    if not journal.lines(filing.RUN):
        return False
    names = differing(about, plan.get("identity", {}))
    raise OutputError(
        f"{journal.folder} holds unfinished work of another request (it differs in {', '.join(names)}). Ask the same "
        "again to go on with it, or ask to begin anew, or choose another folder.")


def _opened(
    request: BuildStoreRequest, files: Sequence[Found], tables: bool, progress: Progress
) -> list[Source]:
    if tables:
        return open_tables(files, TableOptions(request.column, request.side, request.crs, request.year), progress)
    if request.column:
        raise InputError(f"{files[0][0]} is a raster: it has no column {request.column}. Leave the column empty.")
    options = RasterOptions(
        request.pixels, request.stride or request.pixels, request.share, request.crs, request.year)
    return open_rasters(files, options, progress)


def _apart(files: Sequence[Found], target: Path) -> None:
    """Raise OutputError if an input lies in the folder that is to be written."""
    inside = target.resolve()
    for path, *_ in files:
        if inside in Path(path).resolve().parents or inside == Path(path).resolve():
            raise OutputError(f"The input {path} lies in the output folder {target}. Choose another folder.")


@contextmanager
def _kept(journal: Journal, progress: Progress) -> Iterator[None]:
    """Say where finished work waits if the build stops early; remove what would not be gone on with."""
    try:
        yield
    except BitscapeError:
        if journal.plan() is not None and not journal.lines(filing.RUN):
            journal.discard()
        elif journal.plan() is not None:
            progress.info(f"The work done so far is in {journal.folder}; the same request goes on from there.")
        raise


def _extended(record: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """The provenance of a store that was added to."""
    inputs = [*record.get("inputs", []), *added["inputs"]]
    return {**record, "inputs": inputs, "added": [*record.get("added", []), added]}


def files_said(count: int) -> str:
    """A number of files, for people."""
    return "1 file" if count == 1 else f"{count:,} files"
