"""Tables of codes: Parquet files of patch embeddings to a column of codes and back, all other columns carried over.

The vectors' column becomes ``code``, of fixed_size_binary; a row without a vector (null, NaN or infinity in it, int8
−128) has none. The footer's key ``quantization`` says how, as JSON: method (the recipe), n_dims, bytes, column (the
vectors' name), codec (its file, beside it) and fingerprint. An empty table stays empty: nothing is fitted, and it has
no codec.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .. import provenance
from ..embeddings.mapping import ValueMapping, chosen, detect, quantise
from ..embeddings.source import ALPHAEARTH, Product
from ..embeddings.vector_column import NAMES, vector_column
from ..embeddings.vector_rows import vector_rows
from ..errors import InputError
from ..outputs import whole_or_nothing
from ..progress import Progress
from .code_source import UNKNOWN, CodeSource, about
from .codec_file import codec_path
from .fitting import find_codec, sample_size
from .recipe import Codec
from .requests import CompressRequest, CompressResult, DecompressRequest, DecompressResult

CODE = "code"
FOOTER = b"quantization"
PROVENANCE = b"bitscape_provenance"
BATCH_BYTES = 16 * 2**20
BUFFER_BYTES = 2**20
"""Read at once of each column, so that a row group of any size does not come into memory as a whole."""
MOST_ROWS = 65_536
SAMPLED_GROUPS = 12
"""Row groups that the sample is drawn from, evenly spaced."""


def compress_table(request: CompressRequest, progress: Progress) -> CompressResult:
    """Codes of a table of vectors. Raises InputError, OutputError or Cancelled."""
    with _open(request.input) as file:
        schema = file.schema_arrow
        name, rows = vector_column(schema, request.column, request.input), file.metadata.num_rows
        place = schema.get_field_index(name)
        if name != CODE and CODE in schema.names:
            raise InputError(f"{request.input} has a column {CODE} already, where the codes would go. Rename it first.")
        progress.info(f"{rows:,} rows, vectors in {name} ({schema.field(place).type})")
        reader = _Vectors(file, request.input, name)
        with progress.stage(0.0, 0.15, "Sampling rows"):
            stored = reader.sample(sample_size(request.sample), request.seed, progress)
        if stored is None:
            return _empty(request, file, place, progress)
        mapping = _mapping(request, stored)
        progress.info(f"Value mapping {mapping.kind} ({mapping.reason})")
        product = ALPHAEARTH if mapping.kind == "alphaearth" else Product(UNKNOWN)
        source = CodeSource.of(product, "", mapping, [name])
        progress.report(0.15, "Fitting the codec")
        fitted = find_codec(request, mapping.apply(stored), stored.itemsize, source, progress)
        record = provenance.provenance(
            "compressembeddings", {**request.parameters(fitted.codec, mapping.kind), "column": name}, [request.input],
            [source.licence], [source.attribution])
        codec = fitted.about(about(record, source))
        made = schema.set(place, pa.field(CODE, pa.binary(codec.bytes))).with_metadata(
            _footer(schema, codec, name, codec_path(request.output).name, record))
        with (
            whole_or_nothing(progress, codec_path(request.output), request.output) as (beside, partial),
            _writer(partial, made) as writer,
            progress.stage(0.25, 1.0, "Encoding rows"),
        ):
            codec.save(beside)
            done, covered = 0, 0
            for batch in reader.batches():
                values, valid = reader.vectors(batch.column(place), done)
                codes = np.zeros((batch.num_rows, codec.bytes), np.uint8)
                codes[valid] = codec.encode(mapping.apply(values))
                writer.write_batch(_replaced(batch, place, _code_array(codes, valid), made))
                done, covered = done + batch.num_rows, covered + len(values)
                progress.report(done / rows)
    if done > covered:
        progress.warn(f"{done - covered:,} of {done:,} rows have no vector, or one with NaN in it; they have no code.")
    return CompressResult(
        output=request.output, codec=codec_path(request.output), recipe=str(codec.recipe), bytes=codec.bytes,
        dimensions=codec.dimensions, vectors=covered, missing=done - covered, mapping=mapping.kind,
        ratio=stored.shape[1] * stored.itemsize / codec.bytes, similarity=fitted.similarity, held_out=fitted.held_out,
        fingerprint=codec.fingerprint)


@dataclass(frozen=True)
class Read:
    """Vectors (n, d) float32 of a table of ``rows`` rows, as its column and the mapping of its numbers give them."""

    vectors: NDArray[np.float32]
    rows: int
    column: str
    mapping: ValueMapping


def read_vectors(path: str, column: str, most: int, seed: int, progress: Progress) -> Read:
    """At most ``most`` vectors of a table, drawn from all rows that have one, in their order.

    ``column`` "": found. Raises InputError for a table that cannot be read, or in which no row has a vector.
    """
    with _open(path) as file:
        name, rows = vector_column(file.schema_arrow, column, path), file.metadata.num_rows
        chosen = np.zeros(rows, bool)
        chosen[np.random.default_rng(seed).permutation(rows)[:most]] = True
        reader, parts, done = _Vectors(file, path, name), [], 0
        for batch in _batches(file, path, reader._step(), columns=[name]):
            values, valid = reader.vectors(batch.column(0), done)
            parts.append(values[chosen[done : done + batch.num_rows][valid]])
            done += batch.num_rows
            progress.report(done / max(rows, 1))
    found = [part for part in parts if len(part)]
    if not found:
        raise InputError(f"None of the {rows:,} rows of {path} has a vector in the column {name}.")
    stored = np.concatenate(found)
    mapping = detect(stored, 1.0, 0.0)
    return Read(mapping.apply(stored), rows, name, mapping)


def decompress_table(request: DecompressRequest, progress: Progress) -> DecompressResult:
    """The vectors that a table of codes stands for. Raises InputError, OutputError or Cancelled."""
    with _open(request.input) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        place, kept = schema.get_field_index(CODE), _quantisation(schema, request.input)
        name = str(kept.get("column") or NAMES[0])
        if not kept.get("fingerprint") and rows == 0:
            field = pa.field(name, pa.list_(pa.float32()))
            _write_nothing(request.output, schema, place, field, progress)
            return DecompressResult(
                output=request.output, recipe="", dimensions=0, vectors=0, missing=0, values="float32")
        codec = Codec.load(request.codec or codec_path(Path(request.input)))
        if codec.fingerprint != kept.get("fingerprint") or schema.field(place).type != pa.binary(codec.bytes):
            raise InputError(
                f"The codec ({codec.recipe}, {codec.fingerprint}) is not the one that {request.input} was made with "
                f"({kept.get('fingerprint')}). Name the right one.")
        source = CodeSource.in_codec(codec)
        kind = source.stored_type(request.values)
        item = pa.float32() if kind == "float32" else pa.int8()
        record = provenance.provenance(
            "decompressembeddings", {"recipe": str(codec.recipe), "values": request.values}, [request.input],
            [source.licence], [source.attribution])
        metadata = {key: value for key, value in (schema.metadata or {}).items() if key != FOOTER}
        metadata[PROVENANCE] = json.dumps(record, ensure_ascii=False).encode()
        made = schema.set(place, pa.field(name, pa.list_(item, codec.dimensions))).with_metadata(metadata)
        step = max(64, min(MOST_ROWS, BATCH_BYTES // (4 * codec.dimensions)))
        done, covered = 0, 0
        with whole_or_nothing(progress, request.output) as (partial,), _writer(partial, made) as writer:
            progress.report(0.0, "Decoding rows")
            for batch in _batches(file, request.input, step):
                codes, valid = _codes(batch.column(place), codec.bytes)
                values = np.zeros((batch.num_rows, codec.dimensions), kind)
                decoded = codec.decode(codes[valid])
                values[valid] = decoded if kind == "float32" else quantise(decoded)
                vectors = pa.FixedSizeListArray.from_arrays(
                    pa.array(values.ravel(), item), codec.dimensions, mask=pa.array(~valid))
                writer.write_batch(_replaced(batch, place, vectors, made))
                done, covered = done + batch.num_rows, covered + int(valid.sum())
                progress.report(done / rows)
    return DecompressResult(
        output=request.output, recipe=str(codec.recipe), dimensions=codec.dimensions, vectors=covered,
        missing=done - covered, values=kind)


@dataclass
class _Vectors:
    """The vectors of a table, batch by batch; their ``width`` is known after the first one."""

    file: Any
    path: str
    name: str
    width: int = 0

    def batches(self) -> Iterator[Any]:
        """All columns, in batches of about 16 MiB."""
        return _batches(self.file, self.path, self._step())

    def sample(self, wanted: int, seed: int, progress: Progress) -> NDArray[Any] | None:
        """About ``wanted`` vectors as stored, (n, d), seeded, from up to 12 row groups; None if no row has one."""
        random = np.random.default_rng(seed)
        groups = self.file.metadata.num_row_groups
        chosen_groups = sorted({int(group) for group in np.linspace(0, groups - 1, min(SAMPLED_GROUPS, groups))})
        rest = [group for group in range(groups) if group not in chosen_groups]
        parts: list[NDArray[Any]] = []
        there = sum(self.file.metadata.row_group(group).num_rows for group in chosen_groups)
        for group in chosen_groups:
            parts += self._drawn(group, min(1.0, 1.2 * wanted / max(there, 1)), random, progress)
        for group in rest:  # where these have hardly any vector
            if sum(map(len, parts)) >= min(wanted, 1000):
                break
            parts += self._drawn(group, 1.0, random, progress)
        found = np.concatenate(parts) if parts else np.empty((0, 0))
        if len(found) == 0:
            return None
        return found[np.sort(random.permutation(len(found))[:wanted])]

    def vectors(self, column: Any, first: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The vectors of a column as stored (m, d), and which of its rows (n,) have one.

        Raises InputError if they are not all of one length; ``first`` is the number of the first row.
        """
        values, valid = vector_rows(column, self.width, first, self.name, self.path)
        self.width = values.shape[1]
        return values, valid

    def _drawn(
        self, group: int, share: float, random: np.random.Generator, progress: Progress
    ) -> Iterator[NDArray[Any]]:
        for batch in _batches(self.file, self.path, self._step(), [group], [self.name]):
            values, _ = self.vectors(batch.column(0), 0)
            progress.report(0.5)
            if len(values):
                yield values[random.random(len(values)) < share] if share < 1 else values

    def _step(self) -> int:
        known = self.file.metadata
        size = sum(known.row_group(group).total_byte_size for group in range(known.num_row_groups))
        return int(max(64, min(MOST_ROWS, BATCH_BYTES * known.num_rows // max(size, 1))))


@contextmanager
def _open(path: str) -> Iterator[Any]:
    try:
        file = pq.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}. Check the path.", str(error)) from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} is not a Parquet file that can be read; it may be damaged.", str(error)) from error
    with file:
        yield file


def _batches(
    file: Any, path: str, step: int, groups: list[int] | None = None, columns: list[str] | None = None
) -> Iterator[Any]:
    try:
        yield from file.iter_batches(step, row_groups=groups, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} cannot be read to its end: it is truncated or damaged.", str(error)) from error


@contextmanager
def _writer(path: Path, schema: Any) -> Iterator[Any]:
    """ZSTD; dictionaries for all but codes, vectors and nested columns, whose values hardly repeat."""
    flat = [
        field.name for field in schema
        if not pa.types.is_nested(field.type) and not pa.types.is_fixed_size_binary(field.type)
    ]
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=flat) as writer:
        yield writer


