"""Labels in and out and two labellers merged: DeltaBit's real file, round trips, hostile files, conflicts, kappa."""

from __future__ import annotations

import json
import math
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.layers import label_exchange
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_exchange import export_labels, import_labels
from bitscape.plugin.layers.label_file import METADATA, read_classes
from bitscape.plugin.layers.label_history import LabelHistory
from bitscape.plugin.layers.label_layer import LabelLayer
from bitscape.plugin.layers.label_merge import cohens_kappa, merge_labels
from bitscape.processing.errors import InputError, OutputError
from osgeo import gdal
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsDistanceArea,
    QgsPointXY,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt import sip

SEATTLE = QgsCoordinateReferenceSystem("EPSG:32610")
WGS84 = QgsCoordinateReferenceSystem("EPSG:4326")
MERCATOR = QgsCoordinateReferenceSystem("EPSG:3857")


class Made(list):
    """Label layers of one test, deleted before QGIS ends."""

    def new(self, path: Path, crs: QgsCoordinateReferenceSystem = SEATTLE, *codes: str) -> LabelLayer:
        table = ClassTable.of_codes(codes) if codes else ClassTable.change_detection()
        self.append(LabelLayer.create(path, crs, table))
        return self[-1]


@pytest.fixture
def make() -> Iterator[Made]:
    made = Made()
    yield made
    for labels in made:
        sip.delete(labels.layer)


def geojson(path: Path, *features: tuple[object, object]) -> Path:
    """A file of (coordinates of a point, properties)."""
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": None if place is None else {"type": "Point", "coordinates": place},
         "properties": properties} for place, properties in features
    ]}))
    return path


def test_deltabits_file_comes_in_as_one_step(shared_data: Path, tmp_path: Path, make: Made) -> None:
    file = shared_data / "deltabit" / "deltabit_seattle_336.geojson"
    labels = make.new(tmp_path / "labels.gpkg")
    history = LabelHistory(labels)
    report = import_labels(file, labels, history)
    assert (report.added, report.skipped_duplicates, report.without_class, report.new_codes) == (336, 0, 0, ())
    assert labels.counts() == {"change": 190, "nochange": 146}
    wanted = json.loads(file.read_text())["features"]
    transform = QgsCoordinateTransform(WGS84, SEATTLE, QgsProject.instance())
    for feature in wanted[::25]:
        place = transform.transform(QgsPointXY(*feature["geometry"]["coordinates"]))
        assert labels.nearest(place, 0.01).code == feature["properties"]["label"]
    assert {label.role for label in labels.labels()} == {"train"}
    again = import_labels(file, labels, history)
    assert (again.added, again.skipped_duplicates) == (0, 336) and history.undo_text == "Import 336 labels"
    assert history.undo() == "Import 336 labels" and labels.labels() == [] and not history.can_undo
    history.redo()
    assert labels.counts() == {"change": 190, "nochange": 146}


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg"])
def test_export_and_import_give_the_same_labels(tmp_path: Path, make: Made, suffix: str) -> None:
    labels = make.new(tmp_path / "labels.gpkg")
    labels.set_table(labels.table.adding("Water, deep").changed("change", colour="#010203"))
    chance = random.Random(5)
    for code in ("change", "nochange", "Water, deep"):
        points = [QgsPointXY(550000 + chance.random() * 1e4, 5270000 + chance.random() * 1e4) for _ in range(50)]
        labels.add(points, code, {"interpreter": "Ada", "certainty": "70", "when": "2024"})
    labels.add([QgsPointXY(550000, 5270000)], "change", {"role": "validate"})
    path = tmp_path / f"out{suffix}"
    path.write_text("something older")
    assert export_labels(labels, path) == 151
    assert not [file.name for file in tmp_path.iterdir() if "partial" in file.name]
    layer = QgsVectorLayer(str(path), "out", "ogr")
    assert layer.crs() == (SEATTLE if suffix == ".gpkg" else WGS84)
    assert [name for name in layer.fields().names() if name != "fid"] == ["label", *METADATA]
    copy = make.new(tmp_path / "copy.gpkg")
    history = LabelHistory(copy)
    report = import_labels(path, copy, history)
    assert (report.added, report.held_back, report.new_codes) == (150, 1, ("Water, deep",))
    exported = LabelLayer(layer).labels(trainable_only=False) if suffix == ".gpkg" else []
    assert [label.role for label in exported].count("validate") == (suffix == ".gpkg"), "exported, it stays what it is"
    mine = {label.uuid: label for label in labels.labels()}
    theirs = {label.uuid: label for label in copy.labels(trainable_only=False)}
    assert mine.keys() == theirs.keys()
    for uuid, label in mine.items():
        other = theirs[uuid]
        assert math.hypot(label.x - other.x, label.y - other.y) < 0.001
        assert (label.code, label.role, label.created) == (other.code, other.role, other.created)
    feature = copy.layer.getFeature(next(iter(theirs.values())).fid)
    assert (feature["interpreter"], feature["certainty"], feature["when"]) == ("Ada", 70, "2024")
    assert import_labels(path, copy, history).added == 0
    if suffix == ".gpkg":
        assert read_classes(path) == labels.table
    history.undo()
    assert copy.table == ClassTable.change_detection() and copy.labels(trainable_only=False) == []


