"""Where a model computes: what onnxruntime offers here, chosen by the user, and said before anything runs."""

from __future__ import annotations

from typing import Optional

from qgis.PyQt.QtWidgets import QComboBox, QGridLayout, QLabel, QSizePolicy, QWidget

from ...translation import tr
from ..text import wrapped
from .model_choice import ModelChoice


class ProviderChoice(QWidget):
    """A combo box, and a sentence of what that means."""

    def __init__(self, choice: ModelChoice, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._choice = choice
        self._shown: tuple[str, ...] = ()
        self.box = QComboBox()
        self.box.setAccessibleName(tr("Computes on"))
        self.box.setToolTip(tr("Processor or graphics card: what this computer's onnxruntime offers"))
        self.box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.box.activated.connect(lambda _: choice.set_provider(str(self.box.currentData() or "")))
        self.words = wrapped()
        name = QLabel(tr("Computes on"))
        name.setBuddy(self.box)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        grid.addWidget(name, 0, 0)
        grid.addWidget(self.box, 0, 1)
        grid.addWidget(self.words, 1, 0, 1, 2)
        choice.described.connect(self.refresh)
        choice.tuned.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what there is."""
        info = self._choice.info
        offered = info.providers if info is not None else ()
        keys = tuple(one.key for one in offered)
        if keys != self._shown or self.box.count() == 0:
            self._shown = keys
            self.box.clear()
            self.box.addItem(tr("Automatic"), "")
            for one in offered:
                self.box.addItem(f"{one.title}: {one.about}" if one.about else one.title, one.key)
        found = self.box.findData(self._choice.provider_chosen)
        if found < 0:  # what a project remembers and this computer does not have
            self.box.addItem(tr("{0}: not here").format(self._choice.provider_chosen), self._choice.provider_chosen)
            found = self.box.count() - 1
        self.box.setCurrentIndex(found)
        self.words.setText(runs_on(self._choice))
        self.words.setToolTip(info.machine if info is not None else "")
        self.setVisible(info is not None)


def runs_on(choice: ModelChoice) -> str:
    """One sentence: where it will run, and with how many threads."""
    info = choice.info
    if info is None:
        return ""
    if info.fallback:
        return tr("Runs on {0}. {1}").format(info.provider_used, info.fallback)
    if info.provider_key == "cpu":
        return tr("Runs on the CPU, with 1 thread.") if info.threads == 1 else tr(
            "Runs on the CPU, with {0} threads.").format(info.threads)
    return tr("Runs on {0}.").format(info.provider_used)
