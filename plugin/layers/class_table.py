"""The classes one labels with: code in the file, name to show, colour, shape and key; as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Optional

from ...processing.errors import InputError
from ..translation import tr
from .styling import BLUE, ORANGE, OTHERS, SHAPES, class_colours
from .whole_file import whole_file

MAX_CLASSES = 200
MAX_BYTES = 1 << 20
MAX_TEXT = 80
DIGITS = tuple("123456789")
KEYS = ("C", "N", *DIGITS)
NEGATIVE = {"nochange", "unchanged", "stable", "background", "other", "negative", "false", "no", "none", "0"}
"""As the backend has it: names, without spaces, "-" and "_", of the class that is not the one looked for."""

_COLOUR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True)
class LabelClass:
    """``code`` is the value in the label field, ``colour`` "#rrggbb", ``shape`` one of SHAPES, ``key`` "" or one of
    KEYS. Raises InputError for anything else."""

    code: str
    name: str
    colour: str
    shape: str
    key: str = ""

    def __post_init__(self) -> None:
        for text in (self.code, self.name):
            if not isinstance(text, str) or not text.strip() or text != text.strip() or not text.isprintable():
                raise InputError(tr("{0} is no name for a class: it is empty or has signs that do not print.")
                                 .format(repr(text)[:MAX_TEXT]))
            if len(text) > MAX_TEXT:
                raise InputError(tr("The class name {0}… is longer than {1} letters.").format(text[:20], MAX_TEXT))
        if not isinstance(self.colour, str) or not _COLOUR.fullmatch(self.colour):
            message = tr("The colour {0} of class {1} is not written like {2}.")
            raise InputError(message.format(repr(self.colour)[:MAX_TEXT], self.code, ORANGE))
        if self.shape not in SHAPES:
            raise InputError(tr("Class {0} has a shape that is not known: {1}.").format(
                self.code, repr(self.shape)[:MAX_TEXT]))
        if self.key not in ("", *KEYS):
            raise InputError(tr("Class {0} has a key that cannot be used: {1}.").format(
                self.code, repr(self.key)[:MAX_TEXT]))


@dataclass(frozen=True)
class ClassTable:
    """Up to 200 classes with a code of their own each. ``positive`` is the code the score is about: where it is not
    given and there are two classes, the one beside a class that sounds negative, else the later in sorted order (as the
    backend chooses); "" where there are more or fewer. Raises InputError if codes or keys are double."""

    classes: tuple[LabelClass, ...] = ()
    positive: str = ""

    def __post_init__(self) -> None:
        codes = [one.code for one in self.classes]
        if len(codes) > MAX_CLASSES:
            raise InputError(tr("There are {0} classes; {1} are possible.").format(len(codes), MAX_CLASSES))
        for what, used in ((tr("code"), codes), (tr("key"), [one.key for one in self.classes if one.key])):
            double = next((text for index, text in enumerate(used) if text in used[:index]), None)
            if double is not None:
                raise InputError(tr("Two classes have the {0} {1}.").format(what, double))
        if self.positive and self.positive not in codes:
            raise InputError(tr("The positive class {0} is not among the classes.").format(str(self.positive)[:80]))
        object.__setattr__(self, "positive", "" if len(codes) != 2 else self.positive or _positive_of(codes))

    @classmethod
    def change_detection(cls, change: str = "change", nochange: str = "nochange") -> ClassTable:
        """Change, an orange triangle with the key C, and no change, a blue circle with the key N."""
        return cls((LabelClass(change, tr("change"), ORANGE, SHAPES[0], "C"),
                    LabelClass(nochange, tr("no change"), BLUE, SHAPES[1], "N")), change)

    @classmethod
    def of_codes(cls, codes: Iterable[str], names: Optional[Mapping[str, str]] = None) -> ClassTable:
        """A table for the codes of some labels, in their order. ``names``: code → name, where it is another one.

        No codes, or spellings of change and no change alone, are change detection. Raises InputError for more than 200.
        """
        unique = list(dict.fromkeys(code for code in codes if code))
        names = names or {}
        if len(unique) > MAX_CLASSES:
            raise InputError(tr("There are {0} classes; {1} are possible.").format(len(unique), MAX_CLASSES))
        spelled = {_normal(code): code for code in unique}
        if len(spelled) == len(unique) and spelled.keys() <= {"change", "nochange"}:
            return _renamed(cls.change_detection(**spelled), names)
        positive = _positive_of(unique) if len(unique) == 2 else None
        colours = class_colours(unique, positive)
        others = SHAPES[1:] if positive else SHAPES
        keys = _keys_for(unique)
        made, number = [], 0
        for code, colour in zip(unique, colours):
            shape = SHAPES[0] if code == positive else others[number % len(others)]
            number += code != positive
            made.append(LabelClass(code, names.get(code, code), colour, shape, keys.get(code, "")))
        return cls(tuple(made), positive or "")

    def by_code(self, code: str) -> Optional[LabelClass]:
        """The class with this code."""
        return next((one for one in self.classes if one.code == code), None)

    def by_key(self, key: str) -> Optional[LabelClass]:
        """The class with this key; upper and lower case are the same."""
        return next((one for one in self.classes if key and one.key == key.upper()), None)

    def code_for(self, text: str) -> Optional[str]:
        """The code that ``text`` means: itself, or one that, or whose name, differs in case, spaces, "-", "_" only."""
        if self.by_code(text):
            return text
        wanted = _normal(text)
        found = [one.code for one in self.classes if wanted in (_normal(one.code), _normal(one.name))]
        return found[0] if wanted and len(found) == 1 else None

    def adding(self, name: str) -> ClassTable:
        """With one more class: colour, shape and key the next free ones. Its code is the name, with a number if that is
        taken, or the next whole number where all codes are such."""
        name = " ".join(name.split())
        codes = [one.code for one in self.classes]
        if codes and all(is_whole_number(code) for code in codes):
            code = str(max(int(code) for code in codes) + 1)
        else:
            taken = {_normal(known) for known in codes}
            numbered = (f"{name} {number}" for number in range(2, MAX_CLASSES + 3))
            code = name if _normal(name) not in taken else next(one for one in numbered if _normal(one) not in taken)
        return self._with_codes([code], {code: name})

    def extended(self, codes: Iterable[str]) -> ClassTable:
        """With a class for each of ``codes`` that has none yet."""
        return self._with_codes([code for code in dict.fromkeys(codes) if code and not self.by_code(code)], {})

    def without(self, code: str) -> ClassTable:
        """Without one class."""
        rest = tuple(one for one in self.classes if one.code != code)
        return ClassTable(rest, "" if self.positive == code else self.positive)

    def changed(self, code: str, name: Optional[str] = None, colour: Optional[str] = None) -> ClassTable:
        """With another name or colour for one class. Raises InputError if there is no such class."""
        old = self.by_code(code)
        if old is None:
            raise InputError(tr("There is no class {0}.").format(code))
        new = replace(old, name=old.name if name is None else " ".join(name.split()),
                      colour=old.colour if colour is None else colour.lower())
        return ClassTable(tuple(new if one is old else one for one in self.classes), self.positive)

    def to_json(self) -> str:
        """As text that ``from_json`` reads."""
        return json.dumps({"classes": [asdict(one) for one in self.classes], "positive": self.positive},
                          ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ClassTable:
        """The table in a text. Raises InputError if it holds no table."""
        try:
            if len(text) > MAX_BYTES:
                raise ValueError(f"{len(text)} characters")
            data = json.loads(text)
            rows, positive = data["classes"], data["positive"]
            if not isinstance(rows, list) or not isinstance(positive, str):
                raise TypeError("classes or positive of a wrong type")
            if len(rows) > MAX_CLASSES:
                raise ValueError(f"{len(rows)} classes")
            return cls(tuple(LabelClass(**row) for row in rows), positive)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise InputError(tr("The class table cannot be read."), repr(error)[:500]) from error

    @classmethod
    def read_csv(cls, path: str | Path) -> ClassTable:
        """The table in a CSV file: columns code, name, colour, of which code or name is enough; separated by commas,
        semicolons or tabs. Raises InputError that names the line and the reason."""
        file = Path(path)
        try:
            size = file.stat().st_size
            if size > MAX_BYTES:
                message = tr("{0} has {1:.1f} MB; a class table has up to {2} classes. Choose the right file.")
                raise InputError(message.format(file.name, size / 1e6, MAX_CLASSES))
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            message = tr("{0} is not text in UTF-8. Save the table as CSV in UTF-8.")
            raise InputError(message.format(file.name), str(error)) from error
        except (OSError, ValueError) as error:
            raise InputError(tr("The class table {0} cannot be read: {1}.").format(path, error), str(error)) from error
        return _table_of(_csv_rows(text, file.name), file.name)

    def write_csv(self, path: str | Path) -> None:
        """Write code, name and colour. Raises OutputError if that cannot be done."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("code", "name", "colour"))
        writer.writerows((one.code, one.name, one.colour) for one in self.classes)
        with whole_file(path) as partial:
            partial.write_text(text.getvalue(), encoding="utf-8")

    def _with_codes(self, codes: Sequence[str], names: Mapping[str, str]) -> ClassTable:
        classes = list(self.classes)
        for code in codes:
            colour = _next((ORANGE, BLUE, *OTHERS), [one.colour for one in classes])
            shape = _next(SHAPES, [one.shape for one in classes])
            used = [one.key for one in classes]
            key = next((digit for digit in DIGITS if digit not in used), "")
            classes.append(LabelClass(code, names.get(code, code), colour, shape, key))
        return ClassTable(tuple(classes), self.positive if len(classes) == len(self.classes) else "")


