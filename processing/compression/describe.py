"""The operation describetiles: what a file of tiles holds, for people and for the dock."""

from __future__ import annotations

from pathlib import Path

from ..grids.grid import crs_name
from ..operations import Request, Result
from ..progress import Progress
from .tiles import Tiles


class DescribeRequest(Request):
    """The tiles to look at."""

    tiles: Path


class Description(Result):
    """``bounds``: west, south, east, north in CRS units; ``crs``: WKT2, "" if there is none; ``transform``: a, b, c, d,
    e, f of the affine transform; ``explained_variance``: shares by component."""

    tiles: Path
    name: str
    width: int
    height: int
    count: int
    bounds: tuple[float, float, float, float]
    transform: tuple[float, float, float, float, float, float]
    crs: str
    crs_name: str
    pixel: float
    features: str
    dates: list[str]
    period: str
    products: list[str]
    sources: list[str]
    fingerprint: str
    explained_variance: list[float]
    licences: list[str]
    attributions: list[str]


def describe_tiles(request: DescribeRequest, _progress: Progress) -> Description:
    """Open the tiles and say what they are. Raises InputError as ``Tiles.open`` does."""
    tiles = Tiles.open(request.tiles)
    grid, basis = tiles.grid, tiles.basis
    tiles.reader.close()
    return Description(
        tiles=request.tiles, name=request.tiles.name, width=grid.width, height=grid.height, count=tiles.count,
        bounds=grid.bounds, transform=tuple(grid.transform)[:6],
        crs=grid.crs.to_wkt(version="WKT2_2019") if grid.crs else "", crs_name=crs_name(grid.crs),
        pixel=min(grid.pixel_size), features=basis.features, dates=tiles.dates, period=tiles.period,
        products=basis.products,
        sources=[source.name for source in basis.sources], fingerprint=tiles.fingerprint,
        explained_variance=basis.explained_variance, licences=basis.licences, attributions=basis.attributions,
    )
