"""The forms of QGIS's Toolbox for one algorithm: filled in, beside the window, never in the way."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication
from qgis.PyQt import sip
from qgis.utils import iface

_OPEN: list[Any] = []
"""Dialogs that are shown: Python keeps them."""


def open_dialog(algorithm: str, parameters: dict[str, Any]) -> bool:
    """The form of one run; whether there is one (QGIS may be without its Processing plugin)."""
    try:
        from processing import createAlgorithmDialog
    except ImportError:
        return False
    return _show(createAlgorithmDialog(algorithm, parameters))


def open_batch(algorithm: str, parameters: dict[str, Any]) -> bool:
    """The form of many runs, its first row filled in; as above."""
    try:
        from processing.gui.BatchAlgorithmDialog import BatchAlgorithmDialog
    except ImportError:
        return False
    found = QgsApplication.processingRegistry().createAlgorithmById(algorithm)
    if found is None:
        return False
    dialog = BatchAlgorithmDialog(found, iface.mainWindow() if iface is not None else None)
    panel = dialog.mainWidget()
    for name, value in parameters.items():
        column = panel.parameter_to_column.get(name)
        wrapper = panel.wrappers[0][column] if column is not None and panel.wrappers else None
        if wrapper is not None:
            if hasattr(wrapper, "setParameterValue"):
                wrapper.setParameterValue(value, panel.processing_context)
            else:
                wrapper.setValue(value)
    return _show(dialog)


def _show(dialog: Any) -> bool:
    if dialog is None:
        return False
    _OPEN[:] = [one for one in _OPEN if not sip.isdeleted(one) and one.isVisible()]
    _OPEN.append(dialog)
    dialog.show()
    dialog.raise_()
    return True
