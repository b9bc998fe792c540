"""What codes were made from, kept in the file of their codec: enough to give the vectors back as they came."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError

from ..embeddings.mapping import Mapping, ValueMapping
from ..embeddings.source import Product
from ..errors import InputError
from .basis import Frozen
from .recipe import Codec

Values = Literal["float32", "source"]
UNKNOWN = "unknown"


class CodeSource(Frozen):
    """Product and date, how stored numbers became values, and the names of the bands, or of the column."""

    product: str = UNKNOWN
    licence: str = ""
    attribution: str = ""
    date: str = ""
    mapping: Mapping = "none"
    names: list[str] = Field(default_factory=list, max_length=65_536)

    @staticmethod
    def of(product: Product, date: str, mapping: ValueMapping, names: list[str]) -> CodeSource:
        """From what is known of a raster or a table."""
        return CodeSource(
            product=product.name, licence=product.licence, attribution=product.attribution, date=date,
            mapping=mapping.kind, names=names)

    @staticmethod
    def in_codec(codec: Codec) -> CodeSource:
        """What a codec's file says; nothing is known where it says nothing that can be read."""
        try:
            return CodeSource.model_validate(codec.about.get("source", {}))
        except ValidationError:
            return CodeSource()

    def tags(self) -> dict[str, str]:
        """GeoTIFF tags by which the vectors' product is recognised again."""
        found = {"PRODUCT": self.product, "YEAR": self.date, "LICENSE": self.licence, "ATTRIBUTION": self.attribution}
        return {name: value for name, value in found.items() if value and value != UNKNOWN}

    def stored_type(self, values: Values) -> str:
        """float32, or int8 where vectors are wanted as they came. Raises InputError where they cannot be had so."""
        if values == "float32":
            return "float32"
        if self.mapping != "alphaearth":
            raise InputError(
                "These codes were not made from AlphaEarth's int8, so the vectors can only be given back as float32.")
        return "int8"


def about(record: dict[str, Any], source: CodeSource) -> dict[str, Any]:
    """What goes into the codec's file: provenance and source."""
    return {"provenance": record, "source": source.model_dump(mode="json")}


def same_product(codec: Codec, source: CodeSource, path: str) -> None:
    """Raise InputError if a codec that exists was fitted on vectors of another product, or of other values."""
    known = CodeSource.in_codec(codec)
    if UNKNOWN not in (known.product, source.product) and known.product != source.product:
        raise InputError(
            f"The codec was fitted on {known.product}, and {path} holds {source.product}: their spaces are not the "
            "same. Choose another codec, or none.")
    if known.mapping != source.mapping:
        raise InputError(
            f"The codec was fitted on values mapped by {known.mapping}, those of {path} are mapped by "
            f"{source.mapping}. Choose the same mapping.")
