"""Class tables: change detection, tables made from codes, keys and colours, JSON and CSV, and hostile files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from bitscape.plugin.layers.class_table import MAX_CLASSES, ClassTable, LabelClass
from bitscape.plugin.layers.styling import BLUE, ORANGE, SHAPES
from bitscape.processing.errors import InputError, OutputError


def test_change_detection_is_orange_triangle_and_blue_circle() -> None:
    table = ClassTable.change_detection()
    assert table.classes == (
        LabelClass("change", "change", ORANGE, "triangle", "C"),
        LabelClass("nochange", "no change", BLUE, "circle", "N"),
    )
    assert table.positive == "change"
    assert table.by_key("c") == table.classes[0] and table.by_key("") is None and table.by_key("1") is None


@pytest.mark.parametrize("codes", [
    ["change", "nochange"], ["nochange", "change"], ["Change", "no change"], ["CHANGE", "No_Change"],
    ["change", "no-change"],
])
def test_spellings_of_change_are_change_detection(codes: list[str]) -> None:
    table = ClassTable.of_codes(codes)
    change, same = sorted(codes, key=len)
    assert table.positive == change
    assert (table.by_key("C").code, table.by_key("N").code) == (change, same)
    assert (table.by_code(change).colour, table.by_code(same).colour) == (ORANGE, BLUE)


def test_one_class_of_change_has_its_counterpart_and_no_codes_are_change_detection() -> None:
    assert [one.code for one in ClassTable.of_codes(["no change"]).classes] == ["change", "no change"]
    assert ClassTable.of_codes([]) == ClassTable.change_detection()


@pytest.mark.parametrize(("codes", "positive"), [
    (["forest", "other"], "forest"), (["background", "water"], "water"), (["0", "1"], "1"), (["1", "2"], "2"),
    (["b", "a"], "b"), (["no", "yes"], "yes"), (["a"], ""), (["a", "b", "c"], ""),
])
def test_positive_of_two_classes_is_the_one_the_backend_takes(codes: list[str], positive: str) -> None:
    """The same cases as in processing/classification/lesson.py: positive_of."""
    table = ClassTable.of_codes(codes)
    assert table.positive == positive
    for one in table.classes:
        assert (one.colour == ORANGE) == (one.code == positive)


def test_many_codes_get_shapes_colours_and_the_first_nine_a_key() -> None:
    table = ClassTable.of_codes([f"class {n}" for n in range(20)], {"class 3": "Three"})
    assert [one.key for one in table.classes] == [*"123456789", *[""] * 11]
    assert table.by_code("class 3").name == "Three"
    assert len({(one.colour, one.shape) for one in table.classes}) == 20
    assert {one.shape for one in table.classes} == set(SHAPES)


def test_digits_keep_their_own_key() -> None:
    table = ClassTable.of_codes(["3", "0", "1"])
    assert {one.code: one.key for one in table.classes} == {"3": "3", "0": "2", "1": "1"}


def test_adding_takes_the_next_free_of_everything() -> None:
    table = ClassTable.change_detection().adding("  New   water ")
    new = table.classes[-1]
    assert (new.code, new.name, new.key) == ("New water", "New water", "1")
    assert new.colour not in (ORANGE, BLUE) and new.shape not in ("triangle", "circle")
    assert table.positive == "", "the score is about one of two classes only"
    again = table.adding("new_water")
    assert again.classes[-1].code == "new_water 2" and again.classes[-1].key == "2"
    assert again.without("New water").adding("x").by_code("x").key == "1", "a freed key is used again"
    assert ClassTable.of_codes(["1", "2"]).adding("water").classes[-1].code == "3"
    assert ClassTable.of_codes(["1", "2"]).adding("water").classes[-1].name == "water"


def test_without_and_changed() -> None:
    three = ClassTable.of_codes(["a", "b", "other"])
    assert three.without("b").positive == "a"
    assert three.without("b").without("a").positive == ""
    assert three.without("nothing") == three
    table = three.changed("a", name=" Big  A ", colour="#ABCDEF")
    assert table.by_code("a") == LabelClass("a", "Big A", "#abcdef", three.by_code("a").shape, "1")
    for wrong in ({"colour": "red"}, {"colour": "#12345"}, {"name": ""}, {"name": "a\x07b"}, {"name": "a" * 81}):
        with pytest.raises(InputError):
            three.changed("a", **wrong)
    with pytest.raises(InputError, match="no class z"):
        three.changed("z", name="x")


def test_code_for_finds_other_spellings_only_where_one_fits() -> None:
    table = ClassTable.change_detection().adding("Bare soil")
    assert [table.code_for(text) for text in ("change", "No change", "NO_CHANGE", "bare-soil", "soil", "")] == [
        "change", "nochange", "nochange", "Bare soil", None, None]
    assert ClassTable.of_codes(["A", "a", "b"]).code_for("a") == "a"
    assert ClassTable.of_codes(["A b", "a_b", "c"]).code_for("ab") is None


def test_json_round_trip() -> None:
    for table in (ClassTable.change_detection(), ClassTable.of_codes(["å", "木", "c"]).changed("c", colour="#000000"),
                  ClassTable(), ClassTable.of_codes(str(n) for n in range(MAX_CLASSES))):
        assert ClassTable.from_json(table.to_json()) == table


GOOD = {"code": "a", "name": "A", "colour": "#123456", "shape": "circle", "key": "1"}


@pytest.mark.parametrize("data", [
    None, [], 3, {}, {"classes": [], "positive": 3}, {"classes": {}, "positive": ""}, {"classes": [3], "positive": ""},
    {"classes": [{**GOOD, "extra": 1}], "positive": ""}, {"classes": [{**GOOD, "code": 7}], "positive": ""},
    {"classes": [{**GOOD, "code": ""}], "positive": ""}, {"classes": [{**GOOD, "code": "a\x00"}], "positive": ""},
    {"classes": [{**GOOD, "colour": "#12345G"}], "positive": ""}, {"classes": [{**GOOD, "colour": []}], "positive": ""},
    {"classes": [{**GOOD, "shape": "javascript"}], "positive": ""}, {"classes": [{**GOOD, "key": "D"}], "positive": ""},
    {"classes": [{**GOOD, "shape": []}], "positive": ""}, {"classes": [{**GOOD, "key": {}}], "positive": ""},
    {"classes": [GOOD, GOOD], "positive": ""}, {"classes": [GOOD, {**GOOD, "code": "b"}], "positive": ""},
    {"classes": [GOOD], "positive": "z"}, {"classes": [{**GOOD, "key": ""}] * 1000, "positive": ""},
    {"classes": [{**GOOD, "code": "x" * 10_000}], "positive": ""},
])
def test_hostile_json_is_refused_in_words(data: object) -> None:
    with pytest.raises(InputError) as error:
        ClassTable.from_json(json.dumps(data))
    assert len(error.value.message) < 300


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"classes": ' + "[" * 50_000, "x" * 2_000_000])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        ClassTable.from_json(text)


def test_csv_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    for table in (ClassTable.change_detection().changed("change", colour="#010203"),
                  ClassTable.of_codes(["a,b", 'say "x"', "木", "d"], {"d": "D; d"})):
        table.write_csv(path)
        assert ClassTable.read_csv(path) == table
    assert [file.name for file in tmp_path.iterdir()] == ["classes.csv"]


@pytest.mark.parametrize(("text", "expected"), [
    ("code\nforest\nwater\n", [("forest", "forest"), ("water", "water")]),
    ("name\nForest\n\n  \nWater\n", [("Forest", "Forest"), ("Water", "Water")]),
    ("\ufeffCode;Name;Color\r\n1;Forest;#00ff00\r\n2;Water;\r\n", [("1", "Forest"), ("2", "Water")]),
    ("code\tname\nx\tX\n", [("x", "X")]),
    ("id,name,code\n9,Forest,f\n", [("f", "Forest")]),
])
def test_csv_as_others_write_it(tmp_path: Path, text: str, expected: list[tuple[str, str]]) -> None:
    path = tmp_path / "classes.csv"
    path.write_text(text, encoding="utf-8")
    table = ClassTable.read_csv(path)
    assert [(one.code, one.name) for one in table.classes] == expected
    if "00ff00" in text:
        assert table.by_code("1").colour == "#00ff00"


@pytest.mark.parametrize(("text", "said"), [
    ("", "code or name"), ("colour\n#123456\n", "code or name"), ("code,name\n", "no classes"),
    ("code,colour\na,#123456\nb,red\n", "Line 3"), ("code\na\na\n", "line 2 already"),
    ("code,name\na,A\n,\nb,\x07\n", "Line 4"), ("code\n" + "x" * 81 + "\n", "longer than 80"),
    ("code\n" + "\n".join(map(str, range(201))), "more than 200"), ('code\n"' + "x" * 140_000, "Line"),
])
def test_csv_errors_name_line_and_reason(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "classes.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said) as error:
        ClassTable.read_csv(path)
    assert len(error.value.message) < 300


def test_csv_that_is_no_text_or_too_large_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_bytes(b"code\n\xff\xfe\xfa\n")
    with pytest.raises(InputError, match="UTF-8"):
        ClassTable.read_csv(path)
    with path.open("wb") as file:
        os.truncate(file.fileno(), 1 << 34)  # sparse: reading it would show
    with pytest.raises(InputError, match="MB"):
        ClassTable.read_csv(path)
    for missing in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            ClassTable.read_csv(missing)
    with pytest.raises(OutputError, match="does not exist"):
        ClassTable().write_csv(tmp_path / "none" / "classes.csv")
    with pytest.raises(OutputError, match="is a folder"):
        ClassTable().write_csv(tmp_path)
