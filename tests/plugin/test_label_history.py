"""Undo and redo of everything: a thousand random steps against a plain model, strokes, edits elsewhere, failures."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_history import DEPTH, LabelHistory
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.processing.errors import BitscapeError, InputError, OutputError
from osgeo import ogr, osr
from qgis.core import NULL, QgsCoordinateReferenceSystem, QgsPointXY, QgsProject, QgsVectorLayer
from qgis.PyQt import sip

UTM = QgsCoordinateReferenceSystem("EPSG:32633")


def at(*xs: float) -> list[QgsPointXY]:
    return [QgsPointXY(x, 1) for x in xs]


def shapefile(folder: Path) -> LabelLayer:
    """A layer without uuids whose features are numbered anew by every removal."""
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    data = ogr.GetDriverByName("ESRI Shapefile").CreateDataSource(str(folder / "l.shp"))
    data.CreateLayer("l", reference, ogr.wkbPoint).CreateField(ogr.FieldDefn("label", ogr.OFTString))
    data = None
    return LabelLayer(QgsVectorLayer(str(folder / "l.shp"), "l", "ogr"))


def geopackage(folder: Path) -> LabelLayer:
    return LabelLayer.create(folder / "labels.gpkg", UTM, ClassTable.change_detection())


def memory(folder: Path) -> LabelLayer:
    return LabelLayer(QgsVectorLayer("Point?crs=EPSG:32633&field=label:string&field=role:string", "m", "memory"))


@pytest.fixture
def labels(tmp_path: Path) -> Iterator[LabelLayer]:
    made = geopackage(tmp_path)
    yield made
    if not sip.isdeleted(made.layer):
        sip.delete(made.layer)  # before QGIS ends, which pytest outlives


def state(labels: LabelLayer) -> list[tuple[float, str]]:
    return sorted((label.x, label.code) for label in labels.labels())


def truth(labels: LabelLayer) -> list[tuple[float, str]]:
    """What is in the layer, without our memory of it."""
    return sorted((feature.geometry().asPoint().x(), feature["label"]) for feature in labels.layer.getFeatures()
                  if feature["label"] != NULL)


@pytest.mark.parametrize(("make", "steps", "seed"), [
    (memory, 1000, 1), (geopackage, 300, 2), (shapefile, 300, 3),
])
def test_random_steps_follow_a_plain_model(
    tmp_path: Path, make: Callable[[Path], LabelLayer], steps: int, seed: int
) -> None:
    """The model: snapshots of {x: class} and of the classes; undo and redo move between them."""
    chance = random.Random(seed)
    labels = make(tmp_path)
    history = LabelHistory(labels)
    codes = ["change", "nochange", "water"]
    now: dict[float, str] = {}
    table = labels.table
    past: list[tuple[dict[float, str], ClassTable]] = []
    future: list[tuple[dict[float, str], ClassTable]] = []
    fresh = iter(range(1_000_000))
    done: dict[str, int] = {}
    for step in range(steps):
        deed = chance.choice(
            ["add", "add", "stroke", "remove", "relabel", "undo", "undo", "undo", "redo", "redo", "table"])
        before = (dict(now), table)
        if deed in ("undo", "redo"):
            source, target = (past, future) if deed == "undo" else (future, past)
            text = history.undo() if deed == "undo" else history.redo()
            assert bool(text) == bool(source), (step, text)
            assert "elsewhere" not in text
            if source:
                target.append((now, table))
                now, table = source.pop()
        else:
            if deed == "add":
                xs, code = [next(fresh) for _ in range(chance.randint(1, 4))], chance.choice(codes)
                history.add(at(*xs), code)
                now = {**now, **dict.fromkeys(xs, code)}
            elif deed == "stroke":
                history.begin_stroke()
                code = chance.choice(codes)
                added = [next(fresh) for _ in range(chance.randint(0, 3))]
                for x in added:
                    history.add(at(x), code)
                    now = {**now, x: code}
                if now and chance.random() < 0.3:
                    x = chance.choice(list(now))
                    history.remove([labels.nearest(QgsPointXY(x, 1), 0.1).fid])
                    now = {other: code for other, code in now.items() if other != x}
                history.end_stroke()
            elif deed == "table":
                table = table.changed("change", colour=f"#{chance.randrange(1 << 24):06x}")
                history.set_table(table)
            else:
                xs = chance.sample(list(now), min(len(now), chance.randint(0, 3)))
                fids = [labels.nearest(QgsPointXY(x, 1), 0.1).fid for x in xs]
                if deed == "remove":
                    assert history.remove(fids) == len(xs)
                    now = {x: code for x, code in now.items() if x not in xs}
                else:
                    code = chance.choice(codes)
                    history.relabel(fids, code)
                    now = {**now, **dict.fromkeys(xs, code)}
            if (now, table) != before or (deed == "stroke" and added):
                past.append(before)
                future.clear()
        done[deed] = done.get(deed, 0) + 1
        expected = sorted(now.items())
        assert state(labels) == expected, (step, deed)
        assert labels.table == table
        assert history.can_undo == bool(past) and history.can_redo == bool(future)
        assert bool(history.undo_text) == bool(past) and bool(history.redo_text) == bool(future)
        if step % 50 == 0:
            assert truth(labels) == expected, (step, deed)
    assert len(done) == 7
    while history.undo():
        pass
    assert truth(labels) == [] and labels.table.by_code("change").colour == "#e66101"
    while history.redo():
        pass
    last, _ = future[0] if future else (now, table)
    final = sorted(last.items())
    assert truth(labels) == final == state(labels)


def test_a_stroke_is_one_step_and_one_write(labels: LabelLayer) -> None:
    history = LabelHistory(labels)
    seen: list[int] = []
    history.changed.connect(lambda: seen.append(1))
    history.begin_stroke()
    for x in range(30):
        history.add(at(x), "change")
    assert history.undo_text == "Add 30 labels" and len(seen) == 30
    history.end_stroke()
    history.add(at(99), "nochange")
    written: list[int] = []
    labels.layer.dataChanged.connect(lambda: written.append(1))
    assert history.undo() == "Add a label" and history.undo() == "Add 30 labels"
    assert state(labels) == [] and len(written) == 2
    assert history.redo() == "Add 30 labels" and len(state(labels)) == 30
    history.begin_stroke()
    history.end_stroke()
    assert history.can_redo, "a stroke in which nothing was done is none"
    history.begin_stroke()
    history.add(at(50), "change")
    assert history.undo() == "Add a label" and len(state(labels)) == 30, "undo ends the stroke"
    history.end_stroke()
    assert history.undo_text == "Add 30 labels"


def test_texts_and_attributes_survive(labels: LabelLayer) -> None:
    history = LabelHistory(labels)
    assert (history.undo(), history.redo(), history.undo_text, history.redo_text) == ("", "", "", "")
    label = history.add(at(1), "change", {"interpreter": "Ada", "image_date": "2024-01-02"})[0]
    history.relabel([label.fid], "nochange")
    assert history.relabel([label.fid], "nochange") == 0, "nothing to do is no step"
    history.remove([label.fid])
    assert history.remove([label.fid]) == 0
    history.set_table(labels.table.adding("water"))
    history.set_table(labels.table)
    texts = [history.undo() for _ in range(5)]
    assert texts == ["Change the classes", "Remove a label", "Relabel one label", "Add a label", ""]
    assert labels.table == ClassTable.change_detection()
    assert [history.redo() for _ in range(5)] == [*texts[3::-1], ""]
    for _ in range(2):
        history.undo()
    again = labels.labels()[0]
    feature = labels.layer.getFeature(again.fid)
    assert (again.uuid, again.created, again.code) == (label.uuid, label.created, "nochange")
    assert (feature["interpreter"], feature["image_date"]) == ("Ada", "2024-01-02")


def test_labels_changed_elsewhere_stay_and_undo_says_so(labels: LabelLayer) -> None:
    history = LabelHistory(labels)
    added = history.add(at(1, 2, 3), "change")
    history.relabel([label.fid for label in added], "nochange")
    labels.layer.startEditing()
    labels.layer.deleteFeature(added[0].fid)
    labels.layer.changeGeometry(added[1].fid, labels.layer.getFeature(added[2].fid).geometry())
    labels.layer.commitChanges()
    assert history.undo() == "Relabel 3 labels; 1 of its labels were changed elsewhere and stay as they are"
    assert state(labels) == [(3, "change"), (3, "change")]
    assert history.undo().startswith("Add 3 labels; 1 of its")
    assert state(labels) == []
    assert history.redo().startswith("Add 3 labels; 1 of its")
    assert state(labels) == [(3, "change"), (3, "change")]
    assert history.redo().startswith("Relabel 3 labels; 1 of its")
    assert state(labels) == [(3, "nochange"), (3, "nochange")]


def test_labels_without_class_are_relabelled_back_to_none(labels: LabelLayer) -> None:
    feature = labels.feature_at(QgsPointXY(1, 1), "change")
    feature["label"] = NULL
    fid = labels.restore([feature])[0]
    history = LabelHistory(labels)
    history.relabel([fid], "change")
    assert labels.counts()["change"] == 1
    history.undo()
    assert labels.layer.getFeature(fid)["label"] == NULL


def test_depth_is_bounded(tmp_path: Path) -> None:
    labels = memory(tmp_path)
    history = LabelHistory(labels)
    for x in range(DEPTH + 20):
        history.add(at(x), "change")
    count = 0
    while history.undo():
        count += 1
    assert count == DEPTH and len(state(labels)) == 20
    history.clear()
    assert not history.can_undo and not history.can_redo and len(state(labels)) == 20


def test_a_step_that_fails_stays_and_works_later(labels: LabelLayer) -> None:
    history = LabelHistory(labels)
    history.add(at(1), "change")
    history.remove([labels.labels()[0].fid])
    labels.layer.startEditing()
    for act in (history.undo, lambda: history.add(at(2), "change")):
        with pytest.raises(InputError, match="edit mode"):
            act()
    assert history.undo_text == "Remove a label" and not history.can_redo
    labels.layer.rollBack()
    assert history.undo() == "Remove a label" and state(labels) == [(1, "change")]


def test_a_step_that_fails_half_way_is_split_so_that_both_stacks_stay_true(
    labels: LabelLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undo of classes and labels where the second write fails: the fault is put in, a disk does it too rarely."""
    history = LabelHistory(labels)
    history.begin_stroke()
    history.set_table(labels.table.adding("water"))
    history.add(at(1), "water")
    history.end_stroke()

    def fail(table: ClassTable) -> None:
        raise OutputError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(labels, "set_table", fail)
        with pytest.raises(OutputError):
            history.undo()
    assert state(labels) == [] and labels.table.by_code("water")
    assert (history.undo_text, history.redo_text) == ("Change the classes", "Add a label")
    history.undo()
    assert labels.table == ClassTable.change_detection()
    assert history.redo() == "Change the classes" and history.redo() == "Add a label"
    assert state(labels) == [(1, "water")] and not history.can_redo


