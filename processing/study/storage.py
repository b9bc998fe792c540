"""What embeddings take: bytes each, bytes in a Parquet file, and what a year of the whole land surface would cost."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LAND_PIXELS = 1.5e12
"""The Earth's land, 150 million km², in pixels of 10 m."""
DOLLARS_PER_GB_MONTH = 0.023
"""Amazon S3 Standard, first tier, as in the post."""


@dataclass(frozen=True)
class Storage:
    """``size`` bytes an embedding as it is, ``disk`` in a Parquet file with ZSTD; ``petabytes`` (1e15 bytes) of all
    land at 10 m for one year, uncompressed by ZSTD, and ``dollars`` a year to keep it."""

    size: int
    disk: float
    petabytes: float
    dollars: float


def storage(codes: NDArray[np.uint8]) -> Storage:
    """Of ``codes`` (rows, bytes), which are written to a Parquet file in memory to see what ZSTD makes of them."""
    size = codes.shape[1]
    total = LAND_PIXELS * size
    return Storage(size, on_disk(codes) / len(codes), total / 1e15, total / 1e9 * DOLLARS_PER_GB_MONTH * 12)


def on_disk(codes: NDArray[np.uint8]) -> int:
    """Bytes of a fixed-size column of ``codes`` (rows, bytes) in Parquet with ZSTD, without the file's own footer,
    which does not grow with the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(codes.shape[1]), len(codes), [None, pa.py_buffer(np.ascontiguousarray(codes))])
    stream = io.BytesIO()
    pq.write_table(pa.table({"code": column}), stream, compression="zstd", use_dictionary=False)
    groups = pq.ParquetFile(stream).metadata
    return sum(groups.row_group(number).column(0).total_compressed_size for number in range(groups.num_row_groups))


def bit_balance(codes: NDArray[np.uint8], bits: int) -> NDArray[np.float64]:
    """The share of ones of each of the first ``bits`` bits of packed codes (rows, bytes), big-endian, (bits,)."""
    shares: NDArray[np.float64] = np.unpackbits(codes, axis=1, count=bits).mean(axis=0, dtype=np.float64)
    return shares
