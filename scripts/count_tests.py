"""Print how many tests of each suite passed and were skipped, and why. Usage: count_tests.py FOLDER_OF_JUNIT_XML."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def main(folder: Path) -> None:
    """One line a suite, one for the sum, then each reason to skip with its count."""
    totals: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for report in sorted(folder.glob("*.xml")):
        counts: Counter[str] = Counter()
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 (written by our own pytest run)
            kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
            counts["failed" if kinds & {"failure", "error"} else "skipped" if kinds else "passed"] += 1
            reasons.update(child.get("message", "") for child in case if child.tag == "skipped")
        print(f"   {report.stem:<11} {_words(counts)}")
        totals += counts
    print(f"   {'all':<11} {_words(totals)}")
    for reason, count in reasons.most_common():
        print(f"   skipped {count} ×: {reason}")


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[kind]} {kind}" for kind in ("passed", "failed", "skipped"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
