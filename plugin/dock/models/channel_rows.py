"""What each channel of a model is: the name of its band, and the mean and spread it was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from qgis.PyQt.QtCore import QLocale, pyqtSignal
from qgis.PyQt.QtGui import QDoubleValidator
from qgis.PyQt.QtWidgets import QComboBox, QHeaderView, QLineEdit, QSizePolicy, QTableWidget, QWidget

from ...translation import tr

USUAL = ("red", "green", "blue", "nir", "swir1", "swir2", "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A",
         "B09", "B10", "B11", "B12", "VV", "VH", "elevation")
ROWS = 6
FIXED = "computed"


class ChannelRows(QTableWidget):
    """A row a channel. ``edited`` when something was typed."""

    edited = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(0, 3, parent)
        self.setHorizontalHeaderLabels([tr("Band"), tr("Mean"), tr("Spread")])
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, 72)
        self.setTabKeyNavigation(False)
        self.setMinimumWidth(0)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Channels of the model"))
        self.horizontalHeaderItem(0).setToolTip(
            tr("What the channel is: B02, red, nir …; bands of rasters are found by it"))
        self.horizontalHeaderItem(1).setToolTip(tr("Subtracted after scaling; empty: 0"))
        self.horizontalHeaderItem(2).setToolTip(tr("Divided by after scaling (standard deviation); empty: 1"))

    def show_channels(
        self, count: int, bands: Sequence[str], indices: Sequence[str], mean: Sequence[float], std: Sequence[float]
    ) -> None:
        """``count`` rows; the last ones are computed ``indices``, which have no band of their own."""
        self.blockSignals(True)
        self.setRowCount(count)
        for row in range(count):
            place = row - (count - len(indices))
            box = QComboBox()
            box.setEditable(True)
            box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
            box.addItems(USUAL)
            box.setEditText(indices[place] if place >= 0 else bands[row] if row < len(bands) else "")
            box.lineEdit().setPlaceholderText(tr("such as red or B04"))
            box.setEnabled(place < 0)
            box.setProperty(FIXED, place >= 0)
            box.setAccessibleName(tr("Band of channel {0}").format(row + 1))
            box.editTextChanged.connect(lambda _: self.edited.emit())
            self.setCellWidget(row, 0, box)
            for column, numbers in ((1, mean), (2, std)):
                line = QLineEdit(_text_at(numbers, row))
                validator = QDoubleValidator(line)
                validator.setLocale(QLocale.c())
                line.setValidator(validator)
                line.setFrame(False)
                line.setPlaceholderText("0" if column == 1 else "1")
                name = tr("Mean of channel {0}") if column == 1 else tr("Spread of channel {0}")
                line.setAccessibleName(name.format(row + 1))
                line.textEdited.connect(lambda _: self.edited.emit())
                self.setCellWidget(row, column, line)
        self.blockSignals(False)
        height = self.horizontalHeader().sizeHint().height() + 4
        self.setFixedHeight(height + sum(self.rowHeight(row) for row in range(min(ROWS, count))))

    def bands(self) -> list[str]:
        """The names, without computed channels; empty if not all are given."""
        boxes = [self.cellWidget(row, 0) for row in range(self.rowCount())]
        names = [box.currentText().strip() for box in boxes if not box.property(FIXED)]
        return names if all(names) else []

    def numbers(self, column: int) -> list[float]:
        """Means (1) or spreads (2), one a channel; empty if none is given."""
        texts = [self.cellWidget(row, column).text().strip() for row in range(self.rowCount())]
        if not any(texts):
            return []
        return [float(text) if text else float(column == 2) for text in texts]


def _text_at(numbers: Sequence[float], row: int) -> str:
    if not numbers:
        return ""
    if len(numbers) == 1:
        return f"{numbers[0]:.10g}"
    return f"{numbers[row]:.10g}" if row < len(numbers) else ""
