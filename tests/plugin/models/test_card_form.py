"""What a model does not say is asked once: the form, what it saves, and that the sidecar settles it."""

from __future__ import annotations

import json
import shutil

import pytest
from bitscape.plugin.dock.models import model_files
from bitscape.tests.plugin.models.scene import Window
from bitscape.tests.plugin.waiting import eventually


@pytest.fixture
def bare(window: Window) -> Window:
    """With a model that says nothing, in a folder of its own."""
    shutil.copy(window.models / "bare.onnx", window.folder / "bare.onnx")
    window.tab.model.take(window.folder / "bare.onnx")
    window.settle()
    return window


def fill(window: Window) -> None:
    form = window.tab.model.form
    for row, name in enumerate(("B02", "B03", "B04", "B08")):
        form.channels.cellWidget(row, 0).setEditText(name)
    rows = form._heads[0][2]
    for row, name in enumerate(("ground", "plants", "water")):
        rows.item(row, 1).setText(name)
    form.scale.setEditText("10000")
    form.resolution.setValue(10)


def test_a_model_without_a_card_is_asked_about_at_once_in_words(bare: Window) -> None:
    model = bare.tab.model
    assert model.form.isVisibleTo(bare.tab) and model.edit.isChecked()
    text = model.state.text()
    for word in ("names of its classes", "which bands it takes", "how values are scaled", "its resolution"):
        assert word in text
    assert "<i>" in model.card.text_of("Finds"), "what is assumed looks so"
    tips = {name.text(): label.toolTip() for name, label in model.card.rows}
    assert "Assumed" in tips["Resolution"]
    assert bare.choice.hindrance() == "", "it can be previewed all the same"
    assert "10000 would fit" in bare.tab.channels.words.text()


def test_what_is_filled_in_is_kept_beside_the_model_and_not_asked_again(bare: Window) -> None:
    model = bare.tab.model
    fill(bare)
    model.form.texts["licence"].setText("CC0-1.0")
    model.form.save.click()
    sidecar = bare.folder / "bare.card.json"
    assert eventually(sidecar.is_file, 30)
    bare.settle()
    said = json.loads(sidecar.read_text())
    assert said["bands"] == ["B02", "B03", "B04", "B08"] and said["scale"] == 10000 and said["resolution"] == 10
    assert [entry["name"] for entry in said["heads"][0]["classes"]] == ["ground", "plants", "water"]
    assert "mean" not in said and "training_data" not in said, "only what was said is kept"
    assert not model.form.isVisibleTo(bare.tab)
    assert "bare.card.json" in model.state.text() and "The model does not say" not in model.state.text()
    assert "water" in model.card.text_of("Finds") and "<i>" not in model.card.text_of("Finds")
    tips = {name.text(): label.toolTip() for name, label in model.card.rows}
    assert "You said so" in tips["Finds"]
    bare.choice.set_model(None)
    model.take(bare.folder / "bare.onnx")
    bare.settle()
    assert bare.choice.info is not None and bare.choice.info.asked == ()
    assert not model.form.isVisibleTo(bare.tab)


def test_beside_a_model_that_cannot_be_written_to_the_card_is_kept_in_the_profile(
    bare: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files.os, "access", lambda *_: False)  # whoever may write anywhere runs tests too
    fill(bare)
    bare.tab.model.form.save.click()
    place = model_files.card_in_profile(bare.folder / "bare.onnx")
    assert eventually(place.is_file, 30)
    bare.settle()
    assert not (bare.folder / "bare.card.json").exists()
    assert bare.choice.info is not None and bare.choice.info.asked == ()
    assert bare.tab.run.plan().parameters["CARD"] == str(place), "a run, and a command, take it too"
    bare.tab.previews.start.click()
    assert eventually(lambda: bare.tab.preview.layer.layer is not None, 30)
    assert [one.label for one in bare.tab.preview.layer.layer.renderer().classes()] == ["ground", "plants", "water"]
    place.unlink()


def test_a_form_that_was_closed_stays_closed(bare: Window) -> None:
    bare.tab.model.form.leave.click()
    assert not bare.tab.model.form.isVisibleTo(bare.tab)
    bare.choice.describe()
    bare.settle()
    assert not bare.tab.model.form.isVisibleTo(bare.tab)
    bare.tab.model.edit.click()
    assert bare.tab.model.form.isVisibleTo(bare.tab)


def test_what_cannot_be_has_words_and_the_form_stays(bare: Window) -> None:
    form = bare.tab.model.form
    fill(bare)
    form.channels.cellWidget(1, 0).setEditText("")
    form.save.click()
    assert "Name the band of every channel" in form.problem.text()
    form.channels.cellWidget(1, 0).setEditText("B03")
    form.scale.setEditText("ten")
    form.save.click()
    assert "number above 0" in form.problem.text()
    form.scale.setEditText("10000")
    form.channels.cellWidget(0, 2).setText("0")
    form.save.click()
    assert "above 0" in form.problem.text()
    assert not (bare.folder / "bare.card.json").exists()


def test_what_the_backend_refuses_is_said_and_the_form_stays(bare: Window) -> None:
    fill(bare)
    bare.choice.save_card({"bands": ["B02"]})
    assert eventually(lambda: bare.words, 30)
    assert "4 channels" in bare.words[0] and bare.tab.model.form.isVisibleTo(bare.tab)
    assert not (bare.folder / "bare.card.json").exists()


def test_mean_and_spread_are_kept_in_the_order_of_the_channels(bare: Window) -> None:
    form = bare.tab.model.form
    fill(bare)
    for row, value in enumerate((0.1, 0.2, 0.3, 0.4)):
        form.channels.cellWidget(row, 1).setText(str(value))
    form.channels.cellWidget(3, 2).setText("0.5")
    found = form.values()
    assert found["mean"] == [0.1, 0.2, 0.3, 0.4] and found["std"] == [1, 1, 1, 0.5]