def test_geojson_is_plain_longitude_and_latitude(tmp_path: Path, make: Made) -> None:
    labels = make.new(tmp_path / "labels.gpkg")
    labels.add([QgsPointXY(550000, 5270000)], "nochange")
    export_labels(labels, tmp_path / "out.geojson")
    data = json.loads((tmp_path / "out.geojson").read_text())
    (feature,) = data["features"]
    longitude, latitude = feature["geometry"]["coordinates"]
    assert -122.4 < longitude < -122.3 and 47.5 < latitude < 47.6
    assert feature["properties"]["label"] == "nochange" and feature["properties"]["role"] == "train"


def test_export_refuses_what_it_cannot_write(tmp_path: Path, make: Made) -> None:
    labels = make.new(tmp_path / "labels.gpkg")
    labels.add([QgsPointXY(550000, 5270000)], "change")
    with pytest.raises(OutputError, match="is the file of these labels"):
        export_labels(labels, tmp_path / "labels.gpkg")
    other = make.new(tmp_path / "other.gpkg")
    other.add([QgsPointXY(550000, 5270000)], "change")
    with pytest.raises(OutputError, match="is open in QGIS"):
        export_labels(labels, tmp_path / "other.gpkg")
    for name in ("out.shp", "out"):
        with pytest.raises(InputError, match="names no kind of file"):
            export_labels(labels, tmp_path / name)
    with pytest.raises(OutputError, match="does not exist"):
        export_labels(labels, tmp_path / "none" / "out.gpkg")
    if os.geteuid() == 0 and Path("/sys/kernel").is_dir():
        with pytest.raises(OutputError, match="could not be written"):
            export_labels(labels, "/sys/kernel/out.geojson")
    assert sorted(file.name for file in tmp_path.iterdir() if "-" not in file.name) == ["labels.gpkg", "other.gpkg"]


def test_import_counts_what_it_leaves_out(tmp_path: Path, make: Made) -> None:
    labels = make.new(tmp_path / "labels.gpkg", WGS84)
    labels.add([QgsPointXY(1, 1)], "change")
    file = geojson(
        tmp_path / "in.geojson",
        ([1, 1], {"label": "change"}), ([1, 1], {"label": "No Change"}), ([2, 2], {"label": None}),
        ([2, 2], {"label": "  "}), (None, {"label": "change"}), ([3, 3], {"label": "water"}),
        ([3, 3.000000001], {"label": "water"}), ([4, 4], {"label": "water", "uuid": "u"}),
        ([5, 5], {"label": "water", "uuid": "u", "certainty": "70"}),
    )
    history = LabelHistory(labels)
    report = import_labels(file, labels, history)
    assert (report.added, report.skipped_duplicates, report.without_class, report.without_position) == (4, 2, 2, 1)
    assert report.disagreeing == 1 and report.new_codes == ("water",)
    assert labels.counts() == {"change": 1, "nochange": 1, "water": 3}
    assert len({label.uuid for label in labels.labels()}) == 5
    assert history.undo() and labels.counts() == {"change": 1, "nochange": 0}
    assert labels.table == ClassTable.change_detection()


