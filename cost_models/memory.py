"""Bits of a pruned weight tensor by storage format, exactly; every function takes numbers or numpy arrays.

``weights`` is the number of weights of the tensor, ``kept`` how many of them are not zero, ``bits`` the bits that one
value takes (:func:`cost_models.bits.stored_bits`), ``rows`` the number of output channels and ``columns`` the weights
of one output channel. Results are ``(data bits, overhead bits)``: the kept values, and everything that is needed to
know where they belong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from cost_models.errors import InputError
from cost_models.registry import Registry, unknown_name

Numbers: TypeAlias = npt.NDArray[np.float64]
BitsPair: TypeAlias = tuple[Numbers, Numbers]
FormatBits: TypeAlias = Callable[[Numbers, Numbers, Numbers, Numbers, Numbers], BitsPair]
Zeros: TypeAlias = Literal["none", "any", "groups", "channels"]

#: Widths of the relative index that are tried when none is asked for.
INDEX_WIDTHS = tuple(range(1, 11))
#: Width of a run-length code.
RUN_BITS = 5


@dataclass(frozen=True, slots=True)
class StorageFormat:
    """A storage format: the function that counts its bits, and all that the rest of the model has to know of it.

    ``zeros`` are those that it leaves out: "none", "any" pattern, "groups" with so many zeros among so many neighbours,
    or whole "channels". ``by_default``: it is compared where no format is fixed.
    """

    bits: FormatBits
    zeros: Zeros
    by_default: bool = False

    def __call__(self, weights: Numbers, kept: Numbers, bits: Numbers, rows: Numbers, columns: Numbers) -> BitsPair:
        """(data bits, overhead bits); arguments as in the module's docstring."""
        return self.bits(weights, kept, bits, rows, columns)


def whole_bits(values: Numbers) -> Numbers:
    """Bits that tell ``values`` different things apart: ceil(log2(values)), at least 1.

    >>> whole_bits(np.array([1.0, 2.0, 256.0, 257.0])).tolist()
    [1.0, 1.0, 8.0, 9.0]
    """
    # frexp is exact where log2 rounds: for a whole x > 1, ceil(log2 x) is the exponent of x - 1
    return np.maximum(np.frexp(np.maximum(values, 1.0) - 1.0)[1], 1.0)


def dense_bits(weights: Numbers, kept: Numbers, bits: Numbers, rows: Numbers, columns: Numbers) -> BitsPair:
    """Every weight is stored, zero or not."""
    data = weights * bits + 0.0 * kept
    return data, np.zeros_like(data)


def bitmap_bits(weights: Numbers, kept: Numbers, bits: Numbers, rows: Numbers, columns: Numbers) -> BitsPair:
    """One presence bit for each weight and the kept values."""
    return kept * bits, weights + 0.0 * kept


def csr_bits(weights: Numbers, kept: Numbers, bits: Numbers, rows: Numbers, columns: Numbers) -> BitsPair:
    """Compressed sparse rows: a column index for each kept weight, a pointer for each row and one for the end."""
    return kept * bits, kept * whole_bits(columns) + (rows + 1.0) * whole_bits(kept + 1.0)


def csc_bits(weights: Numbers, kept: Numbers, bits: Numbers, rows: Numbers, columns: Numbers) -> BitsPair:
    """Compressed sparse columns: as :func:`csr_bits` with rows and columns exchanged."""
    return kept * bits, kept * whole_bits(rows) + (columns + 1.0) * whole_bits(kept + 1.0)


def entries_per_weight(density: Numbers, index_bits: int) -> Numbers:
    """Stored entries for each kept weight under a relative index: 1 / (1 - (1 - p)^(2^k)).

    An index of k bits codes gaps of 0 to 2^k - 1 zeros; a longer gap needs filler zeros. For kept weights at uniformly
    random positions of density p the number of zeros in a gap is geometric, so that it holds m fillers or more with
    probability (1 - p)^(m 2^k); the sum over m is the expression. Deep Compression's tables (Han et al. 2016) follow it
    within 0.5 points.

    >>> entries_per_weight(np.array([0.08]), 5).round(3).tolist()
    [1.075]
    """
    absent = 1.0 - density
    for _ in range(index_bits):  # squaring instead of a power: the same bits on every machine and array length
        absent = absent * absent
    return 1.0 / (1.0 - absent)


def relative_index_bits(
    weights: Numbers, kept: Numbers, bits: Numbers, rows: Numbers, columns: Numbers, *, index_bits: int | None = None
) -> BitsPair:
    """Each kept weight with the gap to the one before, and a filler zero where a gap is too long for the index.

    A filler takes a code of the weight's width and an index (Han et al. 2016, section 2, has the filler; that it takes
    a code as well is inferred from the sizes in their tables). The number of fillers is the expected one for uniformly
    random positions. Without ``index_bits`` the width that gives the fewest bits is chosen for each tensor.
    """
    density = np.maximum(kept, 1.0) / np.maximum(weights, 1.0)
    if index_bits is not None:
        total = kept * entries_per_weight(density, index_bits) * (bits + index_bits)
        return kept * bits, total - kept * bits
    absent = 1.0 - density
    squared = absent
    best = np.full(np.broadcast(density, bits).shape, np.inf)
    for width in INDEX_WIDTHS:
        squared = squared * squared
        best = np.minimum(best, (bits + width) / (1.0 - squared), out=best)
    return kept * bits, kept * (best - bits)


