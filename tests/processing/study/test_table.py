"""Embedding tables of all makes, and those that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from bitscape.processing.embeddings.mapping import quantise
from bitscape.processing.errors import InputError
from bitscape.processing.progress import Progress
from bitscape.processing.study import table as module
from bitscape.processing.study.labelled import Labelled
from bitscape.processing.study.table import read_table

ROWS = 40


def vectors(dimensions: int = 6) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((ROWS, dimensions)).astype(np.float32)


def write(path: Path, **columns: Any) -> Path:
    given = {"embedding": list(vectors()), "label": ["a", "b"] * (ROWS // 2), **columns}
    pq.write_table(pa.table({name: values for name, values in given.items() if values is not None}), path,
                   row_group_size=16)
    return path


def read(
    path: Path, label: str = "label", value: str = "", columns: tuple[str, str] = ("", ""), most: int = 1000
) -> Labelled:
    return read_table(path, label, value, columns, most, 0, Progress())


@pytest.mark.parametrize("kind", [
    pa.list_(pa.float32()), pa.list_(pa.float64()), pa.list_(pa.float16()), pa.large_list(pa.float32()),
    pa.list_(pa.float32(), 6),
])
@pytest.mark.parametrize("name", ["embedding", "embeddings", "vector", "clay_v1"])
def test_lists_of_all_kinds(tmp_path: Path, kind: pa.DataType, name: str) -> None:
    wanted = vectors().astype(np.float16) if kind.value_type == pa.float16() else vectors()
    path = write(tmp_path / "t.parquet", **{"embedding": None, name: pa.array(list(wanted), kind)})
    found = read(path)
    np.testing.assert_array_equal(found.rows, wanted.astype(np.float32))
    assert found.names == ("a", "b") and found.classes.tolist() == [0, 1] * (ROWS // 2)
    assert found.xy is None and found.after is None and found.values is None and found.model == "t"


def test_integers_are_mapped_and_gaps_left_out(tmp_path: Path) -> None:
    unit = vectors() / np.linalg.norm(vectors(), axis=1, keepdims=True)
    codes = quantise(unit)
    codes[3, 2] = -128
    found = read(write(tmp_path / "t.parquet", embedding=pa.array(list(codes), pa.list_(pa.int8(), 6))))
    assert len(found.rows) == ROWS - 1
    np.testing.assert_allclose(found.rows, np.delete(unit, 3, axis=0), atol=0.02)
    said = "; ".join(found.notes)
    assert "alphaearth" in said and "1 of 40 rows left out" in said


def test_rows_without_vector_class_or_number(tmp_path: Path) -> None:
    rows: list[Any] = list(vectors())
    rows[0], rows[1] = None, np.full(6, np.nan, np.float32)
    rows[2] = [1.0, None, 2.0, 3.0, 4.0, 5.0]
    labels = ["a", "b"] * (ROWS // 2)
    labels[5] = None
    height = [float(number) for number in range(ROWS)]
    height[7] = float("inf")
    found = read(write(tmp_path / "t.parquet", embedding=pa.array(rows, pa.list_(pa.float32())), label=labels,
                       height=height), value="height")
    kept = [row for row in range(ROWS) if row not in (0, 1, 2, 5, 7)]
    np.testing.assert_array_equal(found.rows, vectors()[kept])
    assert found.values is not None and found.values.tolist() == [height[row] for row in kept]


def test_where_rows_are(tmp_path: Path) -> None:
    lon, lat = np.linspace(10, 11, ROWS), np.linspace(50, 51, ROWS)
    boxes = [{"xmin": x - 1, "xmax": x + 1, "ymin": y - 2, "ymax": y + 2} for x, y in zip(lon, lat, strict=True)]
    shapes = list(shapely.to_wkb(shapely.box(lon - 1, lat - 1, lon + 1, lat + 1)))
    for columns in ({"geometry": shapes}, {"bbox": boxes}, {"centroid_lon": lon, "centroid_lat": lat},
                    {"lon": lon, "lat": lat}):
        found = read(write(tmp_path / "t.parquet", **columns))
        assert found.xy is not None
        np.testing.assert_allclose(found.xy, np.stack([lon, lat], axis=1))
    shapes[4], shapes[9] = None, b"no shape"
    assert len(read(write(tmp_path / "t.parquet", geometry=shapes)).rows) == ROWS - 2


def test_a_second_date_and_numbers_as_classes(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", embedding=None, before=list(vectors()), later=list(vectors() + 1),
                 label=[1.0, 2.0] * (ROWS // 2))
    found = read(path, columns=("before", "later"))
    assert found.names == ("1", "2")
    np.testing.assert_allclose(found.vectors, 1, atol=1e-6)
    with pytest.raises(InputError, match="Its lists of numbers are before, later: name one"):
        read(path)


def test_at_most_so_many_rows_are_drawn(tmp_path: Path) -> None:
    found = read(write(tmp_path / "t.parquet"), most=24)
    assert len(found.rows) == 24 and any("24 of 40" in note for note in found.notes)
    assert all(row in vectors() for row in found.rows)


@pytest.mark.parametrize(("columns", "asked", "words"), [
    ({}, {"label": "kind"}, "no column named kind; there are embedding, label"),
    ({}, {"value": "height"}, "no column named height"),
    ({}, {"columns": ("vec", "")}, "no column vec"),
    ({}, {"columns": ("label", "")}, "not lists of float or int8 numbers"),
    ({}, {"label": "embedding"}, "holds lists"),
    ({"embedding": None}, {}, "no lists of numbers at all"),
    ({"label": ["a"] * ROWS}, {}, "of one class"),
    ({"label": [None] * ROWS}, {}, "No row"),
    ({"label": [str(n) for n in range(8)] + [None] * (ROWS - 8)}, {}, "8 labelled embeddings"),
    ({"embedding": [[1.0] * (3 + row % 2) for row in range(ROWS)]}, {}, "of different models"),
    ({"embedding": [None] * ROWS + []}, {"columns": ("embedding", "")}, "not lists"),
    ({"embedding": pa.array([[1, 2]] * ROWS, pa.list_(pa.uint8()))}, {}, "packed already"),
    ({"embedding": pa.array([[]] * ROWS, pa.list_(pa.float32()))}, {}, "0 numbers a row"),
    ({"embedding": pa.array([[1, None]] * ROWS, pa.list_(pa.int8()))}, {}, "gaps"),
    ({"later": [[1.0]] * ROWS}, {"columns": ("embedding", "later")}, "not one model at two dates"),
])
def test_tables_that_cannot_be_used(
    tmp_path: Path, columns: dict[str, Any], asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        read(write(tmp_path / "t.parquet", **columns), **asked)


def test_a_name_for_each_row_is_no_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bitscape.processing.study.labelled.MOST_CLASSES", 20)
    with pytest.raises(InputError, match="40 different values"):
        read(write(tmp_path / "t.parquet", label=[f"chip {number}" for number in range(ROWS)]))


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(write(tmp_path / "t.parquet").read_bytes()[:-40])
    (tmp_path / "empty.parquet").touch()
    for name, words in (("nowhere.parquet", "no file"), ("broken.parquet", "cannot be read"),
                        ("empty.parquet", "cannot be read")):
        with pytest.raises(InputError, match=words):
            read(tmp_path / name)


def test_damage_is_told_or_harmless(tmp_path: Path) -> None:
    """Bytes overwritten anywhere: what cannot be read is an InputError, and nothing else is ever raised."""
    whole = write(tmp_path / "t.parquet").read_bytes()
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(150):
        damaged = bytearray(whole)
        start = int(rng.integers(0, len(whole) - 8))
        damaged[start : start + 8] = rng.integers(0, 256, 8, np.uint8).tobytes()
        (tmp_path / "damaged.parquet").write_bytes(damaged)
        try:
            read(tmp_path / "damaged.parquet")
        except InputError:
            told += 1
    assert told > 20


def test_sizes_come_before_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "t.parquet")
    monkeypatch.setattr(module, "GROUP_BYTES", 200)
    with pytest.raises(InputError, match="smaller row groups"):
        read(path)
    monkeypatch.undo()
    monkeypatch.setattr("bitscape.processing.study.labelled.MOST_BYTES", 500)
    with pytest.raises(InputError, match="Use at most 20 rows"):
        read(path)


def test_real_files(shared_data: Path) -> None:
    with pytest.raises(InputError, match="without rows"):
        read(shared_data / "clay_geoparquet" / "earthindex_21MNT_sample.parquet", label="id")
    with pytest.raises(InputError, match="3 labelled embeddings that can be used"):
        read(shared_data / "clay_geoparquet" / "planet_sample_embeddings.parquet", label="chip_size")
    clay = read(shared_data / "clay_geoparquet" / "clay_v0_03WVN_20220610_20220610_v001.gpq", label="index",
                most=150)
    assert clay.rows.shape == (150, 768) and clay.xy is not None and clay.xy[:, 1].min() > 60
