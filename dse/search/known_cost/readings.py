"""What has been measured so far, and the scale on which damage adds up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dse.search.known_cost.axes import Floats, Rows

LinkName = Literal["log", "logit", "linear"]
_LOWEST, _HIGHEST = 0.02, 0.995


@dataclass(frozen=True, slots=True)
class Readings:
    """Measured accuracies ``value`` (n,), larger is better, of configurations ``rows`` (n, axes).

    ``noise`` (n,) multiplies the noise of each: 1 for a finished training. ``chance`` is the accuracy of a network that
    has learned nothing, None where it is not known. ``shares`` says that values are shares in [0, 1]; others are scaled
    to it and their chance level is not known.
    """

    rows: Rows
    value: Floats
    noise: Floats
    chance: float | None = None
    shares: bool = True

    def at(self, places: Rows) -> Readings:
        """Some of the readings."""
        return replace(self, rows=self.rows[places], value=self.value[places], noise=self.noise[places])

    @property
    def links(self) -> tuple[LinkName, ...]:
        """The scales that come into question."""
        return ("log", "logit") if self.shares else ("linear",)

    @property
    def floor(self) -> float:
        """The accuracy below which nothing is gained: chance, or else the lowest reading."""
        return self.chance if self.chance is not None else float(self.value.min())

    def at_chance(self, deviation: float) -> NDArray[np.bool_]:
        """Which readings cannot be told from chance at a noise of ``deviation``; one low one alone proves nothing."""
        margin = max(0.01, 3.0 * deviation)
        found = self.value <= self.floor + margin
        enough = int(found.sum()) >= (2 if self.chance is None else 1)
        return found if enough and self.shares else np.zeros_like(found)


@dataclass(frozen=True, slots=True)
class Link:
    """z of an accuracy a, falling in a: -log a, -logit a, or 1 - a."""

    name: LinkName

    def forward(self, value: Floats) -> Floats:
        """The z of accuracies, which are held inside [0.02, 0.995]."""
        a = np.clip(value, _LOWEST, _HIGHEST)
        if self.name == "linear":
            return 1.0 - value
        return -np.log(a) if self.name == "log" else np.log1p(-a) - np.log(a)

    def slope(self, value: Floats) -> Floats:
        """|dz/da|."""
        a = np.clip(value, _LOWEST, _HIGHEST)
        if self.name == "linear":
            return np.ones_like(a)
        return 1.0 / a if self.name == "log" else 1.0 / (a * (1.0 - a))

    def backward(self, z: Floats) -> Floats:
        """The accuracy of z."""
        if self.name == "linear":
            return 1.0 - z
        return np.exp(-np.maximum(z, 0.0)) if self.name == "log" else 1.0 / (1.0 + np.exp(np.clip(z, -50.0, 50.0)))
