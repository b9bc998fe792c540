"""What compressembeddings and decompressembeddings are asked and what they answer, for rasters and tables alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ..embeddings.mapping import Mapping
from ..operations import Request, Result
from .code_source import Values
from .recipe import Codec, Preset


class CompressRequest(Request):
    """``recipe`` counts before ``preset``, an existing ``codec`` before both. ``column``: of a table, "" to find it.

    ``sample``: vectors to fit on, at most.
    """

    input: str
    output: Path
    recipe: str = Field("", max_length=200)
    preset: Preset = "automatic"
    codec: Path | None = None
    column: str = ""
    mapping: Mapping | Literal["auto"] = "auto"
    sample: int = Field(20_000, ge=1, le=100_000)
    seed: int = Field(0, ge=0)
    threads: int = Field(0, ge=0, le=1024)
    scheduler: str = ""

    def parameters(self, codec: Codec, mapping: str) -> dict[str, Any]:
        """For the provenance: what was done."""
        chosen = self.model_dump(mode="json", include={"column", "sample", "seed"})
        return {**chosen, "recipe": str(codec.recipe), "mapping": mapping, "codec": codec.fingerprint}


class CompressResult(Result):
    """``ratio``: bytes of a vector as it was stored / bytes of its code. ``similarity``: mean cosine of vectors that
    were not fitted on with what their codes stand for; None where there were too few. ``missing``: without a code.

    ``codec`` is None for an empty table, which nothing can be fitted on.
    """

    output: Path
    codec: Path | None
    recipe: str
    bytes: int
    dimensions: int
    vectors: int
    missing: int
    mapping: str
    ratio: float | None
    similarity: float | None
    held_out: int
    fingerprint: str


class DecompressRequest(Request):
    """``codec``: where it does not lie beside the codes. ``values``: float32, or as the source stored them."""

    input: str
    output: Path
    codec: Path | None = None
    values: Values = "float32"
    threads: int = Field(0, ge=0, le=1024)
    scheduler: str = ""


class DecompressResult(Result):
    """``values``: the type that was written."""

    output: Path
    recipe: str
    dimensions: int
    vectors: int
    missing: int
    values: str
