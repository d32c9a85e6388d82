"""From a design space to search parameters, and from their values to a configuration, one at a time or many at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from cost_models import (
    Configuration,
    ConfigurationBatch,
    HardwareProfile,
    Layer,
    LayerBudget,
    Workload,
    in_whole_channels,
    restore_to_dense,
    restored,
    to_whole_channels,
)
from dse.pruning.method import NOTHING
from studies import DesignSpace
from studies.design_space import Identity
from studies.method_choices import OptionValue, nearest

Indices = NDArray[np.intp]
TIME_STEPS = "time_steps"
_LAYER_FIELDS = ("pruning_ratio", "weight_bits", "membrane_bits")


#: From the values of the method's parameters to what is removed as a unit: "weight", "channel", "output" or NOTHING.
GranularityOf = Callable[[Mapping[str, Any]], str]


def _single_weights(choices: Mapping[str, Any]) -> str:
    return "weight"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that may be chosen: ``conv1/pruning_ratio``, or, for the whole network, ``time_steps``.

    ``layer`` and ``field`` say whose budget it is; both are None for the whole network: the time steps
    and, such as ``method.pruning``, what belongs to the method.
    """

    name: str
    layer: str | None
    field: str | None
    values: tuple[OptionValue, ...]

    @property
    def free(self) -> bool:
        """Whether there is more than one value to choose from."""
        return len(self.values) > 1

    @property
    def of_method(self) -> bool:
        """Whether it belongs to the method and not to the configuration."""
        return self.layer is None and self.name != TIME_STEPS

    def distribution(self) -> BaseDistribution:
        """Optuna's word for the choices: evenly spaced numbers keep their order, other lists are categories."""
        if any(isinstance(value, str | bool) for value in self.values):
            return CategoricalDistribution(self.values)
        numbers = [float(value) for value in self.values]
        low, high = numbers[0], numbers[-1]
        step = round((high - low) / (len(numbers) - 1), 9) if self.free else 0.0
        even = step > 1e-7 and all(math.isclose(v, low + i * step, abs_tol=1e-9) for i, v in enumerate(numbers))
        if not even:
            return CategoricalDistribution(self.values)
        if all(value.is_integer() for value in numbers):
            return IntDistribution(int(low), int(high), step=int(step))
        low = round(low, 9)
        return FloatDistribution(low, round(low + step * (len(numbers) - 1), 9), step=step)

    def nearest(self, value: object) -> int:
        """The index of the allowed value nearest to ``value`` (a float with a step comes back slightly off)."""
        return nearest(self.values, value)


