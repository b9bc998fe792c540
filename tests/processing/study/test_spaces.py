"""What recipes share is what each would have fitted alone; and neighbours in few coordinates are those of all."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.compression.neighbours import by_cosine, by_hamming, vote
from bitscape.processing.compression.recipe import Recipe
from bitscape.processing.embeddings.source import Product
from bitscape.processing.errors import InputError
from bitscape.processing.progress import Progress
from bitscape.processing.study.evaluate import evaluate
from bitscape.processing.study.labelled import Labelled
from bitscape.processing.study.spaces import Spaces
from bitscape.processing.study.splits import Split, random_split

TEXTS = ("float32", "int8", "binary-median", "itq", "turbo4", "pca-12+int8", "pca-4+binary-zero", "svd-6+int4",
         "random-9+int8", "select-5+int8", "pca-8+turbo4")


@pytest.fixture(scope="module")
def scene() -> tuple[Labelled, Split]:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 300)
    rows = rng.standard_normal((3, 20))[classes] + rng.standard_normal((300, 20)) + 1
    data = Labelled("model", "", rows.astype(np.float32), classes, ("a", "b", "c"), Product("x"))
    split = random_split(classes, data.names, 0)
    assert not isinstance(split, str)
    return data, split


@pytest.mark.parametrize("text", TEXTS)
def test_an_evaluation_is_that_of_the_recipes_own_codec(scene: tuple[Labelled, Split], text: str) -> None:
    data, split = scene
    recipe = Recipe.parse(text)
    spaces = Spaces(data, split, [Recipe.parse(one) for one in TEXTS], 3, Progress())
    found = evaluate(data, split, recipe, spaces, None, 3, Progress())
    fold = split.folds[1]
    codec = recipe.fit(data.rows[fold.train], 3, labels=data.classes[fold.train])
    codes = codec.encode(data.rows)
    decoded = codec.decode(codes)
    first = len(split.folds[0].test)
    part = slice(first, first + len(fold.test))
    near = by_cosine(decoded[fold.test], decoded[fold.train], 10, Progress())
    cosine = vote(near[:, :5], data.classes[fold.train], 3)
    if codec.is_binary:
        near = by_hamming(codes[fold.test], codes[fold.train], 10, Progress())
        np.testing.assert_array_equal(found.knn[part], vote(near[:, :5], data.classes[fold.train], 3))
        np.testing.assert_array_equal(found.neighbours[part], fold.train[near])
        assert found.knn_decoded is not None
        assert (found.knn_decoded[part] == cosine).mean() > 0.9, "decoded bits have ties"
        assert found.balance is not None and len(found.balance) == (recipe.kept or 20)
    else:
        assert found.knn_decoded is None and found.balance is None
        assert (found.knn[part] == cosine).mean() > 0.98
        assert (found.neighbours[part] == fold.train[near]).mean() > 0.98
    assert found.storage.size == codec.bytes == codes.shape[1]
    assert found.recall.mean() == 1, "against itself"


def test_coordinates_keep_lengths_and_angles(scene: tuple[Labelled, Split]) -> None:
    data, split = scene
    for text in ("pca-7+float32", "svd-7+float32", "random-7+float32", "select-7+float32"):
        recipe = Recipe.parse(text)
        space = Spaces(data, split, [recipe], 0, Progress()).of(0, recipe)
        fold = split.folds[0]
        codec = recipe.fit(data.rows[fold.train], 0, labels=data.classes[fold.train])
        back = codec.decode(codec.encode(data.rows))
        placed = space.coordinates(space.rows)
        assert placed.shape == (300, 8)
        np.testing.assert_allclose(placed @ placed.T, back @ back.T, rtol=1e-4, atol=1e-3)


def test_nothing_is_learned_from_what_is_tested(scene: tuple[Labelled, Split]) -> None:
    """Other values in the tested rows move neither the space nor the codes of the others."""
    data, split = scene
    fold = split.folds[0]
    changed = data.rows.copy()
    changed[fold.test] = 1000
    other = Labelled("model", "", changed, data.classes, data.names, data.product)
    alone = Split("random", [fold], split.blocks)
    for text in ("pca-5+int8", "select-5+int8"):
        recipe = Recipe.parse(text)
        first, second = (Spaces(one, alone, [recipe], 0, Progress()).of(0, recipe) for one in (data, other))
        np.testing.assert_array_equal(first.rows[fold.train], second.rows[fold.train])


def test_too_many_components_are_an_input_error(scene: tuple[Labelled, Split]) -> None:
    data, split = scene
    recipe = Recipe.parse("pca-64+int8")
    spaces = Spaces(data, split, [recipe], 0, Progress())
    with pytest.raises(InputError, match="at least 64"):
        evaluate(data, split, recipe, spaces, None, 0, Progress())
