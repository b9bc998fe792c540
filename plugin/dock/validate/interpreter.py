"""Who interprets: the name that goes with every answer, remembered on this computer."""

from __future__ import annotations

import getpass

from qgis.core import QgsSettings

from ....processing.errors import InputError
from ...layers.sample_file import AGREED
from ...translation import tr

KEY = "bitscape/interpreters"
MOST = 20
MAX_TEXT = 80


def current_name() -> str:
    """The name used last on this computer, else that of the account."""
    names = known_names()
    if names:
        return names[0]
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name
        return ""


def known_names() -> list[str]:
    """The names used on this computer, the last one first."""
    found = QgsSettings().value(KEY, [])
    names = [found] if isinstance(found, str) else list(found or [])
    return [name for name in names if isinstance(name, str) and name]


def remember_name(name: str) -> None:
    """Use this name from now on."""
    names = [name, *(one for one in known_names() if one != name)]
    QgsSettings().setValue(KEY, names[:MOST])


def checked_name(text: str) -> str:
    """A name as it is written to the file. Raises InputError for what is none."""
    name = " ".join(text.split())
    if not name:
        raise InputError(tr("Type your name first: it goes with every answer."))
    if len(name) > MAX_TEXT or not name.isprintable():
        raise InputError(tr("This name is too long, or has signs that do not print."))
    if name.casefold() == AGREED:
        raise InputError(tr("The name {0} is taken: it marks what settles a conflict. Type your own.").format(AGREED))
    return name
