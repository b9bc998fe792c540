"""Results as a layer of QGIS: a GeoPackage of footprints, batch after batch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OutputError
from .results import Results

LAYER = "similar_places"
FIELDS = ("rank", "score", "similarity", "id", "year", "lon", "lat", "shard", "row", "code")


class LayerWriter:
    """Writes results to a new GeoPackage, in longitude and latitude.

    ``title`` and ``description`` are of the layer, ``metadata`` (the provenance) of the file.
    """

    def __init__(self, path: Path, title: str, description: str, metadata: Mapping[str, str]) -> None:
        self._path, self._written = path, False
        self._metadata = {name: text for name, text in metadata.items() if not name.startswith("TIFFTAG")}
        self._options = {"IDENTIFIER": title, "DESCRIPTION": description}

    def add(self, results: Results) -> None:
        """Add a batch; the first also if it is empty. Raises OutputError."""
        data: dict[str, NDArray[Any]] = {
            "rank": results.ranks.astype(np.int32),
            "score": results.scores,
            "similarity": results.similarities,
            "id": np.array(results.ids, object),
            "year": results.years.astype(np.int32),
            "lon": np.round(results.lon, 7),
            "lat": np.round(results.lat, 7),
            "shard": np.array(results.paths, object),
            "row": results.rows,
            "code": np.array([code.tobytes().hex() for code in results.codes], object),
        }
        masks = [results.years == 0 if name == "year" else None for name in data]
        new: dict[str, Any] = {} if self._written else {
            "dataset_metadata": self._metadata, "dataset_options": {"VERSION": "1.2"},  # GDAL < 3.7 warns about newer
            "layer_options": self._options}
        _write(self._path, results.wkb, list(data.values()), list(data), field_mask=masks, layer=LAYER,
               geometry_type="MultiPolygon", promote_to_multi=True, crs="EPSG:4326", append=self._written, **new)
        self._written = True


def _write(path: Path, geometry: Any, data: Sequence[Any], names: Sequence[str], **options: Any) -> None:
    import pyogrio

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*crs.*was not provided.*")
            pyogrio.raw.write(str(path), geometry, list(data), list(names), driver="GPKG", nan_as_null=True, **options)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
            pyogrio.errors.GeometryError) as error:
        raise OutputError(f"The results could not be written to {path.parent}: is the disk full?",
                          str(error)) from error
