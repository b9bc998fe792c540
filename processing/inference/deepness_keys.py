"""The metadata keys of Deepness's model zoo, read as they are: JSON text per key; a missing key says nothing.

Source: Deepness's documentation of model metadata. ``names`` (and ``task``) are also what Ultralytics' exporter
writes, as a Python literal.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from typing import Any

from .card import MAX_CARD, MOST_CLASSES

Fields = dict[str, Any]
Problem = tuple[str, str]
"""The card's field that is concerned, and what is wrong in words."""

TASKS = {
    "detect": ("Detector", "YOLO_Ultralytics"),
    "segment": ("Detector", "YOLO_Ultralytics_segmentation"),
    "obb": ("Detector", "YOLO_Ultralytics_obb"),
}
MODEL_TYPES = ("Segmentor", "Regressor", "Detector", "Superresolution", "Recognition")


def read_deepness(metadata: Mapping[str, str]) -> tuple[Fields, list[Problem]]:
    """The card fields that Deepness's keys give, and what is wrong with some of them. Never raises."""
    fields: Fields = {}
    problems: list[Problem] = []

    def take(key: str, field: str, convert: Callable[[Any], Any], right: str) -> None:
        if key not in metadata or field in fields:
            return
        try:
            fields[field] = convert(_value(metadata[key]))
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            reason = f" ({error})" if isinstance(error, _Explained) else ""
            problems.append(
                (field, f"The metadata key {key!r} is {metadata[key]!r:.120}; it should be {right}{reason}.")
            )

    take("model_type", "model_type", _model_type, "one of " + ", ".join(MODEL_TYPES))
    take(
        "class_names", "heads", _heads, '{"0": "name", "1": "name", …}, numbered from 0, or a list of these, one a head'
    )
    take("names", "heads", _heads, '{"0": "name", "1": "name", …}, numbered from 0, or a list of these, one a head')
    take("resolution", "resolution", lambda value: _number(value) / 100, "a number: centimetres a pixel")
    take("tile_size", "tile_size", _whole, "a whole number of pixels")
    take("tiles_size", "tile_size", _whole, "a whole number of pixels")
    take("tiles_overlap", "overlap_percent", _number, "a number: per cent of a tile")
    take("seg_thresh", "threshold", _number, "a number from 0 to 1")
    take("seg_small_segment", "small_segment", _whole, "a whole number of pixels")
    take("reg_output_scaling", "reg_output_scaling", _number, "a number")
    take("det_conf", "det_conf", _number, "a number from 0 to 1")
    take("det_iou_thresh", "det_iou_thresh", _number, "a number from 0 to 1")
    take("det_type", "det_type", _text, "a kind of YOLO output, such as YOLO_Ultralytics")
    if "standardization_mean" in metadata and "standardization_std" in metadata:
        take("standardization_mean", "mean", _numbers, "a list of numbers, one a channel")
        take("standardization_std", "std", _numbers, "a list of numbers above 0, one a channel")
    elif "standardization_mean" in metadata or "standardization_std" in metadata:
        there = "standardization_mean" if "standardization_mean" in metadata else "standardization_std"
        problems.append(
            ("mean", f"The metadata has {there!r} without its counterpart; both, or neither, should be there.")
        )
    task = TASKS.get(metadata.get("task", "").strip().strip('"'))
    if task is not None and "stride" in metadata:
        fields.setdefault("model_type", task[0])
        fields.setdefault("det_type", task[1])
    return fields, problems


class _Explained(ValueError):
    """A ValueError whose text is for people."""


def _value(text: str) -> Any:
    """JSON, a Python literal, or the bare text."""
    if len(text) > MAX_CARD:
        raise _Explained(f"it has {len(text)} characters, more than {MAX_CARD}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)  # literals only; what Ultralytics writes
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text.strip()


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    return float(value)


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _numbers(value: Any) -> list[float]:
    return [_number(item) for item in value] if isinstance(value, (list, tuple)) else [_number(value)]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _model_type(value: Any) -> str:
    name = _text(value).strip().capitalize()
    if name not in MODEL_TYPES:
        raise ValueError
    return name


def _heads(value: Any) -> list[Fields]:
    if isinstance(value, dict) or (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        value = [value]
    if not isinstance(value, list) or not value:
        raise ValueError
    return [{"classes": _classes(names)} for names in value]


def _classes(names: Any) -> list[Fields]:
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names or len(names) > MOST_CLASSES:
        raise ValueError
    found = sorted((int(key), str(name)) for key, name in names.items())
    ids = [number for number, _ in found]
    if ids != list(range(len(ids))):
        raise _Explained(f"the numbers are {', '.join(map(str, ids[:12]))}")
    return [{"id": number, "name": name.strip()[:200] or f"class {number}"} for number, name in found]