def _mapping(request: CompressRequest, stored: NDArray[Any]) -> ValueMapping:
    if request.mapping == "auto":
        return detect(stored, 1.0, 0.0)
    try:
        return chosen(request.mapping, stored.dtype, 1.0, 0.0)
    except ValueError as error:
        raise InputError(f"{request.input}: {error}. Let the mapping be detected.") from error


def _footer(schema: Any, codec: Codec, column: str, name: str, record: dict[str, Any]) -> dict[bytes, bytes]:
    """The source's keys but for pandas's, which describes columns that are no more, and ours."""
    said = {
        "method": str(codec.recipe), "n_dims": codec.dimensions, "bytes": codec.bytes, "column": column, "codec": name,
        "fingerprint": codec.fingerprint,
    }
    kept = {key: value for key, value in (schema.metadata or {}).items() if key != b"pandas"}
    return {
        **kept, FOOTER: json.dumps(said, ensure_ascii=False).encode(),
        PROVENANCE: json.dumps(record, ensure_ascii=False).encode(),
    }


def _quantisation(schema: Any, path: str) -> dict[str, Any]:
    try:
        found = json.loads((schema.metadata or {})[FOOTER])
        if isinstance(found, dict) and CODE in schema.names and "method" in found:
            return found
    except (KeyError, ValueError):
        pass
    raise InputError(f"{path} is not a table of codes. Make one with “Compress embeddings”.")


