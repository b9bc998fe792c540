"""Files that are no sample, samples that are odd, and what happens to a file while one interprets."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bitscape.plugin.layers.class_table import ClassTable
from bitscape.plugin.layers.label_file import write_classes
from bitscape.plugin.layers.sample_file import Answer, SampleFile, agreed_label
from bitscape.processing.errors import InputError
from bitscape.tests.plugin.validate.scene import Window, rows_elsewhere, write_sample
from osgeo import ogr
from qgis.PyQt.QtCore import QMimeData, QUrl


def broken(folder: Path, kind: str) -> Path:
    """A file that is no sample."""
    path = folder / "bad.gpkg"
    if kind == "text":
        path.write_text("no GeoPackage")
    elif kind == "cut off":
        write_sample(path)
        path.write_bytes(path.read_bytes()[:5000])
    elif kind == "empty":
        write_sample(path, count=0)
    elif kind == "twice":
        write_sample(path, numbers=[1, 2, 2])
    elif kind in ("other layer", "no numbers", "polygons"):
        data = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
        geometry = ogr.wkbPolygon if kind == "polygons" else ogr.wkbPoint
        layer = data.CreateLayer("labels" if kind == "other layer" else "sample", None, geometry)
        layer.CreateField(ogr.FieldDefn("label" if kind == "no numbers" else "point", ogr.OFTInteger))
        layer = data = None
    return path


@pytest.mark.parametrize(("kind", "why"), [
    ("missing", "does not exist"), ("text", "no GeoPackage"), ("cut off", "no GeoPackage|no layer sample"),
    ("empty", "is empty"), ("twice", "has the point 2 twice"), ("other layer", "no layer sample"),
    ("polygons", "no layer sample of points"), ("no numbers", "no field point"),
])
def test_what_is_no_sample_is_refused_in_words_and_the_open_one_stays(
    window: Window, tmp_path: Path, kind: str, why: str
) -> None:
    good = window.open(count=3)
    with pytest.raises(InputError, match=why):
        SampleFile(broken(tmp_path, kind))
    assert not window.validation.open(tmp_path / "bad.gpkg")
    assert window.words and window.validation.sample.path == good


def test_opening_alone_changes_nothing_in_the_file(tmp_path: Path) -> None:
    path = write_sample(tmp_path / "s.gpkg", table=ClassTable.of_codes(["a", "b", "c"]))
    before = path.read_bytes()
    sample = SampleFile(path)
    assert [one.number for one in sample.points] == [1, 2, 3, 4, 5, 6]
    assert [one.code for one in sample.table.classes] == ["a", "b", "c"] and sample.interpreters == []
    assert path.read_bytes() == before


def test_classes_come_from_the_table_else_from_the_strata_with_what_was_answered(tmp_path: Path) -> None:
    plain = SampleFile(write_sample(tmp_path / "a.gpkg", strata=("change", "nochange")))
    assert plain.table == ClassTable.change_detection()
    several = SampleFile(write_sample(tmp_path / "b.gpkg", strata=("water", "forest", "town")))
    assert [one.code for one in several.table.classes] == ["forest", "town", "water"]
    path = write_sample(tmp_path / "c.gpkg", table=ClassTable.change_detection())
    sample = SampleFile(path)
    sample.prepare()
    sample.write(Answer(1, "Ada", "burnt"))
    assert [one.code for one in SampleFile(path).table.classes] == ["change", "nochange", "burnt"]


@pytest.mark.parametrize("begun", [False, True])
def test_a_read_only_file_is_opened_and_told_before_the_first_point(tmp_path: Path, begun: bool) -> None:
    """Permission bits do not bind root, so QGIS runs as somebody else; the folder is read-only, too."""
    folder = tmp_path / "shared"
    folder.mkdir()
    path = write_sample(folder / "s.gpkg", count=3)
    if begun:
        sample = SampleFile(path)
        sample.prepare()
        sample.release()
    code = (
        "import os, sys; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "from pathlib import Path\n"
        "from qgis.core import QgsApplication\n"
        "application = QgsApplication([], True); application.initQgis()\n"
        "from bitscape.plugin.layers.sample_file import SampleFile\n"
        "from bitscape.processing.errors import BitscapeError\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "sample = SampleFile(Path(sys.argv[1]))\n"
        "try: sample.prepare(); print('prepared', sample.count, flush=True)\n"
        "except BitscapeError as error: print('refused', sample.count, error.message, flush=True)\n"
        "os._exit(0)\n"
    )
    path.chmod(0o444)
    folder.chmod(0o555)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    try:
        done = subprocess.run([sys.executable, "-P", "-c", code, str(path)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "HOME": "/tmp", "XDG_RUNTIME_DIR": "/tmp"}, check=False)
    finally:
        folder.chmod(0o755)
    assert "refused 3" in done.stdout, done.stdout + done.stderr
    assert "cannot be written" in done.stdout or "could not be written" in done.stdout


def test_a_locked_file_is_told_nothing_is_lost_and_the_same_key_works_later(window: Window) -> None:
    path = window.start(count=3)
    window.press("c", "w")
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    begin = time.monotonic()
    window.press("n")
    waited = time.monotonic() - begin
    assert "is locked: another program is writing to it" in window.words[-1]
    assert window.number == 2 and window.validation.certainty == 75 and "1 answered" in window.text
    lock.execute("ROLLBACK")
    lock.close()
    window.press("n")
    assert window.number == 3
    assert [(row["point"], row["certainty"]) for row in rows_elsewhere(path)] == [(1, None), (2, 75)]
    assert waited < 1, "SQLite would have waited for twenty seconds, and the window with it"


def test_a_file_that_is_moved_away_is_told_and_goes_on_when_it_is_back(window: Window) -> None:
    path = window.start(count=3)
    window.press("c")
    path.rename(path.with_name("moved.gpkg"))
    window.press("n")
    assert "is not there any more" in window.words[-1] and window.number == 2
    path.with_name("moved.gpkg").rename(path)
    window.press("n")
    assert window.number == 3 and len(rows_elsewhere(path)) == 2


def test_another_layer_of_answers_is_filled_as_far_as_it_goes_or_refused(window: Window, tmp_path: Path) -> None:
    for name, columns, fine in (("a.gpkg", ("point", "label", "interpreter", "created"), True),
                                ("b.gpkg", ("point", "label"), False)):
        path = write_sample(tmp_path / name, count=2)
        data = ogr.Open(str(path), 1)
        layer = data.CreateLayer("interpretations", None, ogr.wkbNone)
        for column in columns:
            layer.CreateField(ogr.FieldDefn(column, ogr.OFTInteger if column == "point" else ogr.OFTString))
        layer = data = None
        window.validation.open(path)
        window.pad.start.click()
        assert window.serving.is_on == fine
        if fine:
            window.press("c")
            assert SampleFile(path).answers_of("Ada")[1].label == "change"
            window.pad.start.click()
        else:
            assert "no field interpreter" in window.words[-1]


def test_a_sample_is_dropped_and_other_files_are_not(window: Window, tmp_path: Path) -> None:
    from bitscape.plugin.dock.validate.validate_tab import dropped_samples

    path = write_sample(tmp_path / "dropped.gpkg", count=2)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)), QUrl.fromLocalFile(str(window.map_path))])
    assert dropped_samples(data) == [path]
    data.setUrls([QUrl.fromLocalFile(str(window.map_path)), QUrl.fromLocalFile(str(tmp_path / "none.gpkg"))])
    assert dropped_samples(data) == []


def test_every_stratum_needs_two_points_that_are_agreed_on(tmp_path: Path) -> None:
    path = write_sample(tmp_path / "s.gpkg", count=6)
    write_classes(path, ClassTable.change_detection())
    sample = SampleFile(path)
    sample.prepare()
    assert sample.short_of() == (2, 2)
    for number in (1, 3, 2):
        sample.write(Answer(number, "Ada", "change"))
    assert sample.short_of() == (1, 2)
    sample.write(Answer(4, "Ada", skipped="cannot tell"))
    assert sample.short_of() == (1, 2)
    sample.write(Answer(4, "Ben", "change"))
    assert sample.short_of() == (0, 2)
    sample.write(Answer(3, "Ben", "nochange"))
    assert sample.short_of() == (1, 2), "one against one is no label"
    sample.write(Answer(3, "agreed", "nochange"))
    assert sample.short_of() == (0, 2)


def test_the_majority_and_the_settled_label_count() -> None:
    def of(*labels: tuple[str, str]) -> str:
        return agreed_label([Answer(1, who, label) for who, label in labels])

    assert of(("Ada", "a")) == "a" and of(("Ada", "a"), ("Ben", "b")) == ""
    assert of(("Ada", "a"), ("Ben", "b"), ("Eve", "a")) == "a"
    assert of(("Ada", "a"), ("agreed", "b"), ("Eve", "a")) == "b"
