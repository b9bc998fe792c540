"""What re-ranking brings: recall@k against the bytes of finer codes that are read for one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..compression.neighbours import by_cosine, recall, without_itself
from ..compression.recipe import Codec
from ..hamming import nearest
from ..progress import Progress
from ..retrieval.rerank import ordered, vector_scores
from .recall import Asked, Share, Truth, share

QUERIES = 64
"""Queries whose candidates are held at once."""


@dataclass(frozen=True)
class Point:
    """``candidates`` best by Hamming distance (all of them: every vector), put in order by ``fine`` codes.

    ``bytes`` of finer codes are read for a query; 0 candidates: the binary codes alone.
    """

    binary: str
    fine: str
    asked: Asked
    candidates: int
    bytes: int
    recall: Share


def curve(
    binary: Codec, fine: Sequence[Codec], truth: Truth, candidates: Sequence[int], progress: Progress
) -> list[Point]:
    """Points of every fine codec, with queries known as fine codes and as vectors. The truth is by cosine.

    ``candidates``: how many are looked at again, ascending; more than there are count as all. Raises Cancelled.
    """
    vectors, queries, wanted = truth.vectors, truth.queries, truth.neighbours["cosine"]
    others = len(vectors) - 1
    sizes = sorted({min(max(size, truth.k), others) for size in candidates} | {others})
    codes = binary.encode(vectors)
    alone = without_itself(nearest(codes[queries], codes, truth.k + 1)[1], queries)
    points = [Point(str(binary.recipe), "", "code", 0, 0, share(recall(alone, wanted)))]
    kept = max([size for size in sizes if size < others], default=0)
    for number, codec in enumerate(fine):
        decoded = codec.decode(codec.encode(vectors))
        kinds: tuple[tuple[Asked, NDArray[np.float32]], ...] = (("code", decoded), ("vector", vectors))
        found: dict[tuple[Asked, int], NDArray[np.int64]] = {}
        for asked, exemplars in kinds:
            everything = by_cosine(exemplars[queries], decoded, truth.k + 1, progress)
            found[asked, others] = without_itself(everything, queries)
            for size in sizes[:-1]:
                found[asked, size] = np.empty((len(queries), truth.k), np.int64)
        for start in range(0, len(queries) if kept else 0, QUERIES):
            rows = queries[start : start + QUERIES]
            near = without_itself(nearest(codes[rows], codes, kept + 1)[1], rows)
            for place, row in enumerate(rows):
                progress.check()
                candidates_there = decoded[near[place]]
                for asked, exemplars in kinds:
                    scores = vector_scores(candidates_there, exemplars[row : row + 1])
                    for size in sizes[:-1]:
                        found[asked, size][start + place] = near[place, ordered(scores[:size]).order[: truth.k]]
            progress.report((number + (start + len(rows)) / len(queries)) / len(fine))
        points += [
            Point(str(binary.recipe), str(codec.recipe), asked, size, size * codec.bytes, share(recall(best, wanted)))
            for (asked, size), best in sorted(found.items())]
    return points
