"""Values read where they lie in the file, against pyarrow's own decoding, and headers that lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bitscape.processing.store.code_pages import bare_pages, page_header
from bitscape.processing.store.location import LocalFolder, StoredFile
from hypothesis import given
from hypothesis import strategies as st

ROWS, WIDTH = 3000, 24
CODES = np.random.default_rng(0).integers(0, 256, (ROWS, WIDTH), np.uint8)


def written(folder: Path, nullable: bool = False, **options: object) -> Path:
    array = pa.Array.from_buffers(pa.binary(WIDTH), ROWS, [None, pa.py_buffer(CODES.tobytes())])
    table = pa.table([array], schema=pa.schema([pa.field("code", array.type, nullable=nullable)]))
    pq.write_table(table, folder / "a.parquet", **{"use_dictionary": False, "compression": "NONE", **options})
    return folder


def read(file: StoredFile, path: Path) -> bytes | None:
    metadata = pq.read_metadata(path)
    found = b""
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        pages = bare_pages(file, metadata.row_group(group).column(0), WIDTH, rows)
        if pages is None:
            return None
        assert sum(page.values for page in pages) == rows
        found += b"".join(file.read(page.offset, page.values * WIDTH) for page in pages)
    return found


@pytest.mark.parametrize("options", [
    {}, {"row_group_size": 700}, {"data_page_size": 4096, "write_batch_size": 64}, {"write_statistics": False},
    {"max_rows_per_page": 100, "write_batch_size": 10}, {"write_page_index": True}, {"write_page_checksum": True},
])
def test_bare_values_are_those_pyarrow_decodes(tmp_path: Path, options: dict) -> None:
    folder = written(tmp_path, **options)
    with LocalFolder(folder).open("a.parquet") as file:
        assert read(file, folder / "a.parquet") == CODES.tobytes()


@pytest.mark.parametrize("options", [
    {"compression": "ZSTD"}, {"use_dictionary": True}, {"data_page_version": "2.0"},
    {"use_byte_stream_split": True}, {"use_dictionary": True, "compression": "SNAPPY"},
])
def test_whatever_else_is_left_to_pyarrow(tmp_path: Path, options: dict) -> None:
    folder = written(tmp_path, **options)
    with LocalFolder(folder).open("a.parquet") as file:
        assert read(file, folder / "a.parquet") is None


def test_a_width_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    folder = written(tmp_path)
    chunk = pq.read_metadata(folder / "a.parquet").row_group(0).column(0)
    with LocalFolder(folder).open("a.parquet") as file:
        assert bare_pages(file, chunk, WIDTH - 1, ROWS) is None
        assert bare_pages(file, chunk, WIDTH, ROWS - 1) is None


def test_a_page_with_levels_is_not_bare(tmp_path: Path) -> None:
    """A column that may have nulls has their bits before the values."""
    folder = written(tmp_path, nullable=True)
    chunk = pq.read_metadata(folder / "a.parquet").row_group(0).column(0)
    with LocalFolder(folder).open("a.parquet") as file:
        assert bare_pages(file, chunk, WIDTH, ROWS) is None


@given(st.binary(max_size=200))
def test_headers_of_any_bytes_are_read_or_refused(content: bytes) -> None:
    found = page_header(content)
    assert found is None or 0 < found[0] <= len(content)


def test_headers_nested_without_an_end_are_refused() -> None:
    assert page_header(b"\x1c" * 500) is None
