"""The 114 real AlphaEarth points: the int8 mapping is exact on them, and nested cross-validation of PCA-8 reaches .93.

The labels there are confounded with year and region: the figures compare ways of computing, they do not say how well
clearings are found.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from bitscape.processing.classification.crossvalidation import Problem, choose_c, predict
from bitscape.processing.classification.figures import confusion, measures
from bitscape.processing.classification.folds import Folds, Rows, inner_folds, random_folds
from bitscape.processing.classification.logistic import fit
from bitscape.processing.embeddings.mapping import dequantise, quantise

SEEDS = 20
COMPONENTS = 8


@pytest.fixture(scope="module")
def points(shared_data: Path) -> dict[str, np.ndarray]:
    """Codes of the year before, the year and the year after (114, 64) int8, and 1 where forest was cleared."""
    table = pyarrow.parquet.read_table(shared_data / "aef_points" / "aef_forest_change_114pts_int8.parquet")
    columns = {name: np.array(table[name].to_pylist(), np.int8) for name in ("emb_y_minus_1", "emb_y", "emb_y_plus_1")}
    return {**columns, "classes": np.array([label == "change" for label in table["label"].to_pylist()], np.int64)}


def test_the_mapping_is_exact(points: dict[str, np.ndarray]) -> None:
    codes = np.concatenate([points[name] for name in ("emb_y_minus_1", "emb_y", "emb_y_plus_1")])
    assert codes.shape == (342, 64)
    vectors = dequantise(codes)
    np.testing.assert_array_equal(quantise(vectors), codes)
    np.testing.assert_allclose(vectors, np.sign(codes) * (codes / 127.5) ** 2, rtol=1e-6)
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    assert norms.min() >= 0.994 and norms.max() <= 1.006


def pooled_f1(features: np.ndarray, classes: np.ndarray, seed: int) -> float:
    """Ten-fold nested cross-validation; centre, PCA, scaling and C are fitted inside each fold."""
    alone = np.arange(len(classes))
    folds = random_folds(Rows(classes, alone, ("nochange", "change")), seed)
    assert isinstance(folds, Folds) and folds.count == 10
    predicted = np.empty_like(classes)
    for fold in range(folds.count):
        test = folds.numbers == fold
        mean = features[~test].mean(axis=0)
        basis = np.linalg.svd(features[~test] - mean, full_matrices=False)[2][:COMPONENTS]
        train = Problem((features[~test] - mean) @ basis.T, classes[~test], 2, balanced=False)
        c = choose_c(train, inner_folds(train.classes, alone[~test], seed))
        weights, bias = fit(train.features, train.classes, 2, c, balanced=False)
        predicted[test] = predict((features[test] - mean) @ basis.T, weights, bias)
    return measures(confusion(classes, predicted, 2), positive=1)["f1"]


def test_dequantised_differences_reach_f1(points: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]) -> None:
    before, after, classes = points["emb_y_minus_1"], points["emb_y"], points["classes"]
    ways = {"de-quantised": dequantise(after).astype(np.float64) - dequantise(before),
            "raw int8": after.astype(np.float64) - before}
    figures = {name: [pooled_f1(features, classes, seed) for seed in range(SEEDS)] for name, features in ways.items()}
    with capsys.disabled():
        print("\nAlphaEarth, 114 points, PCA-8 of Y − (Y−1), pooled F1 over 20 seeds "
              "(the labels are confounded with year and region):")
        for name, values in figures.items():
            print(f"  {name}: mean {np.mean(values):.3f}, least {min(values):.3f}, most {max(values):.3f}")
    assert np.mean(figures["de-quantised"]) >= 0.93