def test_import_from_a_layer_with_numbers_and_multipoints(tmp_path: Path, make: Made) -> None:
    source = QgsVectorLayer("MultiPoint?crs=EPSG:3857&field=kind:int&field=when:date", "m", "memory")
    theirs = LabelLayer(source, "kind")
    theirs.add([QgsPointXY(0, 0), QgsPointXY(1000, 0)], "7", {"when": "2024-02-03"})
    labels = make.new(tmp_path / "labels.gpkg", WGS84)
    with pytest.raises(InputError, match=r"no field label.*there are kind, when"):
        import_labels(source, labels, LabelHistory(labels))
    with pytest.raises(InputError, match="no field klass"):
        import_labels(source, labels, LabelHistory(labels), "klass")
    report = import_labels(source, labels, LabelHistory(labels), "kind")
    assert report.added == 2 and labels.counts() == {"change": 0, "nochange": 0, "7": 2}
    assert {feature["when"] for feature in labels.layer.getFeatures()} == {"2024-02-03"}
    numbers = LabelLayer(QgsVectorLayer("Point?crs=EPSG:4326&field=label:int", "n", "memory"))
    with pytest.raises(InputError, match="holds numbers"):
        import_labels(geojson(tmp_path / "a.geojson", ([9, 9], {"label": "soil"})), numbers, LabelHistory(numbers))
    assert numbers.labels() == []
    report = import_labels(
        geojson(tmp_path / "b.geojson", ([9, 9], {"label": "No-change"})), numbers, LabelHistory(numbers))
    assert report.added == 1 and numbers.labels()[0].code == "0", "by the name of the class"


def test_import_finds_the_layer_in_a_geopackage_with_several(tmp_path: Path, make: Made) -> None:
    labels = make.new(tmp_path / "labels.gpkg", WGS84)
    source = tmp_path / "many.gpkg"
    gdal.VectorTranslate(str(source), str(geojson(tmp_path / "p.geojson", ([1, 2], {"n": 3}))), layerName="a")
    gdal.VectorTranslate(str(source), str(geojson(tmp_path / "q.geojson", ([1, 2], {"klass": "x"}))), layerName="b",
                         accessMode="update")
    assert import_labels(source, labels, LabelHistory(labels)).new_codes == ("x",)
    shape = tmp_path / "s.shp"
    gdal.VectorTranslate(str(shape), str(tmp_path / "q.geojson"), format="ESRI Shapefile")
    again = import_labels(shape, labels, LabelHistory(labels))
    assert (again.added, again.skipped_duplicates) == (0, 1)


@pytest.mark.parametrize(("name", "text", "said"), [
    ("a.txt", "x", "not a file of labels"), ("a.geojson", "", "cannot be read"), ("a.geojson", "{", "cannot be read"),
    ("a.geojson", "[" * 100_000, "cannot be read"), ("a.gpkg", "SQLite format 3\x00" + "x" * 500, "cannot be read"),
    ("a.shp", "\x00\x00\x27\x0a" + "\x7f" * 200, "cannot be read"),
    ("a.geojson", '{"type": "FeatureCollection", "features": []}', "holds no points"),
    ("a.geojson", '{"type":"Feature","geometry":{"type":"LineString","coordinates":[[1,2],[3,4]]},"properties":'
                  '{"label":"x"}}', "holds no points"),
])
def test_hostile_files_are_refused_in_words(tmp_path: Path, make: Made, name: str, text: str, said: str) -> None:
    labels = make.new(tmp_path / "labels.gpkg", WGS84)
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=said):
        import_labels(tmp_path / name, labels, LabelHistory(labels))
    assert labels.labels() == []


