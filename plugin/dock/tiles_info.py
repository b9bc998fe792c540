"""What the dock knows of the tiles it works on: as the backend described them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgis.core import QgsCoordinateReferenceSystem, QgsRectangle, QgsUnitTypes

from ..translation import tr


@dataclass(frozen=True)
class TilesInfo:
    """Embedding tiles: where they are, what they are of."""

    path: Path
    width: int
    height: int
    count: int
    extent: QgsRectangle
    crs: QgsCoordinateReferenceSystem
    crs_name: str
    pixel: float
    features: str
    dates: tuple[str, ...]
    products: tuple[str, ...]
    attributions: tuple[str, ...]
    fingerprint: str
    explained_variance: tuple[float, ...]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> TilesInfo:
        """From the answer of the operation describetiles."""
        crs = QgsCoordinateReferenceSystem()
        if str(found["crs_name"]).startswith("EPSG:"):
            crs = QgsCoordinateReferenceSystem(str(found["crs_name"]))
        elif found["crs"]:
            crs = QgsCoordinateReferenceSystem.fromWkt(found["crs"])
        return cls(
            Path(found["tiles"]), found["width"], found["height"], found["count"], QgsRectangle(*found["bounds"]), crs,
            found["crs_name"], found["pixel"], found["features"], tuple(found["dates"]), tuple(found["products"]),
            tuple(found["attributions"]), found["fingerprint"], tuple(found["explained_variance"]),
        )

    @property
    def is_change(self) -> bool:
        """Whether the tiles are differences of dates."""
        return self.features in ("difference", "first_and_difference") and len(self.dates) > 1

    @property
    def period(self) -> str:
        """First and last date, for people."""
        return self.dates[0] if len(self.dates) == 1 else f"{self.dates[0]}→{self.dates[-1]}"

    @property
    def megapixels(self) -> float:
        """Pixels in millions."""
        return self.width * self.height / 1e6

    def sentence(self) -> str:
        """What they are, in one line."""
        what = ", ".join(self.products) or tr("embeddings")
        unit = QgsUnitTypes.toAbbreviatedString(self.crs.mapUnits()) if self.crs.isValid() else ""
        return tr("{0} {1}: {2} components, {3}, {4:.3g} Mpx of {5:g} {6}").format(
            what, self.period, self.count, self.crs_name, self.megapixels, self.pixel, unit).rstrip()

    @property
    def labels_path(self) -> Path:
        """Where labels on these tiles go unless another place is chosen."""
        return self.path.with_name(f"{self.path.stem}_labels.gpkg")
