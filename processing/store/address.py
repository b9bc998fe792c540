"""What a user gave as a store: a folder, its manifest, or an address of either."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InputError
from .location import MANIFEST, LocalFolder, Location
from .remote import RemoteFolder


def find_location(location: str | Path) -> Location:
    """The place of a store: its folder, its manifest, or an http(s) address of either.

    Raises InputError if it cannot be one. Nothing is asked of a server yet, and none is asked but this one.
    """
    text = str(location).strip()
    if re.match(r"https?://", text, re.IGNORECASE):
        return RemoteFolder.at(text)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text):
        raise InputError(
            f"{text[:200]}: a store is a folder, or an address that begins with https:// or http://. Public buckets "
            "have such addresses.")
    path = Path(text)
    if not text or not path.exists():
        raise InputError(f"There is no retrieval store at {text or 'an empty path'}. Check the path.")
    if path.is_dir():
        return LocalFolder(path)
    if path.suffix.lower() != ".parquet":
        raise InputError(f"{text} is not a retrieval store: choose its folder, or its {MANIFEST}.")
    return LocalFolder(path.absolute().parent, path.name)
