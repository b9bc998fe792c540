"""The assessment's parameters and outputs, and what of a layer that QGIS holds reaches the backend."""

from __future__ import annotations

from pathlib import Path

import pytest
from bitscape.plugin.algorithms import assess_accuracy, sources
from bitscape.plugin.algorithms.assess_accuracy import AssessAccuracy
from bitscape.tests.system.rasters import noise, write_labels, write_raster
from qgis.core import (
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProject,
    QgsVectorLayer,
)

ADVANCED = QgsProcessingParameterDefinition.Flag.FlagAdvanced
OPTIONAL = QgsProcessingParameterDefinition.Flag.FlagOptional


@pytest.fixture
def algorithm() -> AssessAccuracy:
    return AssessAccuracy().create()


def test_the_report_is_listed_in_the_results_viewer(algorithm: AssessAccuracy) -> None:
    assert algorithm.outputDefinition("OUTPUT").type() == "outputHtml"
    assert algorithm.parameterDefinition("OUTPUT").defaultFileExtension() == "html"
    assert not algorithm.parameterDefinition("TABLE").createByDefault()
    for name in ("OVERALL_ACCURACY", "OVERALL_ACCURACY_CI", "AREA", "AREA_CI", "AREA_LOW", "AREA_HIGH", "F1", "IOU",
                 "MAPPED_AREA", "MEAN_IOU", "COUNT"):
        assert algorithm.outputDefinition(name).type() == "outputNumber", name
    assert algorithm.group() == "Accuracy and area"
    for name in ("SAMPLE", "REFERENCE", "STRATA", "AOI", "INTERPRETATIONS"):
        assert algorithm.parameterDefinition(name).flags() & OPTIONAL, name
    assert algorithm.parameterDefinition("STRATA").flags() & ADVANCED
    assert not algorithm.parameterDefinition("INPUT").flags() & OPTIONAL


def test_rasters_are_not_loaded_to_be_checked(algorithm: AssessAccuracy, tmp_path: Path) -> None:
    there = write_raster(tmp_path / "there.tif", noise(bands=1))
    context = QgsProcessingContext()
    values = {"INPUT": str(there), "OUTPUT": str(tmp_path / "r.html")}
    assert algorithm.checkParameterValues(values, context) == (True, "")
    assert context.temporaryLayerStore().count() == 0
    gone = tmp_path / "gone.tif"
    values["STRATA"] = str(gone)
    assert algorithm.checkParameterValues(values, context) == (False, f"{gone} does not exist.")
    assert not algorithm.checkParameterValues({"OUTPUT": str(tmp_path / "r.html")}, context)[0]
    for name in ("INPUT", "STRATA"):
        assert algorithm.parameterDefinition(name).clone().type() == "raster"
    assert [path.name for path in tmp_path.iterdir()] == ["there.tif"]


def test_answers_are_looked_for_in_the_file_behind_an_edited_layer(algorithm: AssessAccuracy, tmp_path: Path) -> None:
    path = write_labels(tmp_path / "sample.gpkg", [(500005.0, 5099995.0, "change"), (500015.0, 5099995.0, "no change")])
    layer = QgsVectorLayer(f"{path}|layername=labels", "sample", "ogr")
    QgsProject.instance().addMapLayer(layer)
    layer.startEditing()
    feature = QgsFeature(layer.fields())
    feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(500025.0, 5099995.0)))
    layer.addFeature(feature)
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    values = {"INPUT": "map.tif", "SAMPLE": layer.id(), "DESIGN": 2, "OUTPUT": str(tmp_path / "r.html")}
    assert algorithm.prepareAlgorithm(values, context, QgsProcessingFeedback())
    request = algorithm._request
    assert request["original"] == str(path) != request["sample"] and request["design"] == "map"
    assert request["class_field"] == "label" and "interpretations" not in request
    layer.rollBack()
    assert algorithm.prepareAlgorithm(values, context, QgsProcessingFeedback())
    assert algorithm._request["sample"] == algorithm._request["original"] == str(path)
    assert algorithm._request["layer"] == "labels"
    memory = QgsVectorLayer("Point?crs=EPSG:32633&field=label:string", "memory", "memory")
    QgsProject.instance().addMapLayer(memory)
    assert sources.file_behind(algorithm, {"SAMPLE": memory.id()}, "SAMPLE", context) == ""
    QgsProject.instance().clear()


def test_figures_that_nothing_supports_are_absent() -> None:
    figure = {"value": 0.9, "error": 0.01, "low": 0.88, "high": 0.92, "margin": 0.0196}
    change = {"name": "change", "mapped_area": 12.0, "area": {**figure, "value": 11.0}, "users": figure,
              "producers": None, "f1": None, "iou": None}
    found = assess_accuracy._figures({"classes": [change], "positive_class": "change", "overall": figure,
                                      "mean_iou": None, "count": 7})
    assert found["AREA"] == 11.0 and found["AREA_CI"] == 0.0196 and found["OVERALL_ACCURACY_LOW"] == 0.88
    assert found["MAPPED_AREA"] == 12.0 and "F1" not in found and "PRODUCERS_ACCURACY" not in found
    without = assess_accuracy._figures({"classes": [change], "positive_class": None, "overall": figure,
                                        "mean_iou": 0.5, "count": 7})
    assert "AREA" not in without and without["MAPPED_AREA"] is None and without["MEAN_IOU"] == 0.5
    assert set(found) <= set(assess_accuracy._numbers())
