"""The tab with the real backend and a real store: what is found is what numpy would find."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.backend.resident import Resident
from bitscape.plugin.dock.find.find_loop import DONE
from bitscape.tests.plugin.find.scene import SHIFT, Window, middle
from bitscape.tests.plugin.imagery.scene import collect
from bitscape.tests.plugin.waiting import eventually
from osgeo import gdal
from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import Qt

MAKER = Path(__file__).with_name("make_store.py")
ROOT = Path(__file__).resolve().parents[3]


class Real(Window):
    """The tab, with the backend that users have, on a store of 64 patches (or ``side`` squared)."""

    def __init__(self, project: QgsProject, folder: Path, python: Path, side: int = 8) -> None:
        self.place = folder / "scene"
        self.place.mkdir()
        environment = {name: value for name, value in os.environ.items() if name in ("HOME", "TMPDIR", "LANG")}
        done = subprocess.run(
            [str(python), "-P", str(MAKER), str(self.place), str(side)], capture_output=True, encoding="utf-8",
            env={**environment, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "build" / "plugins")}, check=False)
        assert done.returncode == 0, done.stderr
        self.codes = {name: int(code, 16) for name, code in json.loads(done.stdout.splitlines()[-1]).items()}
        self.resident = Resident(lambda: python)
        super().__init__(project, folder, self.resident)
        self.tab.store.take(str(self.place))
        assert eventually(lambda: self.loop.about is not None and self.loop.answer["complete"], 60), self.loop.failure
        self.tab.exemplars.start.click()

    def settle(self) -> None:
        assert eventually(lambda: self.loop.state == DONE, 30), (self.loop.state, self.loop.failure)

    def expected(self, positive: list[str], negative: list[str], k: int) -> list[float]:
        """The scores of the best, by counting bits."""
        def mean(code: int, others: list[str]) -> float:
            return sum(bin(code ^ self.codes[one]).count("1") for one in others) / len(others) if others else 0.0

        scores = [mean(code, positive) - mean(code, negative) for name, code in self.codes.items()
                  if name not in (*positive, *negative)]
        return sorted(scores)[:k]

    @property
    def scores(self) -> list[float]:
        return [one["score"] for one in self.results.view.results.results]

    def close(self) -> None:
        super().close()
        self.resident.close()


@pytest.fixture
def real(project: QgsProject, tmp_path: Path, backend_python: Path) -> Iterator[Real]:
    made = Real(project, tmp_path, backend_python)
    yield made
    made.close()
    collect()


def test_clicks_find_what_counting_bits_finds(real: Real) -> None:
    assert "Scene" in real.tab.store.facts.text() and "64 bits" in real.tab.store.facts.text()
    real.click(9)
    real.settle()
    assert real.scores == real.expected(["p9"], [], 50)
    assert "p9" not in real.listed, "the exemplar is no result"
    assert sorted(real.listed) == sorted(real.drawn)
    first = real.results.view.results.results[0]
    assert bin(real.codes[first["id"]] ^ real.codes["p9"]).count("1") == first["score"]
    real.click(18, modifiers=SHIFT)
    real.settle()
    assert real.scores == pytest.approx(real.expected(["p9"], ["p18"], 50))
    real.search.ask(k=3)
    real.settle()
    assert len(real.listed) == len(real.drawn) == 3


def test_a_click_beside_the_store_says_so(real: Real) -> None:
    place = middle(0)
    place.setY(place.y() + 500_000)
    real.search.place([place], real.canvas.mapSettings().destinationCrs(), True)
    assert eventually(lambda: real.tab.exemplars.missing.isVisible(), 20)
    assert "Remove" in real.tab.exemplars.missing.text()


def test_results_taken_as_exemplars_and_areas(real: Real) -> None:
    real.click(9)
    real.settle()
    first = real.results.view.results.results[0]
    real.results.act("positive", [first])
    real.settle()
    assert first["id"] not in real.listed
    assert real.scores == pytest.approx(real.expected(["p9", first["id"]], [], 50))
    real.canvas.zoomByFactor(0.3)
    real.tab.areas.choose("window")
    real.settle()
    assert 0 < real.loop.answer["rows"] < 64 and real.tab.areas.buttons["window"].text() == "Map view"


@pytest.mark.parametrize("view", ["heat", "threshold", "outlier", "surprise", "gradient", "typical"])
def test_every_view_draws_a_picture_where_the_map_is(real: Real, view: str) -> None:
    real.click(9)
    real.settle()
    real.search.ask(view=view)
    assert eventually(lambda: real.loop.state == DONE and real.tab.picture.layer is not None, 30), real.loop.failure
    layer = real.tab.picture.layer
    assert layer.isValid() and real.listed
    values = gdal.Open(layer.source()).ReadAsArray()
    assert (values != 255).mean() > 0.5 and len(set(values.ravel().tolist())) > 3
    real.scene.settle()
    assert layer.renderer().type() == "singlebandpseudocolor"


def test_the_threshold_counts_what_numpy_counts(real: Real) -> None:
    real.click(9)
    real.settle()
    real.press(Qt.Key.Key_T)
    assert eventually(lambda: real.tab.threshold.value is not None, 20)
    real.settle()
    every = real.expected(["p9"], [], 63)
    cut = sorted(every)[20]
    real.tab.threshold.chart.dragged.emit(float(cut))
    QgsApplication.processEvents()
    assert all(score <= cut for score in real.scores)
    assert eventually(lambda: real.loop.answer["threshold"] == cut, 20)
    real.settle()
    assert real.loop.answer["within"] == sum(score <= cut for score in every)
    assert real.scores == [score for score in sorted(every) if score <= cut]
    real.tab.threshold.chart.dragged.emit(float(every[-1]))
    assert eventually(lambda: len(real.listed) == 63, 20), "also what was beyond before"


def test_of_many_questions_only_the_newest_is_shown(real: Real) -> None:
    """Ten clicks at once, each of which asks; what is seen in the end is the answer to all ten."""
    for number in range(20, 30):
        real.click(number)
    assert eventually(lambda: real.loop.state == DONE and real.loop.answer["token"] == str(real.loop._generation), 30)
    exemplars = [f"p{number}" for number in range(20, 30)]
    assert real.scores == pytest.approx(real.expected(exemplars, [], 50))
    assert not set(real.drawn) & set(exemplars)


def test_a_backend_that_dies_is_started_again_and_answers(real: Real) -> None:
    import signal

    real.click(9)
    real.settle()
    os.kill(real.resident.pid, signal.SIGKILL)
    real.click(18)
    assert eventually(lambda: real.loop.state == DONE and len(real.loop.answer["exemplars"]) == 2, 60)
    assert real.scores == pytest.approx(real.expected(["p9", "p18"], [], 50))


def test_a_store_that_is_broken_is_refused_in_words(real: Real) -> None:
    broken = real.folder / "broken"
    broken.mkdir()
    (broken / "manifest.parquet").write_bytes(b"no parquet")
    real.tab.store.take(str(broken))
    assert eventually(lambda: real.loop.state == "failed", 30)
    assert real.loop.failure and "Traceback" not in real.loop.failure
    assert real.loop.failure.replace('"', "&quot;")[:20] in real.tab.store.facts.text().replace("⚠ ", "")
