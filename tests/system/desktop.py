"""Starts the real QGIS desktop under a virtual display with a script inside, and reads what the script reports."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, Optional

import pytest
from bitscape.scripts import headless_qgis

SCREENSHOTS = headless_qgis.ROOT / "build" / "screenshots"
SCREEN = (1920, 1200)
HERE = Path(__file__).parent


class Desktop:
    """One run of QGIS: ``script`` (a path, or a name beside this file) gets ``plan`` and leaves a report. See
    desktop_driver.py."""

    def __init__(
        self, environment: dict[str, str], folder: Path, script: str, screen: tuple[int, int] = SCREEN, **plan: Any
    ) -> None:
        if shutil.which("xvfb-run") is None or shutil.which("qgis") is None:
            pytest.skip("the desktop needs qgis and xvfb-run")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.report_path = folder / f"{Path(script).stem}.report.json"
        self.report_path.unlink(missing_ok=True)
        plan_path = folder / f"{Path(script).stem}.plan.json"
        plan_path.write_text(json.dumps({
            "folder": str(folder), "screenshots": str(SCREENSHOTS), "report": str(self.report_path), **plan,
        }, default=str))
        temporary = folder / "temporary"  # elsewhere than the data: QGIS asks about layers in such a folder
        temporary.mkdir(exist_ok=True)
        width, height = screen
        self.process = subprocess.Popen(
            ["xvfb-run", "-a", "-s", f"-screen 0 {width}x{height}x24", "qgis", "--nologo", "--code",
             str(HERE / "desktop_launch.py")],
            env={**environment, "QT_QPA_PLATFORM": "xcb", "BITSCAPE_DESKTOP_PLAN": str(plan_path),
                 "BITSCAPE_DESKTOP_SCRIPT": str(HERE / script), "BITSCAPE_DESKTOP_DRIVER": str(HERE),
                 "TMPDIR": str(temporary), "LIBGL_ALWAYS_SOFTWARE": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
            errors="replace", start_new_session=True,
        )

    def finish(self, timeout: float = 180) -> dict[str, Any]:
        """Wait for the end; the report. Fails the test where there is none."""
        said = self.wait(timeout)
        assert self.report_path.exists(), said[-3000:]
        return self.report() or {}

    def wait(self, timeout: float = 180) -> str:
        """Wait for the end of QGIS; what it printed."""
        try:
            said, _ = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            pytest.fail(f"the desktop did not finish in time\n{self.process.communicate()[0][-3000:]}")
        return str(said)

    def report(self) -> Optional[dict[str, Any]]:
        """What the script has reported so far; None while it has not."""
        try:
            found: dict[str, Any] = json.loads(self.report_path.read_text())
        except (OSError, ValueError):
            return None
        return found
