"""The charts panel: the threshold that is dragged, what the plots hold, both themes, and life without pyqtgraph."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bitscape.plugin.dock import charts
from bitscape.plugin.dock.chart import legible
from bitscape.plugin.dock.charts import ChartsPanel, percent, share_at_least
from bitscape.plugin.layers.styling import BLUE, ORANGE
from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from qgis.PyQt.QtGui import QColor, QImage, QMouseEvent, QPalette, QWheelEvent
from qgis.PyQt.QtWidgets import QWidget

pytest.importorskip("pyqtgraph")

CHANGE, NO_CHANGE = [0.9, 0.8, 0.35], [0.1, 0.2, 0.05, 0.6]


def map_counts() -> np.ndarray:
    """100 pixels of a score of 0, 5 of 127 and 20 of 254."""
    counts = np.zeros(255, int)
    counts[[0, 127, 254]] = 100, 5, 20
    return counts


def settle() -> None:
    for _ in range(5):
        QgsApplication.processEvents()


@pytest.fixture
def panel(qgis_application: QgsApplication) -> Iterator[ChartsPanel]:
    """A panel as wide as a dock, with scores in it."""
    shown = ChartsPanel()
    shown.resize(340, 330)
    shown.show_scores(map_counts(), [("change", ORANGE, CHANGE), ("no change", BLUE, NO_CHANGE)], 0.5, True)
    shown.show()
    settle()
    yield shown
    shown.close()
    shown.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def mouse(widget: QWidget, kind: QEvent.Type, where: QPoint, down: bool) -> None:
    """A real mouse event of the left button."""
    left = Qt.MouseButton.LeftButton
    button = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else left
    held = left if down else Qt.MouseButton.NoButton
    at = QPointF(where)
    event = QMouseEvent(kind, at, QPointF(widget.mapToGlobal(where)), button, held, Qt.KeyboardModifier.NoModifier)
    QgsApplication.sendEvent(widget, event)
    settle()
    time.sleep(0.03)  # pyqtgraph drops moves that follow within a frame


def drag(panel: ChartsPanel, to: float) -> None:
    """Take the line where it is and drag it to a score."""
    plot = panel.scores.plot
    view = plot.plotItem.vb

    def pixel(score: float) -> QPoint:
        return plot.mapFromScene(view.mapViewToScene(QPointF(score, 0.2 * view.viewRange()[1][1])))

    start, end = pixel(panel.scores.line.value()), pixel(to)
    surface = plot.viewport()
    mouse(surface, QEvent.Type.MouseMove, start, False)
    mouse(surface, QEvent.Type.MouseButtonPress, start, True)
    for step in (0.3, 0.6, 0.8, 1.0):
        mouse(surface, QEvent.Type.MouseMove, start + (end - start) * step, True)
    mouse(surface, QEvent.Type.MouseButtonRelease, end, False)


def colours(widget: QWidget) -> np.ndarray:
    """What is drawn: (height, width, 3) uint8."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = image.constBits().asarray(image.sizeInBytes())
    return np.frombuffer(pixels, np.uint8).reshape(image.height(), image.width(), 4)[..., 2::-1].copy()


def has_colour(picture: np.ndarray, colour: str, pixels: int = 20) -> bool:
    difference = np.abs(picture.astype(int) - QColor(colour).getRgb()[:3]).max(axis=2)
    return int((difference <= 60).sum()) >= pixels  # the marks are a little see-through


def test_share_counts_scores_that_reach_the_threshold() -> None:
    counts = map_counts()
    assert share_at_least(counts, 0) == 1
    assert share_at_least(counts, 127 / 254) == 25 / 125
    assert share_at_least(counts, 127.5 / 254) == 20 / 125
    assert share_at_least(counts, 1) == 20 / 125
    assert share_at_least(np.zeros(255), 0.5) is None
    assert [percent(share) for share in (0, 0.00001, 0.0048, 0.048, 0.48)] == [
        "0.00 %", "< 0.01 %", "0.48 %", "4.8 %", "48 %",
    ]


def test_dragging_the_line_emits_and_moves_everything(panel: ChartsPanel) -> None:
    heard: list[float] = []
    panel.thresholdChanged.connect(heard.append)
    drag(panel, 0.8)
    assert len(heard) > 1, "nothing came while dragging"
    assert abs(heard[-1] - 0.8) < 0.03 and heard == sorted(heard)
    assert panel.threshold == heard[-1] == panel.spin.value() == pytest.approx(panel.slider.value() / 100)
    assert panel.scores.line.label.textItem.toPlainText() == f"≥ {heard[-1]:.2f}: 16 %\nof the visible map"


