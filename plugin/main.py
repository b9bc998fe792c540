"""The plugin's life in QGIS: what is added when it starts and taken away when it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from qgis.core import QgsApplication, QgsSettings
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, QLocale, QTranslator
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction, QDockWidget, QLineEdit

from .algorithms.provider import ICON, BitscapeProvider
from .dock.entry import DockEntry

TRANSLATIONS = Path(__file__).resolve().parents[1] / "resources" / "translations"
MENU = "Bitscape"


class BitscapePlugin:
    """Life cycle only. qgis_process calls ``initProcessing`` alone; the desktop calls both."""

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self._provider: Optional[BitscapeProvider] = None
        self._action: Optional[QAction] = None
        self._dock: Optional[DockEntry] = None
        self._translator: Optional[QTranslator] = None

    def initProcessing(self) -> None:
        """Register the algorithms."""
        if self._provider is None:
            self._install_translator()
            provider = BitscapeProvider()
            if QgsApplication.processingRegistry().addProvider(provider):
                self._provider = provider

    def initGui(self) -> None:
        """Register the algorithms and add the dock's button and the menu entries."""
        self.initProcessing()
        self._dock = DockEntry(self._iface, ICON, MENU)
        text = QCoreApplication.translate("Bitscape", "Open the tools in the Processing Toolbox")
        self._action = QAction(QIcon(ICON), text, self._iface.mainWindow())
        self._action.setObjectName("BitscapeOpenTools")
        self._action.triggered.connect(self._open_toolbox)
        self._iface.addPluginToMenu(MENU, self._action)

    def unload(self) -> None:
        """Take everything away again."""
        if self._dock is not None:
            self._dock.close()
            self._dock = None
        if self._action is not None:
            self._iface.removePluginMenu(MENU, self._action)
            self._action.deleteLater()
            self._action = None
        if self._provider is not None:
            if not sip.isdeleted(self._provider):
                QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
        if self._translator is not None:
            QCoreApplication.removeTranslator(self._translator)
            self._translator = None

    def _open_toolbox(self) -> None:
        toolbox = self._iface.mainWindow().findChild(QDockWidget, "ProcessingToolbox")
        if toolbox is None:
            text = "Switch on the plugin Processing: its Toolbox holds the tools."
            text = QCoreApplication.translate("Bitscape", text)
            self._iface.messageBar().pushWarning("Bitscape", text)
            return
        toolbox.show()
        toolbox.raise_()
        search = toolbox.findChild(QLineEdit)
        if search is not None:
            search.setText("bitscape")
            search.setFocus()

    def _install_translator(self) -> None:
        language = QgsSettings().value("locale/userLocale", QLocale().name())
        translator = QTranslator()
        if translator.load(str(TRANSLATIONS / f"bitscape_{language}.qm")) or translator.load(
            str(TRANSLATIONS / f"bitscape_{str(language)[:2]}.qm")
        ):
            QCoreApplication.installTranslator(translator)
            self._translator = translator