def test_values_that_make_no_sense(tmp_path: Path, make: Made) -> None:
    labels = make.new(tmp_path / "labels.gpkg", SEATTLE)
    history = LabelHistory(labels)
    file = geojson(tmp_path / "a.geojson", ([1e300, 5], {"label": "a"}), ([0, 1000], {"label": "a"}),
                   ([-122, 47], {"label": "a", "certainty": "very", "uuid": "x" * 10}))
    with pytest.raises(InputError, match="certainty"):
        import_labels(file, labels, history)
    assert labels.labels() == [] and labels.table == ClassTable.change_detection()
    file = geojson(tmp_path / "b.geojson", ([1e300, 5], {"label": "a"}), ([0, 1000], {"label": "a"}),
                   ([-122, 47], {"label": "a"}))
    report = import_labels(file, labels, history)
    assert (report.added, report.without_position) == (1, 2)
    for properties, said in (({"label": "x" * 1000}, "longer than 80"), ({"label": "a\x07b"}, "do not print")):
        with pytest.raises(InputError, match=said):
            import_labels(geojson(tmp_path / "c.geojson", ([-122, 47], properties)), labels, history)
    many = geojson(tmp_path / "d.geojson", *(([-122, 47 + n / 1e4], {"label": f"id {n}"}) for n in range(300)))
    with pytest.raises(InputError, match="200 are possible"):
        import_labels(many, labels, history)
    assert len(labels.labels()) == 1


