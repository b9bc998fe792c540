"""The demo's QGIS project: its layers in groups, with styles, themes and relative paths. Needs qgis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from demo_files import DemoFiles
from demo_styles import pale_gaps, quiet_grey, see_through_score, small_markers
from qgis.core import (
    QgsBilinearRasterResampler,
    QgsLayerTreeGroup,
    QgsLayerTreeModel,
    QgsMapLayer,
    QgsMapThemeCollection,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas

PICTURE_GAMMA = 1.5
SCORE, AGAINST_TRUTH, EMBEDDINGS = "Score", "Against the truth", "Embeddings"
OVER_PICTURE = "over the picture"
"""Name of the second style of the layers that the theme Score shows together."""


@dataclass(frozen=True)
class DemoLayers:
    """The layers of the demo, from the clicks down to the imagery."""

    labels: QgsMapLayer
    score: QgsMapLayer
    classes: QgsMapLayer
    agreement: QgsMapLayer
    truth: QgsMapLayer
    coverage: QgsMapLayer
    picture: QgsMapLayer
    after: QgsMapLayer
    before: QgsMapLayer
    backdrop: QgsMapLayer


def draw_project(files: DemoFiles) -> tuple[QgsProject, DemoLayers]:
    """A project with all layers in their groups; the score over a grey backdrop is what shows first."""
    project = QgsProject.instance()
    project.clear()
    period = files.period
    layers = DemoLayers(
        labels=_points(files.labels, "labels", "Clicks"),
        score=_raster(files.result("score.tif"), f"Score {period}"),
        classes=_raster(files.result("classes.tif"), f"Classes {period}"),
        agreement=_raster(files.result("agreement.tif"), AGAINST_TRUTH),
        truth=_raster(files.truth, "True change"),
        coverage=_raster(files.result("coverage.tif"), "Coverage"),
        picture=_raster(files.result("picture.tif"), "Embeddings", smooth=True),
        after=_raster(files.pictures[1], f"Picture {files.years[1]}", smooth=True),
        before=_raster(files.pictures[0], f"Picture {files.years[0]}", smooth=True),
        backdrop=_raster(files.pictures[1], "Backdrop", smooth=True),
    )
    quiet_grey(layers.backdrop)
    for layer in (layers.before, layers.after):
        layer.brightnessFilter().setGamma(PICTURE_GAMMA)
    project.setCrs(layers.score.crs())
    project.setTitle("Bitscape demo: from clicks to a change map")
    project.writeEntryBool("Paths", "/Absolute", False)
    groups = {
        "Result": (layers.labels, layers.score, layers.classes),
        "Check": (layers.agreement, layers.truth, layers.coverage),
        "Pictures": (layers.picture, layers.after, layers.before, layers.backdrop),
    }
    for title, members in groups.items():
        _add_group(project, title, members)
    _add_themes(project, layers, files)
    project.mapThemeCollection().applyTheme(SCORE, project.layerTreeRoot(), _tree_model(project))
    return project, layers


def save(project: QgsProject, layers: DemoLayers, path: Path) -> None:
    """Write the project so that it opens on the whole of its data."""
    extent = QgsRectangle(layers.score.extent())
    project.viewSettings().setDefaultViewExtent(QgsReferencedRectangle(extent, project.crs()))
    canvas = QgsMapCanvas()
    canvas.setObjectName("theMapCanvas")
    canvas.setDestinationCrs(project.crs())
    canvas.resize(1000, 1000)
    canvas.setExtent(extent.buffered(0.02 * extent.width()))
    project.writeProject.connect(canvas.writeProject)
    if not project.write(str(path)):
        raise SystemExit(f"{path} could not be written: {project.error()}")
    project.writeProject.disconnect(canvas.writeProject)


def _raster(path: Path, name: str, smooth: bool = False) -> QgsRasterLayer:
    """A raster with the style that lies beside it."""
    layer = QgsRasterLayer(str(path), name)
    if not layer.isValid():
        raise SystemExit(f"{path} does not open in QGIS")
    if smooth:
        layer.resampleFilter().setZoomedOutResampler(QgsBilinearRasterResampler())
        layer.resampleFilter().setMaxOversampling(2.0)
    return layer


def _points(path: Path, table: str, name: str) -> QgsVectorLayer:
    layer = QgsVectorLayer(f"{path}|layername={table}", name)
    if not layer.isValid():
        raise SystemExit(f"{path} does not open in QGIS")
    return layer


def _add_group(project: QgsProject, title: str, members: tuple[QgsMapLayer, ...]) -> QgsLayerTreeGroup:
    group = project.layerTreeRoot().addGroup(title)
    for layer in members:
        project.addMapLayer(layer, False)
        group.addLayer(layer).setExpanded(title == "Result" and layer is not members[-1])
    return group


def _add_themes(project: QgsProject, layers: DemoLayers, files: DemoFiles) -> None:
    """Named views of the same place, to flick through in the Layers panel."""
    themes = {
        "Change map": (layers.labels, layers.classes, layers.coverage, layers.after),
        AGAINST_TRUTH: (layers.agreement,),
        EMBEDDINGS: (layers.picture,),
        str(files.years[1]): (layers.after,),
        str(files.years[0]): (layers.before,),
    }
    for name, visible in themes.items():
        _add_theme(project, name, {layer: layer.styleManager().currentStyle() for layer in visible})
    together = {
        layers.labels: small_markers(layers.labels),
        layers.score: see_through_score(layers.score),
        layers.coverage: pale_gaps(layers.coverage),
    }
    for layer, style in together.items():
        layer.styleManager().addStyle(OVER_PICTURE, style)
    backdrop = {layers.backdrop: layers.backdrop.styleManager().currentStyle()}
    _add_theme(project, SCORE, {**dict.fromkeys(together, OVER_PICTURE), **backdrop})


def _add_theme(project: QgsProject, name: str, styles: Mapping[QgsMapLayer, str]) -> None:
    record = QgsMapThemeCollection.MapThemeRecord()
    for layer, style in styles.items():
        entry = QgsMapThemeCollection.MapThemeLayerRecord(layer)
        entry.isVisible = True
        entry.currentStyle = style
        entry.usingCurrentStyle = True
        record.addLayerRecord(entry)
    project.mapThemeCollection().insert(name, record)


def _tree_model(project: QgsProject) -> QgsLayerTreeModel:
    return QgsLayerTreeModel(project.layerTreeRoot())
