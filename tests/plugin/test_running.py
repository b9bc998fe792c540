"""Algorithms run by Processing: from sample data to maps in the project, cancelled, and without a backend."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.plugin.algorithms.provider import BitscapeProvider
from qgis.core import (
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingUtils,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QCoreApplication


class Feedback(QgsProcessingFeedback):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(False)
        self.errors: list[str] = []
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.stages: list[str] = []

    def reportError(self, error: str, fatalError: bool = False) -> None:  # noqa: N802
        self.errors.append(error)

    def pushInfo(self, info: str) -> None:  # noqa: N802
        self.lines.append(info)

    def pushWarning(self, warning: str) -> None:  # noqa: N802
        self.warnings.append(warning)

    def setProgressText(self, text: str) -> None:  # noqa: N802
        self.stages.append(text)


@pytest.fixture(scope="module")
def provider() -> Iterator[BitscapeProvider]:
    """The provider in QGIS's registry."""
    provider = BitscapeProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    yield provider
    QgsApplication.processingRegistry().removeProvider("bitscape")


@pytest.fixture
def context() -> Iterator[QgsProcessingContext]:
    """A context with an empty project."""
    QgsProject.instance().clear()
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    yield context
    QgsProject.instance().clear()


def run(provider: BitscapeProvider, name: str, parameters: dict[str, Any], context: QgsProcessingContext) -> Any:
    """Run to success; results and what was said."""
    feedback = Feedback()
    results, ok = provider.algorithm(name).create().run(parameters, context, feedback)
    assert ok, feedback.errors
    return results, feedback


def loaded(context: QgsProcessingContext) -> list[str]:
    """Load what Processing would load, as it does; the names of the layers from top to bottom."""
    feedback = QgsProcessingFeedback()
    for path, details in context.layersToLoadOnCompletion().items():
        layer = QgsProcessingUtils.mapLayerFromString(path, context)
        assert layer is not None, f"{path} was to be loaded and is not there"
        layer.setName(details.name)
        details.project.addMapLayer(context.temporaryLayerStore().takeMapLayer(layer))
        details.postProcessor().postProcessLayer(layer, context, feedback)
    return [node.name() for node in QgsProject.instance().layerTreeRoot().findLayers()]


def test_from_sample_data_to_maps_of_two_periods(
    provider: BitscapeProvider, context: QgsProcessingContext, tmp_path: Path
) -> None:
    sample, _ = run(provider, "createsampledata", {"SIZE": 256, "OUTPUT": str(tmp_path / "sample")}, context)
    assert loaded(context) == ["Labels", "Sentinel-2-like 2024", "Sentinel-2-like 2020", "True change"]
    labels = QgsProject.instance().mapLayersByName("Labels")[0]
    assert labels.renderer().type() == "categorizedSymbol"
    context.setLayersToLoadOnCompletion({})

    first, middle, last = sample["EMBEDDINGS"]
    long = {"INPUT": [first, last], "TILES": str(tmp_path / "long.tif"), "OUTPUT": str(tmp_path / "picture.tif")}
    built, feedback = run(provider, "buildembeddingtiles", long, context)
    assert built["MAPPING_USED"] == "alphaearth" and 0 < built["EXPLAINED_VARIANCE"] < 1
    assert 0 < built["COVERED_PIXELS"] < built["PIXELS"] == 256**2
    assert len(feedback.stages) >= 3 and len(set(feedback.stages)) == len(feedback.stages)
    short = {**long, "INPUT": [first, middle], "TILES": str(tmp_path / "short.tif"), "BASIS": built["BASIS_FILE"]}
    run(provider, "buildembeddingtiles", short, context)

    training = {"INPUT": built["TILES"], "LABELS": labels, "OUTPUT": str(tmp_path / "model.json")}
    trained, feedback = run(provider, "trainclassifier", training, context)
    assert 0.5 < trained["F1"] <= 1 and trained["CLASSES"] == "change, nochange"
    assert any(line.startswith("F1 · 0.") for line in feedback.lines)

    planned = tmp_path / "score.tif"
    mapping = {
        "INPUT": [short["TILES"], long["TILES"]], "MODEL": trained["OUTPUT"],
        "OUTPUT": QgsProcessingOutputLayerDefinition(str(planned), QgsProject.instance()),
        "CLASSES": QgsProcessingOutputLayerDefinition(str(tmp_path / "classes.tif"), QgsProject.instance()),
    }
    QgsProject.instance().clear()
    mapped, _ = run(provider, "applyclassifier", mapping, context)
    assert [Path(path).name for path in mapped["MAPS"]] == ["score_2020-2022.tif", "score_2020-2024.tif"]
    assert mapped["OUTPUT"] == mapped["MAPS"][0]
    assert loaded(context) == [
        "Score of change 2020→2024", "Score of change 2020→2022", "Classes 2020→2024", "Classes 2020→2022",
    ]
    for layer in QgsProject.instance().mapLayers().values():
        assert layer.renderer().type() in ("singlebandpseudocolor", "paletted")
        assert layer.metadata().title() == layer.name()
    assert not planned.exists()
    assert not list(tmp_path.glob("*.aux.xml")), "loading computed statistics"


