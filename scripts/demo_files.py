"""The names of what the demo makes, for the scripts that make it. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DemoFiles:
    """Where the demo's files are: the sample data as createsampledata named it, results by their own names."""

    folder: Path
    years: tuple[int, int]
    embeddings: tuple[Path, Path]
    pictures: tuple[Path, Path]
    labels: Path
    truth: Path

    @classmethod
    def of_sample(cls, folder: Path, years: tuple[int, ...], results: Mapping[str, Any]) -> DemoFiles:
        """From what createsampledata returned; of several years the first and the last."""

        def ends(name: str) -> tuple[Path, Path]:
            paths = results[name]
            return Path(paths[0]), Path(paths[-1])

        return cls(
            folder,
            (years[0], years[-1]),
            ends("EMBEDDINGS"),
            ends("SENTINEL2"),
            Path(results["LABELS"]),
            Path(results["TRUTH"]),
        )

    @property
    def period(self) -> str:
        """First and last year, for people."""
        return f"{self.years[0]} → {self.years[1]}"

    def result(self, name: str) -> Path:
        """A file that is made of the data."""
        return self.folder / name

    def to_json(self) -> str:
        """For the command line of another script."""
        return json.dumps(vars(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> DemoFiles:
        """What ``to_json`` wrote."""
        values = json.loads(text)
        first, second = ([Path(path) for path in values[name]] for name in ("embeddings", "pictures"))
        return cls(
            Path(values["folder"]),
            (values["years"][0], values["years"][1]),
            (first[0], first[1]),
            (second[0], second[1]),
            Path(values["labels"]),
            Path(values["truth"]),
        )
