"""Every method: its own bound, its edge cases, and figures that can be computed in another way."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.compression.quantisers.product import Product
from bitscape.processing.compression.quantisers.rotation import haar_rotation
from bitscape.processing.compression.recipe import Recipe
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import f_classif

QUANTISERS = [
    "float32", "float16", "int8", "int4", "int3", "int2", "ternary", "binary-zero", "binary-median", "binary-mean",
    "binary-fitted", "itq", "pq-1x3", "turbo8", "turbo4", "turbo3", "turbo2", "turbo4-seeded",
]
BITS = {"float32": 32, "float16": 16, "int8": 8, "int4": 4, "int3": 3, "int2": 2, "binary-zero": 1, "itq": 1,
        "turbo8": 8, "turbo3": 3}


def correlated(count: int, dimensions: int, seed: int = 0) -> np.ndarray:
    """Rows in which few directions matter, with different ranges, float32."""
    random = np.random.default_rng(seed)
    factors = random.standard_normal((count, max(2, dimensions // 4)))
    rows = factors @ random.standard_normal((factors.shape[1], dimensions))
    rows = rows * random.uniform(0.2, 3, dimensions) + random.standard_normal(dimensions)
    return (rows + 0.1 * random.standard_normal(rows.shape)).astype(np.float32)


@settings(max_examples=80, deadline=None)
@given(
    bits=st.sampled_from([8, 4, 3, 2]), count=st.integers(1, 40), dimensions=st.integers(1, 33),
    scale=st.floats(1e-20, 1e20), shift=st.floats(-1e3, 1e3), seed=st.integers(0, 2**32 - 1),
)
def test_affine_is_within_half_a_step_inside_its_range_and_clips_outside(bits, count, dimensions, scale, shift, seed):
    random = np.random.default_rng(seed)
    rows = ((random.standard_normal((count, dimensions)) + shift) * scale).astype(np.float32)
    rows[:, random.random(dimensions) < 0.2] = np.float32(shift)
    codec = Recipe.parse(f"int{bits}").fit(rows)
    assert codec.bytes == -(-dimensions * bits // 8)
    low, high = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
    step = (high - low) / (2**bits - 1)
    rounding = 4e-7 * np.maximum(np.abs(low), np.abs(high)) + 1e-36
    assert (np.abs(codec.decode(codec.encode(rows)) - rows) <= step / 2 * (1 + 1e-4) + rounding).all()
    outside = np.stack([low - 3 * step - scale, high + 3 * step + scale]).astype(np.float32)
    ends = codec.decode(codec.encode(outside))
    changing = step > 1e-37
    assert (np.abs(ends[0] - low) <= rounding).all()
    assert (np.abs(ends[1] - high) <= 2 * rounding)[changing].all()


@settings(max_examples=40, deadline=None)
@given(
    text=st.sampled_from(["float32", "float16", "ternary", "turbo8", "turbo3", *(t for t in QUANTISERS if "bin" in t)]),
    count=st.integers(1, 30), dimensions=st.integers(1, 20), scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_comes_back_is_within_each_methods_bound(text, count, dimensions, scale, seed):
    """On the rows it was fitted on. Floats: their precision · a rotation keeps the length of an error of half a step in
    each dimension · means of cells lie among the rows of the cell, so inside the range of the dimension."""
    random = np.random.default_rng(seed)
    rows = (random.standard_normal((count, dimensions)) * scale).astype(np.float32)
    codec = Recipe.parse(text).fit(rows, seed=seed)
    wrong = codec.decode(codec.encode(rows)).astype(np.float64) - rows
    if text.startswith("float"):
        precision = 0 if text == "float32" else 2.0**-11
        assert (np.abs(wrong) <= precision * np.abs(rows) + precision * 2.0**-13).all()
    elif text.startswith("turbo"):
        half_steps = np.linalg.norm(codec.quantiser.arrays()["scale"].astype(np.float64) / 2)
        assert (np.linalg.norm(wrong, axis=1) <= half_steps * (1 + 1e-3) + 1e-4 * scale).all()
    else:
        assert (np.abs(wrong) <= np.ptp(rows.astype(np.float64), axis=0) * (1 + 1e-5) + 1e-6 * scale).all()


@pytest.mark.parametrize("text", QUANTISERS)
@pytest.mark.parametrize(("count", "dimensions"), [(1, 1), (1, 13), (3, 8), (60, 21)])
def test_small_odd_and_constant_data(text, count, dimensions):
    rows = correlated(count, dimensions)
    rows[:, 0] = 2.5
    codec = Recipe.parse(text).fit(rows, seed=3)
    codes = codec.encode(rows)
    assert codes.shape == (count, codec.bytes) and codes.dtype == np.uint8
    back = codec.decode(codes)
    assert back.shape == rows.shape and back.dtype == np.float32 and np.isfinite(back).all()
    np.testing.assert_array_equal(codec.decode_reduced(codes), back)
    if not text.startswith(("turbo", "itq", "pq")):
        np.testing.assert_allclose(back[:, 0], 2.5)
    if count == 1 and "-zero" not in text:
        np.testing.assert_allclose(back, rows, rtol=2e-3, atol=1e-5)
    assert codec.encode(rows[:0]).shape == (0, codec.bytes)
    assert codec.decode(codes[:0]).shape == (0, dimensions)
    far = np.full((1, dimensions), 3e5, np.float32)
    assert np.isfinite(codec.decode(codec.encode(np.concatenate([far, -far])))).all()


@pytest.mark.parametrize(("text", "bits"), BITS.items())
def test_bytes_of_a_code(text, bits):
    codec = Recipe.parse(text).fit(correlated(30, 21))
    assert codec.bytes == -(-21 * bits // 8)
    assert codec.is_binary == (text.startswith(("binary", "itq")))


def test_ternary_puts_five_numbers_in_a_byte():
    rows = correlated(200, 23)
    codec = Recipe.parse("ternary").fit(rows)
    assert codec.bytes == 5
    mean = rows.mean(axis=0, dtype=np.float64)
    margin = 0.7 * np.abs(rows - mean).mean(axis=0)
    digits = (rows >= (mean - margin).astype(np.float32)).astype(int) + (rows > (mean + margin).astype(np.float32))
    first = digits[:, :5] @ [81, 27, 9, 3, 1]
    np.testing.assert_array_equal(codec.encode(rows)[:, 0], first)
    back = codec.decode(codec.encode(rows))
    for kind in range(3):
        chosen = digits[:, 7] == kind
        np.testing.assert_allclose(back[chosen, 7], rows[chosen, 7].mean(dtype=np.float64), rtol=1e-5)


@pytest.mark.parametrize("kind", ["zero", "median", "mean"])
def test_binary_bits_and_side_means(kind):
    rows = correlated(301, 19)
    threshold = {"zero": np.zeros(19), "median": np.median(rows, axis=0), "mean": rows.mean(axis=0, dtype=np.float64)}
    above = rows > threshold[kind].astype(np.float32)
    codec = Recipe.parse(f"binary-{kind}").fit(rows)
    codes = codec.encode(rows)
    np.testing.assert_array_equal(codes, np.packbits(above, axis=1))
    back = codec.decode(codes)
    for dimension in range(19):
        for side in (above[:, dimension], ~above[:, dimension]):
            if side.any():
                wanted = rows[side, dimension].mean(dtype=np.float64)
                np.testing.assert_allclose(back[side, dimension], wanted, rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 40))
def test_the_fitted_threshold_has_the_least_squared_error(seed, count):
    random = np.random.default_rng(seed)
    rows = np.round(random.standard_normal((count, 3)) ** 3, 1).astype(np.float32)
    codec = Recipe.parse("binary-fitted").fit(rows)
    back = codec.decode(codec.encode(rows)).astype(np.float64)
    for dimension in range(3):
        column = rows[:, dimension].astype(np.float64)
        errors = [sum(part.var() * part.size for part in (column[column <= cut], column[column > cut]) if part.size)
                  for cut in np.unique(column)]
        assert ((column - back[:, dimension]) ** 2).sum() <= min(errors) * (1 + 1e-5) + 1e-5


def test_rotation_is_orthogonal_seeded_and_as_numpy_says():
    rotation = haar_rotation(40, 7)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(40), atol=1e-12)
    orthogonal, upper = np.linalg.qr(np.random.default_rng(7).standard_normal((40, 40)))
    np.testing.assert_allclose(rotation, orthogonal * np.sign(np.diag(upper)), atol=1e-12)


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
def test_turbo_equals_rotating_and_quantising(bits):
    rows = correlated(400, 37)
    rotated = rows.astype(np.float64) @ haar_rotation(37, 5)
    low, high = rotated.min(axis=0), rotated.max(axis=0)
    step = (high - low) / (2**bits - 1)
    wanted = (np.rint((rotated - low) / step) * step + low) @ haar_rotation(37, 5).T
    back = Recipe.parse(f"turbo{bits}").fit(rows, seed=5)
    decoded = back.decode(back.encode(rows))
    off = np.abs(decoded - wanted).max(axis=1) > 1e-4
    assert off.mean() <= 0.02, "but for values that lie on the border of two steps"


def test_a_rotation_pays_where_few_values_take_most_of_the_range():
    """Heavy tails: outliers stretch each dimension's range, and a rotation spreads them over all."""
    rows = np.random.default_rng(0).standard_t(2.5, (2000, 32)).astype(np.float32)
    for bits in (2, 3, 4):
        plain, rotated = (
            ((codec.decode(codec.encode(rows)) - rows) ** 2).sum()
            for codec in (Recipe.parse(f"{name}{bits}").fit(rows) for name in ("int", "turbo"))
        )
        assert rotated < 0.7 * plain, (bits, rotated / plain)


