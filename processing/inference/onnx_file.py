"""What an ONNX file says of itself, read from its protobuf wire format without loading it: operators, weights, files.

Only lengths are followed; weights are skipped, so a file of a gigabyte is looked at in milliseconds. Field numbers are
those of onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto).
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ModelError

MAX_FILE = 2**31
"""Protobuf's own limit for one message."""

MAX_EXTERNAL = 8 * 2**30
MOST_FIELDS = 5_000_000
DEEPEST = 12
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
TYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64",
         16: "bfloat16", 17: "float8", 18: "float8", 19: "float8", 20: "float8", 21: "uint4", 22: "int4"}  # fmt: skip
STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"})
WEIGHTS = frozenset({"float32", "float16", "bfloat16", "float64", "int8", "uint8", "float8", "int4", "uint4"})


@dataclass
class OnnxFile:
    """``size`` bytes of the file, ``external`` bytes of further files; ``parameters`` numbers of weights, by type in
    ``weights``; ``operators`` how often each; ``foreign`` operators that onnxruntime does not know ("domain:name")."""

    size: int
    external: int = 0
    weights: dict[str, int] = field(default_factory=dict)
    operators: dict[str, int] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    locations: set[str] = field(default_factory=set)

    @property
    def parameters(self) -> int:
        """Numbers that were learned."""
        return sum(count for name, count in self.weights.items() if name in WEIGHTS)

    @property
    def precision(self) -> str:
        """The type of most of the weights, with "int8" named wherever there is quantisation."""
        learned = {name: count for name, count in self.weights.items() if name in WEIGHTS}
        if not learned:
            return "none"
        quantised = {"DequantizeLinear", "QLinearConv", "ConvInteger", "MatMulInteger", "QLinearMatMul"}
        most = max(learned, key=lambda name: learned[name])
        return f"{most} (quantised)" if quantised & self.operators.keys() and most in ("int8", "uint8") else most


def inspect(path: Path) -> OnnxFile:
    """Look at a model's file. Raises ModelError that says what is wrong with it: missing, empty, too large, no ONNX,
    operators that are not standard, or weights kept outside its own folder."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ModelError(f"{path} is not a file. Choose an ONNX model (.onnx).")
    except OSError as error:
        raise ModelError(f"There is no model {path}. Check the path.", str(error)) from error
    if size == 0:
        raise ModelError(f"The model {path} is empty (0 bytes). Download or export it again.")
    if size > MAX_FILE:
        raise ModelError(f"The model {path} has {size / 1e9:.1f} GB; an ONNX file has at most {MAX_FILE / 1e9:.1f} GB.")
    found = OnnxFile(size)
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            _Scan(content, found).model(size)
    except OSError as error:
        raise ModelError(f"The model {path} cannot be read.", str(error)) from error
    except (ValueError, IndexError) as error:
        raise ModelError(
            f"{path} is not an ONNX model, or it is damaged or cut short. Download or export it again.", str(error)
        ) from error
    if found.foreign:
        raise ModelError(
            f"{path.name} needs operators that are not part of ONNX: {', '.join(sorted(found.foreign)[:6])}. Export it "
            "with standard operators; Bitscape loads no code that comes with a model."
        )
    for location in sorted(found.locations):
        found.external += _external_size(path, location)
    if found.external > MAX_EXTERNAL:
        raise ModelError(
            f"The weights of {path.name} have {found.external / 1e9:.1f} GB; at most {MAX_EXTERNAL / 1e9:.0f}."
        )
    return found


def _external_size(model: Path, location: str) -> int:
    """Bytes of a file of weights. Raises ModelError unless it is a file inside the model's folder."""
    folder = model.resolve().parent
    try:
        target = (folder / location).resolve()
        inside = target.is_relative_to(folder) and not Path(location).is_absolute()
    except (OSError, ValueError):
        inside = False
    if not inside:
        raise ModelError(
            f"{model.name} wants to read its weights from {location!r:.200}, outside its own folder. This is not "
            "allowed: put the weights beside the model and export it again."
        )
    if not target.is_file():
        raise ModelError(
            f"{model.name} keeps its weights in {location!r:.200}, which is missing. Put it beside the model."
        )
    return target.stat().st_size


