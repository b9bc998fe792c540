"""polygons: a noisy class map of 10,000² to polygons of at least 20 pixels in a GeoPackage, against scipy and rasterio.

The peer does in one process what a user's script does: label each class, mask what is small, vectorise the array with
rasterio.features.shapes, measure geodesic areas with pyproj, write with pyogrio. Both make the same polygons, which is
asserted. Each is a process of its own; memory is the kernel's account of its peak.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from rasterio.windows import Window
from scipy import ndimage

MAIN = Path(__file__).resolve().parents[2] / "processing" / "__main__.py"
SIZE, NOISE, LEAST = int(os.environ.get("BENCH_SIZE", "10000")), 0.05, 20
PIXEL = 10.0
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def make_map(path: Path) -> None:
    """Patches of four classes, some hundred metres wide, with salt and pepper, nodata among it."""
    rng = np.random.default_rng(1)
    coarse = ndimage.gaussian_filter(rng.standard_normal((SIZE // 50 + 2, SIZE // 50 + 2)), 1.2)
    cuts = np.quantile(coarse, [0.3, 0.6, 0.85])
    profile = {
        "driver": "GTiff", "width": SIZE, "height": SIZE, "count": 1, "dtype": "uint8", "nodata": 0,
        "crs": "EPSG:32610", "transform": Affine(PIXEL, 0, 500_000, 0, -PIXEL, 5_000_000), "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "zstd", "zstd_level": 1,
    }
    with rasterio.open(path, "w", **profile) as dataset:
        for top in range(0, SIZE, 512):
            rows, columns = np.mgrid[top : min(SIZE, top + 512), 0:SIZE]
            smooth = ndimage.map_coordinates(coarse, [rows / 50, columns / 50], order=1, mode="nearest")
            classes = (1 + np.searchsorted(cuts, smooth)).astype(np.uint8)
            noisy = rng.random(classes.shape) < NOISE
            classes[noisy] = rng.integers(0, 5, int(noisy.sum()))
            dataset.write(classes, 1, window=Window(0, top, SIZE, len(classes)))


def peer(source: str, target: str) -> None:
    """The same with scipy, rasterio, shapely, pyproj and pyogrio, all in memory."""
    from pyproj import Geod, Transformer
    from rasterio.features import shapes

    with rasterio.open(source) as dataset:
        classes, transform, crs = dataset.read(1), dataset.transform, dataset.crs
    kept = np.zeros(classes.shape, np.bool_)
    for value in range(1, 5):
        labels, _ = ndimage.label(classes == value)
        large = np.bincount(labels.ravel()) >= LEAST
        large[0] = False
        kept |= large[labels]
    to_geographic = Transformer.from_crs(crs.to_wkt(), 4326, always_xy=True)
    ellipsoid = Geod(ellps="WGS84")
    polygons, values, areas = [], [], []
    for shape, value in shapes(classes, mask=kept, connectivity=4, transform=transform):
        polygon = shapely.geometry.shape(shape)
        area = 0.0
        for number, ring in enumerate((polygon.exterior, *polygon.interiors)):
            x, y = to_geographic.transform(*shapely.get_coordinates(ring).T)
            area += abs(ellipsoid.polygon_area_perimeter(x, y)[0]) * (-1 if number else 1)
        polygons.append(polygon)
        values.append(int(value))
        areas.append(area / 10_000)
    pyogrio.raw.write(target, shapely.to_wkb(polygons), [np.array(values), np.array(areas)], ["value", "mapped_ha"],
                      driver="GPKG", layer="polygons", geometry_type="Polygon", crs=crs.to_wkt())


def measured(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak resident memory in MB of a process."""
    begin = perf_counter()
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, text=True, check=True)
    return perf_counter() - begin, int(done.stdout) / 1024


def polygons_of(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Polygons in one order, their values and hectares."""
    meta, _, wkb, data = pyogrio.raw.read(path, layer="polygons", columns=["value", "mapped_ha"])
    columns = dict(zip(meta["fields"], data, strict=True))
    shapes = shapely.get_parts(shapely.from_wkb(wkb))
    assert len(shapes) == len(wkb), "one polygon each"
    west, south, _, north = shapely.bounds(shapes).T
    order = np.lexsort((shapely.area(shapes), north, south, west, columns["value"]))
    return shapes[order], columns["value"][order], columns["mapped_ha"][order]


def corners_of(polygons: np.ndarray) -> np.ndarray:
    """Polygon, x and y of all corners where outlines turn, sorted: what determines polygons with upright edges."""
    _, xy, (rings, parts) = shapely.to_ragged_array(polygons)
    last = np.asarray(rings[1:]) - 1
    before, after = np.arange(-1, len(xy) - 1), np.arange(1, len(xy) + 1)
    before[rings[:-1]] = last - 1
    after[last] = last
    steps = (xy - xy[before]) != 0, (xy[after] - xy) != 0
    turns = (steps[0] != steps[1]).all(axis=1)
    turns[last] = False
    owner = np.repeat(np.repeat(np.arange(len(polygons)), np.diff(parts)), np.diff(rings))
    found = np.column_stack([owner[turns], xy[turns]])
    return found[np.lexsort(found.T[::-1])]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-polygons-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        source, ours, theirs = folder / "map.tif", folder / "ours.gpkg", folder / "theirs.gpkg"
        make_map(source)
        request = folder / "request.json"
        values = {"inputs": [str(source)], "output": str(ours), "min_area": (LEAST - 0.5) * PIXEL**2}
        request.write_text(json.dumps(values))
        our_seconds, our_megabytes = measured([sys.executable, "-I", str(MAIN), "classpolygons", str(request)])
        their_seconds, their_megabytes = measured([sys.executable, __file__, str(source), str(theirs)])
        (ours_found, our_values, our_areas), (found, their_values, areas) = polygons_of(ours), polygons_of(theirs)
    assert len(ours_found) == len(found), f"{len(ours_found)} polygons, the peer has {len(found)}"
    assert (our_values == their_values).all()
    assert np.array_equal(corners_of(ours_found), corners_of(found)), "other polygons"
    assert abs(our_areas.sum() / areas.sum() - 1) < 1e-6, "another area"
    assert np.abs(our_areas - areas).max() < 1e-4 * areas.max(), "other areas"  # GeographicLib's own error is 0.1 m²
    print(
        json.dumps(
            {
                "name": "polygons",
                "ratio": round(their_seconds / our_seconds, 2),
                "direction": "higher",
                "peer": "scipy.ndimage.label, rasterio.features.shapes, shapely, pyproj, pyogrio in one process",
                "ours": round(our_seconds, 1),
                "theirs": round(their_seconds, 1),
                "unit": f"s for {SIZE}² to {len(found)} polygons",
                "limit_fraction": round(our_megabytes / their_megabytes, 3),
                "limit": "the peer's peak memory",
                "megabytes": [round(our_megabytes), round(their_megabytes)],
            }
        )
    )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        peer(*sys.argv[1:])
    else:
        main()