def is_whole_number(code: str) -> bool:
    """Whether a number field holds this code as it is written."""
    return bool(re.fullmatch(r"0|-?[1-9][0-9]{0,17}", code))


def _normal(text: str) -> str:
    return text.casefold().translate({ord(mark): None for mark in " -_"})


def _positive_of(codes: Sequence[str]) -> str:
    first, second = sorted(codes)
    return first if _normal(first) not in NEGATIVE and _normal(second) in NEGATIVE else second


def _keys_for(codes: Sequence[str]) -> dict[str, str]:
    """A digit for each of the first classes; a code that is a digit keeps it."""
    keys = {code: code for code in codes if code in DIGITS}
    free = iter([digit for digit in DIGITS if digit not in keys])
    for code in codes:
        if code not in keys:
            keys[code] = next(free, "")
    return keys


def _next(choices: Sequence[str], used: Sequence[str]) -> str:
    """The choice that is used least, the earliest of such."""
    return min(choices, key=used.count)


def _renamed(table: ClassTable, names: Mapping[str, str]) -> ClassTable:
    for code, name in names.items():
        if table.by_code(code):
            table = table.changed(code, name=name)
    return table


def _csv_rows(text: str, file: str) -> list[tuple[int, dict[str, Any]]]:
    """Line number and cells by column name of every row that has something in it."""
    head = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=head.count))
    try:
        columns = [{"color": "colour"}.get(name, name) for name in (cell.strip().lower() for cell in next(reader, []))]
        if "code" not in columns and "name" not in columns:
            message = tr("Line 1 of {0} names no column code or name; a table begins like code,name,colour.")
            raise InputError(message.format(file))
        rows = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(rows) == MAX_CLASSES:
                    raise InputError(tr("{0} has more than {1} classes.").format(file, MAX_CLASSES))
                rows.append((reader.line_num, dict(zip(columns, (cell.strip() for cell in cells)))))
    except csv.Error as error:
        raise InputError(tr("Line {0} of {1} cannot be read: {2}.").format(reader.line_num, file, error)) from error
    return rows


def _table_of(rows: Sequence[tuple[int, Mapping[str, str]]], file: str) -> ClassTable:
    codes: dict[str, int] = {}
    names: dict[str, str] = {}
    colours: dict[str, str] = {}
    for line, row in rows:
        code = row.get("code") or row.get("name") or ""
        try:
            one = LabelClass(code, row.get("name") or code, (row.get("colour") or ORANGE).lower(), SHAPES[0])
        except InputError as error:
            raise InputError(tr("Line {0} of {1}: {2}").format(line, file, error.message)) from error
        if code in codes:
            message = tr("Line {0} of {1}: the code {2} stands in line {3} already.")
            raise InputError(message.format(line, file, code, codes[code]))
        codes[code], names[code] = line, one.name
        if row.get("colour"):
            colours[code] = one.colour
    if not codes:
        raise InputError(tr("{0} has no classes below its first line.").format(file))
    table = ClassTable.of_codes(codes, names)
    for code, colour in colours.items():
        table = table.changed(code, colour=colour)
    return table
