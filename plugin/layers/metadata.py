"""What a result says of itself in QGIS: the layer metadata (.qmd) beside it, from the tags inside the file."""

from __future__ import annotations

import json
import warnings
from html import escape
from pathlib import Path
from typing import Any

from osgeo import gdal

from .styling import Entry, sidecar

PROVENANCE = "BITSCAPE_PROVENANCE"


def write_metadata(path: str | Path, title: str, abstract: str) -> None:
    """Write title, abstract, origin, licence and attribution for a raster or GeoPackage of ours."""
    tags = tags_of(path)
    origin = _origin(tags.get(PROVENANCE, ""))
    lines = [
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>",
        '<qgis version="3.22.0">',
        f"  <identifier>{escape(Path(path).name)}</identifier>",
        "  <type>dataset</type>",
        f"  <title>{escape(title)}</title>",
        f"  <abstract>{escape(f'{abstract} {origin}'.strip())}</abstract>",
        *([f"  <history>{escape(origin)}</history>"] if origin else []),
        *([f"  <rights>{escape(tags['ATTRIBUTION'])}</rights>"] if "ATTRIBUTION" in tags else []),
        *([f"  <license>{escape(tags['LICENSE'])}</license>"] if "LICENSE" in tags else []),
        "</qgis>\n",
    ]
    sidecar(path, ".qmd").write_text("\n".join(lines), encoding="utf-8")


def tags_of(path: str | Path) -> dict[str, str]:
    """The tags in a raster or a GeoPackage; none if it cannot be opened."""
    dataset = open_raster(path, gdal.OF_RASTER | gdal.OF_VECTOR)
    return dict(dataset.GetMetadata()) if dataset is not None else {}


def entries_in(path: str | Path) -> list[Entry]:
    """The classes a raster names in its tags (CLASS_1=…), with the colours of its colour table."""
    dataset = open_raster(path)
    if dataset is None:
        return []
    table = dataset.GetRasterBand(1).GetColorTable()
    found = []
    for tag, name in dataset.GetMetadata().items():
        if tag.startswith("CLASS_") and tag[6:].isdigit():
            value = int(tag[6:])
            red, green, blue, alpha = table.GetColorEntry(value) if table is not None else (128, 128, 128, 255)
            found.append(Entry(value, name, f"#{red:02x}{green:02x}{blue:02x}", alpha))
    return sorted(found)


def open_raster(path: str | Path, kinds: int = gdal.OF_RASTER) -> Any:
    """A GDAL dataset of these kinds, None if it cannot be opened."""
    try:
        with warnings.catch_warnings():  # GDAL from 3.7 on warns that its default will change; both ways are handled
            warnings.simplefilter("ignore", FutureWarning)
            return gdal.OpenEx(str(path), kinds)
    except RuntimeError:  # where GDAL is set to raise
        return None


def _origin(text: str) -> str:
    """One sentence from a provenance record."""
    try:
        record = json.loads(text)
        names = ", ".join(entry["name"] for entry in record["inputs"])
        version = record["versions"]["bitscape"]
        made = f"Made by Bitscape {version} ({record['operation']}) on {record['created'][:10]}"
    except (ValueError, KeyError, TypeError):
        return ""
    return f"{made} from {names}." if names else f"{made}."
