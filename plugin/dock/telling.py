"""What went wrong is said to the user, and the work goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from qgis.core import Qgis, QgsCsException

from ...processing.errors import BitscapeError
from ..translation import tr

INFO, WARNING = Qgis.MessageLevel.Info, Qgis.MessageLevel.Warning


@contextmanager
def telling(say: Callable[[str, int], None]) -> Iterator[None]:
    """``say`` (text, level) what goes wrong inside."""
    try:
        yield
    except BitscapeError as error:
        say(error.message, WARNING)
    except QgsCsException:
        say(tr("This place cannot be expressed in the CRS of the data."), WARNING)
