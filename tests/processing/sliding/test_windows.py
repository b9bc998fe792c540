"""Windows on one lattice, and weights that add up to one."""

from __future__ import annotations

import numpy as np
import pytest
from bitscape.processing.errors import InputError
from bitscape.processing.sliding.windows import Axis, placed_overlap
from hypothesis import given
from hypothesis import strategies as st

BLENDS = ("hann", "crop", "average")
axes = st.tuples(st.integers(1, 3000), st.integers(8, 300), st.integers(0, 200)).filter(lambda a: 4 * a[2] <= 3 * a[1])


@given(axes, st.sampled_from(BLENDS))
def test_weights_add_up_to_one_everywhere(shape: tuple[int, int, int], blend: str) -> None:
    axis = Axis(*shape)
    total = np.zeros(max(axis.length, axis.tile))
    for start, weights in zip(axis.starts, axis.weights(blend), strict=True):
        assert (weights >= 0).all()
        total[start : start + axis.tile] += weights
    np.testing.assert_allclose(total[: axis.length], 1, atol=1e-6)


@given(axes)
def test_windows_cover_the_axis_and_end_with_it(shape: tuple[int, int, int]) -> None:
    axis = Axis(*shape)
    starts = axis.starts
    assert starts[0] == 0 and (np.diff(starts) > 0).all() and (np.diff(starts) <= axis.step).all()
    assert starts[-1] + axis.tile == max(axis.length, axis.tile)


@given(axes, st.data())
def test_touching_are_those_with_pixels_in_the_range(shape: tuple[int, int, int], data: st.DataObject) -> None:
    axis = Axis(*shape)
    low = data.draw(st.integers(0, axis.length - 1))
    high = data.draw(st.integers(low + 1, axis.length))
    expected = [number for number, start in enumerate(axis.starts) if start < high and start + axis.tile > low]
    assert list(axis.touching(low, high)) == expected


def test_hann_ignores_the_outer_quarter_and_rises_as_a_hann_window() -> None:
    axis = Axis(448 * 3 + 64, 512, 64)
    weights = axis.weights("hann")[1]
    assert (weights[:16] == 0).all() and (weights[48:-48] == 1).all() and (weights[-16:] == 0).all()
    np.testing.assert_allclose(weights[16:48], np.hanning(129)[1:64:2], atol=1e-6)
    first = axis.weights("hann")[0]
    assert (first[:448] == 1).all(), "at the raster's end a window counts to its edge"


def test_crop_takes_each_pixel_from_the_window_in_which_it_lies_deeper() -> None:
    weights = Axis(448 * 3 + 64, 512, 64).weights("crop")[1]
    assert (weights[:32] == 0).all() and (weights[32:480] == 1).all() and (weights[480:] == 0).all()


def test_windows_start_at_multiples_of_32() -> None:
    assert placed_overlap(512, 64) == 64
    assert placed_overlap(512, 77) == 96, "15 % of 512"
    assert placed_overlap(512, 0) == 0
    assert placed_overlap(500, 77) == 77, "the windows' own size is no multiple"
    assert placed_overlap(64, 40) == 40, "a step of less than 32 stays"
    for wrong in (-1, 385):
        with pytest.raises(InputError, match="overlap"):
            placed_overlap(512, wrong)
