"""Whole numbers survive being packed, and take no more bits than they need."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cost_models import InputError
from dse.export.packing import pack_bits, pack_codes, unpack_bits, unpack_codes


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**13 - 1), max_size=40), st.integers(13, 16))
def test_packed_numbers_come_back(numbers: list[int], width: int) -> None:
    packed = pack_bits(np.array(numbers, np.int64), width)
    assert len(packed) == math.ceil(len(numbers) * width / 8)
    assert unpack_bits(packed, width, len(numbers)).tolist() == numbers


@settings(max_examples=100, deadline=None)
@given(
    codes=st.lists(st.sampled_from([0, 0, 0, 0, 1, -1, 3, -3, 4, 127, -127, 2**20]), min_size=1, max_size=60),
)
def test_packed_codes_come_back(codes: list[int]) -> None:
    array = np.array(codes, np.int32).reshape(1, -1)
    assert np.array_equal(unpack_codes(pack_codes(array), array.shape), array)


@pytest.mark.parametrize(
    ("values", "bits"), [([-1, 0, 1], 2), ([-3, -1, 1, 3], 2), ([-1, 1], 1), ([-4, -2, -1, 0, 1, 2, 4], 3)]
)
def test_codes_take_no_more_than_the_bits_of_their_width(values: list[int], bits: int) -> None:
    codes = np.random.default_rng(0).choice(values, 800).astype(np.int32)
    parts = pack_codes(codes)
    assert sum(array.nbytes for array in parts.values()) <= 800 * bits // 8 + len(values)


def test_many_zeros_are_a_bitmap() -> None:
    codes = np.zeros(800, np.int32)
    codes[::20] = np.arange(1, 41)
    parts = pack_codes(codes)
    assert parts["bitmap"].nbytes == 100
    assert parts["codes"].nbytes == 40 * 6 // 8


def test_too_few_packed_bytes_are_named() -> None:
    with pytest.raises(InputError, match="packed data hold 1 bytes"):
        unpack_bits(np.zeros(1, np.uint8), 4, 3)
