"""How one comes to the dock: a button and a menu entry, or a project that holds a labelling session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from qgis.core import QgsProject
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from ..layers.live_layers import clean_project
from .project_entry import ProjectEntry

if TYPE_CHECKING:
    from .dock import BitscapeDock


class DockEntry:
    """The action that shows and hides the dock. The dock, and its backend, are made when they are first needed."""

    def __init__(self, iface: Any, icon: str, menu: str) -> None:
        self._iface, self._menu = iface, menu
        self.dock: Optional[BitscapeDock] = None
        self.action = QAction(QIcon(icon), QCoreApplication.translate("Bitscape", "Bitscape: label and map"),
                              iface.mainWindow())
        self.action.setObjectName("BitscapeShowDock")
        self.action.setCheckable(True)
        self.action.triggered.connect(self.show)
        iface.addPluginToMenu(menu, self.action)
        iface.addToolBarIcon(self.action)
        QgsProject.instance().readProject.connect(self._on_project)
        QCoreApplication.instance().aboutToQuit.connect(self._end)
        self._on_project()

    def show(self, on: bool = True) -> None:
        """Show the dock, or hide it."""
        dock = self._made()
        dock.setUserVisible(on)

    def close(self) -> None:
        """Take action and dock away. A plugin that is switched on again finds its session in the project."""
        if self.dock is not None and not sip.isdeleted(self.dock):
            with clean_project():
                self.dock.remember()
        QgsProject.instance().readProject.disconnect(self._on_project)
        QCoreApplication.instance().aboutToQuit.disconnect(self._end)
        self._end()
        self._iface.removePluginMenu(self._menu, self.action)
        self._iface.removeToolBarIcon(self.action)
        self.action.deleteLater()

    def _made(self) -> BitscapeDock:
        if self.dock is None:
            from .dock import BitscapeDock  # all panels: not before they are wanted

            self.dock = BitscapeDock(self._iface)
            self._iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
            self.dock.visibilityChanged.connect(self.action.setChecked)
        return self.dock

    def _on_project(self, *_: Any) -> None:
        """A project with a session brings the dock with it; the dock itself takes up later ones."""
        if self.dock is None and ProjectEntry.read(QgsProject.instance()) is not None:
            self.show()

    def _end(self) -> None:
        if self.dock is not None and not sip.isdeleted(self.dock):
            self.dock.visibilityChanged.disconnect(self.action.setChecked)
            self.dock.close_session()
            self._iface.removeDockWidget(self.dock)
            self.dock.deleteLater()
        self.dock = None
