"""Bit widths: which are allowed, how many levels they give, how many bits they take in memory.

A bit width is a whole number from 1 to 32, or 1.58 (= log2 3) for a ternary grid {-1, 0, +1}. A ternary value takes two
bits in memory: SpQuant-SNN's table counts its 1.58-bit membranes at 2 bits (921,600 neurons are 0.2304 MB).
"""

from __future__ import annotations

from cost_models.errors import InputError

TERNARY = 1.58
FULL_PRECISION = 32


def check_bits(where: str, bits: float) -> float:
    """Return ``bits`` (whole numbers as ``int``) if it is a bit width; raise :class:`InputError` otherwise.

    >>> check_bits("conv1: weight_bits", 4.0)
    4
    >>> check_bits("conv1: membrane_bits", 1.58)
    1.58
    """
    if isinstance(bits, int | float) and not isinstance(bits, bool):
        if bits == TERNARY:
            return TERNARY
        if 1 <= bits <= FULL_PRECISION and bits == int(bits):
            return int(bits)
    raise InputError(f"{where} is {bits!r}; bit widths are whole numbers from 1 to 32, or 1.58 for a ternary grid")


def stored_bits(bits: float) -> int:
    """Bits that one value takes in memory: the width itself, 2 for a ternary value.

    >>> stored_bits(1.58), stored_bits(4)
    (2, 4)
    """
    return 2 if bits == TERNARY else int(bits)
