"""The files that a store is built from: found in folders, opened, and made sure to be of one model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compression.compress import PARQUET_MAGIC, RASTERS, TABLES
from ..embeddings.mapping import Mapping, ValueMapping, chosen, detect
from ..embeddings.source import ALPHAEARTH
from ..errors import InputError
from ..progress import Progress
from ..store.store import Store
from .patch_raster import PatchRaster, RasterOptions
from .patch_table import NOTHING, PatchTable, Said, TableOptions
from .patches import Facts

MANIFEST = "manifest.parquet"
SAMPLED_UNITS = 24
"""Units that the sample is drawn from, evenly spaced over all files."""
SAMPLE_BYTES = 128 * 2**20
PIXELS = 2000
"""Vectors by which the mapping is told."""
Source = PatchTable | PatchRaster


class Found(NamedTuple):
    """A file; ``said`` is what the manifest of its store says of it."""

    path: str
    label: str
    said: Said = NOTHING


def find_files(given: Sequence[str]) -> tuple[list[Found], bool]:
    """Every file, in order, and whether they are tables; a folder stands for all files below it, or for those that its
    manifest lists.

    Labels are file names without suffix (in a folder, paths below it), made longer where two would be alike. Raises
    InputError if there is nothing, or both kinds, or a store of codes that are not plain bits.
    """
    found: list[tuple[Path, Path]] = []
    said: dict[Path, Said] = {}
    for text in given:
        path = Path(text)
        if (path / MANIFEST).is_file():
            shards = _listed(path)
            said |= shards
            found += [(one, one.relative_to(path)) for one in shards]
        elif path.is_dir():
            below = [one for one in sorted(path.rglob("*")) if _wanted(one, path)]
            tables = [one for one in below if one.suffix.lower() in TABLES]
            rasters = [one for one in below if one.suffix.lower() in RASTERS]
            if tables and rasters:
                raise InputError(f"{path} holds tables ({len(tables)}) and rasters ({len(rasters)}). Name the files, "
                                 "or a folder of one kind.")
            if not below or not (tables or rasters):
                raise InputError(f"{path} holds no Parquet tables and no rasters (GeoTIFF).")
            found += [(one, one.relative_to(path)) for one in tables or rasters]
        else:
            found.append((path, Path(path.name)))
    if not found:
        raise InputError("There is no input. Choose tables or rasters of embeddings.")
    paths = [path for path, _ in found]
    if len({path.absolute() for path in paths}) != len(paths):
        raise InputError("One file was given twice; its patches would be found twice. Name each once.")
    kinds = {_is_table(path) for path in paths}
    if len(kinds) > 1:
        raise InputError("Tables and rasters cannot be mixed in one store. Build one from either.")
    labels = _labels(found)
    files = [Found(str(path), label, said.get(path, NOTHING)) for path, label in zip(paths, labels, strict=True)]
    return files, kinds.pop()


def open_tables(files: Sequence[Found], options: TableOptions, progress: Progress) -> list[Source]:
    """Open all tables. Raises InputError, naming both, if two are not of one model."""
    found: list[Source] = []
    for number, (path, label, said) in enumerate(files):
        found.append(PatchTable(path, label, replace(options, said=said)))
        progress.report((number + 1) / len(files))
    _agree(found)
    return found


def open_rasters(files: Sequence[Found], options: RasterOptions, progress: Progress) -> list[Source]:
    """Open all rasters. Raises InputError, naming both, if two are not of one product."""
    found: list[Source] = []
    for number, (path, label, _) in enumerate(files):
        found.append(PatchRaster(path, label, options))
        progress.report((number + 1) / len(files))
    _agree(found)
    return found


@dataclass(frozen=True)
class Known:
    """What all sources have in common. ``dimensions`` 0: there is not one patch; ``bits`` > 0: packed codes."""

    dimensions: int
    bits: int
    stored: str
    number_bytes: int
    model: str
    licences: list[str]
    attributions: list[str]
    mapping: ValueMapping


def known(sources: Sequence[Source], asked: Mapping | str, model: str) -> Known:
    """Model, rights and value mapping of the sources. Raises InputError where a mapping cannot be."""
    full = [source.facts for source in sources if source.facts.dimensions]
    facts = full[0] if full else Facts(0, "float", 4)
    named = [one.model for one in full if one.model]
    mapping = ValueMapping("none", 1.0, 0.0, "packed bits")
    if full and not facts.bits:
        mapping = _mapping([source for source in sources if source.facts.dimensions], asked)
    rights = [(one.facts.licence, one.facts.attribution) for one in sources]
    if mapping.kind == "alphaearth" and not named:
        named = [ALPHAEARTH.name] if facts.dimensions == 64 else []
        rights += [(ALPHAEARTH.licence, ALPHAEARTH.attribution)] if named else []
    return Known(
        facts.dimensions, facts.bits, facts.stored, facts.number_bytes, model.strip() or (named[0] if named else ""),
        sorted({licence for licence, _ in rights if licence}), sorted({text for _, text in rights if text}), mapping)


def sample(sources: Sequence[Source], mapping: ValueMapping, wanted: int, seed: int, progress: Progress
           ) -> NDArray[np.float32]:
    """About ``wanted`` vectors (n, d), seeded, from up to 24 units evenly spaced over all sources; from further ones
    where these have few. (0, 0) if there is none."""
    random = np.random.default_rng(seed)
    units = [(source, unit) for source in sources for unit in range(len(source.unit_rows)) if source.unit_rows[unit]]
    if not units:
        return np.empty((0, 0), np.float32)
    chosen_units = sorted({int(place) for place in np.linspace(0, len(units) - 1, min(SAMPLED_UNITS, len(units)))})
    rest = [place for place in range(len(units)) if place not in set(chosen_units)]
    there = sum(units[place][0].unit_rows[units[place][1]] for place in chosen_units)
    share = min(1.0, 1.2 * wanted / max(there, 1))
    parts: list[NDArray[np.float32]] = []
    for done, place in enumerate(chosen_units, 1):
        parts += _drawn(*units[place], mapping, share, random, progress)
        progress.report(done / len(chosen_units))
    for place in rest:  # where those have hardly any vector
        if sum(map(len, parts)) >= min(wanted, 1000):
            break
        parts += _drawn(*units[place], mapping, 1.0, random, progress)
    found = np.concatenate(parts) if parts else np.empty((0, 0), np.float32)
    most = min(wanted, max(1, SAMPLE_BYTES // (4 * max(found.shape[1], 1))))
    return found[np.sort(random.permutation(len(found))[:most])]


def _drawn(
    source: Source, unit: int, mapping: ValueMapping, share: float, random: np.random.Generator, progress: Progress
) -> list[NDArray[np.float32]]:
    parts = []
    for values in source.vectors(unit, mapping):
        progress.check()
        if len(values):
            parts.append(values[random.random(len(values)) < share] if share < 1 else values)
    return parts


def _mapping(sources: Sequence[Source], asked: Mapping | str) -> ValueMapping:
    first = sources[0]
    scale, offset = 1.0, 0.0
    kind: np.dtype[Any] = np.dtype(np.float32)
    if isinstance(first, PatchRaster):
        scale, offset, kind = first.source.scale, first.source.offset, np.dtype(first.source.dtype)
    elif first.facts.stored == "int8":
        kind = np.dtype(np.int8)
    if asked != "auto":
        try:
            return chosen(asked, kind, scale, offset)  # type: ignore[arg-type]
        except ValueError as error:
            raise InputError(f"{first.path}: {error}. Let the mapping be detected.") from error
    stored: NDArray[Any] = np.empty((0, first.facts.dimensions), kind)
    for source in sources:
        for unit in range(len(source.unit_rows)):
            found = source.stored(unit, PIXELS)
            if len(found):
                return detect(found, scale, offset)
    return detect(stored, scale, offset)


def _agree(sources: Sequence[Source]) -> None:
    """Raise InputError, naming both, if two sources are of different models, or hold different numbers."""
    full = [source for source in sources if source.facts.dimensions]
    for one, other in zip(full, full[1:], strict=False):
        a, b = one.facts, other.facts
        if a.dimensions != b.dimensions or bool(a.bits) != bool(b.bits):
            raise InputError(
                f"{one.path} has {_what(a)} and {other.path} has {_what(b)}: they are of different models, whose "
                "vectors do not compare. Build a store for each.")
        if a.model and b.model and a.model != b.model:
            raise InputError(f"{one.path} is of {a.model} and {other.path} of {b.model}: their vectors do not compare. "
                             "Build a store for each.")
        if a.stored != b.stored:
            raise InputError(f"{one.path} holds {a.stored} numbers and {other.path} {b.stored}: they are not one "
                             "version of a product. Convert one of them first.")
        if isinstance(one, PatchRaster) and isinstance(other, PatchRaster) and (
            (one.source.scale, one.source.offset) != (other.source.scale, other.source.offset)
        ):
            raise InputError(f"{one.path} and {other.path} state different scales or offsets of their numbers.")


def _what(facts: Facts) -> str:
    return f"codes of {facts.bits} bits" if facts.bits else f"vectors of {facts.dimensions} dimensions"


def _wanted(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    return path.is_file() and not hidden and path.name != MANIFEST and path.suffix.lower() in (*TABLES, *RASTERS)


def _listed(folder: Path) -> dict[Path, Said]:
    """The shards of a store or corpus, by its manifest. Raises InputError if its codes are not plain bits."""
    store = Store.open(folder)
    about = store.about
    if about.kind != "binary" or about.codec is not None:
        raise InputError(f"{folder} is a retrieval store of codes that need their codec; they cannot be filed anew. "
                         "Build from the vectors, or add to that store.")
    model = about.model if about.cells and about.model != "unknown" else ""
    return {folder / entry.path: Said(entry.year or 0, about.bits, model) for entry in store.shards}


def _is_table(path: Path) -> bool:
    if path.suffix.lower() in TABLES:
        return True
    if path.suffix.lower() in RASTERS or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(4) == PARQUET_MAGIC


def _labels(found: Sequence[tuple[Path, Path]]) -> list[str]:
    labels = [relative.with_suffix("").as_posix() for _, relative in found]
    for depth in range(2, 40):
        repeated = {label for label, count in Counter(labels).items() if count > 1}
        if not repeated:
            break
        labels = [
            "/".join(path.absolute().with_suffix("").parts[-depth:]) if label in repeated else label
            for (path, _), label in zip(found, labels, strict=True)]
    return labels
