"""What findsimilar takes and what it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from ..operations import Request, Result
from .facts import StoreFacts
from .places import MOST, Place
from .query import Combine, View


class FindRequest(Request):
    """``positives``, ``negatives``: exemplars as such, or in files: vector layers (points, or patches with a column
    code or id) and Parquet tables of results; ``…_layer`` "" is the first, ``…_crs`` is for files that name none.
    ``exemplar_store``: another store of the same model in which they are looked up.

    Searched is what meets ``areas`` (WKT, longitude and latitude) or the polygons of ``aoi``, within ``extent`` (west,
    south, east, north in ``extent_crs``, "": degrees); without any the whole store. ``years`` [] are all.

    ``k``: results; ``threshold``: of a score (None: that of the k-th); ``rerank``: so many of the best are ordered anew
    by their finer codes (0: none). ``most``: results of the views heat, threshold and gradient that go into the layer.
    ``memory``: bytes that patches may take.
    """

    store: str = Field(min_length=1, max_length=4096)
    positives: list[Place] = Field(default_factory=list, max_length=MOST)
    negatives: list[Place] = Field(default_factory=list, max_length=MOST)
    positive_file: Path | None = None
    positive_layer: str = ""
    positive_crs: str = ""
    negative_file: Path | None = None
    negative_layer: str = ""
    negative_crs: str = ""
    exemplar_store: str = ""
    areas: list[str] = Field(default_factory=list, max_length=10_000)
    aoi: Path | None = None
    aoi_layer: str = ""
    aoi_crs: str = ""
    extent: tuple[float, float, float, float] | None = None
    extent_crs: str = ""
    years: list[int] = Field(default_factory=list, max_length=1000)
    view: View = "top"
    combine: Combine = "mean"
    invert: bool = False
    k: int = Field(50, ge=1, le=1_000_000)
    threshold: float | None = Field(None, allow_inf_nan=False)
    rerank: int = Field(0, ge=0, le=1_000_000)
    most: int = Field(100_000, ge=1, le=100_000_000)
    memory: int = Field(1_600_000_000, ge=1_000_000)
    threads: int = Field(0, ge=0, le=1024)
    output: Path | None = None
    parquet: Path | None = None
    raster: Path | None = None
    report: Path | None = None

    @model_validator(mode="after")
    def _has_an_output(self) -> Self:
        if not self.outputs():
            raise ValueError("name at least one of output, parquet, raster, report")
        if self.rerank and self.view != "top":
            raise ValueError("only the view of the most similar (top) is re-ranked")
        return self

    def outputs(self) -> list[Path]:
        """The files to write."""
        return [path for path in (self.output, self.parquet, self.raster, self.report) if path is not None]


class FailedShard(Result):
    """A shard that could not be read, and why."""

    path: str
    why: str


class FindResult(Result):
    """``count`` results of ``candidates`` patches in ``shards`` shards; ``best`` and ``last`` are their scores, in
    ``unit`` (of finer codes, where the best so many were ``reranked``). ``within`` the ``threshold`` lie so many.

    ``low`` and ``high``: the scores that are 0 and 254 in the raster (None: it is by rank). ``typical``: hex code, of
    that view. ``missing``: exemplars that are none.
    """

    output: Path | None
    parquet: Path | None
    raster: Path | None
    report: Path | None
    title: str
    description: str
    view: View
    count: int
    candidates: int
    shards: int
    failed: list[FailedShard]
    exemplars: int
    missing: list[str]
    best: float | None
    last: float | None
    threshold: float | None
    within: int
    low: float | None
    high: float | None
    typical: str
    reranked: int
    unit: str
    about: StoreFacts
    bytes_read: int
    seconds: float
