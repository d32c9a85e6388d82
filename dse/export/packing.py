"""Whole numbers of a few bits in bytes, with or without a presence bit for each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cost_models import InputError

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int32]
SMALL_TYPES = (np.int8, np.int16, np.int32)


def bits_for(values: int) -> int:
    """Bits that tell this many different things apart, 0 for a single one.

    >>> bits_for(1), bits_for(3), bits_for(4), bits_for(5)
    (0, 2, 2, 3)
    """
    return (values - 1).bit_length() if values > 1 else 0


def pack_bits(numbers: npt.NDArray[np.int64], width: int) -> Bytes:
    """Numbers from 0 to 2^width - 1 one behind another, lowest bit first, filled up with zeros to whole bytes.

    >>> pack_bits(np.array([1, 2, 3, 0, 1]), 2).tolist()
    [57, 1]
    """
    places = np.arange(width)
    bits = (numbers[:, None] >> places & 1).astype(np.uint8)
    return np.packbits(bits.reshape(-1), bitorder="little")


def unpack_bits(packed: Bytes, width: int, count: int) -> npt.NDArray[np.int64]:
    """The ``count`` numbers that :func:`pack_bits` packed; raises :class:`InputError` if there are fewer."""
    if len(packed) != (count * width + 7) // 8:
        raise InputError(f"packed data hold {len(packed)} bytes; {count} numbers of {width} bits take another number")
    bits = np.unpackbits(packed, count=count * width, bitorder="little").reshape(count, width)
    return np.asarray((bits.astype(np.int64) << np.arange(width)).sum(axis=1))


def pack_codes(codes: Integers) -> dict[str, npt.NDArray[np.generic]]:
    """Weight codes as arrays: dense, or only those that are not zero behind a bitmap, whichever takes fewer bytes.

    ``codes`` are positions in ``values``, the different codes that occur, in as few bits as tell them apart; where the
    values are neighbours only the first and last are kept. Rebuilt by :func:`unpack_codes`.
    """
    flat = codes.reshape(-1)
    dense = _packed(flat)
    sparse = {**_packed(flat[flat != 0]), "bitmap": pack_bits((flat != 0).astype(np.int64), 1)}
    return min((dense, sparse), key=lambda arrays: sum(array.nbytes for array in arrays.values()))


def _packed(flat: Integers) -> dict[str, npt.NDArray[np.generic]]:
    values = np.unique(flat)
    if len(values) == 0:
        return {"codes": np.zeros(0, np.uint8), "values": np.zeros(0, np.int8)}
    span = int(values[-1]) - int(values[0]) + 1
    width = bits_for(len(values))
    if bits_for(span) == width:
        position = (flat - values[0]).astype(np.int64)
        return {"codes": pack_bits(position, width), "range": smallest_type(values[[0, -1]])}
    return {"codes": pack_bits(np.searchsorted(values, flat), width), "values": smallest_type(values)}


def unpack_codes(arrays: dict[str, npt.NDArray[np.generic]], shape: tuple[int, ...]) -> Integers:
    """The codes again, int32 of this shape."""
    count = int(np.prod(shape))
    there = np.ones(count, bool)
    if "bitmap" in arrays:
        there = unpack_bits(arrays["bitmap"].astype(np.uint8), 1, count) > 0
    if "range" in arrays:
        first, last = (int(value) for value in arrays["range"].astype(np.int64))
        values = np.arange(first, last + 1)
    else:
        values = arrays["values"].astype(np.int64)
    codes = np.zeros(count, np.int32)
    if there.any():
        positions = unpack_bits(arrays["codes"].astype(np.uint8), bits_for(len(values)), int(there.sum()))
        if positions.max(initial=0) >= len(values):
            raise InputError("packed codes point beyond the values that occur")
        codes[there] = values[positions]
    return codes.reshape(shape)


def smallest_type(numbers: npt.NDArray[np.signedinteger]) -> npt.NDArray[np.generic]:
    """The same numbers in the smallest signed type that holds them all."""
    low, high = numbers.min(initial=0), numbers.max(initial=0)
    kind = next(kind for kind in SMALL_TYPES if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return np.ascontiguousarray(numbers.astype(kind))
