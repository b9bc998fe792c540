"""Runs in the backend's Python, with numpy, pyarrow and shapely alone: what a similarity search should find, and
corpora laid out as TerraBit's are. ``answers CLAY QUESTIONS`` prints JSON; ``corpus CLAY FOLDER new|old`` writes.

The codes are made anew from the vectors of the table; of the store only the order of its rows is taken (``order``),
because the view outlier compares with every n-th of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

EARTH = 6_371_000
"""Radius in metres."""
STEM = "clay_v0_03WVN_20220610_20220610_v001"


def read(path: str) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Names, vectors (n, d), codes (n, d / 8) and footprints (n,) of the table."""
    table = pq.read_table(path)
    vectors = np.stack([np.asarray(one) for one in table["embeddings"].to_numpy(zero_copy_only=False)])
    names = [f"{STEM}/{one}" for one in table["index"].to_pylist()]
    shapes = shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False))
    return names, vectors.astype(np.float64), np.packbits(vectors > 0, axis=1), shapes


def distances(bits: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Mean number of differing bits of (n, d) to (m, d): (n,)."""
    return np.mean([(bits != one).sum(axis=1) for one in some], axis=0)


def near(shapes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest others of each footprint by the angle between centres of bounds, (n, count); and where the next one
    is as near, to two centimetres (a search keeps places to one): (n,)."""
    boxes = shapely.bounds(shapes)
    lon, lat = np.radians((boxes[:, :2] + boxes[:, 2:]) / 2).T
    places = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    apart = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    order = np.argsort(apart, axis=1, kind="stable")
    last, following = (EARTH * np.sqrt(np.take_along_axis(apart, order[:, [one]], 1))[:, 0]
                       for one in (count - 1, count))
    return order[:, :count], following - last < 0.02


def score(asked: dict[str, Any], names: list[str], vectors: np.ndarray, codes: np.ndarray, shapes: np.ndarray) -> Any:
    """Values by name of all that are searched; the exemplars are left out. Of the view typical also the code."""
    inside = np.ones(len(names), bool)
    if asked.get("area"):
        inside = shapely.intersects(shapes, shapely.from_wkt(asked["area"]))
    exemplars = [names.index(one) for one in asked.get("positives", [])]
    against = [names.index(one) for one in asked.get("negatives", [])]
    if asked.get("point"):
        exemplars += np.flatnonzero(shapely.contains_xy(shapes, *asked["point"])).tolist()
    searched = np.flatnonzero(inside)
    bits = np.unpackbits(codes, axis=1)
    view, typical, tied = asked["view"], None, np.zeros(len(searched), bool)
    if view == "outlier":
        order = [names.index(one) for one in asked["order"] if inside[names.index(one)]]
        spread = np.unique(np.linspace(0, len(order) - 1, min(200, len(order))).round().astype(int))
        values = distances(bits[searched], bits[np.array(order)[spread]])
    elif view == "surprise":
        others, tied = near(shapes[searched], 8)
        values = np.array([distances(bits[one][None], bits[searched[near_by]])[0]
                           for one, near_by in zip(searched, others, strict=True)])
    elif view == "typical":
        found = bits[searched].mean(axis=0) > 0.5
        typical = np.packbits(found).tobytes().hex()
        values = distances(bits[searched], found[None])
    elif view == "cosine":
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        values = 1 - (unit[searched] @ unit[exemplars].T).mean(axis=1)
    else:
        values = distances(bits[searched], bits[exemplars])
        if against:
            values = values - distances(bits[searched], bits[against])
        if view == "gradient":
            others, tied = near(shapes[searched], 6)
            values = np.abs(values[others] - values[:, None]).mean(axis=1)
    left_out = {*exemplars, *against}
    return {"values": {names[one]: value for one, value in zip(searched.tolist(), values.tolist(), strict=True)
                       if one not in left_out}, "typical": typical,
            "tied": [names[one] for one in searched[tied]], "exemplars": [names[one] for one in exemplars]}


def corpus(path: str, folder: Path, layout: str) -> None:
    """The table as TerraBit keeps it: codes, names and boxes in files by place, of eight rows at most, and a manifest.

    The new layout has cells of a quarter degree and a year; the old one is cut by geohash, here of four letters.
    """
    names, _, codes, shapes = read(path)
    boxes = shapely.bounds(shapes)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    if layout == "new":
        tile = np.floor((centre + np.array([180, 90])) / 0.25).astype(int)
        folders = [f"tile_x={x}/tile_y={y}/year=2022" for x, y in tile.tolist()]
    else:
        folders = [f"geohash={geohash(x, y, 4)}" for x, y in centre.tolist()]
    rows = []
    for own in sorted(set(folders)):
        inside = [number for number, one in enumerate(folders) if one == own]
        for part, start in enumerate(range(0, len(inside), 8)):
            some = np.array(inside[start : start + 8])
            sides = dict(zip(("xmin", "ymin", "xmax", "ymax"), boxes[some].T, strict=True))
            table = pa.table({
                "chips_id": [names[one] for one in some],
                "embedding": pa.FixedSizeListArray.from_arrays(pa.array(codes[some].ravel()), codes.shape[1]),
                "bbox": pa.StructArray.from_arrays([pa.array(side) for side in sides.values()], list(sides)),
            }).replace_schema_metadata({"quantization": json.dumps(
                {"method": "sign_binary", "n_dims": 8 * codes.shape[1]})})
            name = f"{own}/part-{part:05d}.parquet"
            (folder / own).mkdir(parents=True, exist_ok=True)
            pq.write_table(table, folder / name)
            row = {"path": name, "rows": len(some), "xmin": boxes[some, 0].min(), "ymin": boxes[some, 1].min(),
                   "xmax": boxes[some, 2].max(), "ymax": boxes[some, 3].max()}
            if layout == "new":
                x, y = tile[some[0]].tolist()
                row |= {"tile_x": x, "tile_y": y, "year": 2022}
            rows.append(row)
    pq.write_table(pa.Table.from_pylist(rows), folder / "manifest.parquet")


def geohash(lon: float, lat: float, length: int) -> str:
    """By halving, as its definition says."""
    sides, letters = {0: [-180.0, 180.0], 1: [-90.0, 90.0]}, ""
    for letter in range(length):
        value = 0
        for bit in range(5):
            axis = (5 * letter + bit) % 2
            low, high = sides[axis]
            upper = (lon, lat)[axis] >= (low + high) / 2
            sides[axis] = [(low + high) / 2, high] if upper else [low, (low + high) / 2]
            value = 2 * value + upper
        letters += "0123456789bcdefghjkmnpqrstuvwxyz"[value]
    return letters


def order_of(store: str) -> list[str]:
    """Names in the order in which they lie in a store."""
    paths = pq.read_table(f"{store}/manifest.parquet")["path"].to_pylist()
    return [name for path in paths for name in pq.ParquetFile(f"{store}/{path}").read(["id"])["id"].to_pylist()]


def main(task: str, path: str, *rest: str) -> None:
    if task == "corpus":
        corpus(path, Path(rest[0]), rest[1])
        return
    known = read(path)
    order = order_of(rest[1])
    boxes = dict(zip(known[0], shapely.bounds(known[3]).tolist(), strict=True))
    found = {name: score({**asked, "order": order}, *known) for name, asked in json.loads(rest[0]).items()}
    print(json.dumps({"answers": found, "boxes": boxes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
