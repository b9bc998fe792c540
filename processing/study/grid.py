"""The recipes that are compared: those asked for, or a grid that suits the number of dimensions."""

from __future__ import annotations

import re

from ..compression.recipe import Recipe
from ..errors import InputError
from .evaluate import BASELINE

QUANTISERS = ("int8", "int4", "int2", "ternary", "binary-zero", "binary-median", "turbo4", "turbo2")
PCA_WITH = ("int8", "int4", "binary-median")
OTHER_REDUCTIONS = ("svd", "random", "select")
MOST_SIZES, SMALLEST = 4, 4
ITQ_DIMENSIONS = 256
"""Up to which rotations of bits are learned in seconds."""
PQ_ROWS = 512
"""Rows from which codebooks of 256 centroids are no list of the rows."""
MOST_RECIPES = 100


def recipes(text: str, dimensions: int, rows: int) -> list[Recipe]:
    """Recipes in the order asked for, float32 first, each once; without any, the default grid.

    ``text`` separates them by commas, semicolons or white space. Raises InputError for one that is not understood.
    """
    asked = [part for part in re.split(r"[\s,;]+", text.strip()) if part]
    if len(asked) > MOST_RECIPES:
        raise InputError(f"{len(asked)} recipes were asked for; at most {MOST_RECIPES} are compared at once.")
    named = asked or default_grid(dimensions, rows)
    parsed = {str(recipe): recipe for recipe in (Recipe.parse(name) for name in [BASELINE, *named])}
    return list(parsed.values())


def default_grid(dimensions: int, rows: int) -> list[str]:
    """All kinds of quantisers on all dimensions, PCA at up to four sizes with three of them, and the other reductions.

    Sizes are powers of two up to a quarter of the dimensions (a half of 64 or fewer), as far as ``rows`` allow.
    """
    names = [BASELINE, *QUANTISERS]
    if dimensions <= ITQ_DIMENSIONS:
        names.append("itq")
    if dimensions % 8 == 0 and rows >= PQ_ROWS:
        names.append(f"pq-{dimensions // 8}x8")
    sizes = pca_sizes(dimensions, rows)
    names += [f"pca-{size}+{quantiser}" for size in sizes for quantiser in PCA_WITH]
    if sizes:
        middle = sizes[min(1, len(sizes) - 1)]
        names += [f"{reduction}-{middle}+int8" for reduction in OTHER_REDUCTIONS]
    return names


def pca_sizes(dimensions: int, rows: int) -> list[int]:
    """Numbers of components, the largest first."""
    most = min(dimensions // 2 if dimensions <= 64 else dimensions // 4, rows // 2)
    sizes = [2**power for power in range(20, 1, -1) if SMALLEST <= 2**power <= most]
    return sizes[:MOST_SIZES]