def _code_array(codes: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Any:
    validity = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
    return pa.Array.from_buffers(pa.binary(codes.shape[1]), len(codes), [validity, pa.py_buffer(codes.tobytes())])


def _codes(column: Any, size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The codes (n, bytes), zeros where there is none, and where there is one (n,)."""
    valid = np.asarray(column.is_valid())
    codes = np.zeros((len(column), size), np.uint8)
    content = column.buffers()[1]
    if content is not None and len(column):
        flat = np.frombuffer(content, np.uint8, len(column) * size, column.offset * size)
        codes[valid] = flat.reshape(-1, size)[valid]
    return codes, valid


def _replaced(batch: Any, place: int, column: Any, schema: Any) -> Any:
    columns = list(batch.columns)
    columns[place] = column
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _empty(request: CompressRequest, file: Any, place: int, progress: Progress) -> CompressResult:
    """A table without a single vector. Raises InputError if it has rows."""
    rows = file.metadata.num_rows
    if rows:
        raise InputError(f"None of the {rows:,} rows of {request.input} has a vector: all are null or hold NaN.")
    progress.warn(f"{request.input} has no rows: the result has none either, and no codec was fitted.")
    schema = file.schema_arrow
    said = {"method": request.recipe, "column": schema.field(place).name}
    field = pa.field(CODE, pa.binary())
    _write_nothing(request.output, schema, place, field, progress, {FOOTER: json.dumps(said).encode()})
    return CompressResult(
        output=request.output, codec=None, recipe=request.recipe, bytes=0, dimensions=0, vectors=0, missing=0,
        mapping="none", ratio=None, similarity=None, held_out=0, fingerprint="")


def _write_nothing(
    output: Path, schema: Any, place: int, field: Any, progress: Progress, more: dict[bytes, bytes] | None = None
) -> None:
    kept = {key: value for key, value in (schema.metadata or {}).items() if key not in (FOOTER, b"pandas")}
    made = schema.set(place, field).with_metadata({**kept, **(more or {})})
    with whole_or_nothing(progress, output) as (partial,), _writer(partial, made):
        pass
