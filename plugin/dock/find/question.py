"""What is asked of a store, apart from the exemplars: the view, how exemplars are combined, how many, which years."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Optional

MEAN, FOLDS = "mean", ("and", "or", "xor")
TOP, HEAT, THRESHOLD, OUTLIER, SURPRISE, GRADIENT, TYPICAL = (
    "top", "heat", "threshold", "outlier", "surprise", "gradient", "typical")
VIEWS = (TOP, HEAT, THRESHOLD, OUTLIER, SURPRISE, GRADIENT, TYPICAL)
UNAIDED = (OUTLIER, SURPRISE, TYPICAL)
"""Views that need no exemplar."""
UNLIKE = (OUTLIER, SURPRISE, GRADIENT)
"""Views whose first result is the most unlike one."""
EVERYWHERE, WINDOW, AREAS = "everywhere", "window", "areas"
MOST = 10_000
LONGEST = 1 << 16


@dataclass(frozen=True)
class Question:
    """``threshold``: a score; None: that of the k-th place. ``window``: the part of the map that is searched, as WKT in
    degrees, where ``where`` says so; ``extent``: the same as parameters of algorithms are written."""

    view: str = TOP
    combine: str = MEAN
    invert: bool = False
    k: int = 50
    threshold: Optional[float] = None
    years: tuple[int, ...] = ()
    where: str = ""
    window: str = ""
    extent: str = ""

    def to_json(self) -> str:
        """To be stored in a project."""
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, text: str) -> Question:
        """As ``to_json`` told; the default where the text cannot be believed."""
        try:
            found = json.loads(text) if len(text) <= LONGEST else {}
            years = tuple(found.get("years") or ())
            threshold = found.get("threshold")
            good = (
                found.get("view") in VIEWS and found.get("combine") in (MEAN, *FOLDS)
                and isinstance(found.get("invert"), bool)
                and type(found.get("k")) is int and 1 <= found["k"] <= MOST
                and (threshold is None or (type(threshold) in (int, float) and math.isfinite(threshold)))
                and all(type(year) is int for year in years)
                and found.get("where") in ("", EVERYWHERE, WINDOW, AREAS)
                and isinstance(found.get("window"), str) and isinstance(found.get("extent"), str))
            return cls(**{**found, "years": years}) if good else cls()
        except (ValueError, TypeError, AttributeError, RecursionError):
            return cls()
