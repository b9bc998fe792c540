"""The training report: its figures are the model's, names in it are text, and what labels do not support says why."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.processing import operations
from bitscape.processing.classification.model import Model, load_model
from bitscape.processing.errors import Cancelled, InputError, LabelError, OutputError
from bitscape.processing.progress import Progress

Make = Callable[..., Path]


class Reading(HTMLParser):
    """Tags, ids, what is loaded from elsewhere, and the cells of tables row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.outside: list[str] = []
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(values["id"] or "")
        self.outside += [value for name in ("src", "href", "xlink:href")
                         if (value := values.get(name)) and not value.startswith("#")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._in_cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data.replace("\N{NO-BREAK SPACE}", " ")

    def row(self, name: str, number: int = 0) -> list[str]:
        """The cells after the n-th row header ``name``."""
        return [row for row in self.rows if row and row[0] == name][number][1:]


def train(folder: Path, tiles: Path, labels: Path, progress: Progress | None = None, **more: Any) -> tuple[Model, str]:
    values = {"tiles": str(tiles), "labels": str(labels), "model": str(folder / "model.json"),
              "report": str(folder / "report.html"), **more}
    operations.run("trainclassifier", values, progress or Progress())
    return load_model(folder / "model.json"), (folder / "report.html").read_text(encoding="utf-8")


def words(page: str) -> str:
    """The text of a page outside of its drawings, in one line."""
    text = re.sub(r"<svg.*?</svg>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).replace("\N{NO-BREAK SPACE}", " ").split())


def scene_labels(write_points: Make, path: Path, grid: Any, scene: Any, names: tuple[str, ...], count: int) -> Path:
    random = np.random.default_rng(1)
    rows, columns = random.integers(0, grid.height, count), random.integers(0, grid.width, count)
    return write_points(path, grid, rows, columns, np.array(names)[scene[1][rows, columns]].tolist())


def test_its_figures_are_the_models(tmp_path: Path, made_sample: Any) -> None:
    model, page = train(tmp_path, made_sample.tiles, made_sample.labels, embeddings=made_sample.embeddings)
    assert model.random and model.spatial
    read = Reading(page)
    for title, measure in (("F1", "f1"), ("Precision", "precision"), ("Recall", "recall"), ("Accuracy", "accuracy")):
        assert read.row(title) == [
            f"{getattr(one, measure):.3f} ± {getattr(one, f'{measure}_std'):.3f}"
            for one in (model.random, model.spatial)]
    for number, one in enumerate((model.random, model.spatial)):
        for fold, figures in enumerate(one.per_fold):
            assert read.row(f"Fold {fold + 1}", number)[2:] == [
                f"{figures[measure]:.3f}" for measure in ("f1", "precision", "recall", "accuracy")]
        for count in np.ravel(one.confusion):
            assert f">{count}<" in page
    difference = [row for row in read.rows if row and row[0] == "difference 2020 → 2024"]
    assert [row[1:3] for row in difference] == [
        ["3 components", "3"], ["8 components", "8"], ["all 64 dimensions", "128"]]
    assert difference[1][3:5] == read.row("F1"), "the tiles' own features are those of the model"
    assert difference[1][5:] == ["these tiles", "these tiles"] and difference[0][5].startswith("−")
    assert read.row("C (smaller: simpler)") == [f"{model.c:.4g}"]
    assert read.row("change") == ["65", "39.4 %", "65"] and read.row("embeddings_2024.tif")[2] == "CC0-1.0"
    assert "spatial autocorrelation" in page and "Season is not change" in page
    assert page.count("<svg") == 7 and json.dumps(made_sample.labels.name)[1:-1] in page


def test_it_stands_alone(tmp_path: Path, made_sample: Any) -> None:
    _, page = train(tmp_path, made_sample.tiles, made_sample.labels)
    read = Reading(page)
    assert read.outside == [] and not {"script", "link", "img", "iframe"} & set(read.tags)
    assert len(read.ids) == len(set(read.ids))
    assert "To see what all dimensions, one date alone or both dates side by side would bring" in words(page)
    assert "embeddings_2020.tif, embeddings_2024.tif" in words(page)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "report.html"]


def test_the_model_is_the_same_without_a_report(tmp_path: Path, made_sample: Any) -> None:
    model, _ = train(tmp_path, made_sample.tiles, made_sample.labels)
    values = {"tiles": str(made_sample.tiles), "labels": str(made_sample.labels), "model": str(tmp_path / "b.json")}
    result = operations.run("trainclassifier", values, Progress())
    other = load_model(tmp_path / "b.json")
    assert result["report"] is None
    assert other.model_dump(exclude={"provenance"}) == model.model_dump(exclude={"provenance"})


def test_clicks_do_not_calibrate_and_a_random_sample_does(
    tmp_path: Path, made_sample: Any, write_features: Make
) -> None:
    import rasterio
    import shapely

    _, page = train(tmp_path, made_sample.tiles, made_sample.labels)
    assert "Calibration is drawn only from places chosen at random, never from clicks" in words(page)
    assert "Reliability" not in page and "Brier" not in page
    for path in (tmp_path / "model.json", tmp_path / "report.html"):
        path.unlink()
    with pytest.raises(LabelError, match="not a random sample"):
        train(tmp_path, made_sample.tiles, made_sample.labels, validation=str(made_sample.labels))
    assert not list(tmp_path.iterdir())

    with rasterio.open(made_sample.truth) as raster:
        truth, t, crs = raster.read(1), raster.transform, raster.crs
    random = np.random.default_rng(0)
    rows, columns = (random.integers(8, size - 8, 300) for size in truth.shape)
    points = shapely.points(t.c + (columns + 0.5) * t.a, t.f + (rows + 0.5) * t.e)
    labels = np.where(truth[rows, columns] == 1, "change", "nochange").tolist()
    columns_of = {"label": labels, "point": list(range(300))}
    sample = write_features(tmp_path / "sample.gpkg", points, columns_of, crs.to_wkt())
    _, page = train(tmp_path, made_sample.tiles, made_sample.labels, validation=str(sample))
    read = Reading(page)
    assert "Reliability of the score at the points of a random sample" in page and page.count("<svg") == 8
    assert len(read.row("Brier score (0 is best)")) == len(read.row("Recall at a score of ½")) == 3


def test_names_are_text_wherever_they_stand(
    tmp_path: Path, scene_tiles: Path, write_points: Make, grid: Any, scene: Any
) -> None:
    names = ("<b>crop</b>", "$\\frac{forest", '<script>alert("x")</script>')
    labels = scene_labels(write_points, tmp_path / "<i>labels.geojson", grid, scene, names, 150)
    model, page = train(tmp_path, scene_tiles, labels)
    assert model.positive_class is None and len(model.classes) == 3
    read = Reading(page)
    assert not {"b", "script", "i"} & set(read.tags)
    assert "<b>crop</b>" in words(page) and "$\\frac{forest" in words(page)
    assert "&lt;b&gt;crop&lt;/b&gt;" in page and "alert(&#34;x&#34;)" in page
    assert read.row("<b>crop</b>")[0] == str(model.counts["<b>crop</b>"])


def test_few_labels_say_why_there_is_no_figure(
    tmp_path: Path, scene_tiles: Path, write_points: Make, grid: Any
) -> None:
    labels = write_points(tmp_path / "l.gpkg", grid, np.arange(0, 140, 10), np.full(14, 20),
                          ["change"] * 4 + ["other"] * 10)
    model, page = train(tmp_path, scene_tiles, labels)
    assert model.random is None and model.spatial is None
    text = words(page)
    assert "No figure for random folds: too few for cross-validation: 4 labels of class change" in text
    assert "No figure for new places: too few places" in text
    assert "No learning curve: at least 10 labelled pixels of each class" in text
    assert text.count("too few labels") >= 2
    assert page.count("<svg") == 1, "only the weights are drawn"


def test_more_classes(tmp_path: Path, scene_tiles: Path, write_points: Make, grid: Any, scene: Any) -> None:
    labels = scene_labels(write_points, tmp_path / "l.gpkg", grid, scene, ("crop", "forest", "water"), 150)
    model, page = train(tmp_path, scene_tiles, labels)
    assert model.random
    read = Reading(page)
    confusion = np.array(model.random.confusion)
    assert read.row("forest")[:4] == [
        str(model.counts["forest"]), f"{2 * confusion[1, 1] / (confusion[1].sum() + confusion[:, 1].sum()):.3f}",
        f"{confusion[1, 1] / confusion[:, 1].sum():.3f}", f"{confusion[1, 1] / confusion[1].sum():.3f}"]
    assert "averaged over the classes" in words(page) and "no single class whose rarity" in words(page)
    assert page.count("<svg") == 5


def test_polygons_count_as_labels(
    tmp_path: Path, scene_tiles: Path, write_features: Make, grid: Any, scene: Any
) -> None:
    import shapely

    boxes, classes = [], []
    for row in range(0, 600, 50):
        for column in range(0, 700, 50):
            west, south = grid.transform.c + column * 10 + 100, grid.transform.f + row * 10 + 100
            boxes.append(shapely.box(west, south, west + 90, south + 90))
            classes.append("change" if scene[1][row, column] == 2 else "other")
    labels = write_features(tmp_path / "p.gpkg", np.array(boxes), {"label": classes}, grid.crs.to_wkt())
    model, page = train(tmp_path, scene_tiles, labels)
    read, total = Reading(page), sum(model.counts.values())
    count = model.counts["change"]
    assert total > 3000
    assert read.row("change") == [f"{count:,}", f"{100 * count / total:.1f} %", str(classes.count("change"))]
    assert "A polygon is one label" in words(page)
    assert re.search(r"Feature sets and the learning curve use (2\d{3}|3000) of the \d+ labelled pixels", words(page))


@pytest.mark.parametrize("when", [2, 6, 9, 14, 20, 26])
def test_cancel_leaves_neither_file(tmp_path: Path, made_sample: Any, heard: type, when: int) -> None:
    with pytest.raises(Cancelled):
        train(tmp_path, made_sample.tiles, made_sample.labels, heard(when), embeddings=made_sample.embeddings)
    assert not list(tmp_path.iterdir())


def test_outputs_that_cannot_be(tmp_path: Path, made_sample: Any) -> None:
    tiles, labels = made_sample.tiles, made_sample.labels
    with pytest.raises(InputError, match="The report would overwrite"):
        train(tmp_path, tiles, labels, report=str(tmp_path / "model.json"))
    with pytest.raises(InputError, match="The report would overwrite"):
        train(tmp_path, tiles, labels, report=made_sample.embeddings[0], embeddings=made_sample.embeddings)
    with pytest.raises(InputError, match="The model would overwrite"):
        train(tmp_path, tiles, labels, model=made_sample.embeddings[0], embeddings=made_sample.embeddings)
    with pytest.raises(OutputError, match="does not exist"):
        train(tmp_path, tiles, labels, report=str(tmp_path / "no" / "report.html"))
    with pytest.raises(InputError, match="but 1 was given"):
        train(tmp_path, tiles, labels, embeddings=made_sample.embeddings[:1])
    assert not list(tmp_path.iterdir())
