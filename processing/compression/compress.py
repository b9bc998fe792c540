"""The operations compressembeddings and decompressembeddings: embeddings to codes and back, rasters and tables."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..outputs import require_folder
from ..progress import Progress
from .recipe import Recipe
from .requests import CompressRequest, CompressResult, DecompressRequest, DecompressResult

PARQUET_MAGIC = b"PAR1"
TABLES, RASTERS = (".parquet", ".gpq", ".geoparquet", ".pq"), (".tif", ".tiff")


def compress_embeddings(request: CompressRequest, progress: Progress) -> CompressResult:
    """Fit a codec on a sample, unless one is given, and encode all. Raises InputError, OutputError or Cancelled."""
    if request.recipe.strip():
        Recipe.parse(request.recipe)
    if _is_table(request.input, request.output):
        from .code_table import compress_table

        return compress_table(request, progress)
    from .code_raster import compress_raster

    if request.column:
        raise InputError(f"{request.input} is a raster: it has no column {request.column}. Leave the column empty.")
    return compress_raster(request, progress)


def decompress_embeddings(request: DecompressRequest, progress: Progress) -> DecompressResult:
    """Decode all codes. Raises InputError, OutputError or Cancelled."""
    if _is_table(request.input, request.output):
        from .code_table import decompress_table

        return decompress_table(request, progress)
    from .code_raster import decompress_raster

    return decompress_raster(request, progress)


def _is_table(given: str, output: Path) -> bool:
    """Whether the input is a Parquet file. Raises InputError if the output's name does not fit, or is the input's."""
    path = Path(given)
    is_file = path.is_file()
    table = path.suffix.lower() in TABLES
    if is_file and not table:
        with path.open("rb") as stream:
            table = stream.read(4) == PARQUET_MAGIC
    require_folder(output)
    if is_file and path.resolve() == output.resolve():
        raise InputError(f"{output} is the input itself. Choose another name for the output.")
    endings = TABLES if table else RASTERS
    if output.suffix.lower() not in endings:
        kind = "a Parquet table" if table else "a raster"
        raise InputError(f"{given} is {kind}, so the output must end in {endings[0]}; {output.name} does not.")
    return table
