"""Calibration: only from a random sample that did not train, weighted to the map; against scikit-learn's figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.processing.classification.model import BasisReference, Model
from bitscape.processing.classification.sampling import Sample
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.errors import LabelError
from bitscape.processing.progress import Progress
from bitscape.processing.training.calibration import Calibration, calibrate, open_sample
from bitscape.tests.processing.conftest import write_features
from sklearn.metrics import brier_score_loss, f1_score, precision_score, recall_score

Make = Callable[..., Path]
NOBODY = Sample(np.empty((0, 8), np.int8), *(np.empty(0, np.int64),) * 2, *(np.empty(0),) * 2, [])


def model_of(tiles: Tiles, classes: tuple[str, ...] = ("change", "nochange"), seed: int = 0) -> Model:
    random = np.random.default_rng(seed)
    rows = 1 if len(classes) == 2 else len(classes)
    return Model(
        classes=list(classes), positive_class="change" if rows == 1 else None,
        weights=random.normal(0, 0.03, (rows, 8)).tolist(), bias=[-0.5] * rows,
        basis=BasisReference(fingerprint=tiles.fingerprint, features="difference", dates=tiles.dates), c=1.0,
        class_weights="none", counts=dict.fromkeys(classes, 1), random=None, spatial=None, random_reason="",
        spatial_reason="", block_size=None, warnings=[], provenance={})


class World:
    """Pixels of the scene drawn at random, and the score a model gives each."""

    def __init__(self, tiles: Tiles, codes: np.ndarray, model: Model, count: int, seed: int = 1) -> None:
        self.random = np.random.default_rng(seed)
        cells = self.random.choice(np.flatnonzero(codes[0].ravel() != -128), count, replace=False)
        self.rows, self.columns = np.unravel_index(cells, codes.shape[1:])
        weights, bias = model.arrays()
        self.logits = codes[:, self.rows, self.columns].T @ weights.T + bias
        self.scores = 1 / (1 + np.exp(-self.logits[:, 0]))
        self.labels = np.where(self.random.random(count) < self.scores, "change", "nochange").astype(object)

    def write(self, path: Path, grid: Any, **fields: Any) -> Path:
        t = grid.transform
        import shapely

        points = shapely.points(t.c + (self.columns + 0.5) * t.a, t.f + (self.rows + 0.5) * t.e)
        columns = {"label": self.labels.tolist(), "point": list(range(1, len(points) + 1)), **fields}
        return write_features(path, points, columns, grid.crs.to_wkt())


@pytest.fixture
def tiles(scene_tiles: Path) -> Tiles:
    return Tiles.open(scene_tiles)


def ask(tiles: Tiles, path: Path, model: Model, trained: Sample = NOBODY) -> Calibration | str:
    return calibrate(model, tiles, trained, open_sample(path, "", "label", tiles, ""), 0, 1, Progress())


def test_a_score_that_is_a_probability_is_found_to_be_one(
    tmp_path: Path, tiles: Tiles, scene: Any, grid: Any
) -> None:
    model = model_of(tiles)
    world = World(tiles, scene[0], model, 2000)
    found = ask(tiles, world.write(tmp_path / "s.gpkg", grid), model)
    assert isinstance(found, Calibration) and found.points == 2000 and found.of == "change"
    assert found.error < 2 * found.chance_error < 0.06
    assert sum(one.low <= one.score <= one.high for one in found.bins) >= len(found.bins) - 1
    assert sum(one.points for one in found.bins) == 2000
    assert found.brier.value < found.brier_of_rate
    world.labels[:] = np.where(world.random.random(2000) < 0.3, "change", "nochange")
    wrong = ask(tiles, world.write(tmp_path / "w.gpkg", grid), model)
    assert isinstance(wrong, Calibration) and wrong.error > 5 * wrong.chance_error


def test_figures_are_those_of_scikit_learn_with_the_weights_of_the_strata(
    tmp_path: Path, tiles: Tiles, scene: Any, grid: Any
) -> None:
    model = model_of(tiles)
    world = World(tiles, scene[0], model, 400)
    strata = np.where(world.columns < 350, "west", "east")
    areas = {"west": 9e6, "east": 1e6}
    path = world.write(tmp_path / "s.gpkg", grid, stratum=strata.tolist(),
                       stratum_area=[areas[name] for name in strata])
    found = ask(tiles, path, model)
    assert isinstance(found, Calibration) and found.strata == 2
    weights = np.array([areas[name] / np.sum(strata == name) for name in strata])
    truth, said = world.labels == "change", world.scores > 0.5
    for figure, expected in (
        (found.brier, brier_score_loss(truth, world.scores, sample_weight=weights)),
        (found.precision, precision_score(truth, said, sample_weight=weights)),
        (found.recall, recall_score(truth, said, sample_weight=weights)),
        (found.f1, f1_score(truth, said, sample_weight=weights)),
    ):
        assert figure.value == pytest.approx(expected, abs=1e-9)
        assert figure.low < figure.value < figure.high < figure.low + 0.3
    assert found.rate == pytest.approx(np.average(truth, weights=weights))


def test_the_bands_are_wilsons(tmp_path: Path, tiles: Tiles, scene: Any, grid: Any) -> None:
    from scipy.stats import binomtest

    model = model_of(tiles)
    world = World(tiles, scene[0], model, 300)
    found = ask(tiles, world.write(tmp_path / "s.gpkg", grid), model)
    assert isinstance(found, Calibration)
    for one in found.bins:
        expected = binomtest(round(one.share * one.points), one.points).proportion_ci(method="wilson")
        assert (one.low, one.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_more_classes_are_judged_by_the_class_they_predict(
    tmp_path: Path, tiles: Tiles, scene: Any, grid: Any
) -> None:
    names = ("crop", "forest", "water")
    model = model_of(tiles, names)
    world = World(tiles, scene[0], model, 500)
    shares = np.exp(world.logits) / np.exp(world.logits).sum(axis=1, keepdims=True)
    drawn = (world.random.random((500, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    world.labels = np.array(names, object)[drawn]
    found = ask(tiles, world.write(tmp_path / "s.gpkg", grid), model)
    assert isinstance(found, Calibration) and found.of == ""
    predicted = shares.argmax(axis=1)
    assert found.rate == pytest.approx(np.mean(predicted == drawn))
    assert found.f1.value == pytest.approx(f1_score(drawn, predicted, average="macro"))
    assert found.error < 2.5 * found.chance_error


def test_clicks_never_calibrate(tmp_path: Path, tiles: Tiles, scene: Any, grid: Any, write_points: Make) -> None:
    rows = np.arange(100)
    clicks = write_points(tmp_path / "clicks.gpkg", grid, rows, rows, ["change", "nochange"] * 50,
                          role=["validate"] * 100)
    with pytest.raises(LabelError, match=r"not a random sample: it has no field point .*clicked cannot calibrate"):
        open_sample(clicks, "", "label", tiles, "")


def test_what_is_too_little_says_why(tmp_path: Path, tiles: Tiles, scene: Any, grid: Any) -> None:
    model = model_of(tiles)
    world = World(tiles, scene[0], model, 60)
    world.labels[:] = "nochange"
    one = ask(tiles, world.write(tmp_path / "one.gpkg", grid), model)
    assert one == "all 60 points are of class nochange: nothing can be told apart"
    world.labels[:20], world.labels[20:40] = None, "cloud"
    few = ask(tiles, world.write(tmp_path / "few.gpkg", grid), model)
    assert isinstance(few, str) and few.startswith("20 answered points of the sample can be used, at least 30")
    assert "20 of the sample's points have no agreed answer" in few and "cloud (20)" in few


def test_pixels_that_trained_are_left_out(tmp_path: Path, tiles: Tiles, scene: Any, grid: Any) -> None:
    model = model_of(tiles)
    world = World(tiles, scene[0], model, 200)
    t = grid.transform
    x, y = t.c + (world.columns[:50] + 0.5) * t.a, t.f + (world.rows[:50] + 0.5) * t.e
    trained = Sample(np.zeros((50, 8), np.int8), np.zeros(50, np.int64), np.arange(50), x, y, [])
    path = world.write(tmp_path / "s.gpkg", grid)
    found = ask(tiles, path, model, trained)
    assert isinstance(found, Calibration) and found.points == 150
    assert found.warnings == ["50 of the sample's points lie on pixels that trained the model and are left out"]
    world.labels[:50] = None
    without = ask(tiles, world.write(tmp_path / "w.gpkg", grid), model)
    assert isinstance(without, Calibration) and without.brier == found.brier


def test_answers_of_interpreters_are_found_beside_the_sample(
    tmp_path: Path, tiles: Tiles, scene: Any, grid: Any
) -> None:
    import pyogrio
    import shapely

    model = model_of(tiles)
    world = World(tiles, scene[0], model, 80)
    answers = world.labels.tolist()
    world.labels[:] = None
    path = tmp_path / "s.gpkg"
    fields: dict[str, list[Any]] = {
        "label": world.labels.tolist(), "point": list(range(1, 81)), "stratum": ["all"] * 80,
        "stratum_area": [1.0] * 80}
    t = grid.transform
    points = shapely.to_wkb(shapely.points(t.c + (world.columns + 0.5) * t.a, t.f + (world.rows + 0.5) * t.e))

    def write(layer: str, fields: dict[str, list[Any]], append: bool) -> None:
        data = [np.array(values, object if isinstance(values[0], (str, type(None))) else None)
                for values in fields.values()]
        pyogrio.raw.write(str(path), points, data, list(fields), layer=layer, driver="GPKG", geometry_type="Point",
                          crs=grid.crs.to_wkt(), append=append)

    write("sample", fields, False)
    nothing = ask(tiles, path, model)
    assert isinstance(nothing, str) and nothing.startswith("0 answered points")
    write("interpretations", {"point": fields["point"], "label": answers, "interpreter": ["ann"] * 80}, True)
    found = ask(tiles, path, model)
    assert isinstance(found, Calibration) and found.points == 80
    assert found.rate == pytest.approx(answers.count("change") / 80)
