"""How the answer is looked at: score, classes or uncertainty, what is extrapolated, and how see-through it is."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QToolButton,
    QWidget,
)

from ...layers.score_views import CLASSES, SCORE, UNCERTAINTY
from ...translation import tr


class ViewPanel(QWidget):
    """``look_changed`` (view, opacity 0…1); ``extrapolated_toggled``; ``class_shown`` (code), of more than two."""

    look_changed = pyqtSignal(str, float)
    extrapolated_toggled = pyqtSignal(bool)
    class_shown = pyqtSignal(str)

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        views = QHBoxLayout()
        views.setSpacing(0)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QToolButton] = {}
        for view, text, key, tip in (
            (SCORE, tr("Score"), "H", tr("How alike each place is to the labelled ones")),
            (CLASSES, tr("Classes"), "T", tr("The class of each place; with two classes by the threshold")),
            (UNCERTAINTY, tr("Unsure"), "U", tr("Where the model cannot decide: the best places to label")),
        ):
            button = QToolButton()
            button.setText(f"{text} [{key}]")
            button.setCheckable(True)
            button.setToolTip(f"{tip} ({key})")
            button.clicked.connect(lambda _=False, one=view: self.set_view(one))
            self._group.addButton(button)
            self._buttons[view] = button
            views.addWidget(button, 1)
        self._extrapolated = QCheckBox(tr("Hatch what is unlike every label [E]"))
        self._extrapolated.setToolTip(tr(
            "Extrapolated: the pixels are farther from every label, in what the embeddings see, than labels are from "
            "one another. There the score is a guess. (E)"))
        self._extrapolated.toggled.connect(self.extrapolated_toggled)
        self._shown = QComboBox()
        self._shown.setToolTip(tr("The class whose score is drawn"))
        self._shown.setAccessibleName(self._shown.toolTip())
        self._kept = ""
        self._shown.activated.connect(lambda _: self._choose_class())
        self._opacity = QSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(10, 100)
        self._opacity.setValue(75)
        self._opacity.setAccessibleName(tr("Opacity"))
        self._opacity.valueChanged.connect(lambda _: self._tell())
        grid.addLayout(views, 0, 0, 1, 2)
        grid.addWidget(self._shown, 1, 0, 1, 2)
        grid.addWidget(self._extrapolated, 2, 0, 1, 2)
        grid.addWidget(QLabel(tr("Opacity")), 3, 0)
        grid.addWidget(self._opacity, 3, 1)
        self._shown.hide()
        self._buttons[SCORE].setChecked(True)

    @property
    def view(self) -> str:
        """The look that is chosen."""
        return next(view for view, button in self._buttons.items() if button.isChecked())

    @property
    def opacity(self) -> float:
        """0 … 1."""
        return self._opacity.value() / 100

    @property
    def extrapolated(self) -> bool:
        """Whether what is extrapolated is hatched."""
        return self._extrapolated.isChecked()

    def set_view(self, view: str) -> None:
        """Choose a look."""
        self._buttons[view].setChecked(True)
        self._tell()

    def set_opacity(self, opacity: float) -> None:
        """Choose an opacity, 0 … 1."""
        self._opacity.setValue(round(100 * opacity))

    def set_extrapolated(self, on: bool) -> None:
        """Hatch what is extrapolated, or not."""
        self._extrapolated.setChecked(on)

    def set_classes(self, classes: list[tuple[str, str]]) -> None:
        """The classes (code, name) whose score can be drawn; of two there is only one score."""
        self._shown.clear()
        for code, name in classes:
            self._shown.addItem(tr("Score of {0}").format(name), code)
        self._shown.setCurrentIndex(max(0, self._shown.findData(self._kept)))
        self._shown.setVisible(len(classes) > 2)

    def _choose_class(self) -> None:
        """The choice stays while there is no model for a moment."""
        self._kept = str(self._shown.currentData())
        self.class_shown.emit(self._kept)

    def _tell(self) -> None:
        self.look_changed.emit(self.view, self.opacity)