def test_itq_loses_less_than_signs_of_principal_components():
    rows = correlated(1500, 24)
    pca = PCA(24, svd_solver="full").fit(rows)
    scores = pca.transform(rows)
    scale = np.abs(scores).mean()
    codec = Recipe.parse("itq").fit(rows, seed=1)
    rotation = codec.quantiser.arrays()["rotation"]
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(24), atol=1e-4)
    rotated = (rows - rows.mean(axis=0)) @ rotation
    loss = [((np.where(part > 0, scale, -scale) - part) ** 2).sum() for part in (rotated, scores)]
    assert loss[0] < 0.9 * loss[1], loss
    np.testing.assert_array_equal(codec.encode(rows), np.packbits(rotated > 0, axis=1))


@pytest.mark.parametrize(("groups", "dimensions"), [(4, 16), (5, 17), (7, 7)])
def test_product_codes_are_the_nearest_centroids(groups, dimensions):
    rows = correlated(500, dimensions)
    codec = Recipe.parse(f"pq-{groups}x4").fit(rows)
    assert codec.bytes == -(-groups * 4 // 8)
    quantiser = codec.quantiser
    assert isinstance(quantiser, Product)
    sizes = [part.stop - part.start for part in quantiser.columns]
    assert sizes == [len(part) for part in np.array_split(np.arange(dimensions), groups)]
    chosen = quantiser.centroids_of(codec.encode(rows))
    for group, part in enumerate(quantiser.columns):
        squares = ((rows[:, None, part] - quantiser.codebooks[None, :, part]) ** 2).sum(axis=2)
        np.testing.assert_allclose(squares[np.arange(500), chosen[:, group]], squares.min(axis=1), rtol=1e-4, atol=1e-6)


def test_product_centroids_are_as_good_as_scikit_learns():
    rows = correlated(800, 8)
    codec = Recipe.parse("pq-2x4").fit(rows, seed=0)
    error = ((codec.decode(codec.encode(rows)) - rows) ** 2).sum()
    peer = sum(KMeans(16, n_init=1, init="random", random_state=0).fit(rows[:, part]).inertia_
               for part in (slice(0, 4), slice(4, 8)))
    assert error < 1.1 * peer


def test_few_different_rows_need_few_centroids():
    rows = np.repeat(np.array([[0, 1, 2], [5, 5, 5]], np.float32), 10, axis=0)
    codec = Recipe.parse("pq-1x8").fit(rows)
    np.testing.assert_array_equal(codec.decode(codec.encode(rows)), rows)


@pytest.mark.parametrize("kept", [1, 5, 12])
def test_principal_components_and_svd_equal_scikit_learns(kept):
    rows = correlated(300, 12)
    for name, peer in (
        ("pca", PCA(kept, svd_solver="full")), ("svd", TruncatedSVD(kept, algorithm="arpack", random_state=0))
    ):
        if name == "svd" and kept == 12:
            continue  # arpack finds fewer than all
        wanted = peer.inverse_transform(peer.fit_transform(rows.astype(np.float64)))
        codec = Recipe.parse(f"{name}-{kept}+float32").fit(rows)
        np.testing.assert_allclose(codec.decode(codec.encode(rows)), wanted, atol=2e-4 * np.abs(rows).max())
        assert codec.decode_reduced(codec.encode(rows)).shape == (300, kept)


def test_random_projection_keeps_distances_and_comes_back_by_the_pseudo_inverse():
    rows = correlated(100, 200)
    codec = Recipe.parse("random-150+float32").fit(rows, seed=2)
    components = np.random.default_rng(2).standard_normal((150, 200)) / np.sqrt(150)
    reduced = codec.reduce(rows)
    np.testing.assert_allclose(reduced, rows @ components.T, rtol=1e-3, atol=1e-3)
    ratio = np.linalg.norm(reduced[1:] - reduced[:-1], axis=1) / np.linalg.norm(rows[1:] - rows[:-1], axis=1)
    assert 0.9 < ratio.mean() < 1.1
    back = codec.decode(codec.encode(rows))
    np.testing.assert_allclose(back, rows @ components.T @ np.linalg.pinv(components).T, rtol=1e-2, atol=2e-2)
    np.testing.assert_allclose(codec.reduce(back), reduced, rtol=1e-2, atol=2e-2)


def test_selection_by_variance_and_by_labels():
    random = np.random.default_rng(0)
    rows = random.standard_normal((300, 6)).astype(np.float32) * np.array([1, 9, 1, 5, 1, 1], np.float32)
    labels = random.integers(0, 3, 300)
    rows[:, 4] += 3 * labels
    rows[:, 5] = 1
    by_variance = Recipe.parse("select-2+float32").fit(rows)
    back = by_variance.decode(by_variance.encode(rows))
    np.testing.assert_array_equal(back[:, [1, 3]], rows[:, [1, 3]])
    np.testing.assert_allclose(back[:, 0], rows[:, 0].mean(), atol=1e-6)
    by_labels = Recipe.parse("select-1+float32").fit(rows, labels=labels)
    assert f_classif(rows[:, :5], labels)[0].argmax() == 4
    np.testing.assert_array_equal(by_labels.reduce(rows)[:, 0], rows[:, 4])
    names = np.array(["a", "b", "c"])[labels]
    assert by_labels.fingerprint == Recipe.parse("select-1+float32").fit(rows, labels=names).fingerprint
