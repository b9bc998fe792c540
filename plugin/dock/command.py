"""A run as a command for the shell: what the panel does now, tonight, and on another computer, through qgis_process."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from qgis.PyQt.QtCore import QCoreApplication

NAMES = ("qgis_process", "qgis_process-qgis.bat", "qgis_process-qgis-ltr.bat", "qgis_process-qgis-dev.bat")
PLAIN = re.compile(r"[\w:./\\=,+-]+")
"""What cmd takes as it stands."""


def command(
    steps: Sequence[tuple[str, Mapping[str, Any]]], windows: bool = os.name == "nt", program: Optional[str] = None
) -> str:
    """Lines for sh, or for cmd on Windows, that run algorithms (id, parameters) one after another until one fails.

    A list is given as its parameter repeated. ``program`` is found where it is not named.
    """
    quote = _for_cmd if windows else shlex.quote
    program = qgis_process() if program is None else program
    lines = []
    for algorithm, parameters in steps:
        words = [program, "run", algorithm, "--"]
        for name, value in parameters.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            words.extend(f"{name}={one}" for one in values)
        # a batch file that calls another without "call" never comes back
        lines.append(("call " if windows else "") + " ".join(quote(word) for word in words))
    return (" && " if windows else " &&\n").join(lines)


def qgis_process() -> str:
    """The name of qgis_process on this computer: bare where the shell finds it, else its path."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            # Debian's wrapper of 3.22 passes an option that its own program refuses
            return f"{name}.bin" if os.access(f"{found}.bin", os.X_OK) else name
    here = Path(QCoreApplication.applicationDirPath())
    root = os.environ.get("OSGEO4W_ROOT")
    for folder in (here, here / "bin", *([Path(root) / "bin"] if root else [])):
        for name in NAMES:
            if os.access(folder / name, os.X_OK) and (folder / name).is_file():
                return str(folder / name)
    return NAMES[0]


def _for_cmd(word: str) -> str:
    """A word in quotes where cmd would read something into it. Inside them a quote is doubled, and so are backslashes
    before a quote, as the C library takes them apart."""
    if PLAIN.fullmatch(word):
        return word
    inside = re.sub(r'(\\*)"', r'\1\1""', word)
    return '"' + re.sub(r"(\\+)$", r"\1\1", inside) + '"'