def test_numbers_from_labels_to_a_map_in_their_unit(
    provider: BitscapeProvider, context: QgsProcessingContext, tmp_path: Path
) -> None:
    made, _ = run(provider, "createsampledata", {
        "SIZE": 256, "YEARS": "2020,2024", "OUTPUT": str(tmp_path / "sample")}, context)
    context.setLayersToLoadOnCompletion({})
    building = {"INPUT": made["EMBEDDINGS"][1:], "FEATURES": 1, "TILES": str(tmp_path / "t.tif"),
                "OUTPUT": str(tmp_path / "p.tif")}
    built, _ = run(provider, "buildembeddingtiles", building, context)
    context.setLayersToLoadOnCompletion({})
    picture = QgsRasterLayer(made["SENTINEL2"][1], "imagery")
    labels = QgsVectorLayer(f"Point?crs={picture.crs().authid()}&field=brightness:double", "plots", "memory")
    features = []
    for x, y in np.random.default_rng(0).random((120, 2)):
        place = QgsPointXY(picture.extent().xMinimum() + x * picture.extent().width(),
                           picture.extent().yMinimum() + y * picture.extent().height())
        feature = QgsFeature(labels.fields())
        feature.setGeometry(QgsGeometry.fromPointXY(place))
        feature.setAttributes([picture.dataProvider().sample(place, 4)[0] / 100])
        features.append(feature)
    labels.dataProvider().addFeatures(features)
    training = {"INPUT": built["TILES"], "LABELS": labels, "CLASS_FIELD": "brightness", "TARGET": 2, "UNIT": "%",
                "OUTPUT": str(tmp_path / "model.json")}
    trained, feedback = run(provider, "trainclassifier", training, context)
    assert 0.3 < trained["R2"] <= 1 and trained["RMSE"] < trained["BASELINE_RMSE"]
    assert {"MAE", "BIAS", "RMSE_SPATIAL", "R2_SPATIAL", "MAE_SPATIAL", "BIAS_SPATIAL", "ALPHA"} <= set(trained)
    assert "F1" not in trained and "CLASSES" not in trained and trained["LABELS_COUNT"] > 90
    assert any(line.startswith("R² · 0.") for line in feedback.lines)

    planned = tmp_path / "map.tif"
    mapping = {
        "INPUT": [built["TILES"]], "MODEL": trained["OUTPUT"],
        "OUTPUT": QgsProcessingOutputLayerDefinition(str(planned), QgsProject.instance()),
        "CLASSES": QgsProcessingOutputLayerDefinition(str(tmp_path / "classes.tif"), QgsProject.instance()),
    }
    QgsProject.instance().clear()
    mapped, feedback = run(provider, "applyclassifier", mapping, context)
    assert mapped["MAPS"] == [str(planned)] and "CLASSES" not in mapped and not (tmp_path / "classes.tif").exists()
    assert any("no class map is written" in warning for warning in feedback.warnings)
    assert loaded(context) == ["brightness (%) 2024"]
    (layer,) = QgsProject.instance().mapLayers().values()
    assert layer.renderer().type() == "singlebandpseudocolor" and layer.metadata().title() == layer.name()
    items = layer.renderer().shader().rasterShaderFunction().colorRampItemList()
    assert len(items) == 9 and items[0].label.endswith(" %") and layer.bandName(1) == "Band 1: brightness (%)"


