"""Numbers that a user writes for the classes of a map: “change=0.7, nochange=0.95”, or one number for all."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import InputError

_PIECE = re.compile(r"\s*(?:(?P<name>[^=;\n]+?)\s*=)?\s*(?P<number>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(?:[,;\n]|$)")


def numbers_by_name(text: str, names: Sequence[str], numbers: Sequence[str], what: str) -> list[float]:
    """One number for each of ``names``, which may also be called by their ``numbers``; a number without a name is for
    all that are not named. Raises InputError (``what`` says what the text is) for what is no number, not a name, named
    twice or missing."""
    found: dict[int, float] = {}
    others: float | None = None
    position = 0
    while position < len(text.rstrip()):
        piece = _PIECE.match(text, position)
        value = _number(piece["number"]) if piece else None
        if piece is None or value is None:
            raise InputError(f"{what} is not understood at “{text[position:].strip()[:60]}”. Write it like "
                             f"{names[0]}=0.7, or one number for all.")
        position = piece.end()
        if piece["name"] is None:
            if others is not None:
                raise InputError(f"{what} has two numbers without a name. Write each like {names[0]}=0.7.")
            others = value
            continue
        index = _index(piece["name"], names, numbers, what)
        if index in found:
            raise InputError(f"{what} names {names[index]} twice.")
        found[index] = value
    missing = [name for index, name in enumerate(names) if index not in found]
    if missing and others is None:
        raise InputError(f"{what} says nothing of {', '.join(missing[:10])}{' …' if len(missing) > 10 else ''}. Name "
                         "each, or add one number without a name for the others.")
    return [found.get(index, others if others is not None else 0.0) for index in range(len(names))]


def index_of(name: str, names: Sequence[str], numbers: Sequence[str]) -> int | None:
    """Which of the names, or numbers, is meant, whatever the case; None if none is."""
    wanted = name.strip().casefold()
    for known in (names, numbers):
        folded = [one.strip().casefold() for one in known]
        if wanted in folded:
            return folded.index(wanted)
    return None


def _index(name: str, names: Sequence[str], numbers: Sequence[str], what: str) -> int:
    index = index_of(name, names, numbers)
    if index is None:
        raise InputError(f"{what} names {name}, which is not in the map. There are {', '.join(names[:20])}"
                         f"{' …' if len(names) > 20 else ''}.")
    return index


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