@dataclass(frozen=True)
class SearchSpace:
    """The design space of one network: a parameter for each layer's budget fields, for the time steps and the method.

    An index row holds, for each *free* parameter in order, the index of its chosen value. ``granularity`` tells for the
    values of the method's parameters what the pruning method removes as a unit; proposals are priced as such, and where
    units are channels each ratio is the nearest that whole channels give, so that it is met exactly; where nothing is
    removed every ratio is 0, so that rows which differ only in ratios are one configuration. With ``restores_on`` a
    layer that is pruned and yet slower or larger than dense on that hardware is proposed unpruned.
    """

    workload: Workload
    parameters: tuple[Parameter, ...]
    design: DesignSpace
    granularity: GranularityOf = _single_weights
    restores_on: HardwareProfile | None = None

    @classmethod
    def of(
        cls,
        space: DesignSpace,
        workload: Workload,
        granularity: GranularityOf = _single_weights,
        restores_on: HardwareProfile | None = None,
    ) -> SearchSpace:
        """The parameters of ``space`` for the compressible layers of ``workload``.

        A layer without spiking neurons has no membrane bits, a network without them one time step.
        """
        parameters = []
        for layer in workload.compressible:
            for field, choices in space.for_layer(layer.name).items():
                if field != "membrane_bits" or layer.neurons:
                    parameters.append(Parameter(f"{layer.name}/{field}", layer.name, field, choices.values))
        steps = space.time_steps.values if workload.spiking else (1,)
        parameters.append(Parameter(TIME_STEPS, None, None, steps))
        parameters += [Parameter(name, None, None, values) for name, values in space.method.parameters().items()]
        return cls(workload, tuple(parameters), space, granularity, restores_on)

    @cached_property
    def free(self) -> tuple[Parameter, ...]:
        """The parameters that the search decides about."""
        return tuple(parameter for parameter in self.parameters if parameter.free)

    @property
    def size(self) -> int:
        """The number of configurations in the space, counted once for each choice of the method and its options."""
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

    def identity_at(self, row: Indices) -> Identity:
        """What makes the trial at one index row a new one: its configuration and its method."""
        return self.design.identity(self.configuration_at(row), self._of_method(row))

    def configuration_at(self, row: Indices) -> Configuration:
        """The configuration at one index row."""
        chosen = dict(zip((parameter.name for parameter in self.free), row.tolist(), strict=True))
        removed = self.granularity(self._of_method(row))
        granularity = "weight" if removed == NOTHING else removed
        value: dict[str, Any] = {p.name: p.values[chosen.get(p.name, 0)] for p in self.parameters}
        budgets = tuple(
            LayerBudget(
                layer.name,
                pruning_ratio=0.0 if removed == NOTHING else value[f"{layer.name}/pruning_ratio"],
                weight_bits=value[f"{layer.name}/weight_bits"],
                membrane_bits=value.get(f"{layer.name}/membrane_bits"),
                granularity=granularity,
            )
            for layer in self.workload.compressible
        )
        configuration = Configuration(budgets, int(value[TIME_STEPS]))
        if granularity == "channel":
            configuration = to_whole_channels(self.workload, configuration)
        return restore_to_dense(self.workload, configuration, self.restores_on) if self.restores_on else configuration

    def batch(self, rows: Indices, only: tuple[Layer, ...] | None = None) -> ConfigurationBatch:
        """The configurations at ``rows`` (n, free parameters) as the cost model's columns, of some layers or of all."""
        layers = [layer.name for layer in only or self.workload.compressible]
        columns = {field: np.full((len(rows), len(layers)), np.nan) for field in _LAYER_FIELDS}
        steps = np.ones(len(rows))
        place = {parameter.name: index for index, parameter in enumerate(self.free)}
        for parameter in self.parameters:
            if parameter.layer not in layers and parameter.name != TIME_STEPS:
                continue
            values = np.asarray(parameter.values, dtype=float)
            column = values[rows[:, place[parameter.name]]] if parameter.free else np.full(len(rows), values[0])
            if parameter.layer is None or parameter.field is None:
                steps = column
            else:
                columns[parameter.field][:, layers.index(parameter.layer)] = column
        removed = self._removed_units(rows)
        columns["pruning_ratio"][removed == NOTHING] = 0.0
        of_unit = {unit: np.repeat((removed == unit)[:, None], len(layers), axis=1) for unit in set(removed.tolist())}
        batch = ConfigurationBatch(
            **columns, time_steps=steps, channel=of_unit.get("channel"), output=of_unit.get("output")
        )
        own = replace(self.workload, layers=tuple(self.workload[name] for name in layers))
        batch = in_whole_channels(own, batch)
        return restored(own, batch, self.restores_on) if self.restores_on else batch

    def _of_method(self, row: Indices) -> dict[str, OptionValue]:
        """The values of the free parameters of the method at one index row."""
        return {p.name: p.values[i] for p, i in zip(self.free, row.tolist(), strict=True) if p.of_method}

    def _removed_units(self, rows: Indices) -> NDArray[np.str_]:
        """What the method at each index row removes as a unit."""
        own = [index for index, parameter in enumerate(self.free) if parameter.of_method]
        if not own:
            return np.full(len(rows), self.granularity({}))
        _, first, inverse = np.unique(rows[:, own], axis=0, return_index=True, return_inverse=True)
        units = np.array([self.granularity(self._of_method(row)) for row in rows[first]], dtype=np.str_)
        return units[inverse.reshape(-1)]

    def methods_by_unit(self) -> Indices:
        """Index rows (n, free parameters) with one choice of the method for each unit that one of them removes."""
        defaults = {parameter.name: parameter.values[0] for parameter in self.free}
        rows = [self.indices(defaults | choices) for choices in self.design.method.each_value()]
        found = {self.granularity(self._of_method(row)): row for row in reversed(rows)}
        return np.array(list(found.values())[::-1], dtype=np.intp)

    def random_rows(self, count: int, generator: np.random.Generator) -> Indices:
        """``count`` index rows drawn uniformly."""
        sizes = [len(parameter.values) for parameter in self.free]
        return generator.integers(0, sizes, size=(count, len(sizes)), dtype=np.intp)


def _as_stored(distribution: BaseDistribution, value: OptionValue) -> Any:
    return distribution.to_external_repr(distribution.to_internal_repr(value))
