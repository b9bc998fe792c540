"""Recipes: how to compress vectors, as a short text; and the codec that fitting one on training rows gives.

A recipe is "<reduction>+<quantiser>", or just a quantiser. Reductions: none · pca-K · svd-K (truncated SVD, not
centred) · random-K (Gaussian projection) · select-K (by variance, or with labels by ANOVA's F). Quantisers: float32 ·
float16 · int8 · int4 · int3 · int2 · ternary · binary-zero · binary-median · binary-mean · binary-fitted (Otsu) · itq ·
pq-MxB · turbo8 · turbo4 · turbo3 · turbo2, the last four also with -seeded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..environment import bitscape_version
from ..errors import InputError
from .codec_file import MOST_DIMENSIONS, ArrayRecord, CodecRecord, fingerprint
from .packing import first_not_finite
from .quantisers.affine import Affine
from .quantisers.binary import Binary
from .quantisers.floats import Floats
from .quantisers.itq import Itq
from .quantisers.product import Product
from .quantisers.quantiser import Arrays, Options, Quantiser
from .quantisers.ternary import Ternary
from .quantisers.turbo import Turbo
from .reductions import REDUCTIONS, Reduction

QUANTISERS: tuple[type[Quantiser], ...] = (Floats, Affine, Ternary, Binary, Itq, Product, Turbo)
BLOCK_FLOATS = 1 << 20
"""Numbers worked on at once: intermediate results stay small."""

Preset = Literal["automatic", "int8", "turbo4", "pca64", "binary"]


@dataclass(frozen=True)
class Recipe:
    """``reduction`` ("pca", …, "" for none) to ``kept`` dimensions (0: all), then ``quantiser``, in its own words."""

    reduction: str
    kept: int
    quantiser: str

    @staticmethod
    def parse(text: str) -> Recipe:
        """Read the text of a recipe; capitals and spaces do not count. Raises InputError that says what there is."""
        words = re.sub(r"\s+", "", text).lower()
        before, plus, quantiser = words.rpartition("+")
        reduction = re.fullmatch(rf"({'|'.join(REDUCTIONS)})-([1-9][0-9]{{0,5}})", before)
        if (reduction is None and before not in ("", "none")) or (plus and not before) or _method(quantiser) is None:
            raise InputError(
                f"“{text[:100]}” is not a recipe. A recipe is a quantiser (float32, float16, int8, int4, int3, int2, "
                "ternary, binary-zero, binary-median, binary-mean, binary-fitted, itq, pq-MxB, turbo8, turbo4, turbo3, "
                "turbo2), or a reduction (pca-K, svd-K, random-K, select-K), a plus and a quantiser, such as "
                "pca-64+int8.")
        return Recipe(reduction[1], int(reduction[2]), quantiser) if reduction else Recipe("", 0, quantiser)

    def __str__(self) -> str:
        return f"{self.reduction}-{self.kept}+{self.quantiser}" if self.reduction else self.quantiser

    def check(self, dimensions: int) -> None:
        """Raise InputError, in words, where vectors of so many dimensions cannot be compressed like this."""
        if self.kept > dimensions:
            raise InputError(
                f"{self} needs vectors of at least {self.kept} dimensions; these have {dimensions}. Keep fewer.")
        method, options = self._method
        try:
            method.check(options, self.kept or dimensions)
        except ValueError as error:
            raise InputError(f"{self} cannot be: {error}. Choose another recipe.") from error

    def fit(self, rows: ArrayLike, seed: int = 0, labels: ArrayLike | None = None) -> Codec:
        """Fit on training rows (n, d), n ≥ 1; ``labels`` (n,) only count for select-K.

        Raises InputError if rows are missing or hold NaN or an infinity, or if d is too small for the recipe.
        """
        values = _checked(rows, None)
        count, dimensions = values.shape
        if count == 0:
            raise InputError("There are no vectors to fit a codec on.")
        if not 0 < dimensions <= MOST_DIMENSIONS:
            raise InputError(f"Vectors of {dimensions} dimensions cannot be compressed; up to {MOST_DIMENSIONS} can.")
        self.check(dimensions)
        if (bad := first_not_finite(values)) >= 0:
            raise InputError(_not_finite(bad))
        classes = None if labels is None else np.asarray(labels)
        if classes is not None and classes.shape != (count,):
            raise InputError(f"There are {count} vectors, but labels of the shape {classes.shape}.")
        reduction = None
        if self.reduction:
            reduction = REDUCTIONS[self.reduction].fit(self.kept, values, seed, classes)
            values = np.ascontiguousarray(reduction.apply(values))
        method, options = self._method
        return Codec(self, dimensions, reduction, method.fit(options, values, seed), seed, count)

    @property
    def _method(self) -> tuple[type[Quantiser], Options]:
        found = _method(self.quantiser)
        if found is None:
            raise AssertionError(f"{self.quantiser} is no quantiser")
        return found


@dataclass(frozen=True)
class Codec:
    """A fitted recipe: vectors of ``dimensions`` numbers to codes of ``bytes`` bytes and back."""

    recipe: Recipe
    dimensions: int
    reduction: Reduction | None
    quantiser: Quantiser
    seed: int
    training_rows: int
    about: dict[str, Any] = field(default_factory=dict, compare=False)
    """Provenance that is kept in the codec's file."""

    @property
    def bytes(self) -> int:
        """Bytes of a code."""
        return self.quantiser.bytes

    @property
    def is_binary(self) -> bool:
        """Whether the Hamming distance of codes means something."""
        return self.quantiser.is_binary

    @cached_property
    def fingerprint(self) -> str:
        """A name for what the codes mean."""
        return fingerprint(str(self.recipe), self.dimensions, self.quantiser.facts(), self._arrays())

    def encode(self, rows: ArrayLike) -> NDArray[np.uint8]:
        """(n, d) float32 → (n, bytes). Raises InputError if d is another, or at the first row with NaN or infinity."""
        values = _checked(rows, self.dimensions)
        out = np.empty((len(values), self.bytes), np.uint8)
        for part in _blocks(len(values), self.dimensions):
            block = np.ascontiguousarray(values[part])
            if (bad := first_not_finite(block)) >= 0:
                raise InputError(_not_finite(part.start + bad))
            out[part] = self.quantiser.encode(self._reduced(block))
        return out

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, bytes) → (n, d): the values the codes stand for, in the dimensions of the vectors."""
        values = _checked_codes(codes, self.bytes)
        out = np.empty((len(values), self.dimensions), np.float32)
        for part in _blocks(len(values), self.dimensions):
            reduced = self.quantiser.decode(values[part])
            out[part] = reduced if self.reduction is None else self.reduction.invert(reduced)
        return out

    def decode_reduced(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, bytes) → (n, k): the values the codes stand for, in the dimensions that the reduction left."""
        values = _checked_codes(codes, self.bytes)
        out = np.empty((len(values), self.quantiser.dimensions), np.float32)
        for part in _blocks(len(values), self.quantiser.dimensions):
            out[part] = self.quantiser.decode(values[part])
        return out

    def reduce(self, rows: ArrayLike) -> NDArray[np.float32]:
        """(n, d) float32 → (n, k): what the quantiser would be given. Raises InputError as ``encode`` does."""
        values = _checked(rows, self.dimensions)
        if (bad := first_not_finite(values)) >= 0:
            raise InputError(_not_finite(bad))
        out = np.empty((len(values), self.quantiser.dimensions), np.float32)
        for part in _blocks(len(values), self.dimensions):
            out[part] = self._reduced(values[part])
        return out

    def record(self) -> CodecRecord:
        """What the codec's file holds (see ``codec_file``), for embedding it elsewhere."""
        return CodecRecord(
            recipe=str(self.recipe), dimensions=self.dimensions, bytes=self.bytes, binary=self.is_binary,
            seed=self.seed, training_rows=self.training_rows, facts=self.quantiser.facts(),
            arrays={name: ArrayRecord.of(array) for name, array in self._arrays().items()},
            about=self.about, software=f"Bitscape {bitscape_version()}", fingerprint=self.fingerprint,
        )

    def save(self, path: str | Path) -> None:
        """Write the codec's file (see ``codec_file``); in a folder it is ``codec.json``."""
        self.record().save(_file(path))

    @staticmethod
    def load(path: str | Path) -> Codec:
        """Read a codec's file, or that of a folder. Raises InputError that says what is wrong with it."""
        return Codec.of(CodecRecord.load(_file(path)), str(path))

    @staticmethod
    def of(record: CodecRecord, origin: str) -> Codec:
        """The codec of a record. Raises InputError, naming ``origin``, that says what is wrong with it."""
        try:
            codec = _restored(record)
        except (ValueError, InputError) as error:
            raise InputError(f"{origin} is not a codec file of Bitscape, or it is damaged: {error}.") from error
        if codec.fingerprint != record.fingerprint or codec.bytes != record.bytes:
            raise InputError(f"{origin} was changed after it was written: its fingerprint is another one.")
        return codec

    def _reduced(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return rows if self.reduction is None else self.reduction.apply(rows)

    def _arrays(self) -> Arrays:
        found = {f"quantiser.{name}": array for name, array in self.quantiser.arrays().items()}
        if self.reduction is not None:
            found |= {f"reduction.{name}": array for name, array in self.reduction.arrays().items()}
        return found


def preset(name: Preset, dimensions: int, number_bytes: int = 4) -> Recipe:
    """The recipe of a preset for vectors of so many dimensions, stored in ``number_bytes`` bytes each.

    automatic: int8 up to 128 dimensions, where a byte each is little; turbo4 above, and where it is a byte already.
    pca64 is int8 of all dimensions where there are no more than 64.
    """
    if name == "automatic":
        name = "int8" if dimensions <= 128 and number_bytes > 1 else "turbo4"
    if name == "pca64":
        return Recipe("pca", 64, "int8") if dimensions > 64 else Recipe("", 0, "int8")
    return Recipe("", 0, "binary-zero" if name == "binary" else name)


def ALL(dimensions: int) -> list[str]:  # noqa: N802
    """The recipes worth comparing for vectors of so many dimensions, as texts, each once.

    Every quantiser alone, and reductions to powers of two with the main quantisers. itq learns for a minute on 1,024
    dimensions, and is for reduced vectors anyway.
    """
    alone = [
        "float32", "float16", "int8", "int4", "int3", "int2", "ternary", "binary-zero", "binary-median", "binary-mean",
        "binary-fitted", "turbo8", "turbo4", "turbo3", "turbo2", *(["itq"] if dimensions <= 256 else []),
        *(f"pq-{dimensions // width}x8" for width in (16, 8, 4, 2) if dimensions >= 2 * width),
    ]
    reduced = [
        f"{reduction}-{kept}+{quantiser}"
        for reduction in REDUCTIONS
        for kept in (256, 128, 64, 32, 16, 8)
        if kept < dimensions
        for quantiser in ("float32", "int8", "int4", "int2", "ternary", "binary-median", f"pq-{kept // 4}x8")
    ]
    learned = [f"pca-{kept}+itq" for kept in (256, 128, 64, 32, 16, 8) if kept < dimensions]
    return [*alone, *reduced, *learned]


def _file(path: str | Path) -> Path:
    place = Path(path)
    return place / "codec.json" if place.is_dir() else place


def _method(text: str) -> tuple[type[Quantiser], Options] | None:
    for kind in QUANTISERS:
        if found := re.fullmatch(kind.PATTERN, text):
            return kind, tuple(part or "" for part in found.groups())
    return None


def _restored(record: CodecRecord) -> Codec:
    recipe = Recipe.parse(record.recipe)
    recipe.check(record.dimensions)
    method, options = recipe._method
    kept = recipe.kept or record.dimensions
    expected = {f"quantiser.{name}": shape for name, shape in method.shapes(options, kept).items()}
    kind = REDUCTIONS[recipe.reduction] if recipe.reduction else None
    if kind is not None:
        shapes = kind.shapes(recipe.kept, record.dimensions)
        expected |= {f"reduction.{name}": shape for name, shape in shapes.items()}
    if set(expected) != set(record.arrays):
        raise ValueError(f"it should hold the arrays {', '.join(sorted(expected)) or 'none'}")
    arrays = {name: record.arrays[name].array(name, shape) for name, shape in expected.items()}
    reduction = kind.restore(recipe.kept, record.dimensions, _part(arrays, "reduction.")) if kind else None
    quantiser = method.restore(options, kept, _part(arrays, "quantiser."), record.facts)
    return Codec(recipe, record.dimensions, reduction, quantiser, record.seed, record.training_rows, record.about)


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _blocks(rows: int, width: int) -> list[slice]:
    step = max(96, BLOCK_FLOATS // width // 96 * 96)
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def _checked(rows: ArrayLike, dimensions: int | None) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what becomes infinite is refused as such
        values = np.asarray(rows, np.float32)
    if values.ndim != 2 or (dimensions is not None and values.shape[1] != dimensions):
        wanted = "n vectors of d numbers" if dimensions is None else f"vectors of {dimensions} numbers"
        raise InputError(f"Needed are {wanted}; these have the shape {values.shape}.")
    return values


def _checked_codes(codes: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != size:
        raise InputError(f"Codes of {size} bytes are needed; these are {codes.dtype} of the shape {codes.shape}.")
    return codes


def _not_finite(row: int) -> str:
    return f"Vector {row} holds a value that is not a finite number (NaN or infinite). Leave such vectors out."
