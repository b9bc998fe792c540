"""Where values of a fixed width lie bare in a Parquet file: read there, they come at the speed of a memory copy.

A column that is required, not compressed and encoded PLAIN has pages of a short header and the values themselves, one
after the other (Apache Parquet, format/src/main/thrift/parquet.thrift: PageHeader, DataPageHeader). Whatever differs
from that is left to pyarrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .location import StoredFile

LONGEST_HEADER = 512
"""Bytes. Page headers have about 30, more with statistics."""
MOST_PAGES = 4096
_PLAIN, _DATA_PAGE = 0, 0
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)


@dataclass(frozen=True)
class Page:
    """``values`` values that lie bare from ``offset`` on."""

    offset: int
    values: int


def bare_pages(file: StoredFile, column: Any, width: int, rows: int) -> list[Page] | None:
    """The pages of a column chunk (pyarrow's ColumnChunkMetaData) whose values have ``width`` bytes.

    The column must be required: the caller knows the schema. None if the chunk is not bare, or does not add up.
    """
    if column.compression != "UNCOMPRESSED" or column.has_dictionary_page or column.num_values != rows:
        return None
    if not set(column.encodings) <= {"PLAIN", "RLE", "BIT_PACKED"}:
        return None
    offset, end = column.data_page_offset, column.data_page_offset + column.total_compressed_size
    if offset < 4 or end > file.size:
        return None
    header = end - offset - rows * width
    if 0 < header <= LONGEST_HEADER and page_header(file.read(offset, header)) == (header, rows, rows * width):
        return [Page(offset + header, rows)]
    pages: list[Page] = []
    left = rows
    while left > 0 and len(pages) < MOST_PAGES:
        found = page_header(file.read(offset, min(LONGEST_HEADER, end - offset)))
        if found is None or not 0 < found[1] <= left:
            return None
        header, values, size = found
        if size != values * width or offset + header + size > end:
            return None
        pages.append(Page(offset + header, values))
        offset, left = offset + header + size, left - values
    return pages if left == 0 and offset == end else None


@lru_cache(maxsize=256)
def page_header(content: bytes) -> tuple[int, int, int] | None:
    """Length of the header, number of values and bytes of a PLAIN data page that is not compressed; None if another.

    Kept, because the headers of a column without statistics are alike in all row groups.
    """
    try:
        reader = _Compact(content)
        fields = reader.struct()
    except (IndexError, ValueError):
        return None
    details = fields.get(5)
    if fields.get(1) != _DATA_PAGE or not isinstance(details, dict) or fields.get(2) != fields.get(3):
        return None
    values, size = details.get(1), fields.get(3)
    if details.get(2) != _PLAIN or not isinstance(values, int) or not isinstance(size, int):
        return None
    return reader.place, values, size


class _Compact:
    """Just enough of Thrift's compact protocol: numbers, and structs of them; the rest is stepped over."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.place = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Fields by their number. Raises IndexError at the end of the content, ValueError at what cannot be."""
        if depth > 8:
            raise ValueError("nested too deep")
        fields: dict[int, Any] = {}
        last = 0
        content = self._content
        while head := content[self.place]:
            self.place += 1
            kind, step = head & 15, head >> 4
            last = last + step if step else self._number()
            if _I16 <= kind <= _I64:
                fields[last] = self._number()
            elif kind in (_TRUE, _FALSE):
                fields[last] = kind == _TRUE
            elif kind == _STRUCT:
                fields[last] = self.struct(depth + 1)
            elif kind in (_BYTE, _DOUBLE, _BINARY):
                self._skip(self._varint() if kind == _BINARY else 8 if kind == _DOUBLE else 1)
                fields[last] = None
            else:
                raise ValueError(f"a field of kind {kind}")
        self.place += 1
        return fields

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._content[self.place]
            self.place += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError("a number without an end")

    def _number(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def _skip(self, count: int) -> None:
        self.place += count
        if self.place > len(self._content):
            raise IndexError