def test_sizes_are_checked_first(tmp_path: Path, make: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = make.new(tmp_path / "labels.gpkg", WGS84)
    with (tmp_path / "big.geojson").open("wb") as file:
        os.truncate(file.fileno(), 1 << 40)  # sparse: reading it would show
    with pytest.raises(InputError, match=r"up to 512 MB"):
        import_labels(tmp_path / "big.geojson", labels, LabelHistory(labels))
    monkeypatch.setattr(label_exchange, "MAX_LABELS", 3)
    four = geojson(tmp_path / "four.geojson", *(([n, 1], {"label": "a"}) for n in range(4)))
    with pytest.raises(InputError, match="more than 3 points"):
        import_labels(four, labels, LabelHistory(labels))
    with pytest.raises(InputError, match="does not exist"):
        import_labels(tmp_path / "none.gpkg", labels, LabelHistory(labels))
    assert labels.labels() == []


def test_import_is_refused_in_edit_mode(tmp_path: Path, make: Made) -> None:
    labels = make.new(tmp_path / "labels.gpkg", WGS84)
    labels.layer.startEditing()
    with pytest.raises(InputError, match="edit mode"):
        import_labels(geojson(tmp_path / "a.geojson", ([1, 1], {"label": "a"})), labels, LabelHistory(labels))


def labeller(make: Made, path: Path, crs: QgsCoordinateReferenceSystem, who: str, *labels: tuple[float, float, str],
             role: str = "train") -> LabelLayer:
    """A layer of labels given as metres from a place in Seattle on the ground (east, north, class)."""
    layer = make.new(path, crs)
    transform = QgsCoordinateTransform(SEATTLE, crs, QgsProject.instance())
    for east, north, code in labels:
        place = transform.transform(QgsPointXY(550000 + east, 5270000 + north))
        layer.add([place], code, {"interpreter": who, "role": role})
    return layer


def test_merge_keeps_agreement_once_and_reports_conflicts(tmp_path: Path, make: Made) -> None:
    ada = labeller(make, tmp_path / "a.gpkg", SEATTLE, "Ada", (0, 0, "change"), (100, 0, "change"),
                   (200, 0, "nochange"), (300, 0, "change"), (304, 0, "nochange"))
    bob = labeller(make, tmp_path / "b.gpkg", MERCATOR, "Bob", (2, 2, "change"), (101, 0, "nochange"),
                   (200, 4.9, "nochange"), (205.5, 0, "change"), (303.9, 0, "nochange"), (999, 0, "change"))
    report = merge_labels([ada, bob], tmp_path / "merged.gpkg", tolerance=5)
    assert (report.merged, report.shared, report.agreeing, report.without_class) == (6, 4, 3, 0)
    (conflict,) = report.conflicts
    assert conflict.codes == {"Ada": "change", "Bob": "nochange"} and abs(conflict.x - 550100) < 1e-3
    merged = LabelLayer(QgsVectorLayer(f"{tmp_path}/merged.gpkg|layername=labels", "m", "ogr"))
    assert sorted((round(label.x - 550000, 1), label.code) for label in merged.labels()) == [
        (0.0, "change"), (200.0, "nochange"), (205.5, "change"), (300.0, "change"), (304.0, "nochange"),
        (999.0, "change")]
    assert {label.uuid for label in merged.labels()} <= {label.uuid for one in (ada, bob) for label in one.labels()}
    assert merged.table == ClassTable.change_detection()
    conflicts = QgsVectorLayer(f"{tmp_path}/merged.gpkg|layername=conflicts", "c", "ogr")
    assert conflicts.crs() == SEATTLE
    (feature,) = conflicts.getFeatures()
    names = ("labeller_1", "label_1", "labeller_2", "label_2")
    assert [feature[name] for name in names] == ["Ada", "change", "Bob", "nochange"]
    assert len(ada.labels()) == 5 and len(bob.labels()) == 6
    with pytest.raises(OutputError, match="exists already"):
        merge_labels([ada, bob], tmp_path / "merged.gpkg")


def test_neighbours_of_one_labeller_stay_apart(tmp_path: Path, make: Made) -> None:
    """A brush stroke: points closer than the tolerance; chains must not melt into one place."""
    stroke = [(n * 2.0, 0.0, "change") for n in range(20)]
    ada = labeller(make, tmp_path / "a.gpkg", SEATTLE, "Ada", *stroke)
    bob = labeller(make, tmp_path / "b.gpkg", SEATTLE, "Bob", *((x + 0.5, y, code) for x, y, code in stroke))
    report = merge_labels([ada, bob], tmp_path / "m.gpkg", tolerance=5)
    assert (report.merged, report.shared, report.agreeing) == (20, 20, 20)
    assert report.kappa is None, "one class only"


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:32610", "EPSG:3413"])
def test_tolerance_is_metres_on_the_ground_in_every_crs(tmp_path: Path, make: Made, crs: str) -> None:
    system = QgsCoordinateReferenceSystem(crs)
    steps = [(100.0 * n, 10.0 * n, float(n)) for n in range(1, 10)]
    ada = labeller(make, tmp_path / "a.gpkg", system, "Ada", *((x, y, "change") for x, y, _ in steps))
    bob = labeller(make, tmp_path / "b.gpkg", system, "Bob", *((x, y + d, "change") for x, y, d in steps))
    report = merge_labels([ada, bob], tmp_path / "m.gpkg", tolerance=5.5)
    assert report.shared == 5 and report.merged == 13


def test_positions_on_earth_are_those_of_qgis() -> None:
    from bitscape.plugin.layers.label_merge import _on_earth

    area = QgsDistanceArea()
    area.setSourceCrs(WGS84, QgsProject.instance().transformContext())
    area.setEllipsoid("WGS84")
    chance = random.Random(1)
    for _ in range(50):
        first = QgsPointXY(chance.uniform(-180, 180), chance.uniform(-85, 85))
        second = QgsPointXY(first.x() + chance.uniform(-1, 1) / 1e3, first.y() + chance.uniform(-1, 1) / 1e3)
        one, other = _on_earth([first, second], WGS84)
        assert math.dist(one, other) == pytest.approx(area.measureLine(first, second), rel=1e-6)


def test_three_labellers_validation_and_names(tmp_path: Path, make: Made) -> None:
    ada = labeller(make, tmp_path / "a.gpkg", SEATTLE, "Ada", (0, 0, "change"), (50, 0, "change"))
    bob = labeller(make, tmp_path / "b.gpkg", SEATTLE, "Ada", (0, 0, "change"), (90, 0, "nochange"), role="validate")
    eve = labeller(make, tmp_path / "c.gpkg", SEATTLE, "", (0, 1, "change"), (51, 0, "nochange"), (90, 1, "change"))
    eve.layer.setName("Eve's")
    report = merge_labels([ada, bob, eve], tmp_path / "m.gpkg")
    assert report.kappa is None and (report.merged, report.shared, report.agreeing) == (0, 1, 0)
    assert [conflict.codes for conflict in report.conflicts] == [{"Ada": "change", "Eve's": "nochange"}]
    assert report.held_back == 2, "what one holds back for validation must not train through another's label"
    merged = LabelLayer(QgsVectorLayer(f"{tmp_path}/m.gpkg|layername=labels", "m", "ogr"))
    assert merged.labels(trainable_only=False) == []
    with pytest.raises(InputError, match="two or more"):
        merge_labels([ada], tmp_path / "n.gpkg")
    with pytest.raises(InputError, match="0 metres or more"):
        merge_labels([ada, bob], tmp_path / "n.gpkg", tolerance=-1)


def test_spellings_agree_and_class_tables_are_joined(tmp_path: Path, make: Made) -> None:
    ada = make.new(tmp_path / "a.gpkg", WGS84)
    ada.add([QgsPointXY(1, 1), QgsPointXY(2, 2)], "nochange")
    other = LabelLayer(QgsVectorLayer("Point?crs=EPSG:4326&field=klass:string", "b", "memory"), "klass")
    other.add([QgsPointXY(1, 1)], "No change")
    other.add([QgsPointXY(3, 3)], "w")
    other.set_table(ClassTable.of_codes(["No change", "w"], {"w": "Water"}))
    feature = other.feature_at(QgsPointXY(9, 9), "w")
    feature["klass"] = ""
    other.restore([feature])
    report = merge_labels([ada, other], tmp_path / "m.gpkg")
    assert (report.merged, report.agreeing, report.conflicts, report.without_class) == (3, 1, [], 1)
    assert [(one.code, one.name) for one in read_classes(tmp_path / "m.gpkg").classes] == [
        ("change", "change"), ("nochange", "no change"), ("w", "Water")]


def test_kappa_is_cohens(tmp_path: Path, make: Made) -> None:
    """The example that textbooks use: 20 both yes, 15 both no, 5 and 10 differ: kappa 0.4."""
    pairs = [("y", "y")] * 20 + [("n", "n")] * 15 + [("y", "n")] * 5 + [("n", "y")] * 10
    assert cohens_kappa(pairs) == pytest.approx(0.4)
    assert cohens_kappa([]) is None and cohens_kappa([("y", "y")]) is None
    assert cohens_kappa([("y", "n"), ("n", "y")]) == pytest.approx(-1)
    assert cohens_kappa([("y", "n")]) == 0
    codes = {"y": "change", "n": "nochange"}
    ada = labeller(make, tmp_path / "a.gpkg", SEATTLE, "Ada",
                   *((20 * i, 0, codes[a]) for i, (a, _) in enumerate(pairs)))
    bob = labeller(make, tmp_path / "b.gpkg", SEATTLE, "Bob",
                   *((20 * i, 1, codes[b]) for i, (_, b) in enumerate(pairs)))
    report = merge_labels([ada, bob], tmp_path / "m.gpkg")
    assert report.kappa == pytest.approx(0.4)
    assert (report.merged, report.agreeing, len(report.conflicts)) == (35, 35, 15)
    assert Counter(tuple(conflict.codes.values()) for conflict in report.conflicts) == {
        ("change", "nochange"): 5, ("nochange", "change"): 10}
