"""What buildretrievalstore is asked and what it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ..embeddings.mapping import Mapping
from ..operations import Request, Result
from .cell_size import AUTOMATIC
from .coding import Kind, Refine, Threshold
from .table_columns import FIRST, LAST

WORDS_ONLY = {"restart", "overview", "threads", "output"}
"""What does not change the store."""


class BuildStoreRequest(Request):
    """``input``: tables, rasters or folders of either. ``year`` 0: as the input says; ``geohash``: letters of
    the cells that cut files; 0: cells of 0.25°, −1: as long as files become neither tiny nor huge.

    Of tables: ``column`` of the vectors ("": found), ``side`` in metres of patches that are only points, ``crs`` where
    geometries (or a raster) do not say theirs. Of rasters: patches of ``pixels``², one every ``stride`` (0: side by
    side), with data in ``share`` of their pixels. ``restart``: unfinished work of another request is thrown away.
    """

    input: list[str] = Field(min_length=1, max_length=1_000_000)
    output: Path
    product: str = Field("", max_length=200)
    kind: Kind = "automatic"
    threshold: Threshold = "zero"
    refine: Refine = "none"
    year: int = Field(0, ge=0, le=LAST)
    column: str = Field("", max_length=200)
    side: float = Field(0.0, ge=0, le=1_000_000)
    crs: str = Field("", max_length=100_000)
    pixels: int = Field(16, ge=1, le=4096)
    stride: int = Field(0, ge=0, le=4096)
    share: float = Field(0.5, ge=0, le=1)
    mapping: Mapping | Literal["auto"] = "auto"
    geohash: int = Field(AUTOMATIC, ge=AUTOMATIC, le=8)
    rows_per_file: int = Field(131_072, ge=100, le=1_048_576)
    sample: int = Field(20_000, ge=1, le=100_000)
    recall_sample: int = Field(5_000, ge=1, le=20_000)
    seed: int = Field(0, ge=0)
    append: bool = False
    restart: bool = False
    overview: Path | None = None
    threads: int = Field(0, ge=0, le=1024)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if 0 < self.year < FIRST:
            raise ValueError(f"year: {self.year} is not a year between {FIRST} and {LAST}, nor 0")
        return self

    def identity(self) -> dict[str, Any]:
        """What the store depends on, JSON-ready."""
        return self.model_dump(mode="json", exclude=WORDS_ONLY)


class BuildStoreResult(Result):
    """``ratio``: bytes of the vectors as they were stored / bytes of the store on disk. ``recall``: of ten, None where
    it could not be measured; ``recall_refined``: after re-ranking. ``no_vector`` and ``no_place``: patches left out.
    ``years``: 0 stands for undated. ``duplicates``: patches whose name and year another one has. ``continued``:
    unfinished work went on. ``appended``: patches added to a store.
    """

    output: Path
    overview: Path | None
    model: str
    kind: str
    recipe: str
    dimensions: int
    code_bytes: int
    rows: int
    shards: int
    bytes: int
    ratio: float | None
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    recall_patches: int
    recall_refined: float | None
    no_vector: int
    no_place: int
    duplicates: int
    years: list[int]
    mapping: str
    continued: bool
    appended: int
