"""Quantities: units come out as they went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_models import InputError, format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("64KiB", "bytes", 65536),
        ("1.5 MiB", "bytes", 1.5 * 2**20),
        ("64 kB", "bytes", 64_000),
        ("5uJ", "joules", 5e-6),
        ("5 µJ", "joules", 5e-6),
        ("3ms", "seconds", 3e-3),
        ("1e-3", "seconds", 1e-3),
        ("0.23 pJ", "joules", 0.23e-12),
        (4096, "bytes", 4096),
    ],
)
def test_quantities_are_read_in_si_units(text: str | float, dimension: str, value: float) -> None:
    assert parse_quantity(text, dimension) == value


@pytest.mark.parametrize("text", ["64KiJ", "", "many", "nan", "3 ms"])
def test_what_is_not_a_number_of_bytes_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_quantity(text, "bytes")


@given(st.floats(1e-12, 1e9), st.sampled_from(["joules", "seconds", "watts"]))
def test_a_written_quantity_reads_back_within_its_digits(value: float, dimension: str) -> None:
    assert parse_quantity(format_quantity(value, dimension), dimension) == pytest.approx(value, rel=6e-3)


@given(st.floats(0, 1e12))
def test_written_bytes_read_back_within_their_digits(value: float) -> None:
    assert parse_quantity(format_quantity(value, "bytes"), "bytes") == pytest.approx(value, rel=6e-2, abs=0.06)
