"""The model file, also when it was written by someone who means harm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bitscape.processing.classification.model import MAX_FILE, BasisReference, Model, load_model, save_model
from bitscape.processing.errors import BasisMismatch, InputError
from bitscape.processing.progress import Progress


def model(**changes: Any) -> Model:
    values: dict[str, Any] = {
        "classes": ["change", "nochange"], "positive_class": "change", "weights": [[0.1, -0.25]], "bias": [1 / 3],
        "basis": BasisReference(fingerprint="abc", features="difference", dates=["2020", "2024"]), "c": 2.15,
        "class_weights": "none", "counts": {"change": 3, "nochange": 4}, "random": None, "spatial": None,
        "random_reason": "too few", "spatial_reason": "too few", "block_size": None, "warnings": [], "provenance": {},
    }
    return Model(**{**values, **changes})


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    save_model(model(), tmp_path / "m.json", Progress())
    assert load_model(tmp_path / "m.json") == model()


@pytest.mark.parametrize(("change", "words"), [
    ({"weights": [[0.1, "x"]]}, "weights"),
    ({"weights": [[0.1], [0.2]]}, "2 classes need 1 rows"),
    ({"weights": [[]]}, "same length"),
    ({"bias": [1e300]}, "must not exceed"),
    ({"bias": []}, "bias"),
    ({"classes": ["change", "change"]}, "must be different"),
    ({"classes": ["a", "b", "c"]}, "two classes need"),
    ({"positive_class": "cloud"}, "positive class"),
    ({"c": 0}, "c: "),
    ({"format": "other"}, "format"),
    ({"version": 2}, "version"),
    ({"extra": 1}, "extra"),
    ({"bias": ["1"]}, "bias"),
])
def test_wrong_content_is_refused_in_words(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps({**model().model_dump(mode="json"), **change}))
    with pytest.raises(InputError, match="not a classifier model") as caught:
        load_model(path)
    assert words in caught.value.message


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"null", b"\x80\x04K\x01."])
def test_what_is_no_model_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(text)
    with pytest.raises(InputError, match="not a classifier model"):
        load_model(path)


def test_not_a_number_and_infinity_are_refused(tmp_path: Path) -> None:
    for value in ("NaN", "Infinity", "1e999"):
        path = tmp_path / "m.json"
        path.write_text(model().model_dump_json().replace("-0.25", value))
        with pytest.raises(InputError, match="not a classifier model"):
            load_model(path)


def test_a_huge_file_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    with path.open("wb") as file:
        file.truncate(MAX_FILE + 1)
    with pytest.raises(InputError, match="larger than 16 MiB"):
        load_model(path)
    with pytest.raises(InputError, match="does not exist"):
        load_model(tmp_path / "none.json")


def test_another_basis_is_named() -> None:
    model().require_basis("abc", ["2021", "2025"], 2, Path("tiles.tif"))
    with pytest.raises(BasisMismatch, match=r"abc.*2020, 2024.*t.tif.*def.*1999"):
        model().require_basis("def", ["1999"], 2, Path("t.tif"))
    with pytest.raises(BasisMismatch):
        model().require_basis("abc", ["2020", "2024"], 3, Path("t.tif"))