def test_line_cannot_leave_the_scores(panel: ChartsPanel) -> None:
    drag(panel, 1.5)
    assert panel.threshold == 1 == panel.scores.line.value()


def test_number_and_slider_move_it_by_keyboard_and_the_caller_without_a_signal(panel: ChartsPanel) -> None:
    heard: list[float] = []
    panel.thresholdChanged.connect(heard.append)
    panel.set_threshold(0.625)
    assert (heard, panel.threshold, panel.spin.value(), panel.scores.line.value()) == ([], 0.625, 0.625, 0.625)
    assert "≥ 0.625: 16 %" in panel.scores.line.label.textItem.toPlainText()
    panel.spin.stepUp()
    assert heard == [0.635]
    panel.slider.setFocus()
    panel.slider.triggerAction(panel.slider.SliderAction.SliderPageStepAdd)
    assert heard == [0.635, 0.74] and panel.spin.value() == 0.74


def test_scores_say_classes_by_letter_and_whether_they_are_held_out(panel: ChartsPanel) -> None:
    caption = panel.scores.caption
    assert "▲\u00a0change\u00a03" in caption.text() and "●\u00a0no\u00a0change\u00a04" in caption.text()
    assert "held‑out scores" in caption.text()
    symbols = {str(symbol) for symbol in panel.scores._points.data["symbol"]}
    assert symbols == {"t1", "o"}
    panel.show_scores(map_counts(), [("<no> & 1", BLUE, NO_CHANGE), ("change", ORANGE, CHANGE)], 0.5, False)
    assert "in‑sample" in caption.text() and "▲\u00a0change" in caption.text()
    assert "●\u00a0&lt;no&gt;\u00a0&amp;" in caption.text()


def test_map_is_drawn_by_share_with_the_part_that_is_reached_set_apart(panel: ChartsPanel) -> None:
    below, above = panel.scores._below.getData(), panel.scores._above.getData()
    assert len(below[0]) == len(below[1]) + 1 and len(above[0]) == len(above[1]) + 1
    assert below[0][-1] == above[0][0] == 0.5
    assert below[1].max() == pytest.approx(80**0.5) and above[1][-1] == pytest.approx(16**0.5)
    for threshold in (0.0, 1.0, 4.5 / 254, 0.999):
        panel.set_threshold(threshold)  # at and between the borders of the bins
        settle()


def test_wrong_counts_are_refused(panel: ChartsPanel) -> None:
    with pytest.raises(ValueError, match="255"):
        panel.show_scores([1, 2, 3], [], 0.5, True)


def test_precision_and_recall_at_the_threshold(panel: ChartsPanel) -> None:
    # As scikit-learn gives them: thresholds 0.2, 0.4, 0.9 and one point more.
    panel.show_precision_recall([1, 0.8, 0.4, 0], [0.5, 0.75, 1, 1], [0.2, 0.4, 0.9], 0.4)
    chart = panel.precision_recall
    assert chart.here == (0.8, 0.75)
    assert "precision 0.75, recall 0.80" in chart.caption.text()
    panel.set_threshold(0.41)
    assert chart.here == (0.4, 1), "between two thresholds the higher one selects the same labels"
    panel.set_threshold(0.95)
    assert chart.here is None and "no held-out score" in chart.caption.text()


def test_learning_curve_leaves_out_what_is_unknown(panel: ChartsPanel) -> None:
    panel.show_learning_curve([10, 20, 40], [(0.5, 0.1), (0.7, 0.05), (0.95, 0.1)], [None, None, (0.6, 0.2)])
    random, spatial = (items[3].getData() for items in panel.learning._items)
    assert random[0].tolist() == [10, 20, 40] and spatial[0].tolist() == [40] and spatial[1].tolist() == [0.6]
    assert panel.learning._items[0][1].getData()[1].max() == 1, "the band goes beyond F1 = 1"
    panel.show_learning_curve([10], [None], [None], "needs 10 clicks of each class")
    assert panel.learning.is_empty and panel.learning.words.text() == "needs 10 clicks of each class"


