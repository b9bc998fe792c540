"""The operation interpreteragreement: who answered what of a sample, how far they agree, and where they do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from ..grids.features import class_text, crs_of, open_layer, read_columns
from ..operations import Request, Result
from ..progress import Progress
from .kappa import cohen, krippendorff
from .reference import AGREED, CREATED, INTERPRETATIONS, INTERPRETER, LABEL, POINT, SAMPLE, Reference, read_reference

SKIPPED = "skipped"
UNNAMED = "(no name)"


class AgreementRequest(Request):
    """A sample file; ``interpretations``: another file of answers, by default the layer of them in the sample's own
    GeoPackage."""

    sample: Path
    layer: str = ""
    class_field: str = LABEL
    sample_crs: str = ""
    interpretations: Path | None = None
    interpretations_layer: str = ""


class Interpreter(Result):
    """Points one interpreter has labelled, and skipped."""

    name: str
    answered: int
    skipped: int


class Pair(Result):
    """Two interpreters: points that both labelled, the share of these with the same label, and Cohen's kappa with its
    standard error and 95 % interval; None where it is undefined, and then the ``reason``."""

    first: str
    second: str
    points: int
    agreement: float | None
    kappa: float | None
    error: float | None
    low: float | None
    high: float | None
    reason: str


class Alpha(Result):
    """Krippendorff's alpha over all interpreters, as for a pair."""

    value: float | None
    error: float | None
    low: float | None
    high: float | None
    reason: str


class Conflict(Result):
    """A point whose interpreters differ: ``x``, ``y`` in the sample's CRS, what each said, and whether it was
    ``settled``; ``label`` is what counts: what was settled, else what most said, else ""."""

    point: int
    x: float
    y: float
    labels: dict[str, str]
    settled: bool
    label: str


class AgreementResult(Result):
    """``labelled`` of the ``points`` have a label that counts. ``alpha`` is for more than two interpreters."""

    points: int
    labelled: int
    crs: str
    interpreters: list[Interpreter]
    pairs: list[Pair]
    alpha: Alpha | None
    conflicts: list[Conflict]
    warnings: list[str]


def interpreter_agreement(request: AgreementRequest, progress: Progress) -> AgreementResult:
    """Compare interpreters. Raises LabelError if a file, layer or field is missing or makes no sense."""
    progress.report(0, "Reading the sample")
    layer = sample_layer(request.sample, request.layer)
    crs = crs_of(request.sample, open_layer(request.sample, layer, request.class_field), request.sample_crs)
    answers = interpretations_of(request.sample, request.interpretations, request.interpretations_layer)
    sample = read_reference(request.sample, layer, request.class_field, crs, request.sample_crs, *answers)
    skipped = skips(*answers)
    progress.report(0.5, "Comparing the interpreters")
    return AgreementResult(
        points=len(sample.points), labelled=int((sample.labels != "").sum()), crs=crs.to_wkt() if crs else "",
        interpreters=interpreters(sample, skipped), pairs=pairs(sample), alpha=alpha(sample),
        conflicts=conflicts(sample), warnings=sample.warnings,
    )


def sample_layer(path: Path, layer: str) -> str:
    """The layer that holds the sample: the one asked for, else the one of that name, else "" (first that will do)."""
    return layer or (SAMPLE if SAMPLE in _layers(path) else "")


def interpretations_of(sample: Path, given: Path | None, layer: str) -> tuple[Path | None, str]:
    """The file and layer of interpretations: those given, else the sample's own if it has a layer of them with
    answers; without a name, the layer is the one that is called so, else the first."""
    import pyogrio

    layers = _layers(given or sample)
    if given is not None:
        return given, layer or (INTERPRETATIONS if INTERPRETATIONS in layers else "")
    wanted = layer or INTERPRETATIONS
    if wanted not in layers:
        return None, wanted
    answers = int(pyogrio.read_info(sample, layer=wanted, force_feature_count=True)["features"])
    return (sample if answers > 0 else None), wanted


