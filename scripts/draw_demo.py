"""Draw the demo with QGIS: demo.qgz with its layers, themes and layout, and map.png from that layout.

Usage: draw_demo.py DEMO_FILES_JSON FIGURES_JSON, run by QGIS's Python. Prints what was drawn as JSON. The project needs
neither the plugin nor the backend: rasters and points with QGIS's own styles, found by relative paths.
"""

from __future__ import annotations

import json
import os
import sys
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from demo_files import DemoFiles
from demo_layout import draw_layout, export
from demo_project import draw_project, save
from qgis.core import QgsApplication


def main(files: DemoFiles, figures: dict[str, object]) -> None:
    """Draw, save, export."""
    started = time.monotonic()
    application = QgsApplication([], True)
    application.initQgis()
    project, layers = draw_project(files)
    layout = draw_layout(project, layers, files, figures)
    save(project, layers, files.result("demo.qgz"))
    export(layout, files.result("map.png"))
    print(json.dumps({"layers": len(project.mapLayers()), "seconds": time.monotonic() - started}), flush=True)
    os._exit(0)  # tearing QGIS down out of order may crash; everything is written


if __name__ == "__main__":
    main(DemoFiles.from_json(sys.argv[1]), json.loads(sys.argv[2]))
