"""The files of a run of segmentraster: which there are, and where each is written meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import InputError
from ..progress import Progress
from .drawing import HeadMaps, file_of

OUTPUTS = ("classes", "scores", "confidence", "polygons")


@dataclass(frozen=True)
class File:
    """One file of a run: the head and the output it is of, where it will be, and where it is written."""

    maps: HeadMaps
    output: str
    path: Path
    partial: Path


def planned_files(
    asked: Mapping[str, Path], maps: Sequence[HeadMaps], progress: Progress
) -> list[tuple[HeadMaps, str, Path]]:
    """The files of a run: head, output and path; ``asked``: paths by output. Raises InputError for a regressor whose
    numbers have no place."""
    numbers = asked.get("classes") or asked.get("scores")
    planned = []
    for number, one in enumerate(maps):
        name = one.head.name or str(number + 1)
        if one.decision is None:
            path = file_of(numbers, name, len(maps) > 1)
            others = [output for output in OUTPUTS if asked.get(output) not in (None, numbers)]
            if path is None:
                raise InputError("A regressor gives numbers: choose where they go as the classes or the scores. It "
                                 "has no confidence and no polygons.")
            if others:
                progress.warn(f"A regressor gives numbers, which go to {path.name}; no {' and no '.join(others)} are "
                              "written.")
            planned.append((one, "numbers", path))
            continue
        for output in OUTPUTS:
            path = file_of(asked.get(output), name, len(maps) > 1)
            if path is not None:
                planned.append((one, output, path))
    return planned


class Beside:
    """The rasters of a run and where they are written. Class maps that polygons are made of lie in a folder beside the
    results meanwhile, under the name that they will have, or that of the polygons where nobody asked for them."""

    def __init__(self, files: Sequence[File], progress: Progress) -> None:
        self._files, self._progress = files, progress
        self._folder: TemporaryDirectory[str] | None = None
        self._given: list[tuple[Path, Path]] = []
        self.heads: list[dict[str, File]] = []
        """The files of each head by output."""
        self.rasters: list[tuple[HeadMaps, str, Path]] = []
        """Head, output and place of each raster."""

    def __enter__(self) -> Beside:
        grouped: dict[int, dict[str, File]] = {}
        for one in self._files:
            grouped.setdefault(id(one.maps), {})[one.output] = one
        self.heads = list(grouped.values())
        for head in self.heads:
            for output, one in head.items():
                if output != "polygons" and not (output == "classes" and "polygons" in head):
                    self.rasters.append((one.maps, output, one.partial))
            if "polygons" in head:
                self._add_classes(head)
        return self

    def classes(self, head: dict[str, File]) -> Path:
        """Where the class map of a head is that polygons are made of."""
        assert self._folder is not None
        named = head.get("classes", head["polygons"])
        return Path(self._folder.name) / f"{named.path.stem}.tif"

    def give(self) -> None:
        """Put the class maps that were asked for in their places."""
        for place, partial in self._given:
            place.replace(partial)

    def _add_classes(self, head: dict[str, File]) -> None:
        if self._folder is None:
            folder = head.get("classes", head["polygons"]).path.absolute().parent
            self._folder = TemporaryDirectory(dir=folder, prefix=".bitscape-")
        place = self.classes(head)
        self._progress.writing(str(place))
        self.rasters.append((head["polygons"].maps, "classes", place))
        if "classes" in head:
            self._given.append((place, head["classes"].partial))

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()


