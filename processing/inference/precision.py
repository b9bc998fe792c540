"""The operation compareprecision: what a cheaper way to run a model (int8, float16, bfloat16, another provider)
costs, measured.

The reference and the other way answer the same real tiles, turn by turn; what is compared are the maps that come out.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..errors import InputError, ModelError
from ..operations import Request, Result
from ..progress import Progress
from .card import AccuracyFigure
from .card_file import save_sidecar, sidecar_fields, sidecar_path
from .heads import Head
from .model import Model
from .providers import PRECISE, PRECISIONS
from .sample_tiles import SampleTiles


class PrecisionRequest(Request):
    """``model`` on ``provider`` is the reference. The other is ``other_model`` (the same model in another precision;
    None: the same file) on ``other_provider`` ("": the same). ``tiles`` of ``tile`` pixels (0: the card's) are drawn by
    ``seed``
    from ``rasters``; ``bands`` as in segmentraster. ``remember``: note the agreement in the other model's sidecar."""

    model: Path
    rasters: list[str] = Field(min_length=1, max_length=200)
    other_model: Path | None = None
    other_provider: str = ""
    provider: str = "cpu"
    card: Path | None = None
    other_card: Path | None = None
    bands: list[int] | None = Field(None, max_length=512)
    tiles: int = Field(16, ge=1, le=1000)
    tile: int = Field(0, ge=0, le=8192)
    threads: int = Field(0, ge=0, le=1024)
    seed: int = Field(0, ge=0)
    remember: bool = False


class ClassAgreement(Result):
    """Of ``pixels`` that the reference gives this class, the share ``same`` that the other gives it too; ``iou`` of "
    "both."""

    id: int
    name: str
    pixels: int
    same: float | None
    iou: float | None


class HeadAgreement(Result):
    """How much a head differs. ``agreement``: share of pixels of the same class, None for numbers. Differences are of
    scores (0 to 1), or of the numbers themselves, whose standard deviation in the reference is ``deviation``."""

    name: str
    kind: str
    pixels: int
    agreement: float | None
    classes: list[ClassAgreement]
    mean_difference: float
    largest_difference: float
    deviation: float


class PrecisionResult(Result):
    """``on`` says what was measured; seconds are the median of a tile; ``sentence`` says it all to people."""

    reference: str
    other: str
    tiles: int
    on: str
    heads: list[HeadAgreement]
    seconds: float
    other_seconds: float
    faster: float
    size: int
    other_size: int
    sentence: str
    sidecar: str


@dataclass
class Tally:
    """What was seen of one head so far."""

    head: Head
    threshold: float
    counts: NDArray[np.int64]
    pixels: int = 0
    numbers: int = 0
    total: float = 0.0
    largest: float = 0.0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0])

    @staticmethod
    def of(head: Head, threshold: float) -> Tally:
        """An empty one."""
        classes = len(head.channel_ids) + (head.kind in ("binary", "several"))
        return Tally(head, threshold, np.zeros((classes, classes), np.int64))

    def add(self, ours: NDArray[np.float32], theirs: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        """Two answers (1, K, h, w) for a tile; ``valid`` (h, w) counts where the answer has that size."""
        good = valid if ours.shape[2:] == valid.shape else np.ones(ours.shape[2:], np.bool_)
        first, second = ours[0][:, good].astype(np.float64), theirs[0][:, good].astype(np.float64)
        away = np.abs(first - second)
        self.pixels += first.shape[1]
        self.numbers += first.size
        self.total += float(away.sum())
        self.largest = max(self.largest, float(away.max(initial=0)))
        self.sums[0] += float(first.sum())
        self.sums[1] += float((first * first).sum())
        if self.head.kind in ("classes", "binary", "several"):
            size = len(self.counts)
            pairs = self._decide(first) * size + self._decide(second)
            self.counts += np.bincount(pairs, minlength=size * size).reshape(size, size)

    def result(self) -> HeadAgreement:
        """The figures."""
        counted = self.head.kind in ("classes", "binary", "several")
        mean = self.sums[0] / self.numbers
        return HeadAgreement(
            name=self.head.name, kind=self.head.kind, pixels=self.pixels,
            agreement=float(np.trace(self.counts) / self.counts.sum()) if counted else None,
            classes=[self._class(row) for row in range(len(self.counts))] if counted else [],
            mean_difference=self.total / self.numbers, largest_difference=self.largest,
            deviation=math.sqrt(max(self.sums[1] / self.numbers - mean * mean, 0.0)),
        )  # fmt: skip

    def _class(self, row: int) -> ClassAgreement:
        ids = self.head.channel_ids
        number = (self.head.classes[0].id, *ids)[row] if len(ids) < len(self.counts) else ids[row]
        name = next(entry.name for entry in self.head.classes if entry.id == number)
        both, first, second = self.counts[row, row], self.counts[row].sum(), self.counts[:, row].sum()
        union = first + second - both
        return ClassAgreement(id=number, name=name, pixels=int(first), same=float(both / first) if first else None,
                              iou=float(both / union) if union else None)  # fmt: skip

    def _decide(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Rows of ``counts``: the channel that wins, after a background that has none."""
        best: NDArray[np.int64] = scores.argmax(axis=0)
        if self.head.kind == "classes":
            return best
        return np.where(scores.max(axis=0) >= self.threshold, best + 1, 0)


def measure_name(precision: str, provider: str) -> str:
    """Under which name the agreement is kept among a card's figures."""
    return f"agreement of {precision} on {provider} with the reference"


def compare_precision(request: PrecisionRequest, progress: Progress) -> PrecisionResult:
    """Run both over real tiles and count. Raises ModelError where the two do not answer the same question, InputError
    where the rasters hold no tile with data."""
    if request.other_model is None and request.other_provider in ("", request.provider):
        raise InputError("There is nothing to compare: name another model or another provider.")
    reference = Model.open(request.model, request.provider, request.threads, request.card, progress)
    path = request.other_model or request.model
    other_card = request.other_card or (request.card if request.other_model is None else None)
    other = Model.open(path, request.other_provider or request.provider, request.threads, other_card, progress)
    _require_same(reference, other)
    if other.fallback and request.other_provider:
        raise ModelError(f"There is nothing to compare: {other.fallback}")
    tallies = [Tally.of(head, reference.card.threshold) for head in reference.heads]
    seconds: list[tuple[float, float]] = []
    side = reference.inputs.size or other.inputs.size or request.tile or reference.tile_size
    with reference.stopping(progress), other.stopping(progress):
        tiles = SampleTiles(reference, request.rasters, request.bands, request.tiles, side, request.seed, progress)
        for channels, valid in tiles:
            ours, first = _timed(reference, channels)
            theirs, second = _timed(other, channels)
            seconds.append((first, second))
            for tally, one, two in zip(tallies, ours, theirs, strict=True):
                tally.add(one, two, valid)
            progress.report(len(seconds) / request.tiles, f"Compared {len(seconds)} tiles")
    if not seconds:
        raise InputError("No tile of the rasters holds data. Choose others.")
    names = sorted(tiles.used)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    on = f"{len(seconds)} tile{'s' * (len(seconds) > 1)} of {side} pixels of {', '.join(names[:5])}{more}"
    found = _result(reference, other, [tally.result() for tally in tallies], seconds, on)
    if request.remember:
        found = found.model_copy(update={"sidecar": _remember(other, found, progress)})
    return found


def _result(
    reference: Model, other: Model, heads: list[HeadAgreement], seconds: list[tuple[float, float]], on: str
) -> PrecisionResult:  # fmt: skip
    ours, theirs = (float(np.median([pair[which] for pair in seconds])) for which in (0, 1))
    first, second = _way(reference), _way(other)
    parts = []
    for head in heads:
        label = f"{head.name}: " if len(heads) > 1 and head.name else ""
        same = f"{_per_cent(head.agreement)} of pixels get the same class; " if head.agreement is not None else ""
        kind = "scores" if head.agreement is not None else "numbers"
        parts.append(
            f"{label}{same}{kind} differ by {head.mean_difference:.2g} on average, {head.largest_difference:.2g} at "
            "most"
        )
    pace = f"{ours / theirs:.2g} × the speed"
    sentence = f"{second} against {first}: {'. '.join(parts)}; {pace}; measured on {on}."
    return PrecisionResult(
        reference=first, other=second, tiles=len(seconds), on=on, heads=heads, seconds=ours, other_seconds=theirs,
        faster=ours / theirs, size=reference.file.size + reference.file.external,
        other_size=other.file.size + other.file.external, sentence=sentence, sidecar="",
    )  # fmt: skip


def _way(model: Model) -> str:
    return f"{model.path.name} ({model.file.precision}) on {model.provider_used}"


def _per_cent(share: float) -> str:
    """100 % only where it is all of them."""
    return f"{min(share, 0.99999) if share < 1 else 1:.3%}"


def _require_same(reference: Model, other: Model) -> None:
    """Raise ModelError unless both take the same channels and give the same heads, as maps."""
    sizes = {reference.inputs.size, other.inputs.size} - {None}
    if reference.inputs.channels != other.inputs.channels or len(sizes) > 1:
        raise ModelError(
            f"{reference.path.name} takes {reference.inputs.describe()}; {other.path.name} {other.inputs.describe()}. "
            "Only the same model in another precision can be compared."
        )
    ours, theirs = ([(head.kind, head.channels, head.channel_ids) for head in one.heads] for one in (reference, other))
    if ours != theirs:
        raise ModelError(
            f"{reference.path.name} and {other.path.name} give different outputs: {ours} and {theirs}. Only the same "
            "model in "
            "another precision can be compared."
        )
    if any(head.kind not in ("classes", "binary", "several", "numbers", "image") for head in reference.heads):
        raise ModelError(
            f"{reference.path.name} is a {reference.card.model_type}; models that give maps can be compared."
        )


def _timed(model: Model, channels: NDArray[np.float32]) -> tuple[list[NDArray[np.float32]], float]:
    started = time.perf_counter()
    answer = model.run(channels[np.newaxis])
    return answer, time.perf_counter() - started


def _remember(other: Model, found: PrecisionResult, progress: Progress) -> str:
    """Keep the least agreement of all heads among the figures of the other model's sidecar."""
    known = [head.agreement for head in found.heads if head.agreement is not None]
    name = measure_name(way_precision(other), other.provider_used)
    figure = AccuracyFigure(measure=name, value=min(known) if known else None, on=found.on, note=found.sentence)
    target = other.sidecar or sidecar_path(other.path)
    said, form = sidecar_fields(target) if target.is_file() else ({}, set())
    figures = [one for one in other.card.accuracy if one.measure != name] + [figure]
    said = {**said, "accuracy": [one.model_dump(mode="json") for one in figures]}
    save_sidecar(target, said, form, progress)
    return str(target)


def way_precision(model: Model) -> str:
    """In which precision a model runs: the provider's, where it has one, else that of its weights."""
    return PRECISIONS.get(model.session.provider.key, model.file.precision)


def unmeasured(model: Model) -> str:
    """What to say of a model that runs in less than float32 or float16 and whose cost was never measured, or ""."""
    precision = way_precision(model)
    name = measure_name(precision, model.provider_used)
    if precision in PRECISE or any(figure.measure == name for figure in model.card.accuracy):
        return ""
    return (
        f"It runs in {precision}, which is less exact than float32, and what that costs was not measured. Measure it "
        "with "
        "“compareprecision” on rasters of yours before you trust its maps."
    )
