"""The wire: what is written is read again, and nothing malformed gets through."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from bitscape.processing import protocol
from bitscape.processing.protocol import Message, ProtocolError
from hypothesis import given
from hypothesis import strategies as st

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(), part, max_size=4))
heads = st.dictionaries(st.text().filter(lambda key: key not in ("bytes", "protocol")), values, max_size=6)


@given(st.lists(st.tuples(heads, st.binary(max_size=200)), max_size=5))
def test_messages_survive_the_wire_one_after_another(sent: list[tuple[dict[str, Any], bytes]]) -> None:
    stream = io.BytesIO(b"".join(protocol.encode(head, body) for head, body in sent))
    for head, body in sent:
        message = protocol.read(stream)
        assert message is not None
        assert message.body == body
        extra = {"protocol": protocol.VERSION, **({"bytes": len(body)} if body else {})}
        assert message.head == {**head, **extra}
    assert protocol.read(stream) is None


@given(heads, st.binary(min_size=1, max_size=50), st.data())
def test_a_truncated_message_is_an_error(head: dict[str, Any], body: bytes, data: st.DataObject) -> None:
    whole = protocol.encode(head, body)
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(ProtocolError):
        protocol.read(io.BytesIO(whole[:cut]))


@given(st.binary(min_size=1, max_size=300))
def test_garbage_is_refused(garbage: bytes) -> None:
    try:
        message = protocol.read(io.BytesIO(garbage + b"\n"))
    except ProtocolError:
        return
    assert isinstance(message, Message)
    assert message.head["protocol"] == protocol.VERSION


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"1",
        b'"protocol"',
        b"{}",
        b'{"protocol":2}',
        b'{"protocol":"1"}',
        b'{"protocol":1,"bytes":-1}',
        b'{"protocol":1,"bytes":1.5}',
        b'{"protocol":1,"bytes":true}',
        b'{"protocol":1,"bytes":"3"}',
        b'{"protocol":1,"bytes":268435457}',
        b'{"protocol":1',
        b'{"protocol":1}\xff',
        b"[" * 100_000,
    ],
)
def test_malformed_lines_are_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.read(io.BytesIO(line + b"\nabc"))


def test_a_line_may_have_16_mib_and_not_a_byte_more() -> None:
    room = protocol.MAX_LINE - len(protocol.encode({"text": ""}))
    line = protocol.encode({"text": "a" * room})
    assert len(line) == 16 * 2**20
    message = protocol.read(io.BytesIO(line))
    assert message is not None and len(message.head["text"]) == room
    with pytest.raises(ProtocolError, match="at most"):
        protocol.encode({"text": "a" * (room + 1)})
    with pytest.raises(ProtocolError, match="too long"):
        protocol.read(io.BytesIO(line.replace(b":", b": ", 1)))


def test_an_endless_line_is_given_up_at_the_limit() -> None:
    stream = io.BytesIO(b"a" * (protocol.MAX_LINE + 5000))
    with pytest.raises(ProtocolError, match="too long"):
        protocol.read(stream)
    assert stream.tell() == protocol.MAX_LINE + 1


@pytest.mark.parametrize("head", [{"x": float("nan")}, {"x": float("inf")}, {"x": object()}, {"x": b"bytes"}])
def test_what_json_cannot_carry_is_refused_before_it_is_sent(head: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="JSON cannot carry"):
        protocol.encode(head)


def test_the_announced_length_is_the_body_s() -> None:
    line, _, rest = protocol.encode({"a": 1}, b"\n\n{}").partition(b"\n")
    assert json.loads(line) == {"a": 1, "protocol": 1, "bytes": 4}
    assert rest == b"\n\n{}"
