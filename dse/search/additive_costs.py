"""Costs that are sums over layers, looked up: whether a limit is kept is what a search asks most often."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.search.suggest import Indices, SearchSpace

Floats = NDArray[np.float64]

_MOST_ROWS = 20_000
_CHECKED_ROWS = 128
#: A cost counts as a sum if the table is nowhere farther off than this share.
ROUNDING = 1e-9


@dataclass(frozen=True)
class AdditiveCost:
    """One cost of index rows (n, free parameters) as a sum of terms, each looked up by the parameters of one layer.

    ``terms`` holds for each layer its parameters' places in a row, their strides and the table.
    """

    base: float
    terms: tuple[tuple[Indices, Indices, Floats], ...]

    @classmethod
    def of(cls, space: SearchSpace, price: Callable[[Indices], Floats]) -> AdditiveCost | None:
        """The tables of ``price``, a cost of index rows (n,); None where it is no such sum or a layer has many choices.

        Every parameter of the whole network is a term of its own. The sum is checked on random rows.
        """
        owners = [parameter.layer or parameter.name for parameter in space.free]
        groups = [[i for i, owner in enumerate(owners) if owner == name] for name in dict.fromkeys(owners)]
        choices = [
            np.array(list(itertools.product(*(range(len(space.free[i].values)) for i in group))), dtype=np.intp)
            for group in groups
        ]
        if not groups or sum(map(len, choices)) > _MOST_ROWS:
            return None
        rows = np.zeros((1 + sum(map(len, choices)), len(owners)), dtype=np.intp)
        start = 1
        for group, own in zip(groups, choices, strict=True):
            rows[start : start + len(own), group] = own
            start += len(own)
        prices = price(rows)
        terms, start = [], 1
        for group, own in zip(groups, choices, strict=True):
            sizes = [len(space.free[i].values) for i in group]
            strides = np.array([int(np.prod(sizes[k + 1 :])) for k in range(len(sizes))], dtype=np.intp)
            terms.append((np.array(group, dtype=np.intp), strides, prices[start : start + len(own)] - prices[0]))
            start += len(own)
        found = cls(float(prices[0]), tuple(terms))
        some = space.random_rows(_CHECKED_ROWS, np.random.default_rng(0))
        exact = price(some)
        return found if np.allclose(found(some), exact, rtol=ROUNDING, atol=0.0) else None

    def __call__(self, rows: Indices) -> Floats:
        """The cost of each row (n,), up to rounding."""
        total = np.full(len(rows), self.base)
        for places, strides, table in self.terms:
            total += table[rows[:, places] @ strides]
        return total
