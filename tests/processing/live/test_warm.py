"""Warming: all that a click needs has run, nothing is written, and the first answer is as quick as the next."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bitscape.processing import operations
from bitscape.processing.errors import Cancelled, InputError
from bitscape.processing.progress import Progress

KERNELS = """
import json, sys, time
from bitscape.processing.environment import prepare
prepare()
from bitscape.processing import operations
from bitscape.processing.progress import Progress
tiles, clicks = sys.argv[1], json.loads(sys.argv[2])
operations.run("warmlive", {"tiles": tiles}, Progress())
imported, seconds = set(sys.modules), []
for name in ("livemap", "livevalidation", "nextpoint") * 2:
    start = time.perf_counter()
    operations.run(name, {"tiles": tiles, **clicks}, Progress())
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": seconds, "imported": sorted(set(sys.modules) - imported)}))
"""


@pytest.fixture
def tiles(tmp_path: Path) -> Path:
    """Tiles of a sample landscape."""
    made = operations.run(
        "createsampledata", {"folder": str(tmp_path / "data"), "size": 256, "years": [2020, 2024]}, Progress())
    operations.run("buildembeddingtiles", {"inputs": made["embeddings"], "output": str(tmp_path / "t.tif")}, Progress())
    return tmp_path / "t.tif"


def clicks_on(tiles: Path) -> dict[str, Any]:
    """Twelve clicks of each of two classes."""
    west, south, east, north = operations.run("describetiles", {"tiles": str(tiles)}, Progress())["bounds"]
    return {
        "x": [west + (east - west) * (0.2 + 0.6 * index / 23) for index in range(24)],
        "y": [south + (north - south) * (0.2 + 0.6 * (index * 7 % 24) / 23) for index in range(24)],
        "classes": [index % 2 for index in range(24)], "names": ["a", "b"],
    }


def test_after_it_the_first_answer_imports_nothing_and_is_quick(tiles: Path) -> None:
    before = {path.name for path in tiles.parent.iterdir()}
    done = subprocess.run(
        [sys.executable, "-P", "-c", KERNELS, str(tiles), json.dumps(clicks_on(tiles))],
        capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [name for name in found["imported"] if "." not in name or name.startswith("bitscape")] == []
    first, second = found["seconds"][:3], found["seconds"][3:]
    assert sum(first) < sum(second) + 0.5, "a kernel that is compiled or loaded takes longer"
    assert {path.name for path in tiles.parent.iterdir()} == before


def test_more_classes_and_what_is_no_tiles(tiles: Path, tmp_path: Path) -> None:
    assert operations.run("warmlive", {"tiles": str(tiles), "classes": 4}, Progress())["seconds"] > 0
    with pytest.raises(InputError):
        operations.run("warmlive", {"tiles": str(tmp_path / "none.tif")}, Progress())


def test_it_gives_way_at_once(tiles: Path) -> None:
    class Stopped(Progress):
        def check(self) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        operations.run("warmlive", {"tiles": str(tiles)}, Stopped())
