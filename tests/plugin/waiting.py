"""Waiting for what Qt, threads and other processes do, as a running QGIS would."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from qgis.PyQt.QtCore import QCoreApplication, QEvent, QEventLoop


def eventually(reached: Callable[[], Any], seconds: float = 15) -> bool:
    """Let events come until the condition holds; whether it does within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        if reached():
            return True
        time.sleep(0.002)
    return False


def spin(seconds: float = 0.05) -> None:
    """Let events come for a time."""
    eventually(lambda: False, seconds)


def is_running(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
