"""From a design space to search parameters, and from their values to a configuration, one at a time or many at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from cost_models import Configuration, ConfigurationBatch, Layer, LayerBudget, Workload
from studies import DesignSpace

Indices = NDArray[np.intp]
TIME_STEPS = "time_steps"
_LAYER_FIELDS = ("pruning_ratio", "weight_bits", "membrane_bits")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that may be chosen: ``conv1/pruning_ratio``, or ``time_steps`` for the whole network (layer None)."""

    name: str
    layer: str | None
    field: str
    values: tuple[float, ...]

    @property
    def free(self) -> bool:
        """Whether there is more than one value to choose from."""
        return len(self.values) > 1

    def distribution(self) -> BaseDistribution:
        """Optuna's word for the choices: evenly spaced numbers keep their order, other lists are categories."""
        low, high = self.values[0], self.values[-1]
        step = round((high - low) / (len(self.values) - 1), 9) if self.free else 0.0
        even = step > 0 and all(math.isclose(v, low + i * step, abs_tol=1e-9) for i, v in enumerate(self.values))
        if not even:
            return CategoricalDistribution(self.values)
        if all(float(value).is_integer() for value in self.values):
            return IntDistribution(int(low), int(high), step=int(step))
        low = round(low, 9)
        return FloatDistribution(low, round(low + step * (len(self.values) - 1), 9), step=step)

    def nearest(self, value: float) -> int:
        """The index of the allowed value nearest to ``value`` (a float with a step comes back slightly off)."""
        return min(range(len(self.values)), key=lambda index: abs(self.values[index] - value))


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """The design space of one network: a parameter for each layer's budget fields and for the time steps.

    An index row holds, for each *free* parameter in order, the index of its chosen value. ``granularity`` is what the
    study's pruning method removes as a unit; proposals are priced as such.
    """

    workload: Workload
    parameters: tuple[Parameter, ...]
    granularity: str = "weight"

    @classmethod
    def of(cls, space: DesignSpace, workload: Workload, granularity: str = "weight") -> SearchSpace:
        """The parameters of ``space`` for the compressible layers of ``workload``.

        A layer without spiking neurons has no membrane bits, a network without them one time step.
        """
        parameters = []
        for layer in workload.compressible:
            for field, choices in space.for_layer(layer.name).items():
                if field != "membrane_bits" or layer.neurons:
                    parameters.append(Parameter(f"{layer.name}/{field}", layer.name, field, choices.values))
        steps = space.time_steps.values if workload.spiking else (1,)
        parameters.append(Parameter(TIME_STEPS, None, TIME_STEPS, steps))
        return cls(workload, tuple(parameters), granularity)

    @property
    def free(self) -> tuple[Parameter, ...]:
        """The parameters that the search decides about."""
        return tuple(parameter for parameter in self.parameters if parameter.free)

    @property
    def size(self) -> int:
        """The number of configurations in the space."""
        return math.prod(len(parameter.values) for parameter in self.parameters)

    def distributions(self) -> dict[str, BaseDistribution]:
        """Optuna's search space: one distribution for each free parameter."""
        return {parameter.name: parameter.distribution() for parameter in self.free}

    def configuration(self, choices: Mapping[str, Any]) -> Configuration:
        """The configuration that the values of the free parameters stand for."""
        return self.configuration_at(self.indices(choices))

    def indices(self, choices: Mapping[str, Any]) -> Indices:
        """The index row of the values of the free parameters."""
        return np.array([parameter.nearest(choices[parameter.name]) for parameter in self.free], dtype=np.intp)

    def choices(self, row: Indices) -> dict[str, Any]:
        """The values of the free parameters at one index row, as Optuna stores them."""
        return {
            parameter.name: _as_stored(parameter.distribution(), parameter.values[index])
            for parameter, index in zip(self.free, row.tolist(), strict=True)
        }

    def configuration_at(self, row: Indices) -> Configuration:
        """The configuration at one index row."""
        chosen = dict(zip((parameter.name for parameter in self.free), row.tolist(), strict=True))
        value = {p.name: p.values[chosen.get(p.name, 0)] for p in self.parameters}
        budgets = tuple(
            LayerBudget(
                layer.name,
                pruning_ratio=value[f"{layer.name}/pruning_ratio"],
                weight_bits=value[f"{layer.name}/weight_bits"],
                membrane_bits=value.get(f"{layer.name}/membrane_bits"),
                granularity=self.granularity,
            )
            for layer in self.workload.compressible
        )
        return Configuration(budgets, int(value[TIME_STEPS]))

    def batch(self, rows: Indices, only: tuple[Layer, ...] | None = None) -> ConfigurationBatch:
        """The configurations at ``rows`` (n, free parameters) as the cost model's columns, of some layers or of all."""
        layers = [layer.name for layer in only or self.workload.compressible]
        columns = {field: np.full((len(rows), len(layers)), np.nan) for field in _LAYER_FIELDS}
        steps = np.ones(len(rows))
        place = {parameter.name: index for index, parameter in enumerate(self.free)}
        for parameter in self.parameters:
            if parameter.layer is not None and parameter.layer not in layers:
                continue
            values = np.asarray(parameter.values, dtype=float)
            column = values[rows[:, place[parameter.name]]] if parameter.free else np.full(len(rows), values[0])
            if parameter.layer is None:
                steps = column
            else:
                columns[parameter.field][:, layers.index(parameter.layer)] = column
        channel = np.ones((len(rows), len(layers)), dtype=np.bool_) if self.granularity == "channel" else None
        output = np.ones((len(rows), len(layers)), dtype=np.bool_) if self.granularity == "output" else None
        return ConfigurationBatch(**columns, time_steps=steps, channel=channel, output=output)

    def random_rows(self, count: int, generator: np.random.Generator) -> Indices:
        """``count`` index rows drawn uniformly."""
        sizes = [len(parameter.values) for parameter in self.free]
        return generator.integers(0, sizes, size=(count, len(sizes)), dtype=np.intp)


def _as_stored(distribution: BaseDistribution, value: float) -> Any:
    return distribution.to_external_repr(distribution.to_internal_repr(value))
