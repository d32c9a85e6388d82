"""Synthetic landscapes for the search benchmark: exact costs, and an accuracy that is a formula with noise.

Every network has L layers of random sizes, each with a pruning ratio (0 to 0.95 in steps of 0.05) and weight bits (2,
3, 4, 6, 8), and 1 to 8 time steps. ``memory`` counts kept bits with the cheaper of a bit mask and no index,
``operations`` kept multiply-accumulates over all time steps. Layers differ in sensitivity by a factor of ten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]

CHANCE, BEST = 0.1, 0.95
BITS = (2, 3, 4, 6, 8)
PROBE_ERROR = 0.7


@dataclass(frozen=True)
class Network:
    """Random layer sizes: weights grow and feature maps shrink with depth; sensitivities span a factor of ten."""

    layers: int
    seed: int

    @cached_property
    def weights(self) -> Floats:
        generator = np.random.default_rng([self.seed, 1])
        return np.round(np.geomspace(2_000, 60_000, self.layers) * generator.lognormal(0.0, 0.4, self.layers))

    @cached_property
    def positions(self) -> Floats:
        generator = np.random.default_rng([self.seed, 2])
        return np.round(np.geomspace(400, 16, self.layers) * generator.lognormal(0.0, 0.2, self.layers))

    @cached_property
    def sensitivity(self) -> Floats:
        generator = np.random.default_rng([self.seed, 3])
        return generator.permutation(np.geomspace(0.316, 3.16, self.layers)) / self.layers

    @cached_property
    def bit_sensitivity(self) -> Floats:
        generator = np.random.default_rng([self.seed, 4])
        return self.sensitivity * generator.lognormal(0.0, 0.5, self.layers)

    def space(self) -> dict[str, BaseDistribution]:
        found: dict[str, BaseDistribution] = {}
        for layer in range(self.layers):
            found[f"layer{layer}/pruning_ratio"] = FloatDistribution(0.0, 0.95, step=0.05)
            found[f"layer{layer}/weight_bits"] = CategoricalDistribution(BITS)
        return {**found, "time_steps": IntDistribution(1, 8)}

    def parts(self, columns: Columns) -> tuple[Floats, Floats, Floats]:
        """Pruning ratios and bits (n, layers), time steps (n,)."""
        ratio = np.stack([columns[f"layer{layer}/pruning_ratio"] for layer in range(self.layers)], axis=1)
        bits = np.stack([columns[f"layer{layer}/weight_bits"] for layer in range(self.layers)], axis=1)
        return ratio.astype(float), bits.astype(float), np.asarray(columns["time_steps"], dtype=float)


@dataclass(frozen=True)
class Landscape:
    """One problem: minimise memory and operations, maximise accuracy; ``limit`` is the share of the 32-bit network."""

    name: str
    network: Network
    damage: Callable[[Network, Floats, Floats, Floats], Floats]
    limit: float | None
    noise: float
    stepped: bool = False
    about: str = ""

    @cached_property
    def space(self) -> dict[str, BaseDistribution]:
        return self.network.space()

    @cached_property
    def memory_limit(self) -> float | None:
        return None if self.limit is None else self.limit * float(self.network.weights.sum()) * 4.0

    @cached_property
    def reference(self) -> tuple[float, float]:
        """Costs behind which nothing is gained: the limit (or the dearest corner), and the dearest operations."""
        dearest = {name: np.array([_dearest(distribution)]) for name, distribution in self.space.items()}
        memory = self.memory_limit or float(self.memory(dearest)[0])
        return memory, float(self.operations(dearest)[0])

    def memory(self, columns: Columns) -> Floats:
        """Bytes; in banks of 1 KiB a layer where costs are stepped."""
        ratio, bits, _ = self.network.parts(columns)
        weights = self.network.weights
        dense, sparse = weights * bits, weights * (1.0 - ratio) * bits + weights
        per_layer = np.minimum(dense, sparse) / 8.0
        if self.stepped:
            per_layer = np.ceil(per_layer / 1024.0) * 1024.0
        return per_layer.sum(axis=1)

    def operations(self, columns: Columns) -> Floats:
        """Multiply-accumulates; in tiles of an eighth of a layer where costs are stepped."""
        ratio, _, steps = self.network.parts(columns)
        kept = 1.0 - ratio
        if self.stepped:
            kept = np.ceil(np.round(kept * 8.0, 9)) / 8.0
        return steps * (kept * self.network.weights * self.network.positions).sum(axis=1)

    def limits(self, columns: Columns) -> Floats:
        """At most zero where the memory limit is kept."""
        if self.memory_limit is None:
            return np.full((len(columns["time_steps"]), 1), -1.0)
        return (self.memory(columns) / self.memory_limit - 1.0)[:, None]

    def accuracy(self, columns: Columns) -> Floats:
        """Without noise."""
        return CHANCE + (BEST - CHANCE) * np.exp(-self.damage(self.network, *self.network.parts(columns)))

    def reading(self, columns: Columns, generator: np.random.Generator) -> Floats:
        """One training's accuracy: with noise, and never below 0 or above 1."""
        true = self.accuracy(columns)
        return np.clip(true + generator.normal(0.0, self.noise, len(true)), 0.0, 1.0)

    def probed(self, generator: np.random.Generator) -> dict[str, float]:
        """A simulated probe: the log damage of each layer parameter alone at its cheapest value, with an error.

        The error, a normal of deviation :data:`PROBE_ERROR`, stands for what probes without training get wrong.
        """
        dearest = {name: np.array([_dearest(distribution)]) for name, distribution in self.space.items()}
        none = float(self.damage(self.network, *self.network.parts(dearest))[0])
        found = {}
        for name in (name for name in self.space if "/" in name):
            cheapest = 0.95 if name.endswith("pruning_ratio") else BITS[0]
            columns = {**dearest, name: np.array([cheapest])}
            rise = float(self.damage(self.network, *self.network.parts(columns))[0]) - none
            found[name] = float(np.log(max(rise, 1e-4)) + generator.normal(0.0, PROBE_ERROR))
        return found