def test_too_few_labels_give_no_figure_rather_than_zero(
    provider: BitscapeProvider, context: QgsProcessingContext, tmp_path: Path
) -> None:
    sample, _ = run(provider, "createsampledata", {
        "SIZE": 128, "YEARS": "2020,2024", "OUTPUT": str(tmp_path / "sample")}, context)
    loaded(context)
    building = {"INPUT": sample["EMBEDDINGS"], "TILES": str(tmp_path / "t.tif"), "OUTPUT": str(tmp_path / "p.tif")}
    built, _ = run(provider, "buildembeddingtiles", building, context)
    labels = QgsProject.instance().mapLayersByName("Labels")[0]
    for name in ("change", "nochange"):
        labels.selectByExpression(f"label = '{name}'")
    chosen = [next(f.id() for f in labels.getFeatures() if f["label"] == name) for name in ("change", "nochange")]
    labels.dataProvider().deleteFeatures([f.id() for f in labels.getFeatures() if f.id() not in chosen])
    training = {"INPUT": built["TILES"], "LABELS": labels, "OUTPUT": str(tmp_path / "model.json")}
    trained, feedback = run(provider, "trainclassifier", training, context)
    assert not {name for name in trained if name.startswith(("F1", "PRECISION", "RECALL", "ACCURACY", "FOLDS"))}
    assert trained["LABELS_USED"] == 2
    assert any("No figure for agreement" in warning for warning in feedback.warnings)


def test_a_background_task_is_cancelled_and_leaves_nothing(
    provider: BitscapeProvider, context: QgsProcessingContext, tmp_path: Path
) -> None:
    feedback = Feedback()
    task = QgsProcessingAlgRunnerTask(
        provider.algorithm("createsampledata"), {"SIZE": 8192, "OUTPUT": str(tmp_path / "sample")}, context, feedback
    )
    finished: list[bool] = []
    task.executed.connect(lambda ok, results: finished.append(ok))
    QgsApplication.taskManager().addTask(task)
    deadline = time.monotonic() + 60
    while not feedback.stages and time.monotonic() < deadline:
        QCoreApplication.processEvents()
        time.sleep(0.02)
    assert feedback.stages, feedback.errors
    began = time.monotonic()
    feedback.cancel()
    while not finished and time.monotonic() < began + 10:
        QCoreApplication.processEvents()
        time.sleep(0.02)
    assert finished == [False]
    assert time.monotonic() - began < 4
    assert feedback.errors == ["Cancelled; nothing was written."]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bitscape")]


def test_without_a_backend_it_is_said_what_to_do(
    provider: BitscapeProvider, context: QgsProcessingContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BITSCAPE_PYTHON", "/nowhere/python")
    feedback = Feedback()
    _, ok = provider.algorithm("createsampledata").create().run({"OUTPUT": str(tmp_path / "x")}, context, feedback)
    assert not ok
    assert "BITSCAPE_PYTHON is not there: /nowhere/python" in feedback.errors[0]
    assert "make venv" in feedback.errors[0]
    assert not (tmp_path / "x").exists()
