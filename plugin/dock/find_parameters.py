"""The search of the dock as parameters of the algorithm findsimilar."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...processing.errors import InputError
from ..translation import tr
from .search import Search
from .session import Session

ALGORITHM = "bitscape:findsimilar"


def find_parameters(search: Search, session: Session, answer: Mapping[str, Any], target: Path) -> dict[str, Any]:
    """What was asked last, as the algorithm takes it. Raises InputError for what it cannot be asked."""
    raise InputError(tr("not yet"))
