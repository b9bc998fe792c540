"""What a store says of itself: one JSON text in the footer of its manifest, or what TerraBit's shards say of theirs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from ..compression.basis import Frozen
from ..compression.codec_file import MOST_DIMENSIONS, CodecRecord
from ..compression.recipe import Codec
from ..errors import InputError
from .cells import CELLS

KEY = b"bitscape_store"
QUANTIZATION = b"quantization"
MOST_BYTES = 4 * MOST_DIMENSIONS
LONGEST = 128 * 2**20
Kind = Literal["binary", "cosine"]
Footer = Mapping[bytes, bytes]


class FineInfo(Frozen):
    """The finer codes beside the shards, for re-ranking: ``bytes`` of each, by the codec's recipe."""

    recipe: str = Field(max_length=100)
    bytes: int = Field(gt=0, le=MOST_BYTES)
    codec: CodecRecord

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.codec.bytes != self.bytes or self.codec.recipe != self.recipe:
            raise ValueError(f"fine codes have {self.bytes} bytes, their codec's {self.codec.bytes}")
        return self


class RecallInfo(Frozen):
    """Measured: the mean share of the ``k`` true nearest neighbours that codes find, among ``n``
    vectors ``of`` what."""

    k: int = Field(gt=0)
    value: float = Field(ge=0, le=1)
    of: str = Field(max_length=1000)
    n: int = Field(gt=0)


class StoreInfo(Frozen):
    """A store's model, codes and rights.

    ``bits`` of a binary code, 0 if it is none; ``bytes`` of a code; ``kind``: codes are compared by Hamming distance
    ("binary") or by the cosine of what ``codec`` decodes them to ("cosine"). ``codec`` None: plain sign bits.
    """

    version: Literal[1] = 1
    model: str = Field(max_length=1000)
    dimensions: int = Field(gt=0, le=MOST_DIMENSIONS)
    bits: int = Field(ge=0, le=8 * MOST_BYTES)
    bytes: int = Field(gt=0, le=MOST_BYTES)
    kind: Kind
    codec: CodecRecord | None = None
    recall: RecallInfo | None = None
    fine: FineInfo | None = None
    cells: str = "0.25"
    licences: list[str] = Field(default_factory=list, max_length=1000)
    attributions: list[str] = Field(default_factory=list, max_length=1000)
    record: dict[str, Any] = Field(default_factory=dict)

    @field_validator("cells")
    @classmethod
    def _known_cells(cls, value: str) -> str:
        if value and not CELLS.fullmatch(value):
            raise ValueError("cells are 0.25 or geohash-1 to geohash-12")
        return value

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.kind == "binary" and self.bytes != -(-self.bits // 8):
            raise ValueError(f"a code of {self.bits} bits has {-(-self.bits // 8)} bytes, not {self.bytes}")
        if self.kind == "cosine" and (self.bits or self.codec is None):
            raise ValueError("codes compared by their cosine have no bits, and a codec that decodes them")
        if self.codec is not None and (self.codec.bytes, self.codec.dimensions) != (self.bytes, self.dimensions):
            raise ValueError(
                f"the codec is for {self.codec.dimensions} dimensions and {self.codec.bytes} bytes, the store has "
                f"{self.dimensions} and {self.bytes}")
        return self

    def decoder(self) -> Codec | None:
        """The codec of the codes; None for plain sign bits. Raises InputError if what is embedded is damaged."""
        return None if self.codec is None else Codec.of(self.codec, "The store's codec")

    def fine_decoder(self) -> Codec | None:
        """The codec of the finer codes; None where there are none. Raises InputError if it is damaged."""
        return None if self.fine is None else Codec.of(self.fine.codec, "The store's codec of finer codes")

    def to_footer(self) -> Footer:
        """The manifest's footer key."""
        return {KEY: self.model_dump_json().encode()}

    @staticmethod
    def from_footer(metadata: Footer | None, origin: str) -> StoreInfo | None:
        """What the footer of a manifest says; None if it is not one of Bitscape's.

        Raises InputError, naming ``origin``, if it says something impossible or is of a later version.
        """
        text = (metadata or {}).get(KEY)
        if text is None:
            return None
        if len(text) > LONGEST:
            raise InputError(f"{origin}: its description has {len(text):,} bytes; that is not a store's.")
        try:
            return StoreInfo.model_validate_json(text)
        except ValidationError as error:
            version = _version(text)
            if version not in (None, 1):
                raise InputError(
                    f"{origin} is a store of version {version}, which this Bitscape does not know. Update the plugin.",
                    str(error)[:2000]) from error
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"{origin} describes its store wrongly ({where}: {first['msg']}). Build the store again.",
                str(error)[:2000]) from error


def from_quantization(metadata: Footer | None, code_bytes: int, model: str) -> StoreInfo:
    """The description of a corpus that has none, such as TerraBit's: sign bits, of what a shard's footer says.

    Its key ``quantization`` is JSON with ``n_dims`` and ``method``; without it a code has as many dimensions as bits.
    """
    said: Any = {}
    try:
        said = json.loads((metadata or {}).get(QUANTIZATION, b"{}"))
    except ValueError:
        pass
    stated = said.get("n_dims") if isinstance(said, dict) else None
    fits = isinstance(stated, int) and not isinstance(stated, bool) and -(-stated // 8) == code_bytes
    dimensions = int(stated) if fits and stated is not None else 8 * code_bytes
    return StoreInfo(model=model, dimensions=dimensions, bits=dimensions, bytes=code_bytes, kind="binary", cells="")


def _version(text: bytes) -> Any:
    try:
        return json.loads(text).get("version")
    except (ValueError, AttributeError):
        return None
