"""Pick a model: of the plugin, used lately, or any ONNX file; its card below; and the form for what it does not say."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Optional

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ...translation import tr
from ..run_status import failed, size
from ..text import wrapped
from . import model_files
from .card_form import CardForm
from .model_card import ModelCard
from .model_choice import ModelChoice
from .model_facts import facts, type_words

KINDS = "ONNX (*.onnx)"


class ModelPanel(QWidget):
    """What the model is, and the ways to choose one."""

    def __init__(self, choice: ModelChoice, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._choice = choice
        self._saved = ""
        self._asked_for: Optional[Path] = None
        self._build()
        choice.described.connect(self._say)
        choice.card_saved.connect(self._on_saved)
        self.refresh()
        self._say()

    def refresh(self) -> None:
        """Look again which models there are."""
        wanted = self._choice.model
        self.models.blockSignals(True)
        self.models.clear()
        self.models.addItem(tr("Choose a model…"), "")
        self._add(model_files.shipped(), tr("{0} (comes with Bitscape)"))
        self._add(model_files.recent(), "{0}")
        if wanted is not None and self.models.findData(str(wanted)) < 0:
            self.models.addItem(wanted.stem, str(wanted))
        self.models.setCurrentIndex(max(0, self.models.findData(str(wanted)) if wanted is not None else 0))
        self.models.blockSignals(False)

    def take(self, path: Path) -> None:
        """Use a model that was dropped or chosen."""
        self._saved = ""
        self.form.hide()
        self._choice.set_model(path.absolute())
        self.refresh()

    def edit_card(self, on: bool = True) -> None:
        """Show the form, or hide it."""
        info = self._choice.info
        if on and info is not None:
            self.form.show_card(info.card, info.channel_count, info.heads, info.asked, info.tile_fixed)
        self.form.setVisible(on and info is not None)
        self.edit.setChecked(self.form.isVisibleTo(self))

    # Inside

    def _build(self) -> None:
        self.models = QComboBox()
        self.models.setAccessibleName(tr("Model"))
        self.models.setToolTip(tr("Models that come with Bitscape, and those used lately; or drop an .onnx file here"))
        self.models.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.models.activated.connect(self._on_activated)
        self.browse = QPushButton(tr("Browse…"))
        self.browse.setToolTip(tr("Any ONNX model on this computer"))
        self.browse.clicked.connect(lambda: self._on_browse())
        self.state = wrapped(rich=True)
        self.card = ModelCard()
        self.edit = QToolButton()
        self.edit.setText(tr("Edit the card"))
        self.edit.setCheckable(True)
        self.edit.setToolTip(tr("Correct or complete what is known of the model; kept in a small file beside it"))
        self.edit.clicked.connect(lambda on: self.edit_card(on))
        self.form = CardForm()
        self.form.wanted.connect(self._on_wanted)
        self.form.dismissed.connect(lambda: self.edit_card(False))
        self.form.hide()
        self.more = QToolButton()
        self.more.setText(tr("More about it"))
        self.more.setCheckable(True)
        self.more.setArrowType(Qt.ArrowType.RightArrow)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setAutoRaise(True)
        self.more.setToolTip(tr("All figures, scaling, training data, licence, attribution"))
        self.more.toggled.connect(self._on_more)
        row, under = QHBoxLayout(), QHBoxLayout()
        row.addWidget(self.models, 1)
        row.addWidget(self.browse)
        under.addWidget(self.more)
        under.addStretch(1)
        under.addWidget(self.edit)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.state)
        layout.addWidget(self.card)
        layout.addLayout(under)
        layout.addWidget(self.form)

    def _add(self, paths: list[Path], pattern: str) -> None:
        for path in paths:
            self.models.addItem(pattern.format(path.stem), str(path))
            self.models.setItemData(self.models.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)

    def _on_activated(self, _: int) -> None:
        path = str(self.models.currentData() or "")
        self._saved = ""
        self.form.hide()
        self._choice.set_model(Path(path) if path else None)

    def _on_browse(self) -> None:
        near = self._choice.model.parent if self._choice.model is not None else model_files.SHIPPED
        path, _ = QFileDialog.getOpenFileName(self, tr("Choose a model"), str(near), KINDS)
        if path:
            self.take(Path(path))

    def _on_wanted(self, fields: dict[str, Any]) -> None:
        self.form.setEnabled(False)
        self._choice.save_card(fields)

    def _on_saved(self, path: str) -> None:
        self._saved = path
        self.edit_card(False)

    def _on_more(self, on: bool) -> None:
        self.more.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._say()

    def _say(self) -> None:
        choice, info = self._choice, self._choice.info
        self.form.setEnabled(True)
        self.card.setVisible(info is not None)
        for button in (self.edit, self.more):
            button.setVisible(info is not None)
        if choice.model is None:
            text = tr("No model yet. Choose one, or drop an ONNX file here: it runs over any raster, piece by piece, "
                      "and first shows what it would find in the part of the map you see.")
            self.edit_card(False)
        elif choice.failure and info is None:
            text = failed(choice.failure)
        elif info is None:
            text = escape(tr("Looking at {0}…").format(choice.model.name))
        else:
            text = self._sentence()
            self.card.show_facts(facts(info.card, info.sources, info.channels, self.more.isChecked()))
            if info.asked and self._asked_for != choice.model:
                self._asked_for = choice.model  # once: a form that was closed stays closed
                self.edit_card(True)
        self.state.setText(text)

    def _sentence(self) -> str:
        info = self._choice.info
        assert info is not None and self._choice.model is not None
        name = info.card.get("name") or self._choice.model.stem
        parts = [type_words(info.model_type), size(info.bytes)]
        if info.parameters and self.more.isChecked():
            parts.append(tr("{0} parameters ({1})").format(_count(info.parameters), info.precision))
        lines = [f"<b>{escape(name)}</b><br>{escape(' · '.join(parts))}"]
        if info.card.get("description"):
            lines.append(escape(info.card["description"]))
        lines += [failed(problem) for problem in info.card_problems]
        lines += [f"<small>{escape(note)}</small>" for note in info.card_notes]
        if self._saved:
            lines.append("<small>" + escape(tr("Kept in {0}; it will not be asked again.").format(
                Path(self._saved).name)) + "</small>")
        elif info.asked:
            text = tr("The model does not say: {0}. Fill it in below; what is not known is assumed.")
            lines.append(failed(text.format(", ".join(asked_words(one) for one in info.asked))))
        return "<br>".join(lines)


def asked_words(field: str) -> str:
    """A field of a card in words."""
    return {
        "model_type": tr("its type"), "heads": tr("the names of its classes"), "bands": tr("which bands it takes"),
        "scale": tr("how values are scaled"), "resolution": tr("its resolution"),
        "det_type": tr("the kind of detector"),
    }.get(field, field)


def _count(number: int) -> str:
    for unit, name in ((1e9, tr("{0:.3g} billion")), (1e6, tr("{0:.3g} million")), (1e3, tr("{0:.3g} thousand"))):
        if number >= unit:
            return name.format(number / unit)
    return str(number)