def run_length_bits(weights: Numbers, kept: Numbers, bits: Numbers, rows: Numbers, columns: Numbers) -> BitsPair:
    """Lengths of the alternating runs of zeros and of kept weights, each in codes of :data:`RUN_BITS` bits.

    A code of all ones says that the run goes on, so a run of length l takes 1 + floor(l / M) codes, M = 2^k - 1. At
    random positions of density p there are n p (1 - p) runs of each kind; a run of zeros lasts m or longer with
    probability q^(m - 1), q = 1 - p, so it takes 1 + q^(M - 1) / (1 - q^M) codes on average; for runs of kept weights p
    and q change places. Good where kept weights cluster; at random positions the relative index needs fewer bits.
    """
    density = kept / np.maximum(weights, 1.0)
    runs = kept * (1.0 - density) + 1.0
    codes = 2.0 + _continued(1.0 - density) + _continued(density)
    return kept * bits, np.where(kept < weights, runs * codes * RUN_BITS, 0.0)


def _continued(stay: Numbers) -> Numbers:
    """Expected continuation codes of a run whose next element belongs to it with probability ``stay`` (below 1)."""
    square, power = stay, np.ones_like(stay)
    for _ in range(RUN_BITS - 1):
        square = square * square
        power = power * square  # in the end stay^(2 + 4 + ... + 2^(k-1)) = stay^(2^k - 2) = stay^(M - 1)
    left = 1.0 - power * stay
    return np.where(left > 0.0, power / np.where(left > 0.0, left, 1.0), 0.0)


def n_of_m_bits(
    weights: Numbers, kept: Numbers, bits: Numbers, rows: Numbers, columns: Numbers, *, group: int
) -> BitsPair:
    """N of every M neighbours kept (M = ``group``, N the least that holds the density), each with its place.

    Slots that a group leaves empty are stored as zeros. Holds for weights pruned in that pattern only, which is why no
    N:M format is among those compared by default.
    """
    slots = np.ceil(kept / np.maximum(weights, 1.0) * group)
    entries = np.ceil(weights / group) * slots
    full = slots >= group
    place = np.where(full, 0.0, entries * whole_bits(np.full(1, float(group)))[0])
    stored = np.where(full, weights, entries) * bits
    return kept * bits, stored - kept * bits + place


def channel_bits(weights: Numbers, kept: Numbers, bits: Numbers, rows: Numbers, columns: Numbers) -> BitsPair:
    """Whole output channels removed: the rest is dense; one bit for each channel says whether it is there."""
    return kept * bits, rows + 0.0 * kept


#: Storage formats by name, in the order in which equal sizes are decided.
STORAGE_FORMATS: Registry[StorageFormat] = Registry(
    "storage format",
    {
        "dense": StorageFormat(dense_bits, "none", by_default=True),
        "bitmap": StorageFormat(bitmap_bits, "any", by_default=True),
        "relative index": StorageFormat(relative_index_bits, "any", by_default=True),
        "csr": StorageFormat(csr_bits, "any", by_default=True),
        "csc": StorageFormat(csc_bits, "any"),
        "run length": StorageFormat(run_length_bits, "any"),
        "n:4": StorageFormat(partial(n_of_m_bits, group=4), "groups"),
        "n:8": StorageFormat(partial(n_of_m_bits, group=8), "groups"),
        "n:16": StorageFormat(partial(n_of_m_bits, group=16), "groups"),
        "channel": StorageFormat(channel_bits, "channels"),
    },
)


def default_formats() -> tuple[str, ...]:
    """What is compared when no format is fixed."""
    return tuple(name for name, entry in STORAGE_FORMATS.items() if entry.by_default)


def formats_for(*zeros: Zeros) -> tuple[str, ...]:
    """The formats that leave out zeros of one of these kinds (:class:`StorageFormat`).

    >>> formats_for("any")
    ('bitmap', 'relative index', 'csr', 'csc', 'run length')
    """
    return tuple(name for name, entry in STORAGE_FORMATS.items() if entry.zeros in zeros)


def check_formats(where: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names as a tuple if each is a storage format and there is one at least; :class:`InputError` otherwise."""
    if not names:
        raise InputError(f"{where} is empty; name at least one storage format")
    for name in names:
        if name not in STORAGE_FORMATS:
            raise InputError(f"{where}: " + unknown_name("storage format", name, STORAGE_FORMATS))
    return tuple(names)
