"""What all suites share, in the backend's Python and in QGIS's: real data where it is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; without it the test is skipped, or fails where REQUIRE_DATA=1."""
    if not SHARED.is_dir():
        if os.environ.get("REQUIRE_DATA") == "1":
            pytest.fail(f"the real data is not at {SHARED}")
        pytest.skip(f"the real data is not at {SHARED}")
    return SHARED