def _dearest(distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[-1]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.low if isinstance(distribution, FloatDistribution) else distribution.high


def pruning_damage(ratio: Floats, power: Floats | float = 4.0) -> Floats:
    """0 at nothing pruned, 1 at 0.95."""
    return (ratio / 0.95) ** power


def bit_damage(bits: Floats, base: Floats | float = 2.5) -> Floats:
    """0 at 8 bits, 1 at 2 bits."""
    return (base ** (2.0 - bits) - base**-6.0) / (1.0 - base**-6.0)


def time_damage(steps: Floats) -> Floats:
    return 0.35 * (1.0 / steps - 0.125) / 0.875


def by_layer(network: Network, ratio: Floats, bits: Floats) -> Floats:
    return 3.0 * (network.sensitivity * pruning_damage(ratio) + network.bit_sensitivity * bit_damage(bits))


def additive(network: Network, ratio: Floats, bits: Floats, steps: Floats) -> Floats:
    return by_layer(network, ratio, bits).sum(axis=1) + time_damage(steps)


def neighbours(network: Network, ratio: Floats, bits: Floats, steps: Floats) -> Floats:
    own = by_layer(network, ratio, bits)
    between = np.sqrt(own[:, 1:] * own[:, :-1])
    return own.sum(axis=1) + 1.5 * between.sum(axis=1) + time_damage(steps) * (1.0 + own.mean(axis=1))


def bottleneck(network: Network, ratio: Floats, bits: Floats, steps: Floats) -> Floats:
    own = by_layer(network, ratio, bits) * network.layers / 2.0
    return (own**4).sum(axis=1) ** 0.25 + time_damage(steps)


def logistic(network: Network, ratio: Floats, bits: Floats, steps: Floats) -> Floats:
    total = by_layer(network, ratio, bits).sum(axis=1) + time_damage(steps)
    # accuracy above chance falls like a logistic function of the damage, with its middle at 0.8
    return np.log1p(np.exp((total - 0.8) / 0.15)) - np.log1p(np.exp(-0.8 / 0.15))


def curves(network: Network, ratio: Floats, bits: Floats, steps: Floats) -> Floats:
    generator = np.random.default_rng([network.seed, 5])
    power, base = generator.uniform(1.5, 9.0, network.layers), generator.uniform(1.3, 4.0, network.layers)
    own = network.sensitivity * pruning_damage(ratio, power) + network.bit_sensitivity * bit_damage(bits, base)
    return 3.0 * own.sum(axis=1) + time_damage(steps)


def rugged(network: Network, ratio: Floats, bits: Floats, steps: Floats) -> Floats:
    """Breaks the model: each choice has a factor of its own, mild pruning helps, the best T is inside the range."""
    generator = np.random.default_rng([network.seed, 6])
    ratio_factor = generator.lognormal(0.0, 0.5, (network.layers, 20))
    bit_factor = generator.lognormal(0.0, 0.5, (network.layers, 9))
    layer = np.arange(network.layers)
    pruned = pruning_damage(ratio) * ratio_factor[layer, np.round(ratio / 0.05).astype(int)]
    rounded = bit_damage(bits) * bit_factor[layer, bits.astype(int)]
    helped = 0.15 * np.exp(-(((ratio - 0.35) / 0.2) ** 2))
    own = 3.0 * (network.sensitivity * (pruned - helped) + network.bit_sensitivity * rounded)
    return np.maximum(own.sum(axis=1) + 0.5, 0.0) + 0.06 * (steps - 4.0) ** 2


LANDSCAPES = {
    landscape.name: landscape
    for landscape in (
        Landscape("loose-4", Network(4, 1), additive, None, 0.005, about="4 layers, damage adds up, no limit"),
        Landscape("additive-8", Network(8, 2), additive, 0.08, 0.005, about="8 layers, damage adds up, 8 % budget"),
        Landscape(
            "stepped-12",
            Network(12, 3),
            neighbours,
            0.12,
            0.01,
            stepped=True,
            about="12 layers, neighbours interact, costs in banks and tiles, 12 % budget",
        ),
        Landscape(
            "stepped-12-tight",
            Network(12, 3),
            neighbours,
            0.07,
            0.01,
            stepped=True,
            about="the same with a 7 % budget: accuracy is hardly above chance anywhere",
        ),
        Landscape("curves-12", Network(12, 4), curves, 0.12, 0.005, about="12 layers, each its own curve, 12 % budget"),
        Landscape(
            "bottleneck-16", Network(16, 5), bottleneck, 0.08, 0.01, about="16 layers, the worst decides, 8 % budget"
        ),
        Landscape(
            "logistic-24", Network(24, 6), logistic, 0.15, 0.02, about="24 layers, a cliff, much noise, 15 % budget"
        ),
        Landscape(
            "neighbours-32", Network(32, 7), neighbours, 0.08, 0.005, about="32 layers, neighbours interact, 8 % budget"
        ),
        Landscape(
            "rugged-12",
            Network(12, 8),
            rugged,
            0.08,
            0.005,
            about="12 layers, breaks the model: rugged, mild pruning helps, best T inside the range, 8 % budget",
        ),
    )
}
