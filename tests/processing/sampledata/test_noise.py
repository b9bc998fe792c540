"""Noise: the same everywhere and for everyone, of the promised spread."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.sampledata.noise import Frame, bell, field, key, mix
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=40, deadline=None)
@given(
    top=st.integers(0, 60), left=st.integers(0, 60), rows=st.integers(1, 20), columns=st.integers(1, 20),
    spacing=st.sampled_from([3.0, 7.5, 41.0]),
)
def test_a_pixel_is_the_same_in_every_frame(top: int, left: int, rows: int, columns: int, spacing: float) -> None:
    whole = field(("test",), 5, spacing, 2, Frame(0, 0, 80, 80, 1.0))
    part = field(("test",), 5, spacing, 2, Frame(top, left, rows, columns, 1.0))
    np.testing.assert_array_equal(part, whole[top : top + rows, left : left + columns])


def test_fields_have_unit_variance_and_are_smooth() -> None:
    values = field(("test",), 1, 8, 1, Frame(0, 0, 600, 600, 1.0))
    assert values.std() == pytest.approx(1, abs=0.05)
    assert abs(values.mean()) < 0.1
    assert np.abs(np.diff(values, axis=1)).max() < 1.0


def test_hashes_are_nearly_normal_and_uncorrelated() -> None:
    values = np.array([bell(mix(np.uint32(n))) for n in range(20000)])
    assert values.mean() == pytest.approx(0, abs=0.03)
    assert values.std() == pytest.approx(1, abs=0.03)
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.03


def test_keys_differ_by_seed_and_name() -> None:
    assert len({int(key(seed, name, octave)) for seed in range(5) for name in ("a", "b") for octave in range(5)}) == 50
