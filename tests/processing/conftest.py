"""What the backend's tests share: small embedding tiles of which the truth is known, labels on them, embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from bitscape.processing import operations
from bitscape.processing.compression.basis import Basis, MappingRecord, SourceRecord, basis_path
from bitscape.processing.compression.tiles import TAG
from bitscape.processing.embeddings.mapping import quantise
from bitscape.processing.grids.grid import Grid
from bitscape.processing.grids.writer import BLOCK, Layout, RasterWriter
from bitscape.processing.progress import Progress
from bitscape.tests.processing.rasters import unit_vectors, write_raster
from hypothesis import HealthCheck, settings
from rasterio.crs import CRS
from rasterio.transform import Affine
from threadpoolctl import threadpool_limits

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")  # how long an example takes says more of the machine than of the code

SOUTH_UP = Grid(700, 600, Affine(10, 0, 500_000, 0, 10, 4_000_000), CRS.from_epsg(32610))
"""Bottom-up, as AlphaEarth's files are; not a multiple of the block size."""


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread() -> Iterator[None]:
    """As in the backend: contended BLAS threads make small fits ten times slower."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def grid() -> Grid:
    return SOUTH_UP


@pytest.fixture(scope="session")
def make_tiles() -> Callable[..., Path]:
    """Writes codes (k, height, width) as embedding tiles; ``basis`` tells bases apart, ``dates`` do not."""

    def make(
        path: Path, codes: np.ndarray, grid: Grid, dates: tuple[str, ...] = ("2020", "2024"), basis: int = 0
    ) -> Path:
        k = len(codes)
        sources = [SourceRecord(name=f"{date}.tif", date=date, product="test", licence="CC-BY 4.0",
                                attribution="Made up.", fingerprint="x") for date in dates]
        found = Basis(
            features="difference", bands=k, sources=sources, mean=[float(basis)] * k, components=np.eye(k).tolist(),
            mappings=[MappingRecord(kind="none", scale=1.0, offset=0.0, reason="test")] * len(dates), scale=[1.0] * k,
            deviation=[30.0] * k,
            explained_variance=[1 / k] * k, stretch=[(-50.0, 50.0)] * min(k, 3), sample_pixels=1, seed=0,
            software="test",
        )
        found.save(basis_path(path))
        with RasterWriter(path, grid, Layout(k, "int8", -128, tags={TAG: found.fingerprint}), Progress()) as writer:
            for top in range(0, grid.height, BLOCK):
                writer.write(codes[:, top : top + BLOCK])
        return path

    return make


@pytest.fixture(scope="session")
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Codes (8, height, width) int8 and truth (height, width) 0 … 2: patches of 50 × 50 pixels, a gap without data."""
    random = np.random.default_rng(3)
    patches = random.integers(0, 3, (12, 14))
    truth = patches.repeat(50, axis=0).repeat(50, axis=1)
    means = random.normal(0, 20, (3, 8))
    codes = means[truth].transpose(2, 0, 1) + random.normal(0, 12, (8, *truth.shape))
    codes = np.clip(np.rint(codes), -127, 127).astype(np.int8)
    codes[:, 200:260, 300:500] = -128
    for shared in (codes, truth):
        shared.setflags(write=False)
    return codes, truth


@pytest.fixture(scope="session")
def scene_tiles(
    tmp_path_factory: pytest.TempPathFactory, make_tiles: Callable[..., Path], scene: tuple[np.ndarray, np.ndarray]
) -> Path:
    """The scene as tiles on SOUTH_UP, for tests that only read them."""
    return make_tiles(tmp_path_factory.mktemp("scene") / "tiles.tif", scene[0], SOUTH_UP)


@dataclass(frozen=True)
class MadeSample:
    """Sample data of two years, tiles of their difference, and its parts."""

    tiles: Path
    labels: Path
    embeddings: list[str]
    truth: Path


@pytest.fixture(scope="session")
def made_sample(tmp_path_factory: pytest.TempPathFactory) -> MadeSample:
    """The plugin's own sample data (256 × 256 pixels, seed 0), for tests that only read them."""
    folder = tmp_path_factory.mktemp("made")
    made = operations.run(
        "createsampledata", {"folder": str(folder), "size": 256, "seed": 0, "years": [2020, 2024]}, Progress())
    embeddings = [str(path) for path in made["embeddings"]]
    built = operations.run(
        "buildembeddingtiles", {"inputs": embeddings, "output": str(folder / "change.tif")}, Progress())
    return MadeSample(Path(built["tiles"]), Path(made["labels"]), embeddings, Path(made["truth"]))


@pytest.fixture
def write_points() -> Callable[..., Path]:
    """Writes points at pixel centres (rows, columns) of a grid with their classes, in the grid's CRS or another."""

    def write(
        path: Path, grid: Grid, rows: np.ndarray, columns: np.ndarray, classes: list[object], **more: object
    ) -> Path:
        t = grid.transform
        x, y = t.c + (np.asarray(columns) + 0.5) * t.a, t.f + (np.asarray(rows) + 0.5) * t.e
        return write_features(path, shapely.points(x, y), {"label": classes, **more}, grid.crs.to_wkt())

    return write


def write_features(path: Path, geometries: np.ndarray, columns: dict[str, object], crs: str | None) -> Path:
    """A vector file by its suffix."""
    driver = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".shp": "ESRI Shapefile"}[path.suffix]
    kinds = set(shapely.get_type_id(geometries[~shapely.is_missing(geometries)])) if len(geometries) else {0}
    name = {frozenset({0}): "Point", frozenset({3}): "Polygon"}.get(frozenset(kinds), "Unknown")
    data = [np.array(values, object if any(isinstance(v, (str, type(None))) for v in values) else None)
            for values in columns.values()]
    pyogrio.raw.write(path, shapely.to_wkb(geometries), data, list(columns), crs=crs, driver=driver, geometry_type=name,
                      promote_to_multi=False)
    return path


@pytest.fixture(name="write_features")
def _write_features() -> Callable[..., Path]:
    return write_features


class Heard(Progress):
    """Progress that keeps what it is told, and cancels itself at the n-th report."""

    def __init__(self, cancel_at: int = 0) -> None:
        self.lines: list[tuple[str, str]] = []
        self.reports: list[float] = []

        def report(fraction: float, message: str) -> None:
            self.reports.append(fraction)
            if cancel_at and len(self.reports) >= cancel_at:
                self.cancel()

        super().__init__(report, lambda message, level: self.lines.append((level, message)))


@pytest.fixture
def heard() -> type[Heard]:
    return Heard


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two dates of AlphaEarth-like int8 embeddings, 16 bands, 150 × 130 pixels, with nodata at either date."""
    rng = np.random.default_rng(1)
    codes = [quantise(unit_vectors(rng, 16, 150, 130)) for _ in range(2)]
    codes[0][:, :7, :30] = -128
    codes[1][:, 100:, 120:] = -128
    return tuple(
        write_raster(tmp_path / f"embeddings_{year}.tif", part, nodata=-128)
        for year, part in zip((2020, 2024), codes, strict=True)
    )
