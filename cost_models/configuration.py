"""What each layer may cost: the proposal of a search and the result that a user takes home."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cost_models.bits import FULL_PRECISION, check_bits
from cost_models.errors import InputError, check_count, check_share
from cost_models.registry import unknown_name
from cost_models.workload import Workload

GRANULARITIES = ("weight", "channel", "output")


@dataclass(frozen=True, slots=True)
class LayerBudget:
    """The compression of one layer.

    ``pruning_ratio`` is removed / all weights in [0, 1); ``weight_bits`` and ``membrane_bits`` are bit widths
    (:mod:`cost_models.bits`); ``membrane_bits`` is None where no spiking neuron follows the layer. ``granularity`` says
    what is removed as a unit: single weights, whole output channels, or single outputs: then all weights stay, and
    ``pruning_ratio`` is the share of outputs, over samples and time steps, whose current is not computed.
    """

    layer: str
    pruning_ratio: float = 0.0
    weight_bits: float = FULL_PRECISION
    membrane_bits: float | None = None
    granularity: str = "weight"

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "pruning_ratio", check_share(f"{self.layer}: pruning_ratio", self.pruning_ratio))
        set_(self, "weight_bits", check_bits(f"{self.layer}: weight_bits", self.weight_bits))
        if self.membrane_bits is not None:
            set_(self, "membrane_bits", check_bits(f"{self.layer}: membrane_bits", self.membrane_bits))
        if self.granularity not in GRANULARITIES:
            raise InputError(f"{self.layer}: " + unknown_name("granularity", self.granularity, GRANULARITIES))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, the layer's name left out (it is the key in a budget file)."""
        return {
            "pruning_ratio": self.pruning_ratio,
            "weight_bits": self.weight_bits,
            "membrane_bits": self.membrane_bits,
            "granularity": self.granularity,
        }


@dataclass(frozen=True, slots=True)
class Configuration:
    """One budget for each compressible layer, and the number of time steps (1 for a network that does not spike)."""

    budgets: tuple[LayerBudget, ...]
    time_steps: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "budgets", tuple(self.budgets))
        check_count("time_steps", self.time_steps, at_least=1)
        names = [budget.layer for budget in self.budgets]
        if len(set(names)) < len(names):
            name = next(name for name in names if names.count(name) > 1)
            raise InputError(f"layer {name!r} has {names.count(name)} budgets; it needs exactly one")

    @classmethod
    def uniform(
        cls,
        workload: Workload,
        *,
        pruning_ratio: float = 0.0,
        weight_bits: float = FULL_PRECISION,
        membrane_bits: float = FULL_PRECISION,
        time_steps: int = 1,
    ) -> Configuration:
        """The same budget for every compressible layer of ``workload``; the defaults give the dense float network."""
        return cls(
            tuple(
                LayerBudget(layer.name, pruning_ratio, weight_bits, membrane_bits if layer.neurons else None)
                for layer in workload.compressible
            ),
            time_steps,
        )

    def __getitem__(self, layer: str) -> LayerBudget:
        for budget in self.budgets:
            if budget.layer == layer:
                return budget
        raise InputError(unknown_name("layer", layer, [budget.layer for budget in self.budgets]))

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers, in order."""
        return tuple(budget.layer for budget in self.budgets)

    def check_against(self, workload: Workload) -> None:
        """Raise :class:`InputError` unless there is exactly one budget for each compressible layer of ``workload``."""
        known = [layer.name for layer in workload.compressible]
        for name in self.layers:
            if name not in known:
                raise InputError(unknown_name("layer", name, known))
        missing = [name for name in known if name not in self.layers]
        if missing:
            raise InputError(f"no budget for layer {missing[0]!r}; each of {', '.join(known)} needs one")

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the shape of a budget file: ``{"time_steps", "layers": {NAME: {...}}}``."""
        return {
            "time_steps": self.time_steps,
            "layers": {budget.layer: budget.to_dict() for budget in self.budgets},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Configuration:
        """Read what :meth:`to_dict` wrote (or a user's budget file); refuse unknown keys by name."""
        if not isinstance(data, Mapping):
            raise InputError(f"a budget is a table with time_steps and layers, not {data!r}")
        layers = data.get("layers")
        if not isinstance(layers, Mapping):
            raise InputError("a budget needs a table 'layers' with one entry for each layer")
        return cls(tuple(_budget(name, entry) for name, entry in layers.items()), data.get("time_steps", 1))


def _budget(name: str, entry: object) -> LayerBudget:
    fields: Iterable[str] = LayerBudget.__dataclass_fields__
    known = [field for field in fields if field != "layer"]
    if not isinstance(entry, Mapping):
        raise InputError(f"layer {name!r}: its budget is {entry!r}; it is a table with {', '.join(known)}")
    for key in entry:
        if key not in known:
            raise InputError(f"layer {name!r}: " + unknown_name("key", str(key), known))
    return LayerBudget(name, **entry)
