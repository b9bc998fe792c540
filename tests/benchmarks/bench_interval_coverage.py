"""How often do 95 % intervals hold the truth? 1000 samples of a map with known truth and areas, in four designs each.

The peer is the custom of the field and of the plugins that estimate areas: estimate ± 1.96 standard errors. Both are
asked of the same samples for the area of change and for overall accuracy; what is compared is how far the worst of
these coverages is from 95 %. All figures, also of producer's accuracy and F1, go to stderr.
"""

from __future__ import annotations

import json
import sys

from bitscape.tests.processing.statistics.simulated_map import DESIGNS, Coverage, coverage, landscape

SAMPLES = 1000
LOW, HIGH = 0.93, 0.97


def main() -> None:
    """Print one JSON line."""
    land = landscape()
    print(f"truth: change {land.change:.4f}, overall accuracy {land.accuracy:.4f}", file=sys.stderr)
    judged: list[Coverage] = []
    for design, draw in DESIGNS.items():
        found = coverage(land, draw, SAMPLES)
        for name, one in found.items():
            print(f"{design:13} {name:10} ours {one.ours:.3f}, ± 1.96 standard errors {one.custom:.3f}, "
                  f"mean estimate {one.mean:.4f}", file=sys.stderr)
        judged += [found["area"], found["overall"]]
        if abs(found["area"].mean / land.change - 1) > 0.02:
            raise AssertionError(f"{design}: the area is estimated with a bias")
    outside = [one.ours for one in judged if not LOW <= one.ours <= HIGH]
    if outside:
        raise AssertionError(f"95 % intervals hold the truth in {outside} of the samples")
    ours, theirs = (max(abs(share - 0.95) for share in shares)
                    for shares in ([one.ours for one in judged], [one.custom for one in judged]))
    print(
        json.dumps(
            {
                "name": "interval_coverage",
                "ratio": round(theirs / ours, 1),
                "direction": "higher",
                "peer": "estimate ± 1.96 standard errors (Olofsson et al. 2014), same samples",
                "ours": round(100 * ours, 1),
                "theirs": round(100 * theirs, 1),
                "unit": "% points from 95 % coverage, worst of 8",
                "limit_fraction": None,
            }
        )
    )


if __name__ == "__main__":
    main()