def test_insert_writes_labels_and_classes_or_nothing(labels: LabelLayer, tmp_path: Path) -> None:
    history = LabelHistory(labels)
    table = labels.table.adding("water")
    features = [labels.feature_at(point, code) for point, code in zip(at(1, 2), ("change", "water"))]
    assert history.insert(features, table, "Import 2 labels") == 2
    assert history.undo() == "Import 2 labels" and labels.table == ClassTable.change_detection() and not state(labels)
    assert history.redo() == "Import 2 labels" and labels.table == table and len(state(labels)) == 2
    history.undo()
    with sqlite3.connect(labels.path) as database:
        database.execute("CREATE TRIGGER no BEFORE INSERT ON classes BEGIN SELECT RAISE(ABORT, 'not now'); END")
    database.close()
    with pytest.raises(OutputError, match="not now"):
        history.insert(features, table, "Import 2 labels")
    assert truth(labels) == [] and labels.table == ClassTable.change_detection() and not history.can_undo


def test_a_removed_layer_raises_words_only(labels: LabelLayer) -> None:
    history = LabelHistory(labels)
    history.add(at(1), "change")
    history.set_table(labels.table.adding("water"))
    QgsProject.instance().addMapLayer(labels.layer)
    QgsProject.instance().removeMapLayer(labels.layer)
    for act in (history.undo, lambda: history.add(at(1), "change"), lambda: history.remove([1]),
                lambda: history.relabel([1], "change"), lambda: history.set_table(ClassTable.of_codes(["a"]))):
        with pytest.raises(BitscapeError, match="was removed"):
            act()
    history.clear()
    assert history.undo() == ""
