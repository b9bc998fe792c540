"""Recipes as texts, what is refused in words, and the codec's file against what others may write into it."""

from __future__ import annotations

import base64
import json
import pickle

import numpy as np
import pytest
from bitscape.processing.compression.recipe import ALL, Codec, Recipe, preset
from bitscape.processing.errors import InputError

ROWS = np.random.default_rng(0).standard_normal((300, 20)).astype(np.float32)
RECIPES = [
    "float16", "int3", "ternary", "binary-fitted", "itq", "pq-3x5", "turbo4", "turbo2-seeded", "pca-7+int8",
    "svd-7+turbo4-seeded", "random-7+pq-2x3", "select-7+binary-median", "pca-5+itq",
]


@pytest.mark.parametrize(("text", "canonical"), [
    ("int8", "int8"), (" PCA-32 + Int8 ", "pca-32+int8"), ("none+turbo4-seeded", "turbo4-seeded"),
    ("pq-96x8", "pq-96x8"),
    ("select-8+binary-mean", "select-8+binary-mean"),
])
def test_texts_have_one_canonical_form(text, canonical):
    recipe = Recipe.parse(text)
    assert str(recipe) == canonical and Recipe.parse(str(recipe)) == recipe


@pytest.mark.parametrize("text", [
    "", "+", "int7", "pca-32", "pca-32+", "+int8", "pca+int8", "pca-0+int8", "pca-08+int8", "int8+pca-4", "pq-0x8",
    "pq-8",
    "pca-4+svd-3+int8", "none", "binary", "turbo5", "pca-9999999+int8", "int8; rm", "PCA-4+int8\x00",
])
def test_what_is_no_recipe_is_told_what_would_be(text):
    with pytest.raises(InputError, match=r"is not a recipe.*pca-64"):
        Recipe.parse(text)


@pytest.mark.parametrize(("text", "words"), [
    ("pca-21+int8", "pca-21.int8 needs vectors of at least 21 dimensions; these have 20"),
    ("pq-21x8", "20 dimensions into 21 groups"), ("pca-4+pq-5x8", "4 dimensions into 5 groups"),
    ("pq-2x9", "9 bits; from 1 to 8"),
])
def test_recipes_that_do_not_fit_the_vectors_are_refused(text, words):
    with pytest.raises(InputError, match=words):
        Recipe.parse(text).fit(ROWS)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_finite_is_refused_by_its_row(bad):
    rows = ROWS.astype(np.float64)
    rows[17, 3] = bad
    codec = Recipe.parse("int8").fit(ROWS)
    for work in (codec.encode, Recipe.parse("int8").fit):
        with pytest.raises(InputError, match="Vector 17 holds a value that is not a finite number"):
            work(rows)


def test_wrong_shapes_and_labels_are_refused():
    codec = Recipe.parse("pca-3+int4").fit(ROWS)
    for rows in (ROWS[:, :19], ROWS[0]):
        with pytest.raises(InputError, match="vectors of 20 numbers"):
            codec.encode(rows)
    for codes in (np.zeros((3, 3), np.uint8), np.zeros((3, 2), np.int8), np.zeros(2, np.uint8)):
        with pytest.raises(InputError, match="Codes of 2 bytes"):
            codec.decode(codes)
    with pytest.raises(InputError, match="no vectors"):
        Recipe.parse("int8").fit(ROWS[:0])
    select = Recipe.parse("select-3+int8")
    with pytest.raises(InputError, match="300 vectors, but labels"):
        select.fit(ROWS, labels=["a"] * 299)
    with pytest.raises(InputError, match="two classes"):
        select.fit(ROWS, labels=["a"] * 300)


@pytest.mark.parametrize("text", RECIPES)
def test_a_saved_codec_is_the_same_codec(text, tmp_path):
    codec = Recipe.parse(text).fit(ROWS, seed=4)
    codec.save(tmp_path / "c.codec.json")
    again = Codec.load(tmp_path / "c.codec.json")
    assert (again.recipe, again.bytes, again.dimensions, again.is_binary) == (
        codec.recipe, codec.bytes, 20, codec.is_binary)
    assert again.fingerprint == codec.fingerprint
    codes = codec.encode(ROWS)
    np.testing.assert_array_equal(again.encode(ROWS), codes)
    np.testing.assert_array_equal(again.decode(codes), codec.decode(codes))
    assert Recipe.parse(text).fit(ROWS, seed=4).fingerprint == codec.fingerprint, "same seed, same codec"
    codec.save(tmp_path)
    assert Codec.load(tmp_path).fingerprint == Codec.load(tmp_path / "codec.json").fingerprint == codec.fingerprint
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(codec)).encode(ROWS), codes)


