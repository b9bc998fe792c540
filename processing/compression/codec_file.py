"""The file of a codec: everything another program needs to read the codes, as one JSON text.

Keys: ``format`` "bitscape-codec-1" · ``recipe`` · ``dimensions`` of the vectors · ``bytes`` of a code · ``binary``,
whether the Hamming distance of codes means something · ``seed`` and ``training_rows`` of the fit · ``facts``, further
numbers of the method · ``arrays``: name → ``dtype`` (float32 or int32), ``shape`` and ``data``, the numbers as base64,
little-endian, the last index fastest · ``about``: provenance, free · ``software`` · ``fingerprint``, see below.

``reduction.*`` are the arrays of the reduction, ``quantiser.*`` those of the quantiser; what they mean is said in
``reductions.py`` and in the modules of ``quantisers``. The fingerprint is BLAKE2b (8 bytes, hex) of the JSON text of
[recipe, dimensions, facts, [[name, dtype, shape, BLAKE2b (16 bytes, hex) of the bytes], … by name]], keys sorted, no
spaces.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from ..errors import InputError
from .basis import Frozen

MAX_FILE = 512 * 2**20
MOST_DIMENSIONS = 65_536
LITTLE = {"float32": "<f4", "int32": "<i4"}


class ArrayRecord(Frozen):
    """An array as text."""

    dtype: Literal["float32", "int32"]
    shape: list[int] = Field(min_length=1, max_length=2)
    data: str = Field(repr=False)

    @staticmethod
    def of(array: NDArray[Any]) -> ArrayRecord:
        """A float32 or int32 array in words."""
        kind: Literal["float32", "int32"] = "int32" if array.dtype == np.int32 else "float32"
        data = base64.b64encode(np.ascontiguousarray(array, LITTLE[kind]).tobytes()).decode("ascii")
        return ArrayRecord(dtype=kind, shape=list(array.shape), data=data)

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        """The numbers. Raises ValueError unless they are finite and of that shape; nothing is allocated before."""
        size = 4 * math.prod(shape)
        if tuple(self.shape) != shape or len(self.data) != 4 * -(-size // 3):
            raise ValueError(f"{name} has the shape {self.shape} and {len(self.data)} characters; it should be {shape}")
        if self.dtype != ("int32" if name.endswith(".indices") else "float32"):
            raise ValueError(f"{name} holds {self.dtype}")
        content = base64.b64decode(self.data, validate=True)
        if len(content) != size:
            raise ValueError(f"{name} has {len(content)} bytes; it should have {size}")
        found = np.frombuffer(content, LITTLE[self.dtype]).reshape(shape).astype(self.dtype)
        if not np.isfinite(found).all():
            raise ValueError(f"{name} holds a value that is not a finite number")
        return found


class CodecRecord(Frozen):
    """The file's content."""

    format: Literal["bitscape-codec-1"] = "bitscape-codec-1"
    recipe: str = Field(max_length=100)
    dimensions: int = Field(gt=0, le=MOST_DIMENSIONS)
    bytes: int = Field(gt=0)
    binary: bool
    seed: int = Field(ge=0)
    training_rows: int = Field(gt=0)
    facts: dict[str, Any] = Field(default_factory=dict)
    arrays: dict[str, ArrayRecord]
    about: dict[str, Any] = Field(default_factory=dict)
    software: str
    fingerprint: str

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(self.model_dump_json(indent=1), encoding="utf-8")

    @staticmethod
    def load(path: Path) -> CodecRecord:
        """Read the file; its arrays are still text. Raises InputError that says what is wrong with it."""
        try:
            if path.stat().st_size > MAX_FILE:
                raise InputError(f"{path} is too large to be a codec file.")
            return CodecRecord.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            text = f"There is no codec file {path}. It lies beside the codes: keep the two together."
            raise InputError(text) from error
        except OSError as error:
            raise InputError(f"The codec file {path} cannot be read.", str(error)) from error
        except ValidationError as error:
            raise InputError(f"{path} is not a codec file of Bitscape, or it is damaged.", str(error)[:2000]) from error


def fingerprint(recipe: str, dimensions: int, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """A name for what the codes mean: equal codes of equal fingerprints are equal vectors."""
    listed = []
    for name, array in sorted(arrays.items()):
        kind = "int32" if array.dtype == np.int32 else "float32"
        content = np.ascontiguousarray(array, LITTLE[kind]).tobytes()
        listed.append([name, kind, list(array.shape), hashlib.blake2b(content, digest_size=16).hexdigest()])
    text = json.dumps([recipe, dimensions, dict(facts), listed], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def codec_path(output: Path) -> Path:
    """Where the codec of a file of codes is: ``<name>.codec.json`` beside it."""
    return output.with_name(f"{output.stem}.codec.json")
