"""What a configuration costs: one row for each layer and the totals, in SI units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class LayerCost:
    """The cost of one layer for one input over all time steps; memory is what must be held at once.

    ``macs_dense`` counts every weight and every input; ``macs`` what is left of it for an ordinary input and ``synops``
    what is left for a spiking one (kept weights times input density): a layer has one or the other.
    ``break_even_pruning_ratio`` is the pruning ratio below which sparsity does not pay on this hardware; None where
    it never does, or where the layer has no weights; 0 where whole channels or outputs go, which leaves dense work.
    """

    name: str
    kind: str
    macs_dense: float = 0.0
    macs: float = 0.0
    synops: float = 0.0
    parameters: int = 0
    parameters_kept: int = 0
    neurons: int = 0
    pruning_ratio: float = 0.0
    weight_bits: float | None = None
    membrane_bits: float | None = None
    storage_format: str = "dense"
    weight_memory_bytes: float = 0.0
    index_memory_bytes: float = 0.0
    membrane_memory_bytes: float = 0.0
    break_even_pruning_ratio: float | None = None
    energy_joules: float = 0.0
    latency_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, in the order of the public JSON shape."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the layers; ``memory_bytes`` is weights, indices and membranes together."""

    macs_dense: float = 0.0
    macs: float = 0.0
    synops: float = 0.0
    parameters: int = 0
    parameters_kept: int = 0
    neurons: int = 0
    weight_memory_bytes: float = 0.0
    index_memory_bytes: float = 0.0
    membrane_memory_bytes: float = 0.0
    memory_bytes: float = 0.0
    energy_joules: float = 0.0
    latency_seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, in the order of the public JSON shape."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class CostReport:
    """The cost of one configuration of one network on one hardware profile."""

    network: str
    hardware: str
    time_steps: int
    layers: tuple[LayerCost, ...]
    total: Totals

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))

    def __getitem__(self, layer: str) -> LayerCost:
        return next(cost for cost in self.layers if cost.name == layer)

    def to_dict(self) -> dict[str, Any]:
        """The public JSON shape of ``dse cost --json``."""
        return {
            "network": self.network,
            "hardware": self.hardware,
            "time_steps": self.time_steps,
            "layers": [layer.to_dict() for layer in self.layers],
            "total": self.total.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CostReport:
        """Read what :meth:`to_dict` wrote."""
        return cls(
            data["network"],
            data["hardware"],
            data["time_steps"],
            tuple(LayerCost(**layer) for layer in data["layers"]),
            Totals(**data["total"]),
        )
