"""Where a result comes from: operation, parameters, versions, inputs' fingerprints, licences and attributions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .environment import versions

TAG = "BITSCAPE_PROVENANCE"
CHUNK = 1 << 16
CHUNKS = 64


def fingerprint(path: str | Path) -> str:
    """A hash of a file: BLAKE2b over its size and 64 evenly spaced chunks of 64 KiB (all of it up to 4 MiB).

    Reading terabytes to name an input is no use to anyone; a changed header, size or sampled chunk is noticed.
    A path that is no file (a GDAL virtual path) is hashed by its name.
    """
    digest = hashlib.blake2b(digest_size=16)
    file = Path(path)
    if not file.is_file():
        digest.update(str(path).encode())
        return f"name-blake2b:{digest.hexdigest()}"
    size = file.stat().st_size
    digest.update(str(size).encode())
    with file.open("rb") as stream:
        for index in range(CHUNKS):
            stream.seek(index * CHUNK if size <= CHUNK * CHUNKS else index * (size - CHUNK) // (CHUNKS - 1))
            digest.update(stream.read(CHUNK))
    return f"sampled-blake2b:{digest.hexdigest()}"


def provenance(
    operation: str,
    parameters: dict[str, Any],
    inputs: Iterable[str | Path],
    licences: Iterable[str] = (),
    attributions: Iterable[str] = (),
) -> dict[str, Any]:
    """The provenance record of a result, JSON-ready. Repeated licences and attributions are kept once."""
    return {
        "operation": operation,
        "parameters": parameters,
        "versions": versions(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "inputs": [{"name": Path(path).name, "fingerprint": fingerprint(path)} for path in inputs],
        "licences": sorted({text for text in licences if text}),
        "attributions": sorted({text for text in attributions if text}),
    }


def tags(record: dict[str, Any]) -> dict[str, str]:
    """GeoTIFF tags of a provenance record."""
    found = {
        TAG: json.dumps(record, ensure_ascii=False),
        "TIFFTAG_SOFTWARE": f"Bitscape {record['versions']['bitscape']}",
    }
    if record["attributions"]:
        found["ATTRIBUTION"] = " ".join(record["attributions"])
    if record["licences"]:
        found["LICENSE"] = ", ".join(record["licences"])
    return found
