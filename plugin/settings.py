"""Every setting of Bitscape in one table; they are edited on Processing's own options page (Providers → Bitscape)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QT_TRANSLATE_NOOP, QCoreApplication
from qgis.PyQt.QtGui import QIcon

Value = Union[str, int]

GROUP = "Bitscape"
PREFIX = "Processing/Configuration/"


@dataclass(frozen=True)
class Setting:
    """One setting: its key, its default (whose type is the setting's), and the words beside it."""

    key: str
    default: Value
    label: str
    is_file: bool = False


BACKEND_PYTHON = Setting(
    "BITSCAPE_BACKEND_PYTHON", "",
    QT_TRANSLATE_NOOP("Bitscape", "Python of the backend (empty: found by itself)"), is_file=True,
)
THREADS = Setting(
    "BITSCAPE_THREADS", 0,
    QT_TRANSLATE_NOOP("Bitscape", "Threads of the backend (0: one for each core)"),
)
SCHEDULER = Setting(
    "BITSCAPE_SCHEDULER", "",
    QT_TRANSLATE_NOOP("Bitscape", "Address of a dask scheduler (empty: this computer)"),
)

SETTINGS = (BACKEND_PYTHON, THREADS, SCHEDULER)


def read(setting: Setting) -> Value:
    """The setting's value, of the type of its default; a value that does not fit is the default."""
    value = QgsSettings().value(PREFIX + setting.key, setting.default)
    try:
        return type(setting.default)(value)
    except (TypeError, ValueError):
        return setting.default


def threads() -> int:
    """Threads the backend may use; 0: one for each core."""
    return max(0, int(read(THREADS)))


def scheduler() -> str:
    """The address of the dask scheduler, or ""."""
    return str(read(SCHEDULER)).strip()


def write(setting: Setting, value: Value) -> None:
    """Keep a value."""
    QgsSettings().setValue(PREFIX + setting.key, type(setting.default)(value))


def add_to_options(icon: QIcon) -> None:
    """Show the settings on Processing's options page."""
    try:
        from processing.core.ProcessingConfig import ProcessingConfig
        from processing.core.ProcessingConfig import Setting as Row
    except ImportError:  # QGIS without its Processing plugin: the settings work all the same
        return
    ProcessingConfig.settingIcons[GROUP] = icon
    for setting in SETTINGS:
        kind = Row.FILE if setting.is_file else Row.INT if isinstance(setting.default, int) else Row.STRING
        label = QCoreApplication.translate("Bitscape", setting.label)
        ProcessingConfig.addSetting(Row(GROUP, setting.key, label, setting.default, valuetype=kind))
    ProcessingConfig.readSettings()


def remove_from_options() -> None:
    """Take the settings off Processing's options page; their values stay."""
    try:
        from processing.core.ProcessingConfig import ProcessingConfig
    except ImportError:
        return
    for setting in SETTINGS:
        ProcessingConfig.removeSetting(setting.key)
    ProcessingConfig.settingIcons.pop(GROUP, None)
