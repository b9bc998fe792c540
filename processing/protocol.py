"""The wire between QGIS and the backend: JSON lines, each followed by the raw bytes it announces.

Standard library only and Python 3.9: both ends read it. A line is one JSON object of at most 16 MiB in UTF-8 that ends
in a newline. A line with ``"bytes": n`` is followed by exactly n raw bytes, at most 256 MiB.

From QGIS: ``{"type": "call", "id", "operation", "request"}`` and ``{"type": "cancel", "id"}``; end of file ends the
backend. From the backend: ``hello`` first, then for a call any number of ``progress`` (fraction, message), ``log``
(message, level) and ``writing`` (path of an unfinished file), and one ``result`` or ``error`` (kind, message, detail).
Every message carries ``protocol``.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, NamedTuple

VERSION = 1
MAX_LINE = 16 * 2**20
MAX_BYTES = 256 * 2**20


class ProtocolError(Exception):
    """The other end does not speak this protocol."""


class Message(NamedTuple):
    """One message: its JSON object and the raw bytes that came after it."""

    head: dict[str, Any]
    body: bytes = b""


def encode(head: dict[str, Any], body: bytes = b"") -> bytes:
    """The bytes of a message on the wire. Raises ProtocolError if it is larger than the protocol allows."""
    head = {**head, "protocol": VERSION}
    if body:
        head["bytes"] = len(body)
    try:
        line = json.dumps(head, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"a message that JSON cannot carry: {error}") from error
    if len(line) > MAX_LINE:
        raise ProtocolError(f"a message of {len(line)} bytes; at most {MAX_LINE} are allowed")
    if len(body) > MAX_BYTES:
        raise ProtocolError(f"{len(body)} raw bytes in one message; at most {MAX_BYTES} are allowed")
    return line + body


def read(stream: BinaryIO) -> Message | None:
    """The next message of a binary stream, or None at its end. Raises ProtocolError on anything malformed."""
    line = stream.readline(MAX_LINE + 1)
    if not line:
        return None
    if len(line) > MAX_LINE:
        raise ProtocolError("a line that is too long")
    if not line.endswith(b"\n"):
        raise ProtocolError("a line that breaks off")
    try:
        head = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a line that is not JSON: {line[:80]!r}") from error
    if not isinstance(head, dict):
        raise ProtocolError(f"a line that is not a JSON object: {line[:80]!r}")
    if head.get("protocol") != VERSION:
        raise ProtocolError(f"protocol {head.get('protocol')!r}; this side speaks {VERSION}")
    size = head.get("bytes", 0)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_BYTES:
        raise ProtocolError(f"an announced length of {size!r} bytes")
    body = stream.read(size) if size else b""
    if len(body) != size:
        raise ProtocolError(f"{len(body)} of {size} announced bytes")
    return Message(head, body)
