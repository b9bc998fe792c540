"""The demo: from sample data to a change map, its project, its picture and its accuracy, through the real qgis_process.

Usage: run_demo.py PYTHON_OF_QGIS. Standard library only; everything else happens in the processes it starts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import headless_qgis
from demo_files import DemoFiles

ROOT = headless_qgis.ROOT
SIZE = 1024
SEED = 7
YEARS = (2020, 2022, 2024)


class Demo:
    """The steps, numbered and timed."""

    def __init__(self, folder: Path, qgis_python: str) -> None:
        self.folder = folder
        self.qgis_python = qgis_python
        self.environment = headless_qgis.profile(ROOT / "build" / "profile")
        self.done = 0
        self.trained: dict[str, Any] = {}
        self.figures: dict[str, Any] = {}

    def step(self, title: str, work: Callable[[], str]) -> None:
        """Do one step and print how long it took and what came of it."""
        self.done += 1
        print(f"{self.done} of 6  {title:<34}", end="", flush=True)
        started = time.monotonic()
        said = work()
        print(f"{time.monotonic() - started:5.1f} s   {said}", flush=True)

    def algorithm(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Run an algorithm through qgis_process; its results. Leaves with its message if it fails."""
        outcome = headless_qgis.run(f"bitscape:{name}", parameters, self.environment)
        if outcome.code != 0:
            raise SystemExit(f"\nbitscape:{name} failed with exit code {outcome.code}:\n{outcome.stderr}")
        return outcome.results

    def script(self, python: str, name: str, *arguments: str) -> dict[str, Any]:
        """Run one of the scripts beside this one; the JSON it prints as its last line."""
        done = subprocess.run(
            [python, str(ROOT / "scripts" / name), self.files.to_json(), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"\nscripts/{name} failed with exit code {done.returncode}:\n{done.stderr}")
        printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return printed

    def run(self) -> None:
        """All steps, then the figures and what to look at."""
        tiles, model = self.folder / "change.tif", self.folder / "model.json"
        self.step("Create sample data", self.create)
        self.step("Build embedding tiles", lambda: self.build(tiles))
        self.step("Train classifier from labels", lambda: self.train(tiles, model))
        self.step("Apply classifier", lambda: self.apply(tiles, model))
        self.step("Compare with the known truth", self.compare)
        self.step("Draw project and map", self.draw)
        print(report(self.figures, self.trained))

    def create(self) -> str:
        """Sample data of three years."""
        years = ",".join(str(year) for year in YEARS)
        made = self.algorithm("createsampledata", SIZE=SIZE, SEED=SEED, YEARS=years, OUTPUT=self.folder / "data")
        self.files = DemoFiles.of_sample(self.folder, YEARS, made)
        return f"{SIZE} × {SIZE} pixels, 64 dimensions, {years.replace(',', ' ')}"

    def build(self, tiles: Path) -> str:
        """Tiles of the difference between first and last year."""
        files = self.files
        self.algorithm(
            "buildembeddingtiles",
            INPUT=files.embeddings,
            TILES=tiles,
            OUTPUT=files.result("picture.tif"),
            COVERAGE=files.result("coverage.tif"),
        )
        sizes = [path.stat().st_size / 1e6 for path in (files.embeddings[0], tiles)]
        return f"2 × {sizes[0]:.0f} MB → {sizes[1]:.0f} MB"

    def train(self, tiles: Path, model: Path) -> str:
        """A classifier from the clicks."""
        self.trained = self.algorithm("trainclassifier", INPUT=tiles, LABELS=self.files.labels, OUTPUT=model)
        return f"{self.trained['LABELS_USED']} clicked pixels"

    def apply(self, tiles: Path, model: Path) -> str:
        """Score and classes everywhere."""
        files = self.files
        self.algorithm(
            "applyclassifier",
            INPUT=tiles,
            MODEL=model,
            OUTPUT=files.result("score.tif"),
            CLASSES=files.result("classes.tif"),
        )
        return "score and classes, pixel for pixel"

    def compare(self) -> str:
        """The map against the truth, where no click was."""
        python = os.environ.get("BITSCAPE_PYTHON") or str(ROOT / ".venv" / "bin" / "python")
        self.figures = self.script(python, "compare_with_truth.py")
        return f"{self.figures['pixels']:,} covered pixels without a click"

    def draw(self) -> str:
        """demo.qgz and map.png, drawn by QGIS."""
        figures = {**self.figures, "f1_clicks": self.trained.get("F1"), "f1_places": self.trained.get("F1_SPATIAL")}
        drawn = self.script(self.qgis_python, "draw_demo.py", json.dumps(figures))
        return f"{drawn['layers']} layers, {drawn['seconds']:.1f} s of it QGIS drawing"


def report(figures: Mapping[str, Any], trained: Mapping[str, Any]) -> str:
    """The accuracy in words and numbers, and what to open next."""

    def validated(suffix: str) -> str:
        if f"F1{suffix}" not in trained:
            return "too few labels to say"
        return f"F1 {trained[f'F1{suffix}']:.3f} ± {trained[f'F1{suffix}_STD']:.3f}"

    clicked, ground = figures["changed_clicks"] / figures["clicks"], figures["changed"] / figures["pixels"]
    return f"""
The change map against the known truth
  on all {figures['pixels']:,} covered pixels without a click, {figures['changed']:,} of them changed:
  precision {figures['precision']:.3f}   recall {figures['recall']:.3f}   F1 {figures['f1']:.3f}
What the {figures['clicks']} clicks alone had promised, by cross-validation
  random folds             {validated('')}
  transfer to new places   {validated('_SPATIAL')}
Of the clicks {clicked:.0%} are change, of the ground {ground:.1%}: the rarer change is, the more each false alarm
weighs, so the F1 of a map lies below that of its clicks. {figures['uncovered']:,} pixels lack a date: there nothing is
claimed.

Look at
  demo/map.png             the map, rendered by QGIS
  qgis demo/demo.qgz       the project: pictures, clicks, score, classes, truth; View themes flick between them
  make qgis                the same with the plugin on: Processing Toolbox -> Bitscape
"""


def main(arguments: list[str]) -> None:
    """Run the demo in a fresh folder ``demo``."""
    started = time.monotonic()
    folder = ROOT / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    Demo(folder, arguments[0]).run()
    print(f"Done in {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main(sys.argv[1:])
