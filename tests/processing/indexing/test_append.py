"""Adding years and areas to a store: its own codes, its older files untouched, its manifest last."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitscape.processing.errors import BitscapeError, Cancelled, InputError, OutputError
from bitscape.processing.indexing import publish
from bitscape.processing.progress import Progress
from bitscape.processing.store.store import Store
from bitscape.tests.processing.indexing.made_tables import places, vectors, write_table
from bitscape.tests.processing.indexing.stores import build, codes_of, digests, rows_of


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    """Two years of one area."""
    return [
        write_table(tmp_path / f"in_{year}.parquet", vectors(1000, seed=year), places(1000),
                    id=[f"p{number}" for number in range(1000)])
        for year in (2020, 2021)
    ]


@pytest.mark.parametrize("options", [
    {}, {"threshold": "median", "kind": "binary", "refine": "int8"}, {"kind": "int8"}, {"geohash": 4}])
def test_another_year_has_the_codes_of_the_first(tmp_path: Path, tables: list[Path], options: dict) -> None:
    first = build(tables[0], tmp_path / "store", product="M", rows_per_file=100, **options)
    before = digests(tmp_path / "store")
    about = Store.open(tmp_path / "store").about
    result = build(tables[1], tmp_path / "store", append=True, rows_per_file=100, **options)
    assert (first["rows"], result["rows"], result["appended"], result["years"]) == (1000, 2000, 1000, [2020, 2021])
    after = digests(tmp_path / "store")
    assert after.items() >= before.items(), "older files stay as they are"
    now = Store.open(tmp_path / "store").about
    assert now.codec == about.codec and now.fine == about.fine and now.recall == about.recall and now.model == "M"
    assert [one["name"] for one in now.record["inputs"]] == ["in_2020", "in_2021"] and len(now.record["added"]) == 1
    found = rows_of(tmp_path / "store")
    ids = [f"p{number}" for number in range(1000)]
    decoder = now.decoder()
    for year, seed in ((2020, 2020), (2021, 2021)):
        rows = vectors(1000, seed=seed)
        wanted = np.packbits(rows > 0, axis=1) if decoder is None else decoder.encode(rows)
        assert (codes_of(found, ids, year) == wanted).all()
    build(write_table(tmp_path / "more_2020.parquet", vectors(500, seed=3), places(500, 0), id=[
        f"q{number}" for number in range(500)]), tmp_path / "store", append=True, **options)
    assert len(rows_of(tmp_path / "store")) == 2500, "further files in folders that have some"


def test_a_store_is_as_it_was_until_all_is_added(tmp_path: Path, tables: list[Path], monkeypatch) -> None:
    build(tables[0], tmp_path / "store")
    before = rows_of(tmp_path / "store")
    stopped = Progress(lambda fraction, message: stopped.cancel() if fraction > 0.8 else None)
    with pytest.raises(Cancelled):
        build(tables[1], tmp_path / "store", stopped, append=True)
    assert rows_of(tmp_path / "store") == before
    original = publish.write_manifest

    def failing(*arguments: object) -> None:
        raise OutputError("The disk is full.")

    monkeypatch.setattr(publish, "write_manifest", failing)
    with pytest.raises(OutputError):
        build(tables[1], tmp_path / "store", append=True)
    assert rows_of(tmp_path / "store") == before, "files that no manifest lists are not read"
    monkeypatch.setattr(publish, "write_manifest", original)
    assert build(tables[1], tmp_path / "store", append=True)["rows"] == 2000
    build(tables[0], tmp_path / "once")
    build(tables[1], tmp_path / "once", append=True)
    assert digests(tmp_path / "store") == digests(tmp_path / "once")


def test_what_does_not_fit_is_refused(tmp_path: Path, tables: list[Path]) -> None:
    build(tables[0], tmp_path / "store", product="M")
    other = write_table(tmp_path / "other.parquet", vectors(300, 200), places(300), "variable")
    for source, options, words in (
        (tables[0], {}, "in_2020 is in the store already"), (other, {}, "codes of 160 dimensions; the input has"),
        (tables[1], {"product": "N"}, "patches of M, the input those of N"),
        (tables[1], {"geohash": 5}, "cells"), (tables[1], {"refine": "int8"}, "finer codes"),
        (tables[1], {"kind": "int8"}, "kind of codes"),
    ):
        with pytest.raises(InputError, match=words):
            build(source, tmp_path / "store", append=True, **options)
    with pytest.raises(OutputError, match="no store"):
        build(tables[1], tmp_path / "none", append=True)
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "manifest.parquet").write_text("nothing")
    with pytest.raises(BitscapeError):
        build(tables[1], tmp_path / "fake", append=True)
    assert not list(tmp_path.glob("*.unfinished"))
    assert len(rows_of(tmp_path / "store")) == 1000
