"""The form for what a model does not say of itself. What is filled in is kept beside the model and not asked again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ...translation import tr
from ..run_status import failed
from ..text import wrapped
from .channel_rows import ChannelRows
from .class_rows import ClassRows
from .model_facts import type_words

TYPES = ("Segmentor", "Regressor", "Detector", "Superresolution", "Recognition")
DETECTORS = ("YOLO_v5_or_v7_default", "YOLO_v6", "YOLO_v9", "YOLO_Ultralytics", "YOLO_Ultralytics_segmentation",
             "YOLO_Ultralytics_obb")
SCALES = ((1.0, "1"), (255.0, "255"), (10000.0, "10000"))
TEXTS = ("training_data", "licence", "attribution")


class CardForm(QWidget):
    """``wanted`` (fields of a card): the user agreed to them. ``dismissed``: not now."""

    wanted = pyqtSignal(dict)
    dismissed = pyqtSignal()

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self._card: Mapping[str, Any] = {}
        self._asked: set[str] = set()
        self._before: dict[str, Any] = {}
        self._heads: list[tuple[QLabel, QComboBox, ClassRows]] = []
        self._build()

    def show_card(
        self, card: Mapping[str, Any], channels: int, heads: Sequence[Mapping[str, Any]], asked: Sequence[str],
        tile_fixed: bool = False,
    ) -> None:
        """Show what is known. ``channels``: how many the model takes; ``heads``: its outputs (name, classes,
        activation) as they are seen; ``asked``: fields that nothing says, which saving settles too; ``tile_fixed``:
        the model takes windows of one size only."""
        self._card, self._asked = card, set(asked)
        self.kind.setCurrentIndex(max(0, self.kind.findData(card.get("model_type") or TYPES[0])))
        self.detector.setCurrentIndex(max(0, self.detector.findData(card.get("det_type"))))
        self._show_heads(heads)
        self.channels.show_channels(
            channels, card.get("bands") or [], [one["name"] for one in card.get("indices") or []],
            card["mean"] if any(card.get("mean") or ()) else [],
            card["std"] if any(one != 1 for one in card.get("std") or ()) else [])
        self.scale.setEditText(f"{card.get('scale', 255.0):.10g}")
        self.offset.setValue(card.get("offset") or 0)
        self.resolution.setValue(card.get("resolution") or 0)
        self.tile.setValue(card.get("tile_size") or 0)
        self.tile.setEnabled(not tile_fixed)
        self.overlap.setValue(-1 if card.get("overlap") is None else card["overlap"])
        self.threshold.setValue(card.get("threshold", 0.5))
        self.sieve.setValue(card.get("small_segment") or 0)
        self.factor.setValue(card.get("reg_output_scaling", 1.0))
        self.confidence.setValue(card.get("det_conf", 0.5))
        self.overlapping.setValue(card.get("det_iou_thresh", 0.5))
        for name, line in self.texts.items():
            line.setText((card.get(name) or "").replace("\n", " "))
        self._before = self._fields()
        self.problem.hide()
        self._show_for_type()

    def values(self) -> dict[str, Any]:
        """The fields that were changed or asked for, as a card has them. Raises ValueError in words."""
        now = self._fields()
        names = self.channels.bands()
        wanted = {name: value for name, value in now.items() if name in self._asked or value != self._before.get(name)}
        if "bands" in wanted and not names:
            if any(self.channels.cellWidget(row, 0).currentText().strip() for row in range(self.channels.rowCount())):
                raise ValueError(tr("Name the band of every channel, or of none."))
            wanted.pop("bands")
        if any(value <= 0 for value in now["std"]):
            raise ValueError(tr("A spread is above 0."))
        return wanted

    # Inside

    def _fields(self) -> dict[str, Any]:
        kind = self.kind.currentData()
        fields: dict[str, Any] = {
            "model_type": kind, "bands": self.channels.bands(), "mean": self.channels.numbers(1),
            "std": self.channels.numbers(2), "scale": self._scale(), "offset": self.offset.value(),
            "resolution": self.resolution.value() or None, "tile_size": self.tile.value(),
            "overlap": None if self.overlap.value() < 0 else self.overlap.value(),
            **{name: line.text().strip() for name, line in self.texts.items()},
        }
        fields["heads"] = [
            {"name": label.property("head"), "classes": rows.classes(), "activation": box.currentData() or None}
            for label, box, rows in self._heads]
        if kind == "Segmentor":
            fields.update(threshold=self.threshold.value(), small_segment=self.sieve.value())
        elif kind == "Regressor":
            fields["reg_output_scaling"] = self.factor.value()
        elif kind == "Detector":
            fields.update(det_type=self.detector.currentData(), det_conf=self.confidence.value(),
                          det_iou_thresh=self.overlapping.value())
        return fields

    def _scale(self) -> float:
        try:
            value = float(self.scale.currentText().replace(",", "."))
        except ValueError:
            return 0.0
        return value

    def _build(self) -> None:
        self.kind = _choice(tr("Type of the model"), [(type_words(one), one) for one in TYPES])
        self.kind.currentIndexChanged.connect(self._show_for_type)
        self.detector = _choice(tr("Kind of detector"), [(one.replace("_", " "), one) for one in DETECTORS])
        self.channels = ChannelRows()
        self.scale = QComboBox()
        self.scale.setEditable(True)
        self.scale.addItems([text for _, text in SCALES])
        self.scale.setToolTip(tr("Pixel values are divided by this: 255 for pictures of bytes, 10000 for reflectance "
                                 "as Sentinel-2 has it, 1 for values as they are"))
        self.scale.setAccessibleName(tr("Divide values by"))
        self.offset = _number(-1e6, 1e6, 4, tr("Added after dividing"))
        self.resolution = _number(
            0, 1e5, 3, tr("Metres a pixel the model was trained at; others are resampled"), tr(" m"))
        self.resolution.setSpecialValueText(tr("that of the raster"))
        self.tile, self.overlap, self.sieve = QSpinBox(), QSpinBox(), QSpinBox()
        self.tile.setRange(0, 8192)
        self.tile.setSpecialValueText(tr("as the model takes"))
        self.overlap.setRange(-1, 4096)
        self.overlap.setSpecialValueText(tr("15 % of the window"))
        self.sieve.setRange(0, 999)
        self.sieve.setSpecialValueText(tr("none"))
        for box, name, tip in (
            (self.tile, tr("Window"), tr("Side of a window in pixels of the model")),
            (self.overlap, tr("Overlap"), tr("Pixels that neighbouring windows share")),
            (self.sieve, tr("Smoothing"), tr("Size of a median filter over the classes, in pixels")),
        ):
            box.setSuffix(tr(" px"))
            box.setAccessibleName(name)
            box.setToolTip(tip)
        self.threshold = _number(0, 1, 2, tr("Of models that answer yes or no: yes from here on"))
        self.factor = _number(-1e9, 1e9, 6, tr("Multiplies the numbers that come out"))
        self.confidence = _number(0, 1, 2, tr("Less sure objects are left out"))
        self.overlapping = _number(0, 1, 2, tr("Of boxes that overlap more than this the surer one is kept"))
        self.texts = {name: QLineEdit() for name in TEXTS}
        for name, line in self.texts.items():
            line.setAccessibleName(self._title(name))
        self.problem = wrapped(rich=True)
        self.save, self.leave = QPushButton(tr("Save beside the model")), QPushButton(tr("Not now"))
        self.save.setToolTip(tr("Writes a card beside the model, or, where that cannot be, in your profile; it is not "
                                "asked again"))
        self.save.clicked.connect(self._on_save)
        self.leave.clicked.connect(self.dismissed)
        self._lay_out()

    def _lay_out(self) -> None:
        self._outputs = QVBoxLayout()
        self._outputs.setSpacing(4)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        self._rows: list[tuple[QLabel, QWidget, tuple[str, ...]]] = []
        for text, widget, types in (
            (tr("It finds"), self.kind, ()), (tr("Output is of"), self.detector, ("Detector",)),
            (tr("Divide values by"), self.scale, ()), (tr("Then add"), self.offset, ()),
            (tr("Resolution"), self.resolution, ()), (tr("Window"), self.tile, ()), (tr("Overlap"), self.overlap, ()),
            (tr("Threshold"), self.threshold, ("Segmentor",)), (tr("Smoothing"), self.sieve, ("Segmentor",)),
            (tr("Multiply by"), self.factor, ("Regressor",)), (tr("Confidence"), self.confidence, ("Detector",)),
            (tr("Overlapping"), self.overlapping, ("Detector",)),
            *((self._title(name), line, ()) for name, line in self.texts.items()),
        ):
            label = QLabel(text)
            label.setBuddy(widget)
            widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            row = len(self._rows)
            grid.addWidget(label, row, 0)
            grid.addWidget(widget, row, 1)
            self._rows.append((label, widget, types))
        buttons = QHBoxLayout()
        buttons.addWidget(self.save, 1)
        buttons.addWidget(self.leave)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(wrapped(tr("Channels, in the order in which the model takes them")))
        layout.addWidget(self.channels)
        layout.addLayout(self._outputs)
        layout.addLayout(grid)
        layout.addWidget(self.problem)
        layout.addLayout(buttons)

    @staticmethod
    def _title(name: str) -> str:
        return {"training_data": tr("Trained on"), "licence": tr("Licence"), "attribution": tr("Attribution")}[name]

    def _show_heads(self, heads: Sequence[Mapping[str, Any]]) -> None:
        while self._outputs.count():
            taken = self._outputs.takeAt(0).widget()
            if taken is not None:
                taken.deleteLater()
        self._heads = []
        for number, head in enumerate(heads, 1):
            title = head.get("name") or (tr("Output {0}").format(number) if len(heads) > 1 else tr("Classes"))
            label, box, rows = QLabel(title), _choice(tr("What is done to the output"), _activations()), ClassRows()
            label.setProperty("head", head.get("name") or "")
            box.setCurrentIndex(max(0, box.findData(head.get("activation") or "")))
            box.setToolTip(tr("Models give logits (softmax, sigmoid), or probabilities already; “found out” tries it"))
            rows.show_classes(head.get("classes") or [])
            for widget in (label, rows, box):
                self._outputs.addWidget(widget)
            self._heads.append((label, box, rows))

    def _show_for_type(self, *_: Any) -> None:
        kind = self.kind.currentData()
        for label, widget, types in self._rows:
            label.setVisible(not types or kind in types)
            widget.setVisible(not types or kind in types)
        for label, box, rows in self._heads:
            label.setVisible(kind != "Superresolution" and rows.rowCount() > 0)
            rows.setVisible(label.isVisibleTo(self))
            box.setVisible(kind == "Segmentor")

    def _on_save(self) -> None:
        if self._scale() <= 0:
            self._say(tr("Values are divided by a number above 0."))
            return
        try:
            found = self.values()
        except ValueError as error:
            self._say(str(error))
            return
        self.problem.hide()
        self.wanted.emit(found)

    def _say(self, text: str) -> None:
        self.problem.setText(failed(text))
        self.problem.show()


def _activations() -> list[tuple[str, str]]:
    return [(tr("output: found out by a trial"), ""), (tr("output: logits, softmax"), "softmax"),
            (tr("output: logits, sigmoid"), "sigmoid"), (tr("output: probabilities"), "probabilities"),
            (tr("output: plain numbers"), "none")]


def _choice(name: str, items: Sequence[tuple[str, str]]) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    for text, data in items:
        box.addItem(text, data)
    return box


def _number(low: float, high: float, decimals: int, tip: str, suffix: str = "") -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(decimals)
    box.setSuffix(suffix)
    box.setToolTip(tip)
    box.setAccessibleName(tip)
    if high == 1:
        box.setSingleStep(0.05)
    return box
