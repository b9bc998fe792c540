"""The sample one interprets: drawn, opened or dropped; the map that it judges; and who interprets."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Optional

from qgis.core import QgsProject
from qgis.PyQt.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...translation import tr
from ..map_chooser import MapChooser
from ..text import wrapped
from .sample_form import GPKG, SampleForm
from .validation import Validation


class SamplePanel(QWidget):
    """What there is, and the ways to get it."""

    def __init__(self, validation: Validation, project: QgsProject, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._validation = validation
        self.state = wrapped(rich=True)
        self.draw, self.open = QPushButton(tr("Draw a sample…")), QPushButton(tr("Open a sample…"))
        self.draw.setToolTip(tr("Random points on a class map, so that its error and its areas can be told"))
        self.open.setToolTip(tr("A sample that was drawn before (.gpkg); it can be dropped here too"))
        self.draw.setCheckable(True)
        self.maps = MapChooser(project)
        self.name = QLineEdit(validation.interpreter)
        self.name.setPlaceholderText(tr("your name"))
        self.name.setAccessibleName(tr("Interpreter"))
        self.name.setToolTip(tr("Who interprets: the name goes with every answer, and everyone has their own progress"))
        self.form = SampleForm(project)
        self.form.hide()
        self._lay_out()
        self.draw.toggled.connect(self.form.setVisible)
        self.open.clicked.connect(lambda: self._choose())
        self.maps.chosen.connect(self._on_map)
        self.form.drawn.connect(self._on_drawn)
        self.form.dismissed.connect(lambda: self.draw.setChecked(False))
        self.name.editingFinished.connect(self._on_name)
        validation.sample_changed.connect(self._say)
        validation.interpreter_changed.connect(lambda: self.name.setText(validation.interpreter))
        self._on_map(self.maps.path)
        self._say()

    def take(self, path: Path) -> None:
        """Open a sample."""
        self._validation.open(path)

    def set_serving(self, on: bool) -> None:
        """While points are asked there is nothing to choose here."""
        self._choices.setVisible(not on)

    def stop(self) -> None:
        """Before the dock goes."""
        self.form.stop()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.draw)
        buttons.addWidget(self.open)
        buttons.addStretch(1)
        grid = QGridLayout()
        for row, (text, widget) in enumerate(((tr("Map"), self.maps), (tr("Interpreter"), self.name))):
            label = QLabel(text)
            label.setBuddy(widget)
            grid.addWidget(label, row, 0)
            grid.addWidget(widget, row, 1)
        grid.setColumnStretch(1, 1)
        self._choices = QWidget()
        inside = QVBoxLayout(self._choices)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addLayout(buttons)
        inside.addLayout(grid)
        inside.addWidget(self.form)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.state)
        layout.addWidget(self._choices)

    def _choose(self) -> None:
        sample, map_path = self._validation.sample, self.maps.path
        near = sample.path.parent if sample is not None else map_path.parent if map_path is not None else None
        path, _ = QFileDialog.getOpenFileName(self, tr("Open a sample"), str(near or ""), GPKG)
        if path:
            self.take(Path(path))

    def _on_map(self, path: Optional[Path]) -> None:
        self.form.set_map(path)
        self._validation.set_map(path)

    def _on_drawn(self, path: Path) -> None:
        if self._validation.open(path):
            self.draw.setChecked(False)

    def _on_name(self) -> None:
        if not self._validation.set_interpreter(self.name.text()):
            self.name.setText(self._validation.interpreter)

    def _say(self) -> None:
        sample = self._validation.sample
        if sample is None:
            self.state.setText(tr(
                "No sample yet. Draw random points on the class map, or open or drop a sample: what you see there in "
                "the imagery says how good the map is, and corrects its areas."))
            return
        self.maps.pin()  # a newer map is not the one that this sample was drawn for
        crs = sample.crs.authid() if sample.crs.isValid() else tr("no CRS")
        parts = [tr("{0} points").format(sample.count), sample.design, crs]
        self.state.setText(f"<b>{escape(sample.path.name)}</b><br>" + escape(" · ".join(one for one in parts if one)))
