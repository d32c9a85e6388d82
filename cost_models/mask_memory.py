"""Bits of one actual pruned tensor, counted from the places of its zeros, by format."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from cost_models.errors import InputError
from cost_models.memory import INDEX_WIDTHS, RUN_BITS, STORAGE_FORMATS

Mask = npt.NDArray[np.bool_]


def filler_zeros(kept: Mask, index_bits: int) -> int:
    """Filler zeros that a relative index of this width forces: floor(gap / 2^k) for each gap before a kept weight.

    ``kept`` is read in row-major order; zeros behind the last kept weight need no entry.
    """
    places = np.flatnonzero(kept)
    gaps = np.diff(places, prepend=-1) - 1
    return int((gaps // 2**index_bits).sum())


def mask_bits(kept: Mask, bits: int, storage_format: str, *, index_bits: int | None = None) -> int:
    """All bits of a tensor whose kept weights are marked in ``kept`` (rows, ...), by one of the storage formats.

    Without ``index_bits`` the relative index takes its best width. N:M formats are refused with
    :class:`InputError` where a group of neighbours in a row holds more than the formula's N.
    """
    if storage_format == "relative index":
        widths = INDEX_WIDTHS if index_bits is None else (index_bits,)
        return min((int(kept.sum()) + filler_zeros(kept, width)) * (bits + width) for width in widths)
    if storage_format == "run length":
        return int(kept.sum()) * bits + RUN_BITS * _run_codes(kept)
    if storage_format == "channel":
        rows = kept.reshape(len(kept), -1)
        if (rows.any(axis=1) != rows.all(axis=1)).any():
            raise InputError("a channel is only partly removed; the channel format holds whole channels")
    group = storage_format.partition(":")[2]
    if group:
        return _n_of_m(kept.reshape(len(kept), -1), bits, int(group))
    values = (float(kept.size), float(kept.sum()), float(bits), float(len(kept)), kept.size / len(kept))
    data, overhead = STORAGE_FORMATS[storage_format](*(np.array([value]) for value in values))
    return int(data[0] + overhead[0])


def _run_codes(kept: Mask) -> int:
    flat = kept.ravel()
    if flat.all():
        return 0
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [flat.size]]))
    codes = int((1 + lengths // (2**RUN_BITS - 1)).sum())
    return codes + int(flat[0])  # a leading run of no zeros is a code too


def _n_of_m(rows: Mask, bits: int, group: int) -> int:
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % group)))
    most = int(padded.reshape(len(rows), -1, group).sum(axis=2).max())
    if most == group:
        return rows.size * bits
    allowed = math.ceil(int(rows.sum()) / rows.size * group)
    if most > allowed:
        raise InputError(f"a group of {group} neighbours keeps {most} weights; {allowed}:{group} allows {allowed}")
    return padded.size // group * allowed * (bits + (group - 1).bit_length())
