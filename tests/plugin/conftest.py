"""Fixtures of the plugin's tests: QGIS without a window, and the backend's Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bitscape.plugin.backend.environment import find_python
from bitscape.processing.errors import BackendError
from qgis.core import QgsApplication, QgsProject, QgsSettings
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QSettings

ROOT = Path(__file__).resolve().parents[2]

@pytest.fixture(scope="session", autouse=True)
def qgis_application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QgsApplication]:
    """One QgsApplication for all tests, with a profile and settings of its own."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    profile = str(tmp_path_factory.mktemp("profile"))
    QCoreApplication.setOrganizationName("QGIS")
    QCoreApplication.setApplicationName("Bitscape tests")
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, profile)
    application = QgsApplication([], True, profile)
    assert QgsSettings().fileName().startswith(profile), "the tests would change the user's settings"
    application.initQgis()
    yield application
    application.exitQgis()


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def backend_python() -> Path:
    """The Python that the checkout, or BITSCAPE_PYTHON, gives the backend."""
    try:
        return find_python("", os.environ, ROOT, ROOT / "nowhere")
    except BackendError as error:
        pytest.fail(error.message)


@pytest.fixture
def project(qgis_application: QgsApplication) -> Iterator[QgsProject]:
    """QGIS's one project, empty before and after."""
    instance = QgsProject.instance()
    instance.clear()
    yield instance
    instance.clear()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