def test_counts_and_coefficients(panel: ChartsPanel) -> None:
    panel.show_counts([("change", ORANGE, 60), ("no change", BLUE, 0)])
    assert panel.counts._bars.opts["width"].tolist() == [60, 0]
    names = [f"{n}" for n in range(64)]
    values = np.linspace(-1, 2, 64)
    panel.show_coefficients(names, values)
    assert panel.coefficients._names == names[-16:] and "16 strongest of 64" in panel.coefficients.caption.text()
    panel.show_coefficients(["first", "second"], [0.5, -0.5])
    brushes = [brush.name() for brush in panel.coefficients._bars.opts["brushes"]]
    assert brushes == [ORANGE, BLUE]


def test_nothing_clears_and_says_why(panel: ChartsPanel) -> None:
    panel.show_scores(None, [], 0.5, False, "score the map first")
    panel.show_precision_recall(None, None, None, 0.5, "needs 10 clicks of each class")
    panel.show_learning_curve(None, [], [])
    panel.show_counts([])
    panel.show_coefficients(None, None, "no model")
    charts_of_panel = (
        panel.scores, panel.precision_recall, panel.learning, panel.counts, panel.coefficients,
    )
    assert all(chart.is_empty and chart.words.text() and not chart.caption.isVisible() for chart in charts_of_panel)
    assert panel.scores.words.text() == "score the map first" and panel.coefficients.words.text() == "no model"
    panel.show_scores(map_counts(), [], 0.5, True)
    assert not panel.scores.is_empty


def dark_palette() -> QPalette:
    palette = QPalette()
    for role in (QPalette.ColorRole.Window, QPalette.ColorRole.Base):
        palette.setColor(role, QColor("#202020"))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text):
        palette.setColor(role, QColor("#eeeeee"))
    return palette


def test_theme_changes_while_it_runs(panel: ChartsPanel) -> None:
    panel.show_coefficients(["a", "b"], [1, -1])
    light = colours(panel.scores.plot)
    assert light[5, 70].min() > 200 and has_colour(light, ORANGE) and has_colour(light, BLUE)
    panel.setPalette(dark_palette())
    settle()
    dark = colours(panel.scores.plot)
    assert dark[5, 70].max() < 60
    assert has_colour(dark, "#eeeeee", 100), "neither line nor axis can be seen"
    brushes = [QColor(brush) for brush in panel.coefficients._bars.opts["brushes"]]
    assert brushes[1].lightnessF() > QColor(BLUE).lightnessF(), "blue on black cannot be read"
    panel.setPalette(QPalette())
    settle()
    assert colours(panel.scores.plot)[5, 70].min() > 200


