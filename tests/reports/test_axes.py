from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.axes import quantity_axis, share_axis, tick_text

COSTS = st.lists(st.floats(1e-15, 1e12), min_size=1, max_size=20)


def test_bytes_have_ticks_at_powers_of_two() -> None:
    axis = quantity_axis(pd.Series([5 * 1024.0, 150 * 1024.0]), "bytes", "memory")
    assert axis.settings["ticktext"] == ["8 KiB", "16 KiB", "32 KiB", "64 KiB", "128 KiB"]


def test_values_within_one_magnitude_have_a_linear_axis() -> None:
    assert not quantity_axis(pd.Series([1e-6, 2e-6]), "joules", "energy").logarithmic
    assert quantity_axis(pd.Series([1e-6, 2e-5]), "joules", "energy").logarithmic


def test_an_axis_with_a_zero_is_never_logarithmic() -> None:
    assert not quantity_axis(pd.Series([0.0, 1e6]), "count", "macs").logarithmic


@pytest.mark.parametrize("unit", ["bytes", "joules", "seconds", "count"])
@given(values=COSTS)
def test_a_logarithmic_axis_shows_every_value(unit: str, values: list[float]) -> None:
    axis = quantity_axis(pd.Series(values), unit, "cost")
    if axis.logarithmic:
        low, high = axis.settings["range"]
        assert all(low <= math.log10(value) <= high for value in values)


@given(COSTS)
def test_ticks_rise_and_are_few(values: list[float]) -> None:
    ticks = quantity_axis(pd.Series(values), "joules", "energy").settings["tickvals"]
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 40


def test_bars_start_at_zero() -> None:
    axis = quantity_axis(pd.Series([1.0, 4096.0]), "bytes", "", from_zero=True)
    assert axis.settings["tickvals"][0] == 0.0
    assert not axis.logarithmic


def test_accuracies_that_span_magnitudes_of_error_are_placed_by_their_error() -> None:
    axis = share_axis(pd.Series([0.6, 0.9, 0.99]), "accuracy")
    assert axis.of_error
    assert axis.place(0.9) == pytest.approx(0.1)
    assert "99%" in axis.settings["ticktext"]


def test_higher_accuracy_is_further_up() -> None:
    low, high = share_axis(pd.Series([0.6, 0.9, 0.99]), "accuracy").settings["range"]
    assert low > high


def test_a_perfect_accuracy_has_a_place_on_the_axis_of_errors() -> None:
    axis = share_axis(pd.Series([0.5, 0.99, 1.0]), "accuracy")
    assert 0 < axis.place(1.0) < axis.place(0.99)


def test_accuracies_close_together_have_a_plain_axis() -> None:
    assert not share_axis(pd.Series([0.93, 0.95]), "accuracy").logarithmic


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_equal_accuracies_have_a_narrow_axis_without_a_tick_outside_0_and_100_percent(share: float) -> None:
    low, high = share_axis(pd.Series([share] * 3), "accuracy").settings["range"]
    assert low < share < high
    assert high - low <= 0.03
    assert low > -0.002
    assert high < 1.002


@given(st.lists(st.floats(0.5, 1.0), min_size=1, max_size=20))
def test_a_plain_axis_of_accuracies_shows_every_value(values: list[float]) -> None:
    axis = share_axis(pd.Series(values), "accuracy")
    if not axis.of_error:
        low, high = axis.settings["range"]
        assert all(low < value < high for value in values)


@pytest.mark.parametrize(
    ("value", "unit", "text"), [(65536, "bytes", "64 KiB"), (4.2e-6, "joules", "4.2 µJ"), (0.01, "seconds", "10 ms")]
)
def test_ticks_have_no_needless_zeros(value: float, unit: str, text: str) -> None:
    assert tick_text(value, unit) == text
