"""Which column of a table holds embeddings: by its name, else the only one of lists of numbers."""

from __future__ import annotations

from typing import Any

from ..errors import InputError

NAMES = ("embedding", "embeddings", "vector")
"""What products call it: TerraBit, Earth Index and Planet, Clay, others."""


def vector_column(schema: Any, asked: str, path: object) -> str:
    """The name of the column of a pyarrow ``schema``: the one asked for (""; any), whose lists hold floats or int8.

    Raises InputError, naming what there is, if there is none, or no telling which.
    """
    lists = [field.name for field in schema if is_vector(field.type)]
    names = [asked] if asked else [name for name in NAMES if name in schema.names]
    for name in names:
        if schema.names.count(name) != 1:
            continue
        if name in lists:
            return name
        kind = schema.field(name).type
        packed = " It may hold bits that are packed already, or codes." if "uint8" in str(kind) or "binary" in str(
            kind) else ""
        raise InputError(f"{path}: the column {name} holds {kind}, not lists of float or int8 numbers.{packed}")
    if not asked and len(lists) == 1:
        return str(lists[0])
    wanted = f"no column {asked}" if asked else f"no column {', '.join(NAMES)}"
    offer = f"Its lists of numbers are {', '.join(lists)}: name one." if lists else "It has no lists of numbers at all."
    raise InputError(f"{path} has {wanted}. {offer}")


def is_vector(kind: Any) -> bool:
    """Whether a pyarrow type is lists of floats or int8."""
    import pyarrow as pa

    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return False
    return bool(pa.types.is_floating(kind.value_type) or kind.value_type == pa.int8())
