"""What is decided before a build reads all its input, and kept in its work folder: codecs, mapping, origin, rights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..compression.codec_file import CodecRecord
from ..compression.recipe import Codec
from ..embeddings.mapping import ValueMapping
from ..errors import InputError
from ..progress import Progress
from ..provenance import fingerprint, provenance
from ..store.description import FineInfo, RecallInfo, StoreInfo
from . import cell_size, coding, inputs
from .coding import Coding
from .inputs import Found, Known, Source
from .measured_recall import Recall
from .requests import BuildStoreRequest

WORK_VERSION = 2
"""Of what lies in a work folder."""
NAMED_INPUTS = 1000
"""Inputs that the provenance names one by one."""


def identity(request: BuildStoreRequest, files: Sequence[Found], progress: Progress) -> dict[str, Any]:
    """The request and its inputs with sizes and fingerprints: work of an equal one can be gone on with."""
    found = []
    for number, (path, label, said) in enumerate(files, 1):
        file = Path(path)
        size = file.stat().st_size if file.is_file() else 0
        found.append([label, size, fingerprint(path), *said])
        progress.report(number / len(files))
    return {"version": WORK_VERSION, "request": request.identity(), "inputs": found}


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """In which parameters two identities differ."""
    if one.get("version") != other.get("version"):
        return ["the version of Bitscape"]
    asked, had = one.get("request", {}), other.get("request", {})
    names = [name for name in asked if asked[name] != had.get(name)]
    if one.get("inputs") != other.get("inputs") and "input" not in names:
        names.append("the content of the input")
    return names


@dataclass(frozen=True)
class Plan:
    """``coding`` None: there is nothing to code, the store will be empty or nothing is known."""

    known: Known
    coding: Coding
    record: dict[str, Any]

    def to_json(self, about: dict[str, Any]) -> dict[str, Any]:
        """For the work folder."""
        c = self.coding
        known = {**self.known.__dict__, "mapping": self.known.mapping.__dict__}
        return {
            "identity": about, "known": known, "record": self.record, "bits": c.bits, "dimensions": c.dimensions,
            "codec": _codec_json(c.codec), "fine": _codec_json(c.fine),
            "recall": None if c.recall is None else c.recall.about(),
            "refined": None if c.refined is None else c.refined.about(),
        }

    @staticmethod
    def from_json(found: dict[str, Any]) -> Plan:
        """The inverse. Raises InputError if it is damaged."""
        try:
            mapping = ValueMapping(**found["known"]["mapping"])
            recall, refined = (None if found[name] is None else Recall(**found[name]) for name in ("recall", "refined"))
            made = Coding(_codec(found["codec"]), _codec(found["fine"]), found["bits"], found["dimensions"], recall,
                          refined)
            return Plan(Known(**{**found["known"], "mapping": mapping}), made, found["record"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("The plan of the unfinished work cannot be read. Begin anew.", str(error)) from error

    def about(self, letters: int) -> StoreInfo:
        """The store's description; ``letters`` of the geohashes that cut its files, 0: degrees."""
        c = self.coding
        recall = None if c.recall is None else RecallInfo(
            k=c.recall.k, value=c.recall.value, n=c.recall.n,
            of=f"{c.recipe} codes against cosine of the vectors, among a sample of the input")
        fine = None if c.fine is None else FineInfo(
            recipe=str(c.fine.recipe), bytes=c.fine.bytes, codec=c.fine.record())
        return StoreInfo(
            model=self.known.model or "unknown", dimensions=c.dimensions, bits=c.bits, bytes=c.bytes, kind=c.kind,
            codec=None if c.plain or c.codec is None else c.codec.record(), recall=recall, fine=fine,
            cells=cell_size.name(letters), licences=self.known.licences,
            attributions=self.known.attributions, record=self.record)


def decide(
    request: BuildStoreRequest, sources: Sequence[Source], about: dict[str, Any], existing: StoreInfo | None,
    progress: Progress,
) -> Plan:
    """Sample the input, choose and fit the codecs, measure recall. ``existing`` is the store that is added to.

    Raises InputError where there is nothing to decide by, or the input does not fit the existing store.
    """
    known = inputs.known(sources, request.mapping, request.product)
    if existing is not None:
        _fits(existing, known, request)
    if known.bits:
        made = coding.packed(known.bits, request.refine, progress)
        if existing is not None:
            made = coding.packed_like(existing, made)
    else:
        if known.dimensions:
            progress.info(f"Value mapping {known.mapping.kind} ({known.mapping.reason})")
        with progress.stage(0.0, 0.6, "Sampling patches"):
            drawn = inputs.sample(sources, known.mapping, request.sample, request.seed, progress)
        with progress.stage(0.6, 1.0, "Fitting codecs and measuring recall"):
            if existing is not None:
                made = coding.like(existing, drawn, request.recall_sample, request.seed, progress)
            elif len(drawn) == 0:
                made = coding.of_nothing(known.dimensions, request.kind, request.threshold, request.refine)
            else:
                made = coding.fit(drawn, request.kind, request.threshold, request.refine, request.recall_sample,
                                  request.seed, progress)
    return Plan(known, made, _record(request, about, known, made))


def _record(request: BuildStoreRequest, about: dict[str, Any], known: Known, made: Coding) -> dict[str, Any]:
    parameters = {name: value for name, value in request.identity().items() if name != "input"}
    measured = {"recall": made.recall, "recall_refined": made.refined}
    record = provenance(
        "buildretrievalstore",
        {**parameters, "mapping": known.mapping.kind, "recipe": made.recipe,
         **{name: None if found is None else found.about() for name, found in measured.items()}},
        [], known.licences, known.attributions)
    named = [{"name": label, "fingerprint": mark} for label, _, mark, *_ in about["inputs"]]
    record["inputs"] = named[:NAMED_INPUTS]
    if len(named) > NAMED_INPUTS:
        record["further_inputs"] = len(named) - NAMED_INPUTS
    return record


def _fits(existing: StoreInfo, known: Known, request: BuildStoreRequest) -> None:
    """Raise InputError if a request is not for what the store that is added to holds."""
    cells = cell_size.name(cell_size.asked(request.geohash, existing.cells))
    if existing.cells and existing.cells != cells:
        raise InputError(f"The store's files are cut by the cells {existing.cells}, not {cells}. Choose the same.")
    if request.refine != "none" and existing.fine is None:
        raise InputError("The store has no finer codes, so none can be added. Set them to none.")
    if request.kind != "automatic" and (request.kind == "binary") != (existing.kind == "binary"):
        raise InputError(f"The store has another kind of codes ({existing.kind}). Choose automatic, or build another "
                         "store.")
    names = (existing.model, known.model)
    if all(name not in ("", "unknown") for name in names) and names[0] != names[1]:
        raise InputError(f"The store holds patches of {names[0]}, the input those of {names[1]}: their vectors do not "
                         "compare. Build another store.")


def _codec_json(codec: Codec | None) -> dict[str, Any] | None:
    return None if codec is None else codec.record().model_dump(mode="json")


def _codec(found: dict[str, Any] | None) -> Codec | None:
    return None if found is None else Codec.of(CodecRecord.model_validate(found), "The codec of the unfinished work")
