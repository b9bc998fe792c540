"""Several interpreters: what the backend is asked, how its answer is shown, and how a conflict is settled."""

from __future__ import annotations

from typing import Any

from bitscape.processing.errors import BackendError
from bitscape.tests.plugin.validate.scene import Window, add_row, place, rows_elsewhere

PAIR = {"first": "Ada", "second": "Ben", "points": 4, "agreement": 0.5, "kappa": 0.25, "kappa_reason": ""}


def conflict(number: int, settled: str = "") -> dict[str, Any]:
    x, y = place(number)
    return {"point": number, "x": x, "y": y, "labels": {"Ada": "change", "Ben": "nochange"}, "settled": settled}


def found(*conflicts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"pairs": [PAIR], "alpha": None, "conflicts": list(conflicts), "interpreters": [
        {"name": "Ada", "answered": 4, "skipped": 0}, {"name": "Ben", "answered": 4, "skipped": 0}], **changes}


def two(window: Window) -> Any:
    """Ada has answered four points, Ben two of them otherwise."""
    path = window.start(count=4)
    window.press("c", "c", "c", "c", "esc")
    for number, label in enumerate(("change", "nochange", "change", "nochange"), 1):
        add_row(path, number, "Ben", label)
    window.validation.sample.reload()
    window.validation.answers_changed.emit()
    return path


def test_one_interpreter_has_nothing_to_compare(window: Window) -> None:
    assert "No sample is open" in window.tab.agreement.counts.text()
    window.start(count=3)
    window.press("c")
    panel = window.tab.agreement
    assert not panel.compare.isEnabled() and "needs two people" in panel.counts.text()
    panel.ask()
    assert window.backend.asked == []


def test_the_backend_is_asked_for_the_file_and_its_answer_is_told(window: Window) -> None:
    path = two(window)
    panel = window.tab.agreement
    assert panel.compare.isEnabled()
    panel.compare.click()
    assert window.backend.asked == [("interpreteragreement", {
        "sample": str(path), "layer": "sample", "interpretations": str(path),
        "interpretations_layer": "interpretations"})]
    assert panel.figures.text() == "Comparing…"
    window.backend.answer(found(conflict(2), conflict(4, "nochange")))
    text = panel.figures.text()
    assert "Ada – Ben: 4 points, 50% alike" in text and "κ 0.25" in text and "Conflicts to settle: 1." in text
    items = [panel.list.item(row).text() for row in range(panel.list.count())]
    assert items == ["⚠ Point 2 · Ada: change, Ben: no change", "✓ Point 4 · Ada: change, Ben: no change"]
    window.backend.answer(found(pairs=[{**PAIR, "kappa": None, "kappa_reason": "one class only"}]))
    assert "no κ: one class only" in panel.figures.text() and "No conflicts" in panel.figures.text()
    assert not panel.list.isVisibleTo(panel)


def test_three_interpreters_have_an_alpha_and_a_failure_has_words(window: Window) -> None:
    two(window)
    panel = window.tab.agreement
    panel.ask()
    names = [{"name": name, "answered": 4, "skipped": 0} for name in ("Ada", "Ben", "Eve")]
    window.backend.answer(found(alpha=0.6, interpreters=names))
    assert "Krippendorff's α 0.60" in panel.figures.text()
    panel.ask()
    window.backend.failed.emit("agreement", len(window.backend.asked), BackendError("No backend <here>."))
    assert "No backend &lt;here&gt;." in panel.figures.text()
    window.pad.start.click()
    assert window.serving.is_on, "one can answer all the same"


def test_a_conflict_is_flown_to_and_settled_by_an_answer_that_all_agreed_on(window: Window) -> None:
    path = two(window)
    panel = window.tab.agreement
    panel.ask()
    window.backend.answer(found(conflict(2), conflict(4)))
    panel.list.itemClicked.emit(panel.list.item(0))
    assert window.serving.is_on and window.number == 2 and window.validation.settling
    assert "Conflict at point 2: what did you agree on?" in window.text
    assert window.canvas.extent().center().x() == place(2)[0]
    window.press("x")
    assert window.number == 4, "a conflict is left, not skipped"
    window.press(".")
    assert window.number == 2
    window.press("q", "n")
    row = rows_elsewhere(path)[-1]
    assert (row["point"], row["label"], row["interpreter"], row["certainty"]) == (2, "nochange", "agreed", 100)
    assert window.number == 4 and window.validation.conflicts == [4]
    assert "Conflicts to settle: 1." in panel.figures.text()
    assert panel.list.item(0).text().startswith("⚠ Point 4") and panel.list.item(1).text().startswith("✓ Point 2")
    window.press("c")
    assert window.validation.conflicts == [] and not window.validation.settling
    assert "Conflicts: 2, all settled." in panel.figures.text()
    assert "All 4 points are done" in window.text, "one's own points are all answered"
    assert [row["interpreter"] for row in rows_elsewhere(path)[-2:]] == ["agreed", "agreed"]
    assert "agreed" not in panel.counts.text()
    panel.list.itemClicked.emit(panel.list.item(0))
    assert window.pad.chip("nochange").isChecked(), "what was agreed is shown, and may be agreed on anew"
    window.press("esc")
    assert not window.validation.settling and window.validation.progress.answered == 4


def test_answers_of_another_sample_are_not_shown(window: Window) -> None:
    two(window)
    panel = window.tab.agreement
    panel.ask()
    window.open("other.gpkg", count=3)
    window.backend.answer(found(conflict(2)))
    assert panel.list.count() == 0 and window.validation.conflicts == [] and not panel.figures.isVisibleTo(panel)
