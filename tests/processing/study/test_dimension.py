"""Intrinsic dimension of Gaussians, of a curved surface and of real vectors; the variance that components hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bitscape.processing.progress import Progress
from bitscape.processing.study.dimension import cumulative_variance, intrinsic
from sklearn.decomposition import PCA


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_a_gaussian_in_a_larger_space_has_its_own_dimension(dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    turn = np.linalg.qr(rng.standard_normal((40, 40)))[0][:dimension]
    found = intrinsic((rng.standard_normal((2500, dimension)) @ turn).astype(np.float32), 0, Progress())
    assert found.mle == pytest.approx(dimension, rel=0.08)
    assert found.twonn == pytest.approx(dimension, rel=0.1)
    assert found.local_pca == pytest.approx(dimension, abs=0.1)


def test_a_rolled_sheet_has_two_dimensions_although_it_spans_three() -> None:
    rng = np.random.default_rng(0)
    angle, height = rng.uniform(3, 9, 3000), rng.uniform(0, 10, 3000)
    sheet = np.stack([angle * np.cos(angle), angle * np.sin(angle), height], axis=1)
    found = intrinsic(sheet, 0, Progress())
    assert found.mle == pytest.approx(2, abs=0.15) and found.twonn == pytest.approx(2, abs=0.2)


def test_copies_count_once_and_too_few_rows_have_no_dimension() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((400, 3))
    assert intrinsic(np.repeat(rows, 3, axis=0), 0, Progress()) == intrinsic(rows, 0, Progress())
    few = intrinsic(rows[:2], 0, Progress())
    assert few.mle is few.twonn is few.local_pca is None
    assert intrinsic(rows[:8], 0, Progress()).local_pca is None
    same = intrinsic(np.ones((50, 4)), 0, Progress())
    assert same.twonn is None


def test_more_rows_than_are_compared_are_sampled() -> None:
    rng = np.random.default_rng(2)
    found = intrinsic(rng.standard_normal((6000, 4)).astype(np.float32), 0, Progress())
    assert found.mle == pytest.approx(4, rel=0.1)


def test_real_vectors(shared_data: Path) -> None:
    import pyarrow.parquet as pq

    path = shared_data / "clay_geoparquet" / "clay_v0_03WVN_20220610_20220610_v001.gpq"
    rows = np.array(pq.read_table(path, columns=["embeddings"])["embeddings"].to_pylist(), np.float32)
    found = intrinsic(rows, 0, Progress())
    assert found.twonn == pytest.approx(4.7, abs=0.05)
    assert 3 < (found.mle or 0) < 6 and 3 < (found.local_pca or 0) < 7


def test_cumulative_variance_is_pcas() -> None:
    rng = np.random.default_rng(3)
    rows = (rng.standard_normal((500, 9)) * np.arange(1, 10) + 50).astype(np.float32)
    wanted = np.cumsum(PCA().fit(rows.astype(np.float64)).explained_variance_ratio_)
    np.testing.assert_allclose(cumulative_variance(rows), wanted, atol=1e-5)
    assert cumulative_variance(np.ones((5, 3), np.float32)).tolist() == [0, 0, 0]
