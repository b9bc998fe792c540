"""Numbers that people write for classes."""

from __future__ import annotations

import pytest
from bitscape.processing.errors import InputError
from bitscape.processing.statistics.numbers_by_name import numbers_by_name

NAMES, NUMBERS = ["change", "Forest, dense"], ["1", "7"]


@pytest.mark.parametrize(("text", "expected"), [
    ("0.9", [0.9, 0.9]),
    ("change=0.7, Forest, dense=.95", [0.7, 0.95]),
    ("7=1e-1; CHANGE = 1", [1, 0.1]),
    ("forest, dense=0.5, 0.8", [0.8, 0.5]),
    ("0.8\nchange=0.5\n", [0.5, 0.8]),
])
def test_what_is_understood(text: str, expected: list[float]) -> None:
    assert numbers_by_name(text, NAMES, NUMBERS, "The accuracy") == expected


@pytest.mark.parametrize(("text", "said"), [
    ("change=high", "not understood at “change=high”"),
    ("0.9 0.8", "not understood"),
    ("0.9, 0.8", "two numbers without a name"),
    ("water=0.9", "names water, which is not in the map. There are change, Forest, dense"),
    ("1=0.9, change=0.8, 0.7", "names change twice"),
    ("change=0.9", "says nothing of Forest, dense"),
    ("", "says nothing of change"),
    ("change=1.2.3", "not understood"),
    ("=0.5", "not understood"),
    ("change=0.5,,0.5", "not understood"),
])
def test_what_is_not(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        numbers_by_name(text, NAMES, NUMBERS, "The accuracy")
