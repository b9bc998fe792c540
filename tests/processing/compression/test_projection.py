"""The projection kernel against float64 arithmetic, for any shape."""

from __future__ import annotations

import numpy as np
from bitscape.processing.compression.basis import feature_planes
from bitscape.processing.compression.projection import project
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=60, deadline=None)
@given(
    bands=st.integers(1, 70),
    dates=st.integers(1, 3),
    components=st.integers(1, 9),
    pixels=st.sampled_from([1, 63, 64, 1023, 1024, 1025, 3000]),
    power=st.booleans(),
    floats=st.booleans(),
    features=st.sampled_from(["difference", "side_by_side", "first_and_difference"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_equals_float64(bands, dates, components, pixels, power, floats, features, seed):
    rng = np.random.default_rng(seed)
    if dates == 1:
        features = "single"
    stored = rng.integers(-127, 128, (bands * dates, pixels)).astype(np.float32 if floats else np.int8)
    lost = rng.random((bands * dates, pixels)) < 0.3 / (bands * dates)
    stored[lost] = np.nan if floats else -128
    plus, minus = feature_planes(features, bands, dates)
    weights = (rng.standard_normal((components, len(plus))) / len(plus)).astype(np.float32) / (100 if power else 1)
    offset = rng.standard_normal(components).astype(np.float32)
    out = np.empty((components, pixels), np.int8)
    covered = project(stored, power, plus, minus, weights, offset, None if floats else -128, out)

    values = stored.astype(np.float64)
    values = values * np.abs(values) if power else values
    vectors = values[plus] - np.where(minus[:, None] >= 0, values[minus], 0)
    exact = weights.astype(np.float64) @ np.where(np.isnan(vectors), 0, vectors) - offset[:, None]
    missing = lost.any(axis=0)
    assert covered == (~missing).sum()
    assert (out[:, missing] == -128).all()
    near = np.abs(exact[:, ~missing] - np.clip(out[:, ~missing], -127, 127))
    inside = np.abs(exact[:, ~missing]) <= 127
    assert (near[inside] <= 0.5 + 2e-3).all()
    assert (np.sign(exact[:, ~missing][~inside]) * 127 == out[:, ~missing][~inside]).all()
