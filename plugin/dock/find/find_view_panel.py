"""What is shown of the answer, how exemplars are combined, how many places, and of which years."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from qgis.PyQt.QtCore import QEvent, QObject, Qt
from qgis.PyQt.QtGui import QStandardItemModel
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QWidget,
)

from ...translation import tr
from .find_loop import FindLoop
from .question import (
    FOLDS,
    GRADIENT,
    HEAT,
    MEAN,
    MOST,
    OUTLIER,
    SURPRISE,
    THRESHOLD,
    TOP,
    TYPICAL,
    UNAIDED,
)
from .search import Search


class FindViewPanel(QWidget):
    """Whatever is chosen is asked at once; what cannot be asked now is grey, and its tooltip says why."""

    def __init__(self, search: Search, loop: FindLoop, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._search, self._loop = search, loop
        self._years: tuple[int, ...] = ()
        self.view, self.combine = QComboBox(), QComboBox()
        for view, text, tip in (
            (TOP, tr("Most similar"), tr("The k places that are most like the exemplars (K)")),
            (HEAT, tr("Heat map"), tr("How similar each place is, by rank (H)")),
            (THRESHOLD, tr("Threshold"), tr("All places up to a score that you drag (T)")),
            (OUTLIER, tr("Outliers"), tr("The places that are most unlike all others; needs no exemplar")),
            (SURPRISE, tr("Unlike neighbours"), tr(
                "The places that are most unlike the ground around them; needs no exemplar")),
            (GRADIENT, tr("Edges"), tr("Where the similarity changes from one place to the next")),
            (TYPICAL, tr("Typical places"), tr("The code that most places agree on, and what is like it")),
        ):
            self.view.addItem(text, view)
            self.view.setItemData(self.view.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        for how, text, tip in (
            (MEAN, tr("On average"), tr("Like the exemplars on average")),
            (FOLDS[0], tr("AND"), tr("Bits that all positive exemplars have; two or more")),
            (FOLDS[1], tr("OR"), tr("Bits that any positive exemplar has; two or more")),
            (FOLDS[2], tr("XOR"), tr("Bits in which positive exemplars differ; two or more")),
        ):
            self.combine.addItem(text, how)
            self.combine.setItemData(self.combine.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.invert = QCheckBox(tr("NOT"))
        self.invert.setToolTip(tr("The other way round: the places that are least like the exemplars"))
        self.count = QSpinBox()
        self.count.setRange(1, MOST)
        self.count.setKeyboardTracking(False)
        self.count.setToolTip(tr("How many places are listed"))
        self.count.setAccessibleName(self.count.toolTip())
        self.years = QToolButton()
        self.years.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.years.setToolTip(tr("Of which years places are searched"))
        self.years.setMenu(QMenu(self.years))
        labels = {text: QLabel(text) for text in (tr("&Show"), tr("&Combine"), tr("Places"), tr("Years"))}
        show, combine, places, years = labels.values()
        show.setBuddy(self.view)
        combine.setBuddy(self.combine)
        self._years_label = years
        for widget in (self.view, self.combine, self.count):
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.installEventFilter(self)
        for box in (self.view, self.combine):
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.count.setFixedWidth(self.count.fontMetrics().horizontalAdvance("10000") + 34)
        self.view.setAccessibleName(tr("View"))
        self.combine.setAccessibleName(tr("How exemplars are combined"))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        for row, widgets in enumerate(((show, self.view, places, self.count),
                                       (combine, self.combine, self.invert, self.years))):
            for column, widget in enumerate(widgets):
                grid.addWidget(widget, row, column)
        grid.addWidget(years, 2, 0)
        years.hide()
        grid.setColumnStretch(1, 1)
        self.view.activated.connect(lambda _: search.ask(view=self.view.currentData()))
        self.combine.activated.connect(lambda _: search.ask(combine=self.combine.currentData()))
        self.invert.toggled.connect(lambda on: search.ask(invert=on))
        self.count.valueChanged.connect(lambda value: search.ask(k=value))
        for signal in (search.question_changed, search.exemplars_changed, search.store_changed):
            signal.connect(self._show)
        loop.answered.connect(self._on_answer)
        self._show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the wheel scroll the dock, unless the widget was clicked first."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))

    def _show(self) -> None:
        search, question = self._search, self._search.question
        for box, value in ((self.view, question.view), (self.combine, question.combine)):
            box.setCurrentIndex(box.findData(value))
        for widget, value in ((self.invert, question.invert), (self.count, question.k)):
            widget.blockSignals(True)
            (widget.setChecked if widget is self.invert else widget.setValue)(value)
            widget.blockSignals(False)
        aided = question.view not in UNAIDED
        binary = self._loop.about is None or self._loop.about["kind"] == "binary"
        folds = search.count(True) > 1 and binary
        model = self.combine.model()
        if isinstance(model, QStandardItemModel):
            for row in range(1, self.combine.count()):
                model.item(row).setEnabled(folds)
        self.combine.setEnabled(aided)
        self.combine.setToolTip(
            tr("This view needs no exemplars") if not aided else
            tr("AND, OR and XOR work on bits; this store holds numbers") if not binary else
            tr("How exemplars are combined") if folds else tr("AND, OR and XOR need two positive exemplars"))
        self.invert.setEnabled(aided)
        self.setEnabled(bool(search.store))
        self._fill_years()

    def _on_answer(self, answer: Mapping[str, Any]) -> None:
        years = tuple(answer["about"]["years"]) if answer else ()
        if years != self._years:
            self._years = years
        self._show()

    def _fill_years(self) -> None:
        chosen = self._search.question.years
        if not self.years.menu().isVisible():
            menu = self.years.menu()
            menu.clear()
            for year in self._years:
                action = menu.addAction(str(year))
                action.setCheckable(True)
                action.setChecked(year in chosen or not chosen)
                action.toggled.connect(lambda on, one=year: self._choose_year(one, on))
        self.years.setText(tr("All years") if not chosen else ", ".join(str(year) for year in chosen))
        self.years.setVisible(len(self._years) > 1)
        self.years.setAccessibleName(tr("Years: {0}").format(self.years.text()))

    def _choose_year(self, year: int, on: bool) -> None:
        chosen = set(self._search.question.years or self._years)
        chosen = chosen | {year} if on else chosen - {year}
        every = not chosen or chosen == set(self._years)
        self._search.ask(years=() if every else tuple(sorted(chosen)), threshold=None)
