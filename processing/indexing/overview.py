"""The shards of a store as polygons on the map, with their rows: a GeoPackage for looking at."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError
from ..outputs import whole_or_nothing
from ..progress import Progress
from ..store.areas import polygons_of
from ..store.manifest import ShardEntry

LAYER = "shards"


def write_overview(
    path: Path, entries: Sequence[ShardEntry], title: str, description: str, record: dict[str, Any], progress: Progress
) -> None:
    """Write the bounds of shards, with cell, year, rows and megabytes. Raises OutputError or Cancelled."""
    import pyogrio
    import shapely

    full = [entry for entry in entries if entry.rows]
    shapes = polygons_of(np.array([entry.bounds for entry in full], np.float64).reshape(-1, 4))
    years = np.array([entry.year or 0 for entry in full], np.int32)
    columns: dict[str, tuple[Any, Any]] = {
        "path": (np.array([entry.path for entry in full], object), None),
        "year": (years, years == 0),
        "rows": (np.array([entry.rows for entry in full], np.int64), None),
        "megabytes": (np.array([(entry.bytes or 0) / 1e6 for entry in full]), None),
    }
    metadata = {"BITSCAPE_PROVENANCE": json.dumps(record, ensure_ascii=False)}
    if record.get("attributions"):
        metadata["ATTRIBUTION"] = " ".join(record["attributions"])
    if record.get("licences"):
        metadata["LICENSE"] = ", ".join(record["licences"])
    with whole_or_nothing(progress, path) as (partial,), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            pyogrio.raw.write(
                str(partial), shapely.to_wkb(shapes), [values for values, _ in columns.values()], list(columns),
                field_mask=[mask for _, mask in columns.values()], layer=LAYER, driver="GPKG",
                geometry_type="MultiPolygon", promote_to_multi=True, crs="OGC:CRS84", dataset_metadata=metadata,
                dataset_options={"VERSION": "1.2"}, layer_options={"IDENTIFIER": title, "DESCRIPTION": description})
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError) as error:
            raise OutputError(f"The shards' footprints could not be written to {path}: is the disk full?",
                              str(error)) from error
