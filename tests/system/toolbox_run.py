"""Runs an algorithm as the Toolbox does, loads its results into a project, and prints what a user sees of them.

Arguments: the algorithm and its parameters as JSON. The last line printed is a list of layers, the topmost first.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
)


def legend(layer: Any) -> tuple[list[tuple[str, str]], list[str]]:
    """Names and colours of classes, and the names of those that are not drawn."""
    renderer = layer.renderer()
    if hasattr(renderer, "categories"):
        return [(one.label(), one.symbol().color().name()) for one in renderer.categories()], []
    if hasattr(renderer, "classes"):
        return ([(one.label, one.color.name()) for one in renderer.classes()],
                [one.label for one in renderer.classes() if one.color.alpha() == 0])
    return [], []


def main() -> None:
    """Run, load, tell."""
    application = QgsApplication([], True)
    application.initQgis()
    sys.path.append(os.path.join(QgsApplication.pkgDataPath(), "python", "plugins"))
    from bitscape.plugin.algorithms.provider import BitscapeProvider
    from processing.core.Processing import Processing
    from processing.gui.Postprocessing import handleAlgorithmResults

    Processing.initialize()
    provider = BitscapeProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    project, feedback = QgsProject.instance(), QgsProcessingFeedback()
    context = QgsProcessingContext()
    context.setProject(project)
    name, text = sys.argv[1:]
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(name)
    given = json.loads(text)
    for one in algorithm.destinationParameterDefinitions():
        if one.name() in given:
            given[one.name()] = QgsProcessingOutputLayerDefinition(given[one.name()], project)
    _, fine = algorithm.run(given, context, feedback)
    if not fine:
        sys.exit(feedback.textLog())
    handleAlgorithmResults(algorithm, context, feedback, False, given)
    found = []
    for node in project.layerTreeRoot().findLayers():
        shown, hidden = legend(node.layer())
        found.append({"name": node.name(), "renderer": node.layer().renderer().type(), "legend": shown,
                      "transparent": hidden, "licences": node.layer().metadata().licenses()})
    print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


main()
