"""The GeoPackage of a sample: its points, an empty layer for the answers, the classes one may answer, and the design.

``reference.py`` says what the layers ``sample`` and ``interpretations`` are. The table ``classes`` is the class table
of label files: code, name, colour, shape, key, positive. The table ``design`` says by key how the sample was drawn.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from ..errors import OutputError
from ..grids.class_map import ClassMap
from ..grids.grid import Grid
from .drawing import Drawn
from .reference import CLUSTER, CREATED, INTERPRETATIONS, INTERPRETER, LABEL, POINT, SAMPLE, STRATUM, STRATUM_AREA

CLASSES, DESIGN = "classes", "design"
VALIDATE = "validate"
SHAPES = ("triangle", "circle", "square", "diamond", "pentagon", "star", "cross_fill", "hexagon")
COLOURS = ("#e66101", "#2166ac", "#009e73", "#cc79a7", "#f0e442", "#56b4e9", "#8c510a", "#7f7f7f", "#5e3c99", "#1b7837",
           "#b2182b", "#01665e")
"""Shapes and colours of labels, where a map has no colours: those that the label layers have."""
CHANGE_KEYS = {"change": "C", "nochange": "N"}
DIGITS = "123456789"
LONGEST = 80
"""Letters of a class name."""


@dataclass(frozen=True)
class SampleClass:
    """A class that an interpreter may answer: ``code`` is the value of the label, ``colour`` "#rrggbb"."""

    code: str
    colour: str


def require_no_answers(path: Path) -> None:
    """Raise OutputError if a file is a sample that somebody has begun to interpret: it is not to be overwritten."""
    import pyogrio

    answers = 0
    try:
        for name in (SAMPLE, INTERPRETATIONS):
            if path.is_file() and name in pyogrio.list_layers(path)[:, 0]:
                _, _, _, (labels,) = pyogrio.raw.read(path, layer=name, columns=[LABEL], read_geometry=False)
                answers += len(labels) if name == INTERPRETATIONS else sum(bool(label) for label in labels)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError):
        return  # no sample of ours
    if answers:
        raise OutputError(f"{path} is a sample with {answers} {'answer' if answers == 1 else 'answers'} already. "
                          "Choose another name, or move it away first.")


def class_names(class_map: ClassMap, values: Iterable[int]) -> list[str]:
    """A name for each class number: printable, short, and no two alike."""
    names: list[str] = []
    for value in values:
        name = "".join(sign if sign.isprintable() else " " for sign in class_map.name(value))
        name = " ".join(name.split())[:LONGEST].strip() or str(value)
        names.append(name if name not in names else f"{name[: LONGEST - 12]} ({value})")
    return names


def sample_classes(class_map: ClassMap, values: Sequence[int]) -> list[SampleClass]:
    """The classes of a map, with the colours of its colour table where it has one."""
    table: dict[int, tuple[int, int, int, int]] = {}
    with rasterio.open(class_map.path) as dataset:
        try:
            table = dataset.colormap(1)
        except ValueError:
            pass  # it has none
    own = ["#{:02x}{:02x}{:02x}".format(*table[value][:3]) for value in values if value in table]
    if len(own) < len(values) or len(set(own)) < min(2, len(own)):  # one colour for all says nothing
        own = [COLOURS[index % len(COLOURS)] for index in range(len(values))]
    return [SampleClass(name, colour) for name, colour in zip(class_names(class_map, values), own, strict=True)]


def write_sample(
    path: Path, grid: Grid, drawn: Drawn, strata: Sequence[str], sizes: Sequence[float], design: str,
    classes: Sequence[SampleClass], facts: Mapping[str, Any], record: dict[str, Any],
) -> None:
    """Write the file. ``strata`` and their ``sizes`` by index; ``design`` in words; ``facts`` and the provenance
    ``record`` for the table of the design. Raises OutputError if it cannot be written."""
    import pyogrio
    import shapely

    count = len(drawn.rows)
    t = grid.transform
    row, column = drawn.rows + 0.5, drawn.columns + 0.5
    points = shapely.to_wkb(shapely.points(t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f))
    nothing = np.full(count, None)
    fields: dict[str, NDArray[Any]] = {
        POINT: np.arange(1, count + 1),
        STRATUM: np.array(strata, object)[drawn.strata],
        STRATUM_AREA: np.array(sizes, np.float64)[drawn.strata],
        CLUSTER: drawn.clusters,
        "design": np.full(count, design, object),
        **_label_fields(count),
        "note": nothing,
    }
    fields["role"] = np.full(count, VALIDATE, object)
    empty: dict[str, NDArray[Any]] = {
        POINT: np.empty(0, np.int64), **_label_fields(0), "note": np.empty(0, object), "skipped": np.empty(0, object)}
    described = {**facts, "provenance": record}
    table: dict[str, NDArray[Any]] = {
        "key": np.array(list(described), object),
        "value": np.array([value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                           for value in described.values()], object)}
    crs = None if grid.crs is None else grid.crs.to_wkt()
    # GDAL before 3.7 warns about newer versions. No metadata of the dataset: whoever read them would leave an .aux.xml
    new = {"dataset_options": {"VERSION": "1.2"}}
    layers: list[tuple[str, NDArray[Any] | None, dict[str, NDArray[Any]], dict[str, Any]]] = [
        (SAMPLE, points, fields, new),
        (INTERPRETATIONS, np.empty(0, object), empty, {"append": True}),
        (CLASSES, None, _class_fields(classes), {"append": True}),
        (DESIGN, None, table, {"append": True}),
    ]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'crs' was not provided")
            for name, geometry, columns, options in layers:
                pyogrio.raw.write(
                    str(path), geometry, list(columns.values()), list(columns), [_mask(one) for one in columns.items()],
                    layer=name, driver="GPKG", geometry_type=None if geometry is None else "Point",
                    crs=None if geometry is None else crs, **options)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError) as error:
        raise OutputError(f"The sample could not be written to {path.parent}: is the disk full?", str(error)) from error


def _label_fields(count: int) -> dict[str, NDArray[Any]]:
    """The fields of a label, empty."""
    names = (LABEL, "role", "when", "image_date", INTERPRETER, "certainty", "product_version", "uuid", CREATED)
    return {name: np.zeros(count, np.int32) if name == "certainty" else np.full(count, None) for name in names}


def _mask(field: tuple[str, NDArray[Any]]) -> NDArray[np.bool_] | None:
    """Which numbers of a field are NULL."""
    name, values = field
    if name == "certainty":
        return np.ones(len(values), np.bool_)
    return np.asarray(values == 0) if name == CLUSTER else None


def _class_fields(classes: Sequence[SampleClass]) -> dict[str, NDArray[Any]]:
    """The columns of the class table. Change is a triangle with the key C, as in label layers; else keys are digits."""
    codes = [one.code for one in classes]
    spelled = [code.casefold().translate({ord(mark): None for mark in " -_"}) for code in codes]
    if set(spelled) == set(CHANGE_KEYS) and len(spelled) == 2:
        keys = [CHANGE_KEYS[one] for one in spelled]
        shapes = [SHAPES[0] if one == "change" else SHAPES[1] for one in spelled]
        positive = [int(one == "change") for one in spelled]
    else:
        own = [code if code in DIGITS else "" for code in codes]
        free = iter([digit for digit in DIGITS if digit not in own])
        keys = [code or next(free, "") for code in own]
        shapes = [SHAPES[index % len(SHAPES)] for index in range(len(codes))]
        positive = [0] * len(codes)
    texts = {"code": codes, "name": codes, "colour": [one.colour for one in classes], "shape": shapes, "key": keys}
    return {**{name: np.array(values, object) for name, values in texts.items()},
            "positive": np.array(positive, np.int32)}