def test_wheel_is_left_to_the_dock_until_the_number_is_clicked(panel: ChartsPanel) -> None:
    def turn(widget: QWidget) -> bool:
        """Whether the widget keeps the wheel to itself."""
        at = QPointF(widget.rect().center())
        event = QWheelEvent(
            at, QPointF(widget.mapToGlobal(at.toPoint())), QPoint(0, -30), QPoint(0, -120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )
        event.setAccepted(True)
        QgsApplication.sendEvent(widget, event)
        return event.isAccepted()

    view = panel.scores.plot.plotItem.vb.viewRange()
    panel.activateWindow()
    panel._buttons.button(0).setFocus()
    settle()
    assert not any(turn(widget) for widget in (panel.scores.plot.viewport(), panel.slider, panel.spin))
    assert panel.threshold == 0.5 and panel.scores.plot.plotItem.vb.viewRange() == view
    panel.spin.setFocus()
    settle()
    assert turn(panel.spin) and panel.threshold == 0.49


def test_every_chart_fits_a_dock(panel: ChartsPanel) -> None:
    names = [f"a component with a very long name {n}" for n in range(16)]
    panel.show_coefficients(names, np.ones(16))
    panel.show_counts([("a class with quite a long name, and then more", ORANGE, 12)] * 8)
    assert panel.minimumSizeHint().width() <= 340
    for button in panel._buttons.buttons():
        button.click()
        settle()
        assert panel.width() == 340 and panel._tabs.currentIndex() == panel._buttons.id(button)


def test_updates_are_cheap(panel: ChartsPanel) -> None:
    """256 bins and 500 labels in all five charts: less than 10 ms each, and in the main thread."""
    random = np.random.default_rng(0)
    thresholds = np.sort(random.random(500))
    spans: dict[str, list[float]] = {}

    def timed(name: str, *arguments: Any) -> None:
        start = time.perf_counter()
        getattr(panel, name)(*arguments)
        spans.setdefault(name, []).append(time.perf_counter() - start)

    for _ in range(15):
        counts = random.integers(0, 10000, 255)
        classes = [("change", ORANGE, random.random(250)), ("no change", BLUE, random.random(250))]
        timed("show_scores", counts, classes, 0.4, True)
        timed("show_precision_recall", 1 - thresholds, thresholds, thresholds, 0.4)
        timed("show_learning_curve", list(range(10, 500, 20)), [(0.8, 0.1)] * 25, [(0.7, 0.1)] * 25)
        timed("show_counts", [("change", ORANGE, 250), ("no change", BLUE, 250)])
        timed("show_coefficients", [str(n) for n in range(16)], random.normal(size=16))
        timed("set_threshold", random.random())
        settle()
    medians = {name: sorted(values)[7] for name, values in spans.items()}
    print({name: f"{1000 * value:.1f} ms" for name, value in medians.items()})
    assert all(value < 0.010 for value in medians.values()), medians


class Broken:
    """Makes an import fail as a missing or a broken installation does."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def find_spec(self, name: str, *_: Any) -> None:
        if name.split(".")[0] == "pyqtgraph":
            raise self.error


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'pyqtgraph'"), AttributeError("np.float")])
def test_without_pyqtgraph_the_threshold_works_and_the_rest_does_no_harm(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    ours = [name for name in sys.modules if name.startswith("bitscape.plugin.dock.chart") and name != charts.__name__]
    for name in [*(n for n in sys.modules if n.split(".")[0] == "pyqtgraph"), *ours]:
        monkeypatch.delitem(sys.modules, name)
    for name in ours:
        monkeypatch.delattr(f"bitscape.plugin.dock.{name.split('.')[-1]}", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(error), *sys.meta_path])
    panel = ChartsPanel()
    panel.show()
    assert panel.missing is not None and "python3-pyqtgraph" in panel.missing.text()
    assert str(error) in panel.missing.toolTip()
    heard: list[float] = []
    panel.thresholdChanged.connect(heard.append)
    panel.show_scores(map_counts(), [("change", ORANGE, CHANGE)], 0.5, True)
    panel.show_precision_recall([1], [1], [0.5], 0.5)
    panel.show_learning_curve([1], [(0.5, 0.1)], [None])
    panel.show_counts([("change", ORANGE, 1)])
    panel.show_coefficients(["a"], [1])
    assert panel.share.isVisible() and panel.share.text() == "≥ 0.50: 20 % of the visible map"
    panel.slider.setValue(80)
    assert heard == [0.8] and panel.share.text() == "≥ 0.80: 16 % of the visible map"
    panel.set_threshold(0.2)
    assert heard == [0.8] and panel.slider.value() == 20
    panel.setPalette(dark_palette())
    settle()
    panel.deleteLater()


@pytest.mark.parametrize("code", [
    "import bitscape.plugin.dock.charts, sys; assert 'pyqtgraph' not in sys.modules",
    # Another Qt that is installed, or named in the environment, is not taken.
    "import os; os.environ['PYQTGRAPH_QT_LIB'] = 'PySide2'; from bitscape.plugin.dock import charts;"
    "plots = charts.import_plots(); assert not isinstance(plots, Exception), plots;"
    "import pyqtgraph, qgis.PyQt.QtCore as q;"
    "assert pyqtgraph.Qt.QT_LIB == 'PyQt' + q.PYQT_VERSION_STR[0]",
    "import sys, types; fake = types.ModuleType('pyqtgraph'); fake.Qt = types.SimpleNamespace(QT_LIB='PySide2');"
    "sys.modules['pyqtgraph'] = fake; from bitscape.plugin.dock import charts;"
    "assert 'PySide2' in str(charts.import_plots())",
])
def test_import_takes_the_qt_of_qgis(code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_a_theme_that_changes_the_ground_alone_is_still_read(panel: ChartsPanel) -> None:
    """As QGIS's Night Mapping does by its style sheet."""
    for ground in ("#323232", "#ffffff", "#7f7f7f"):
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.Base, QColor(ground))
        for text in ("#000000", "#ffffff"):
            palette.setColor(QPalette.ColorRole.Text, QColor(text))
            panel.setPalette(palette)
            assert contrast(panel.scores.ink, QColor(ground)) >= 3.9, (ground, text)
    assert contrast(legible("#000000", QColor("#323232")), QColor("#323232")) >= 3
    panel.setPalette(QPalette())


def contrast(one: QColor, other: QColor) -> float:
    """WCAG's contrast ratio."""
    low, high = sorted(
        sum(share * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
            for share, part in zip((0.2126, 0.7152, 0.0722), colour.getRgbF()[:3])) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)
