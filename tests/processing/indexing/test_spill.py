"""Sorted runs against one stable sort of everything, whatever the size of runs, groups and tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from bitscape.processing.errors import Cancelled
from bitscape.processing.indexing import spill
from bitscape.processing.indexing.repeated_names import hashes, repeated, write_hashes
from bitscape.processing.indexing.spill import Runs, fixed, run_schema, unfixed, write_run
from bitscape.processing.progress import Progress
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def table(random: np.random.Generator, first: int, count: int, cells: int, keys: int) -> pa.Table:
    """Rows with few different cells, years and keys, so that many are equal; ids are numbers in the order of rows."""
    schema = run_schema(5, 0)
    columns = {
        "cell": pa.array(random.integers(0, cells, count)),
        "year": pa.array(random.integers(2020, 2023, count), pa.int32()),
        "key": pa.array(random.integers(0, keys, count), pa.uint64()), "box": fixed(random.uniform(0, 1, (count, 4))),
        "code": fixed(random.integers(0, 256, (count, 5), dtype=np.uint8)),
        "id": pa.array([str(number) for number in range(first, first + count)], pa.large_string()),
        "shape": pa.array([bytes([number % 256]) for number in range(count)], pa.large_binary()),
    }
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 700), min_size=1, max_size=6), cells=st.integers(1, 9),
    keys=st.sampled_from([1, 5, 10**6]), most=st.sampled_from([1, 7, 100, 10_000]),
    batch=st.sampled_from([3, 64, 1024]))
def test_merged_as_one_stable_sort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, sizes: list[int], cells: int, keys: int, most: int,
    batch: int,
) -> None:
    monkeypatch.setattr(spill, "RUN_BATCH", batch)
    monkeypatch.setattr(spill, "OPEN_RUNS", 2)
    random = np.random.default_rng(seed)
    edges = np.cumsum([0, *sizes])
    tables = [table(random, int(first), size, cells, keys) for first, size in zip(edges, sizes, strict=False)]
    paths = [tmp_path / f"{number}.arrow" for number in range(len(tables))]
    for path, one in zip(paths, tables, strict=True):
        write_run(path, [one])
    whole = pa.concat_tables(tables).combine_chunks()
    order = np.lexsort([np.asarray(whole[name]) for name in ("key", "cell", "year")])
    wanted = whole.take(pa.array(order))
    with Runs(paths) as runs:
        parts = []
        for group in runs.groups(Progress()):
            found = list(runs.shards(group, most))
            sizes_found = [len(one) for one in found]
            assert max(sizes_found) <= most and max(sizes_found) - min(sizes_found) <= 1
            assert sum(sizes_found) == group.rows
            for one in found:
                assert set(one["cell"].to_pylist()) == {group.cell} and set(one["year"].to_pylist()) == {group.year}
            parts += found
    merged = pa.concat_tables(parts).combine_chunks()
    assert merged.equals(wanted)


def test_bytes_there_and_back() -> None:
    boxes = np.random.default_rng(0).uniform(-180, 180, (50, 4))
    column = fixed(boxes)
    assert (unfixed(column, np.float64) == boxes).all()
    assert (unfixed(column.slice(7, 11), np.float64) == boxes[7:18]).all()
    assert (unfixed(pa.chunked_array([column.slice(0, 9), column.slice(9)]), np.float64) == boxes).all()


def test_looking_for_groups_can_be_stopped(tmp_path: Path) -> None:
    write_run(tmp_path / "a.arrow", [table(np.random.default_rng(0), 0, 100, 3, 5)])
    progress = Progress()
    progress.cancel()
    with Runs([tmp_path / "a.arrow"]) as runs, pytest.raises(Cancelled):
        list(runs.groups(progress))
    assert list(Runs([]).groups(Progress())) == []


@pytest.mark.parametrize("block", [3, 100, 1 << 21])
def test_repeated_names_are_counted_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    from bitscape.processing.indexing import repeated_names

    monkeypatch.setattr(repeated_names, "BLOCK", block)
    random, everything, paths = np.random.default_rng(0), [], []
    for number in range(4):
        names = [f"n{value}" for value in random.integers(0, 300, 100)]
        years = random.choice([0, 2020, 2021], 100).astype(np.int32)
        everything += list(zip(names, years.tolist(), strict=True))
        paths.append(tmp_path / f"{number}.names")
        write_hashes(paths[-1], [hashes(pa.array(names, pa.large_string()), years)])
    assert repeated(paths, Progress()) == len(everything) - len(set(everything))
    assert repeated([], Progress()) == 0