def test_another_reader_can_rebuild_int4_after_pca_from_the_file(tmp_path):
    codec = Recipe.parse("pca-5+int4").fit(ROWS)
    codec.save(tmp_path / "c.codec.json")
    content = json.loads((tmp_path / "c.codec.json").read_text())
    arrays = {
        name: np.frombuffer(base64.b64decode(one["data"]), {"float32": "<f4"}[one["dtype"]]).reshape(one["shape"])
        for name, one in content["arrays"].items()
    }
    codes = codec.encode(ROWS)
    nibbles = np.stack([codes >> 4, codes & 15], axis=2).reshape(len(codes), -1)[:, :5]
    reduced = nibbles * arrays["quantiser.scale"] + arrays["quantiser.low"]
    vectors = reduced @ arrays["reduction.components"] + arrays["reduction.mean"]
    np.testing.assert_allclose(codec.decode(codes), vectors, atol=1e-5)
    assert content["bytes"] == codes.shape[1] == 3


def changed(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def spoil(name, value):
    """Replace the first number of an array."""

    def change(content):
        one = content["arrays"][name]
        data = bytearray(base64.b64decode(one["data"]))
        data[:4] = np.array([value], "<i4" if one["dtype"] == "int32" else "<f4").tobytes()
        one["data"] = base64.b64encode(bytes(data)).decode()

    return change


@pytest.mark.parametrize(("recipe", "change", "words"), [
    ("int8", lambda c: c.update(format="other"), "not a codec file"),
    ("int8", lambda c: c.update(nonsense=1), "not a codec file"),
    ("int8", lambda c: c.update(recipe="int4"), "changed after it was written"),
    ("int8", lambda c: c.update(recipe="os.system"), "damaged.*not a recipe"),
    ("int8", lambda c: c.update(dimensions=21), "damaged.*shape"),
    ("int8", lambda c: c.update(dimensions=10**9), "not a codec file"),
    ("int8", lambda c: c.update(bytes=7), "changed after it was written"),
    ("int8", lambda c: c["arrays"].pop("quantiser.low"), "should hold the arrays quantiser.low, quantiser.scale"),
    ("int8", lambda c: c["arrays"].update(more=c["arrays"]["quantiser.low"]), "should hold the arrays"),
    ("int8", lambda c: c["arrays"]["quantiser.low"].update(shape=[2, 10]), "shape"),
    ("int8", lambda c: c["arrays"]["quantiser.low"].update(shape=[10**12]), "shape"),
    ("int8", lambda c: c["arrays"]["quantiser.low"].update(data="AAAA"), "characters"),
    ("int8", lambda c: c["arrays"]["quantiser.low"].update(data="!" * 108), "damaged"),
    ("int8", spoil("quantiser.low", np.nan), "not a finite number"),
    ("int8", spoil("quantiser.low", 77), "changed after it was written"),
    ("int8", spoil("quantiser.scale", -1), "a scale is negative"),
    ("int8", spoil("quantiser.scale", 1e-44), "too small"),
    ("ternary", spoil("quantiser.low", 99), "ends before it begins"),
    ("select-4+int8", spoil("reduction.indices", 99), "ascending"),
    ("select-4+int8", spoil("reduction.indices", -1), "ascending"),
    ("turbo4-seeded", lambda c: c["facts"].update(rotation_seed=99), "seed 99 gives another rotation"),
    ("turbo4-seeded", lambda c: c["facts"].clear(), "seed of the rotation"),
    ("turbo4-seeded", lambda c: c["facts"].update(rotation_seed="9"), "seed of the rotation"),
    ("turbo4-seeded", lambda c: c.update(dimensions=60_000), "8192"),
])
def test_codec_files_that_were_tampered_with_are_refused(tmp_path, recipe, change, words):
    path = tmp_path / "c.codec.json"
    Recipe.parse(recipe).fit(ROWS).save(path)
    changed(path, change)
    with pytest.raises(InputError, match=f"(?s)c.codec.json.*{words}"):
        Codec.load(path)


def test_codec_files_that_are_none_are_refused(tmp_path):
    path = tmp_path / "c.codec.json"
    with pytest.raises(InputError, match="There is no codec file"):
        Codec.load(path)
    for content in (b"", b"{", b"\xff\xfe", b"[]", b"null"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="not a codec file"):
            Codec.load(path)


@pytest.mark.parametrize("dimensions", [1, 7, 16, 64, 768, 2048])
def test_all_recipes_for_a_dimension_are_recipes_for_it(dimensions):
    texts = ALL(dimensions)
    assert len(set(texts)) == len(texts) >= 15
    for text in texts:
        recipe = Recipe.parse(text)
        recipe.check(dimensions)
        assert str(recipe) == text
    if dimensions == 64:
        rows = np.random.default_rng(1).standard_normal((80, 64)).astype(np.float32)
        for text in texts:
            codec = Recipe.parse(text).fit(rows)
            assert codec.decode(codec.encode(rows)).shape == rows.shape, text


def test_presets():
    assert [str(preset("automatic", *values)) for values in ((64,), (128,), (129,), (64, 1), (768,))] == [
        "int8", "int8", "turbo4", "turbo4", "turbo4"]
    assert str(preset("pca64", 768)) == "pca-64+int8" and str(preset("pca64", 64)) == "int8"
    assert str(preset("binary", 9)) == "binary-zero" and str(preset("turbo4", 9)) == "turbo4"
