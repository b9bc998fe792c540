"""Suggestions: never on labels, apart, of both kinds; and led by them fewer clicks make a better map than at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from bitscape.processing import operations
from bitscape.processing.classification.candidates import Candidates, draw_candidates
from bitscape.processing.classification.extrapolation import Reach, distances
from bitscape.processing.classification.logistic import fit
from bitscape.processing.classification.suggestion import suggest
from bitscape.processing.compression.tiles import Tiles
from bitscape.processing.progress import Progress
from rasterio.windows import Window

DEVIATION = np.full(8, 30.0)
NOTHING = np.empty((0, 8), np.int8), np.empty((0, 2))


@pytest.fixture(scope="module")
def land() -> tuple[np.ndarray, np.ndarray]:
    """Codes (8, 480, 480) int8 and truth: 6 % change of two kinds among parcels of which a third differ without it."""
    random = np.random.default_rng(11)
    kinds = random.choice(9, (32, 32), p=[0.58, 0.06, 0.06, 0.06, 0.06, 0.06, 0.06, 0.04, 0.02])
    means = random.normal(0, 22, (9, 8))
    means[0] = 0
    means[7:, 0] += 45
    kind = kinds.repeat(15, axis=0).repeat(15, axis=1)
    strength = random.uniform(0.6, 1.4, (32, 32)).repeat(15, axis=0).repeat(15, axis=1)
    codes = (means[kind] * strength[..., None]).transpose(2, 0, 1) + random.normal(0, 10, (8, 480, 480))
    return np.clip(np.rint(codes), -127, 127).astype(np.int8), (kind >= 7).astype(np.int64)


def candidates_of(codes: np.ndarray, count: int, seed: int) -> Candidates:
    """Pixels at random; a pixel is one unit wide."""
    height, width = codes.shape[1:]
    pixels = np.sort(np.random.default_rng(seed).choice(height * width, count, replace=False))
    rows, columns = pixels // width, pixels % width
    return Candidates(codes[:, rows, columns].T.copy(), rows, columns, columns + 0.5, height - rows - 0.5)


def labelled(found: Candidates, which: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return found.codes[which], np.column_stack([found.x[which], found.y[which]])


def fitted(codes: np.ndarray, classes: np.ndarray, total: int = 2) -> tuple[np.ndarray, np.ndarray]:
    weights, bias = fit(codes / DEVIATION, np.asarray(classes), total, 1.0, False, False)
    return weights / DEVIATION, bias


@pytest.fixture
def started(land: tuple[np.ndarray, np.ndarray]) -> tuple[Candidates, list[int], tuple[np.ndarray, np.ndarray]]:
    """Candidates, the indices of 14 labels among them, and the model of these."""
    found = candidates_of(land[0], 8000, 0)
    truth = land[1][found.rows, found.columns]
    random = np.random.default_rng(5)
    which = [*random.choice(np.flatnonzero(truth), 7), *random.choice(np.flatnonzero(truth == 0), 7)]
    return found, which, fitted(found.codes[which], truth[which])


def test_suggestions_are_candidates_apart_from_labels_and_each_other(started: tuple) -> None:
    found, which, model = started
    codes, xy = labelled(found, which)
    places = suggest(found, *model, DEVIATION, codes, xy, 10)
    assert len(places) == 10
    known = set(zip(found.x.tolist(), found.y.tolist()))
    assert all((one.x, one.y) in known for one in places)
    chosen = np.array([(one.x, one.y) for one in places])
    everything = np.concatenate([xy, chosen])
    gaps = np.hypot(*(everything[:, None] - everything).transpose(2, 0, 1)) + 1e9 * np.eye(len(everything))
    assert gaps[len(xy):].min() > 20, "as ten neighbours they would be one question"
    assert all(0 <= one.score <= 1 and 0 <= one.uncertainty <= 1 and one.dissimilarity >= 0 for one in places)


def test_suggestions_differ_from_each_other_in_feature_space(started: tuple) -> None:
    found, which, model = started
    codes, xy = labelled(found, which)
    at = {(x, y): index for index, (x, y) in enumerate(zip(found.x, found.y))}
    chosen = [at[one.x, one.y] for one in suggest(found, *model, DEVIATION, codes, xy, 10)]
    scaled = found.codes / DEVIATION
    between = np.sqrt(((scaled[chosen][:, None] - scaled[chosen]) ** 2).sum(axis=-1)) + 1e9 * np.eye(10)
    score = 1 / (1 + np.exp(-(found.codes @ model[0][0] + model[1][0])))
    unsure = np.argsort(np.abs(score - 0.5))[:10]
    plain = np.sqrt(((scaled[unsure][:, None] - scaled[unsure]) ** 2).sum(axis=-1)) + 1e9 * np.eye(10)
    assert between.min(axis=1).mean() > 1.2 * plain.min(axis=1).mean()


def test_score_uncertainty_and_dissimilarity_are_those_of_the_model_and_the_labels(started: tuple) -> None:
    found, which, model = started
    codes, xy = labelled(found, which)
    (first,) = suggest(found, *model, DEVIATION, codes, xy, 1)
    index = int(np.flatnonzero((found.x == first.x) & (found.y == first.y))[0])
    p = 1 / (1 + np.exp(-(found.codes[index] @ model[0][0] + model[1][0])))
    assert first.score == pytest.approx(p) and first.uncertainty == pytest.approx(1 - abs(2 * p - 1))
    reach = Reach.of(codes, DEVIATION)
    distance = distances(found.codes[[index]].T.copy(), reach)
    assert first.dissimilarity == pytest.approx(distance[0] / reach.spacing, rel=1e-5)


def test_every_third_is_extrapolated_as_long_as_something_is(started: tuple) -> None:
    found, which, model = started
    codes, xy = labelled(found, which)
    places = suggest(found, *model, DEVIATION, codes, xy, 9)
    kinds = [one.kind for one in places]
    assert kinds.count("extrapolated") == 3 and kinds.count("uncertain") == 6
    reach = Reach.of(codes, DEVIATION)
    assert all(one.dissimilarity * reach.spacing > reach.radius for one in places if one.kind == "extrapolated")
    one_by_one = [suggest(found, *model, DEVIATION, codes[:n], xy[:n], 1)[0].kind for n in range(9, 15)]
    assert one_by_one.count("extrapolated") == 2, "asked one at a time it is the same share"
    none = suggest(found, *model, DEVIATION, codes, xy, 6, extrapolated_share=0.0)
    assert {one.kind for one in none} == {"uncertain"}
    near = distances(found.codes.T.copy(), reach) < reach.radius
    kinds = [one.kind for one in suggest(found.take(near), *model, DEVIATION, codes, xy, 6)]
    assert kinds == ["uncertain"] * 6, "nothing is extrapolated there"


def test_the_same_input_gives_the_same_and_avoided_places_are_left_alone(started: tuple) -> None:
    found, which, model = started
    codes, xy = labelled(found, which)
    places = suggest(found, *model, DEVIATION, codes, xy, 5)
    assert places == suggest(found, *model, DEVIATION, codes, xy, 5)
    avoid = np.array([(one.x, one.y) for one in places])
    others = np.array([(one.x, one.y) for one in suggest(found, *model, DEVIATION, codes, xy, 5, avoid_xy=avoid)])
    assert np.hypot(*(others[:, None] - avoid).transpose(2, 0, 1)).min() > 2


def test_more_classes_ask_between_the_two_likeliest(scene: tuple[np.ndarray, np.ndarray]) -> None:
    codes, truth = np.where(scene[0] == -128, 0, scene[0]), scene[1]
    found = candidates_of(codes, 5000, 1)
    classes = truth[found.rows, found.columns]
    which = [int(index) for kind in range(3) for index in np.flatnonzero(classes == kind)[:5]]
    weights, bias = fitted(found.codes[which], classes[which], 3)
    places = suggest(found, weights, bias, DEVIATION, *labelled(found, which), 8, extrapolated_share=0.0)
    logits = found.codes @ weights.T + bias
    shares = np.sort(np.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    unsure = 1 - (shares[:, 2] - shares[:, 1])
    at = {(x, y): index for index, (x, y) in enumerate(zip(found.x, found.y))}
    for one in places:
        index = at[one.x, one.y]
        assert one.score == pytest.approx(shares[index, 2]) and one.uncertainty == pytest.approx(unsure[index])
    assert np.mean([one.uncertainty for one in places]) > np.quantile(unsure, 0.9)


def test_without_a_model_places_cover_feature_space_from_the_typical_on(land: tuple[np.ndarray, np.ndarray]) -> None:
    found = candidates_of(land[0], 8000, 2)
    places = suggest(found, None, None, DEVIATION, *NOTHING, 12)
    assert {one.kind for one in places} == {"spread"}
    assert all((one.score, one.uncertainty, one.dissimilarity) == (None, None, None) for one in places)
    at = {(x, y): index for index, (x, y) in enumerate(zip(found.x, found.y))}
    chosen = [at[one.x, one.y] for one in places]
    scaled = found.codes / DEVIATION
    from_mean = np.sqrt(((scaled - scaled.mean(axis=0)) ** 2).sum(axis=1))
    assert from_mean[chosen[0]] == from_mean.min()

    def farthest(which: np.ndarray) -> float:
        return float(np.sqrt(((scaled[:, None] - scaled[which]) ** 2).sum(axis=-1)).min(axis=1).max())

    at_random = [farthest(np.random.default_rng(seed).choice(len(found), 12)) for seed in range(10)]
    assert farthest(np.array(chosen)) < 0.9 * min(at_random)
    kinds = land[1][found.rows[chosen], found.columns[chosen]]
    assert 0 < kinds.sum() < 12, "both classes are met before there is a model"


def test_with_labels_of_one_class_places_are_unlike_these(land: tuple[np.ndarray, np.ndarray]) -> None:
    found = candidates_of(land[0], 8000, 2)
    stable = np.flatnonzero(land[1][found.rows, found.columns] == 0)[[0, 1000, 2000]].tolist()
    codes, xy = labelled(found, stable)
    places = suggest(found, None, None, DEVIATION, codes, xy, 5)
    assert {one.kind for one in places} == {"spread"}
    every = Reach.of(codes, DEVIATION).dissimilarity(distances(found.codes.T.copy(), Reach.of(codes, DEVIATION)))
    assert places[0].dissimilarity > np.quantile(every, 0.99)
    assert places[0].score is None


def test_a_model_without_labels_and_few_candidates(started: tuple) -> None:
    found, which, model = started
    places = suggest(found, *model, DEVIATION, *NOTHING, 4)
    assert [one.kind for one in places] == ["uncertain"] * 4 and places[0].dissimilarity is None
    three = found.take(np.array([10, 4000, 7000]))
    assert len(suggest(three, *model, DEVIATION, *labelled(found, which), 10)) == 3
    codes, xy = labelled(found, [10, 4000])
    assert len(suggest(three, None, None, DEVIATION, codes, xy, 10)) == 1
    assert suggest(found.take(np.empty(0, np.int64)), *model, DEVIATION, codes, xy, 3) == []


def test_a_model_that_is_sure_of_everything_still_suggests(started: tuple) -> None:
    found, which, (weights, bias) = started
    codes, xy = labelled(found, which)
    places = suggest(found, 1e6 * weights, 1e6 * bias, DEVIATION, codes, xy, 6)
    assert len({(one.x, one.y) for one in places}) == 6
    assert all(np.isfinite(one.score) and np.isfinite(one.uncertainty) for one in places)


def best_f1(features: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
    """F1 at the best threshold."""
    order = np.argsort(-(features @ weights), kind="stable")
    hits = np.cumsum(truth[order])
    return float((2 * hits / (np.arange(1, len(truth) + 1) + truth.sum())).max())


def led(found: Candidates, truth: np.ndarray, deviation: np.ndarray, random: np.random.Generator) -> list[int]:
    """8 labels of change and 6 of none, by suggestion from one of each on; where a class is full it is passed over."""
    which = [int(random.choice(np.flatnonzero(truth == kind))) for kind in (0, 1)]
    at = {(x, y): index for index, (x, y) in enumerate(zip(found.x, found.y))}
    while True:
        left = np.array([6, 8]) - np.bincount(truth[which], minlength=2)
        if not left.any():
            return which
        weights, bias = fit(found.codes[which] / deviation, truth[which], 2, 1.0, False, False)
        avoid = np.empty((0, 2))
        while True:
            (one,) = suggest(
                found, weights / deviation, bias, deviation, *labelled(found, which), 1, avoid_xy=avoid)
            index = at[one.x, one.y]
            if left[truth[index]]:
                break
            avoid = np.append(avoid, [(one.x, one.y)], axis=0)
        which.append(index)


def test_fourteen_led_clicks_are_worth_more_than_forty_at_random_places(tmp_path: Path) -> None:
    """8 + 6 clicks, C = 1, five starts on each of three landscapes, against 40 places drawn from the map of which at
    least one has changed; F1 over all pixels at the best threshold."""
    by_suggestion, at_random = [], []
    for seed in (1, 2, 3):
        folder = tmp_path / str(seed)
        made = operations.run(
            "createsampledata", {"folder": str(folder), "size": 512, "seed": seed, "years": [2020, 2024]}, Progress())
        operations.run(
            "buildembeddingtiles", {"inputs": made["embeddings"], "output": str(folder / "tiles.tif")}, Progress())
        tiles = Tiles.open(folder / "tiles.tif")
        deviation = np.array(tiles.basis.deviation)
        codes = tiles.read(Window(0, 0, 512, 512))
        with rasterio.open(made["truth"]) as dataset:
            truth = dataset.read(1)
        known = (codes[0] != -128) & (truth != 255)
        features, changed = codes[:, known].T / deviation, truth[known] == 1
        for start in range(5):
            random = np.random.default_rng(start)
            found = draw_candidates(tiles, None, None, start, 1, Progress(), 3000)
            found = found.take(known[found.rows, found.columns])
            classes = (truth[found.rows, found.columns] == 1).astype(np.int64)
            anywhere = random.choice(len(classes), 40, False)
            while not classes[anywhere].any():
                anywhere = random.choice(len(classes), 40, False)
            for which, results in (
                (led(found, classes, deviation, random), by_suggestion), (anywhere.tolist(), at_random)
            ):
                weights, _ = fit(found.codes[which] / deviation, classes[which], 2, 1.0, False, False)
                results.append(best_f1(features, changed, weights[0]))
    assert np.median(by_suggestion) > np.median(at_random)
    assert np.mean(by_suggestion) > np.mean(at_random) + 0.03
    assert np.median(by_suggestion) > 0.85, "about what a model of all pixels reaches"