def skips(path: Path | None, layer: str) -> dict[str, int]:
    """How many points each interpreter has skipped, and not labelled since."""
    if path is None:
        return {}
    info = open_layer(path, layer, LABEL)
    columns, _ = read_columns(path, info, [LABEL, POINT, INTERPRETER, CREATED, SKIPPED])
    if SKIPPED not in columns or POINT not in columns:
        return {}
    count = len(columns[LABEL])
    when = [str(value) if value is not None else "" for value in columns.get(CREATED, [None] * count)]
    who = [class_text(value) for value in columns.get(INTERPRETER, [None] * count)]
    last: dict[tuple[str, str], bool] = {}
    for index in sorted(range(count), key=lambda index: when[index]):
        labelled = class_text(columns[LABEL][index]) != ""
        last[class_text(columns[POINT][index]), who[index]] = not labelled and bool(class_text(columns[SKIPPED][index]))
    return dict(Counter(name for (_, name), skipped in last.items() if skipped))


def interpreters(sample: Reference, skipped: dict[str, int]) -> list[Interpreter]:
    """All who have answered or skipped, but for what was settled."""
    answered = Counter(vote.interpreter for vote in sample.votes if vote.interpreter != AGREED)
    return [Interpreter(name=name or UNNAMED, answered=answered[name], skipped=skipped.get(name, 0))
            for name in sorted({*answered, *(name for name in skipped if name != AGREED)})]


def pairs(sample: Reference) -> list[Pair]:
    """Each two interpreters, on the points that both labelled."""
    said: dict[str, dict[int, str]] = {}
    for vote in sample.votes:
        if vote.interpreter != AGREED:
            said.setdefault(vote.interpreter, {})[vote.point] = vote.label
    return [_pair(first, second, said[first], said[second]) for first, second in combinations(sorted(said), 2)]


def alpha(sample: Reference) -> Alpha | None:
    """Krippendorff's alpha where there are more than two interpreters."""
    said = _by_point(sample)
    if len({name for labels in said.values() for name in labels}) < 3:
        return None
    found = krippendorff([list(labels.values()) for labels in said.values()])
    return Alpha(value=found.value, error=found.error, low=found.low, high=found.high, reason=found.reason)


def conflicts(sample: Reference) -> list[Conflict]:
    """Points whose interpreters differ, in the order of their numbers."""
    settled = {vote.point for vote in sample.votes if vote.interpreter == AGREED}
    row = {int(point): index for index, point in enumerate(sample.points)}
    return [
        Conflict(point=point, x=float(sample.x[row[point]]), y=float(sample.y[row[point]]),
                 labels={name or UNNAMED: label for name, label in sorted(labels.items())}, settled=point in settled,
                 label=str(sample.labels[row[point]]))
        for point, labels in sorted(_by_point(sample).items()) if len(set(labels.values())) > 1
    ]


def _pair(first: str, second: str, one: dict[int, str], other: dict[int, str]) -> Pair:
    both = sorted(one.keys() & other.keys())
    labels = [one[point] for point in both], [other[point] for point in both]
    same = sum(a == b for a, b in zip(*labels, strict=True))
    found = cohen(*labels)
    return Pair(first=first or UNNAMED, second=second or UNNAMED, points=len(both),
                agreement=same / len(both) if both else None, kappa=found.value, error=found.error, low=found.low,
                high=found.high, reason=found.reason)


def _by_point(sample: Reference) -> dict[int, dict[str, str]]:
    said: dict[int, dict[str, str]] = {}
    for vote in sample.votes:
        if vote.interpreter != AGREED:
            said.setdefault(vote.point, {})[vote.interpreter] = vote.label
    return said


def _layers(path: Path) -> Sequence[str]:
    """Names of the layers of a file; none where it cannot be read, which is said when it is opened."""
    import pyogrio

    try:
        return [str(name) for name, _ in pyogrio.list_layers(path)] if path.is_file() else []
    except pyogrio.errors.DataSourceError:
        return []
