"""The basis of embedding tiles: which features, centred and projected how, quantised with which scale."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..embeddings.mapping import Mapping
from ..errors import InputError

Features = Literal["difference", "single", "side_by_side", "first_and_difference"]

MAX_FILE = 64 * 2**20
SAMPLE_QUANTILE = 0.999


class Frozen(BaseModel):
    """Immutable, and nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SourceRecord(Frozen):
    """One date's raster, for people and licences."""

    name: str
    date: str
    product: str
    licence: str
    attribution: str
    fingerprint: str


class MappingRecord(Frozen):
    """How stored numbers became values."""

    kind: Mapping
    scale: float
    offset: float
    reason: str


class Basis(Frozen):
    """PCA of ``features`` of ``bands``-dimensional vectors of one or more dates.

    score = components @ (feature vector − mean); code = clip(rint(score / scale), −127, 127), −128 is nodata.
    ``components`` is (k, dimensions), ``mean`` (dimensions,), ``scale``, ``deviation`` (the codes' standard deviation)
    and ``explained_variance`` (shares of 1) (k,).
    ``stretch``: codes shown darkest and brightest in the picture, (≤ 3, 2).
    """

    format: Literal["bitscape-basis-1"] = "bitscape-basis-1"
    features: Features
    bands: int = Field(gt=0)
    sources: list[SourceRecord] = Field(min_length=1)
    mappings: list[MappingRecord] = Field(min_length=1)
    mean: list[float]
    components: list[list[float]] = Field(min_length=1)
    scale: list[float]
    deviation: list[float]
    explained_variance: list[float]
    stretch: list[tuple[float, float]]
    sample_pixels: int
    seed: int
    software: str

    @model_validator(mode="after")
    def _shapes_agree(self) -> Self:
        dimensions = feature_count(self.features, self.bands, len(self.sources))
        k = len(self.components)
        if len(self.mean) != dimensions or any(len(row) != dimensions for row in self.components):
            raise ValueError(f"mean and components must have {dimensions} dimensions")
        lengths = {len(self.scale), len(self.deviation), len(self.explained_variance)}
        if lengths != {k} or len(self.stretch) != min(k, 3):
            raise ValueError(f"scale, deviation and explained variance must have {k} values")
        if min(self.scale) <= 0 or min(self.deviation) <= 0:
            raise ValueError("scales and deviations must be positive")
        if len(self.mappings) != len(self.sources):
            raise ValueError("there must be one mapping for each source")
        return self

    @property
    def dates(self) -> list[str]:
        """Names of the dates, in order."""
        return [source.date for source in self.sources]

    @property
    def period(self) -> str:
        """First and last date, as in 2020-2024."""
        return self.dates[0] if len(self.dates) == 1 else f"{self.dates[0]}-{self.dates[-1]}"

    @property
    def products(self) -> list[str]:
        """Products of the sources, each once."""
        return sorted({source.product for source in self.sources if source.product})

    @property
    def licences(self) -> list[str]:
        """Licences of the sources, each once."""
        return sorted({source.licence for source in self.sources if source.licence})

    @property
    def attributions(self) -> list[str]:
        """Attributions of the sources, each once."""
        return sorted({source.attribution for source in self.sources if source.attribution})

    @property
    def fingerprint(self) -> str:
        """A name for what the codes mean: features, mapping kinds, mean, components and scales, nothing else."""
        content = {
            "features": self.features,
            "bands": self.bands,
            "mappings": [mapping.kind for mapping in self.mappings],
            "mean": self.mean,
            "components": self.components,
            "scale": self.scale,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def projection(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights (k, dimensions) and offset (k,) with code = rint(weights @ features − offset)."""
        weights = np.array(self.components) / np.array(self.scale)[:, None]
        return weights, weights @ np.array(self.mean)

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @staticmethod
    def load(path: Path) -> Basis:
        """Read a basis file. Raises InputError that says what is wrong with it."""
        try:
            if path.stat().st_size > MAX_FILE:
                raise InputError(f"{path} is too large to be a basis file.")
            return Basis.model_validate_json(path.read_bytes())
        except OSError as error:
            raise InputError(f"The basis file {path} cannot be read.", str(error)) from error
        except ValidationError as error:
            raise InputError(f"{path} is not a basis file of Bitscape, or it is damaged.", str(error)) from error


def basis_path(tiles: Path) -> Path:
    """Where the basis of a tiles file is: ``<name>.basis.json`` beside it."""
    return tiles.with_name(f"{tiles.stem}.basis.json")


def feature_count(features: Features, bands: int, dates: int) -> int:
    """Dimensions of the feature vector."""
    return len(feature_planes(features, bands, dates)[0])


def feature_planes(features: Features, bands: int, dates: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Planes (date · bands + band) each feature adds and subtracts; −1 where it subtracts none.

    difference: each later date minus the one before · single: the only date · side_by_side: all dates ·
    first_and_difference: the first date, then the differences. Raises ValueError if the number of dates does not fit.
    """
    if features == "single" and dates != 1:
        raise ValueError(f"the features of one date need one raster; there are {dates}")
    if features != "single" and dates < 2:
        raise ValueError("differences, and dates side by side, need at least two rasters; there is one")
    planes = np.arange(bands * dates, dtype=np.int64)
    later, earlier = planes[bands:], planes[:-bands]
    alone = np.full(len(planes), -1, np.int64)
    if features == "difference":
        return later, earlier
    if features == "first_and_difference":
        return np.concatenate([planes[:bands], later]), np.concatenate([alone[:bands], earlier])
    return planes, alone


def principal_axes(rows: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues (d,), falling, and eigenvectors (d, d), one a row, of the second moments of ``rows`` (n, d).

    Of centred rows that is their PCA, and the eigenvalues are variances. Sums in float64; each vector with its largest
    entry positive.
    """
    moments = np.zeros((rows.shape[1],) * 2)
    for start in range(0, len(rows), 8192):
        part = rows[start : start + 8192].astype(np.float64)
        moments += part.T @ part
    values, vectors = np.linalg.eigh(moments / max(len(rows) - 1, 1))
    axes = vectors[:, ::-1].T
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    return np.clip(values[::-1], 0, None), axes


def fit(sample: NDArray[np.float32], components: int) -> dict[str, list[float] | list[list[float]]]:
    """PCA of a sample (pixels, dimensions): mean, components, explained variance, scale from the 99.9 % quantile, and
    the deviation of the codes (at least a hundredth of a code, so that it can divide).

    The scale puts 99.9 % of |score| within ±127. ``stretch`` holds the 1st and 99th percentile of the first three, in
    codes.
    """
    mean = sample.mean(axis=0, dtype=np.float64)
    centred = sample - mean.astype(np.float32)
    variance, axes = principal_axes(centred)
    rows = axes[:components]
    scores = centred @ rows.T.astype(np.float32)
    largest = np.quantile(np.abs(scores), SAMPLE_QUANTILE, axis=0)
    scale = np.where(largest > 1e-9 * max(float(largest.max()), 1e-30), largest, 127.0) / 127
    stretch = np.quantile(scores[:, :3] / scale[:3], [0.01, 0.99], axis=0).T
    return {
        "mean": mean.tolist(),
        "components": rows.tolist(),
        "scale": scale.tolist(),
        "deviation": np.maximum(np.sqrt(variance[:components]) / scale, 0.01).tolist(),
        "explained_variance": (variance[:components] / max(float(variance.sum()), 1e-300)).tolist(),
        "stretch": stretch.tolist(),
    }
