"""Writing features straight through a layer's provider: when that may be done, in one call each, and what went wrong.

The edit buffer is lost when QGIS is killed; what a provider has written is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from osgeo import gdal
from qgis.core import NULL, QgsFeature, QgsProviderRegistry, QgsVectorDataProvider, QgsVectorLayer
from qgis.PyQt import sip

from ...processing.errors import InputError, OutputError
from ..translation import tr

Capability = QgsVectorDataProvider.Capability

STABLE_STORAGES = ("GPKG", "SQLite")
"""Formats of GDAL in which every write is on disk at once and a feature keeps its number. Of others, GeoJSON keeps
changes in memory, and Shapefile, GeoJSON and FlatGeobuf number their features anew."""

PATIENCE = 30
"""Milliseconds that a lock of somebody else is waited for: an answer of another interpreter takes five."""


def require_capable(layer: QgsVectorLayer, what: str) -> None:
    """Raise InputError if features can never be added to or deleted from ``layer``. ``what`` it is to hold: labels."""
    needed = Capability.AddFeatures | Capability.DeleteFeatures | Capability.ChangeAttributeValues
    if layer.dataProvider().capabilities() & needed != needed:
        message = tr("{0} cannot be written to ({1}), so it cannot take {2}. Check the file's permissions, or "
                     "export it to a GeoPackage and use that.")
        raise InputError(message.format(layer.name(), layer.dataProvider().storageType(), what))


def require_writable(layer: QgsVectorLayer, what: str) -> None:
    """Raise InputError, in words, if ``layer`` cannot be written directly now: removed, its file gone, in edit mode."""
    require_present(layer, what)
    path = file_of(layer)
    if not layer.isValid() or (path and not Path(path).exists()):
        message = tr("{0} is not there any more ({1}). Put the file back or choose another layer for the {2}.")
        raise InputError(message.format(layer.name(), path or layer.source(), what))
    if layer.isEditable():
        message = tr("{0} is in edit mode. Save or discard your edits first: {1} go straight to disk.")
        raise InputError(message.format(layer.name(), what))


def require_present(layer: QgsVectorLayer, what: str) -> None:
    """Raise InputError if ``layer`` was removed."""
    if sip.isdeleted(layer):
        message = tr("The layer with the {0} was removed from the project. Choose or make another.")
        raise InputError(message.format(what))


def file_of(layer: QgsVectorLayer) -> str:
    """The file that holds ``layer``; "" where it is none, or the layer was removed."""
    if sip.isdeleted(layer) or layer.providerType() != "ogr":
        return ""
    path = str(QgsProviderRegistry.instance().decodeUri("ogr", layer.source()).get("path") or "")
    return "" if path.startswith("/vsi") or ":" in path[2:] else path


def keeps_fids(layer: QgsVectorLayer) -> bool:
    """Whether a feature keeps its number whatever is written."""
    return layer.providerType() != "ogr" or layer.dataProvider().storageType() in STABLE_STORAGES


def blank(layer: QgsVectorLayer) -> QgsFeature:
    """A feature with the fields that the provider writes, all empty."""
    return QgsFeature(layer.dataProvider().fields())


def rehearse(layer: QgsVectorLayer) -> None:
    """Open the file for writing once and close it again: the first time takes tens of milliseconds, later ones few."""
    provider = layer.dataProvider()
    if provider.enterUpdateMode():
        provider.leaveUpdateMode()


def require_unlocked(path: str | Path) -> None:
    """Raise OutputError, after a moment, if another program holds a GeoPackage for writing. The provider itself would
    wait for it four times five seconds, in which the window stands still; it knows no shorter time."""
    try:
        dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR | gdal.OF_UPDATE, ["GPKG"])
        if dataset is None:
            return  # read-only, or none: that is told by who writes
        found = dataset.ExecuteSQL(f"PRAGMA busy_timeout = {PATIENCE}")
        dataset.ReleaseResultSet(found)
        gdal.ErrorReset()
        dataset.ExecuteSQL("BEGIN IMMEDIATE")
        said = gdal.GetLastErrorMsg()
        if not said:
            dataset.ExecuteSQL("ROLLBACK")
    except RuntimeError as error:  # where GDAL is set to raise
        said = str(error)
    finally:
        dataset = None
    if "locked" in said:
        message = tr("{0} is locked: another program is writing to it. Nothing is lost; try again in a moment.")
        raise OutputError(message.format(path), said)


def add_features(layer: QgsVectorLayer, features: Sequence[QgsFeature]) -> list[QgsFeature]:
    """Write features, all or none; the same with the ids they got (which hold where
    ``keeps_fids``). Raises OutputError in the provider's words."""
    provider = layer.dataProvider()
    fresh = [QgsFeature(feature) for feature in features]
    numbered = [index for index in provider.pkAttributeIndexes() if provider.defaultValueClause(index)]
    for feature in fresh:
        for index in numbered:  # the provider numbers them: an old number may be taken by now
            feature.setAttribute(index, NULL)
    with _flushed(layer):
        done, added = provider.addFeatures(fresh)
        words = "" if done else _words(provider)
        written = [] if done else [feature.id() for feature in added if _is_there(layer, feature)]
        if written:  # providers without transactions
            provider.deleteFeatures(written)
    if not done:
        raise OutputError(tr("{0} could not be written: {1}").format(layer.name(), words), words)
    return list(added)


def delete_features(layer: QgsVectorLayer, fids: Iterable[int]) -> None:
    """Delete features. Raises OutputError in the provider's words."""
    provider = layer.dataProvider()
    with _flushed(layer):
        done = provider.deleteFeatures(list(fids))
        words = "" if done else _words(provider)
    if not done:
        raise OutputError(tr("{0} could not be written: {1}").format(layer.name(), words), words)


def change_values(layer: QgsVectorLayer, index: int, values: Mapping[int, Any]) -> None:
    """Write ``values`` (fid → value) into the provider's field ``index``. Raises OutputError in words."""
    provider = layer.dataProvider()
    with _flushed(layer):
        done = provider.changeAttributeValues({fid: {index: value} for fid, value in values.items()})
        words = "" if done else _words(provider)
    if not done:
        raise OutputError(tr("{0} could not be written: {1}").format(layer.name(), words), words)


def announce(layer: QgsVectorLayer) -> None:
    """Tell QGIS that features were written behind its back: extent, map, attribute table, snapping. For the caller to
    do when it knows of the change itself: others may ask it at once."""
    layer.updateExtents()
    layer.dataChanged.emit()
    layer.triggerRepaint()


@contextmanager
def _flushed(layer: QgsVectorLayer) -> Iterator[None]:
    """Writing in this block is on disk after it."""
    provider = layer.dataProvider()
    provider.clearErrors()
    if keeps_fids(layer):
        yield
        return
    provider.enterUpdateMode()
    try:
        yield
    finally:
        provider.leaveUpdateMode()  # closes the file


def _is_there(layer: QgsVectorLayer, feature: QgsFeature) -> bool:
    return feature.id() >= 0 and layer.getFeature(feature.id()).geometry().equals(feature.geometry())


def _words(provider: QgsVectorDataProvider) -> str:
    said = "; ".join(str(line) for line in provider.errors()).strip()
    provider.clearErrors()
    return said or tr("the data provider gives no reason; is the disk full, or the file locked or read-only?")
