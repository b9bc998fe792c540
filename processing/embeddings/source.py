"""What an embedding raster is: product, date, bands, numbers, nodata, grid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from ..errors import InputError
from ..grids.grid import Grid
from ..grids.reader import open_raster
from .mapping import NODATA, Mapping, ValueMapping, chosen, detect

YEAR = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")


@dataclass(frozen=True)
class Product:
    """An embedding product and what must be said with anything derived from it."""

    name: str
    licence: str = ""
    attribution: str = ""


ALPHAEARTH = Product(
    "AlphaEarth Foundations Satellite Embedding",
    "CC-BY-4.0",
    "The AlphaEarth Foundations Satellite Embedding dataset is produced by Google and Google DeepMind.",
)


@dataclass(frozen=True)
class EmbeddingSource:
    """One raster of embeddings: ``bands`` planes of ``dtype`` on ``grid``, as the file states them.

    ``scale`` and ``offset`` are the file's own (1 and 0 where it names none). ``block`` is (rows, columns) of its
    internal blocks. ``date`` is the year in its tags or its name, else the file's name.
    """

    path: str
    bands: int
    dtype: np.dtype[np.generic]
    nodata: float | None
    scale: float
    offset: float
    grid: Grid
    block: tuple[int, int]
    date: str
    product: Product

    @staticmethod
    def open(path: str | Path) -> EmbeddingSource:
        """Describe a raster. Raises InputError if it cannot be read or cannot hold vectors."""
        with open_raster(path) as dataset:
            kinds = set(dataset.dtypes)
            if len(kinds) != 1 or np.dtype(next(iter(kinds))).kind not in "iuf":
                raise InputError(
                    f"{path} has bands of {', '.join(sorted(kinds))}; embeddings are bands of one real type."
                )
            if len(set(dataset.scales)) > 1 or len(set(dataset.offsets)) > 1:
                raise InputError(
                    f"{path} has a scale or offset of its own in each band; that is not supported yet. "
                    "Convert it to plain values first."
                )
            return EmbeddingSource(
                path=str(path),
                bands=dataset.count,
                dtype=np.dtype(dataset.dtypes[0]),
                nodata=_nodata(dataset),
                scale=float(dataset.scales[0]),
                offset=float(dataset.offsets[0]),
                grid=Grid.of(dataset),
                block=(int(dataset.block_shapes[0][0]), int(dataset.block_shapes[0][1])),
                date=_date(dataset, str(path)),
                product=_product(dataset),
            )


def date_names(sources: Sequence[EmbeddingSource], given: Sequence[str]) -> list[str]:
    """A name for each date: the given ones, else years where they differ, else file names."""
    if given:
        if len(given) != len(sources):
            raise InputError(f"{len(given)} date names ({', '.join(given)}) were given for {len(sources)} rasters.")
        return list(given)
    years = [source.date for source in sources]
    if len(set(years)) == len(years):
        return years
    return [Path(source.path).stem for source in sources]


def _nodata(dataset: DatasetReader) -> float | None:
    """int8 without a nodata value is taken to mean −128, as all int8 embedding products do."""
    if dataset.nodata is None:
        return float(NODATA) if dataset.dtypes[0] == "int8" else None
    return float(dataset.nodata)


def _date(dataset: DatasetReader, path: str) -> str:
    tag = dataset.tags().get("YEAR", "")
    found = YEAR.search(tag) or YEAR.search(Path(path).stem)
    return found.group(0) if found else Path(path).stem


def _product(dataset: DatasetReader) -> Product:
    tags = dataset.tags()
    if "PRODUCT" in tags or "ATTRIBUTION" in tags or "LICENSE" in tags:
        name = tags.get("PRODUCT") or tags.get("MODEL") or "unknown"
        return Product(name, tags.get("LICENSE", ""), tags.get("ATTRIBUTION", ""))
    if dataset.count == 64 and dataset.descriptions[0] == "A00" and dataset.descriptions[63] == "A63":
        return ALPHAEARTH
    return Product("unknown", tags.get("TIFFTAG_COPYRIGHT", ""))


def mapping_of(source: EmbeddingSource, asked: Mapping | Literal["auto"], sample: NDArray[Any]) -> ValueMapping:
    """How a raster's numbers become values: what was asked for, or detected on ``sample`` (pixels, bands), as stored,
    of pixels with data. Raises InputError where what was asked for cannot be."""
    if asked == "auto":
        return detect(sample, source.scale, source.offset)
    try:
        return chosen(asked, source.dtype, source.scale, source.offset)
    except ValueError as error:
        raise InputError(f"{source.path}: {error}. Let the mapping be detected.") from error