class _Scan:
    """One walk over the file."""

    def __init__(self, content: mmap.mmap, found: OnnxFile) -> None:
        self.content = content
        self.found = found
        self.seen = 0
        self.local: set[str] = set()
        self.used: set[str] = set()

    def model(self, size: int) -> None:
        graphs = 0
        for number, kind, start, end in self._fields(0, size):
            if number == 7 and kind == BYTES:
                graphs += 1
                self.graph(start, end, 0)
            elif number == 25 and kind == BYTES:
                self.function(start, end)
        if not graphs:
            raise ValueError("no graph")
        self.found.foreign |= {name for name in self.used if name not in self.local}

    def function(self, start: int, end: int) -> None:
        name = domain = ""
        for number, kind, low, high in self._fields(start, end):
            if kind == BYTES and number == 1:
                name = self._text(low, high)
            elif kind == BYTES and number == 10:
                domain = self._text(low, high)
            elif kind == BYTES and number == 7:
                self.node(low, high, 1)
        self.local.add(f"{domain}:{name}")

    def graph(self, start: int, end: int, depth: int) -> None:
        if depth > DEEPEST:
            raise ValueError("graphs within graphs within graphs")
        for number, kind, low, high in self._fields(start, end):
            if kind != BYTES:
                continue
            if number == 1:
                self.node(low, high, depth)
            elif number == 5:
                self.tensor(low, high, counted=True)
            elif number == 15:  # sparse: its values and indices are tensors
                for inner, what, first, last in self._fields(low, high):
                    if what == BYTES and inner in (1, 2):
                        self.tensor(first, last, counted=inner == 1)

    def node(self, start: int, end: int, depth: int) -> None:
        operator = domain = ""
        for number, kind, low, high in self._fields(start, end):
            if kind != BYTES:
                continue
            if number == 4:
                operator = self._text(low, high)
            elif number == 7:
                domain = self._text(low, high)
            elif number == 5:
                self.attribute(low, high, depth)
        self.found.operators[operator] = self.found.operators.get(operator, 0) + 1
        if domain not in STANDARD:
            self.used.add(f"{domain}:{operator}")

    def attribute(self, start: int, end: int, depth: int) -> None:
        for number, kind, low, high in self._fields(start, end):
            if kind != BYTES:
                continue
            if number in (5, 10):
                self.tensor(low, high, counted=True)
            elif number in (6, 11):
                self.graph(low, high, depth + 1)

    def tensor(self, start: int, end: int, counted: bool) -> None:
        shape: list[int] = []
        name = "other"
        for number, kind, low, high in self._fields(start, end):
            if number == 1:
                shape += [low] if kind == VARINT else self._packed(low, high)
            elif number == 2 and kind == VARINT:
                name = TYPES.get(low, "other")
            elif number == 13 and kind == BYTES:
                self._external(low, high)
        if counted and len(shape) > 0:
            count = math.prod(shape)
            if not 0 <= count < 2**40:
                raise ValueError("a tensor of impossible size")
            self.found.weights[name] = self.found.weights.get(name, 0) + count

    def _external(self, start: int, end: int) -> None:
        entry = {number: self._text(low, high) for number, kind, low, high in self._fields(start, end) if kind == BYTES}
        if entry.get(1) == "location":
            self.found.locations.add(entry.get(2, ""))

    def _packed(self, start: int, end: int) -> list[int]:
        values: list[int] = []
        while start < end and len(values) < 64:
            value, start = self._varint(start, end)
            values.append(value)
        return values

    def _fields(self, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """(field number, wire type, start, end) of a message's fields; for a varint ``start`` is its value."""
        while position < end:
            self.seen += 1
            if self.seen > MOST_FIELDS:
                raise ValueError("too many parts")
            tag, position = self._varint(position, end)
            number, kind = tag >> 3, tag & 7
            if number == 0:
                raise ValueError("not protobuf")
            if kind == VARINT:
                value, position = self._varint(position, end)
                yield number, kind, value, position
                continue
            if kind == BYTES:
                length, position = self._varint(position, end)
            elif kind in (FIXED64, FIXED32):
                length = 8 if kind == FIXED64 else 4
            else:
                raise ValueError("not protobuf")
            if length > end - position:
                raise ValueError("cut short")
            yield number, kind, position, position + length
            position += length

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if position >= end:
                raise ValueError("cut short")
            byte = self.content[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
        raise ValueError("not protobuf")

    def _text(self, start: int, end: int) -> str:
        if end - start > 4096:
            raise ValueError("a name of impossible length")
        return self.content[start:end].decode("utf-8", "replace")
