"""Many configurations of one network as arrays, and their costs as arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from cost_models.bits import FULL_PRECISION, TERNARY
from cost_models.configuration import Configuration
from cost_models.errors import InputError
from cost_models.memory import Numbers
from cost_models.workload import Workload


@dataclass(frozen=True, slots=True, eq=False)
class ConfigurationBatch:
    """n configurations of a network with L compressible layers, in the order of ``workload.compressible``.

    ``pruning_ratio``, ``weight_bits`` and ``membrane_bits`` have shape (n, L), ``time_steps`` (n,). Membrane bits
    are NaN where a layer feeds no neuron. ``channel`` (n, L) marks layers whose whole output channels are removed.
    ``output`` (n, L) marks those where single outputs are left out. ``input_density`` and ``output_density`` (n, L)
    replace the workload's densities, for trained networks whose activity was measured.
    """

    pruning_ratio: Numbers
    weight_bits: Numbers
    membrane_bits: Numbers
    time_steps: Numbers
    channel: npt.NDArray[np.bool_] | None = None
    input_density: Numbers | None = None
    output: npt.NDArray[np.bool_] | None = None
    output_density: Numbers | None = None

    def __post_init__(self) -> None:
        for name in ("pruning_ratio", "weight_bits", "membrane_bits", "time_steps"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        shape = self.pruning_ratio.shape
        if len(shape) != 2:
            raise InputError(f"pruning_ratio has shape {shape}; it is (configurations, layers)")
        for name in ("weight_bits", "membrane_bits"):
            if getattr(self, name).shape != shape:
                raise InputError(f"{name} has shape {getattr(self, name).shape}; as pruning_ratio it must be {shape}")
        if self.time_steps.shape != shape[:1]:
            raise InputError(f"time_steps has shape {self.time_steps.shape}; it must be {shape[:1]}")
        for name in ("channel", "input_density", "output", "output_density"):
            if getattr(self, name) is not None and getattr(self, name).shape != shape:
                raise InputError(f"{name} has shape {getattr(self, name).shape}; as pruning_ratio it must be {shape}")
        self._check_values()

    def _check_values(self) -> None:
        def refuse(name: str, wrong: npt.NDArray[np.bool_], what: str) -> None:
            if wrong.any():
                raise InputError(f"{name} holds {getattr(self, name)[wrong][0]}; {what}")

        refuse("pruning_ratio", ~((self.pruning_ratio >= 0) & (self.pruning_ratio < 1)), "ratios are in [0, 1)")
        for name in ("weight_bits", "membrane_bits"):
            bits = getattr(self, name)
            known = (bits >= 1) & (bits <= FULL_PRECISION) & ((bits == np.floor(bits)) | (bits == TERNARY))
            absent = np.isnan(bits) if name == "membrane_bits" else np.zeros_like(known)
            refuse(name, ~(known | absent), "bit widths are whole numbers from 1 to 32, or 1.58")
        for name in ("input_density", "output_density"):
            density = getattr(self, name)
            if density is not None:
                refuse(name, ~((density >= 0) & (density <= 1)), "densities are in [0, 1]")
        steps = self.time_steps
        refuse("time_steps", ~((steps >= 1) & (steps == np.floor(steps))), "time steps are whole numbers from 1 on")

    def __len__(self) -> int:
        return len(self.time_steps)

    @classmethod
    def of(cls, workload: Workload, configurations: Sequence[Configuration]) -> ConfigurationBatch:
        """The batch of these configurations; each must fit ``workload`` (:meth:`Configuration.check_against`)."""
        names = tuple(layer.name for layer in workload.compressible)
        shape = (len(configurations), len(names))
        ratio, weight_bits, membrane_bits = np.empty(shape), np.empty(shape), np.empty(shape)
        channel, output = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
        for row, configuration in enumerate(configurations):
            budgets = configuration.budgets
            if configuration.layers != names:
                configuration.check_against(workload)
                budgets = tuple(configuration[name] for name in names)
            ratio[row] = [budget.pruning_ratio for budget in budgets]
            weight_bits[row] = [budget.weight_bits for budget in budgets]
            membrane_bits[row] = [
                math.nan if budget.membrane_bits is None else budget.membrane_bits for budget in budgets
            ]
            channel[row] = [budget.granularity == "channel" for budget in budgets]
            output[row] = [budget.granularity == "output" for budget in budgets]
        steps = np.array([configuration.time_steps for configuration in configurations], dtype=np.float64)
        return cls(
            ratio,
            weight_bits,
            membrane_bits,
            steps,
            channel if channel.any() else None,
            output=output if output.any() else None,
        )

    def with_measured(self, workload: Workload, measured: Sequence[Workload]) -> ConfigurationBatch:
        """The batch with the densities of ``measured``, one workload of the same network for each configuration.

        Raises :class:`InputError` where a measured workload is not ``workload`` with other densities.
        """
        names = [layer.name for layer in workload.compressible]
        density, computed = np.empty(self.pruning_ratio.shape), np.empty(self.pruning_ratio.shape)
        for row, other in enumerate(measured):
            if [layer.name for layer in other.compressible] != names:
                raise InputError(f"the measured workload {other.network!r} has other layers than {workload.network!r}")
            density[row] = [layer.input_density for layer in other.compressible]
            computed[row] = [layer.output_density for layer in other.compressible]
        return replace(self, input_density=density, output_density=computed)

    def __getitem__(self, rows: slice) -> ConfigurationBatch:
        """Some of the configurations."""
        part = object.__new__(ConfigurationBatch)  # the values were checked with the whole
        for field in fields(self):
            values = getattr(self, field.name)
            object.__setattr__(part, field.name, None if values is None else values[rows])
        return part


@dataclass(frozen=True, slots=True, eq=False)
class CostArrays:
    """One array (n,) for each field of :class:`cost_models.Totals`, in SI units."""

    macs_dense: Numbers
    macs: Numbers
    synops: Numbers
    parameters: Numbers
    parameters_kept: Numbers
    neurons: Numbers
    weight_memory_bytes: Numbers
    index_memory_bytes: Numbers
    membrane_memory_bytes: Numbers
    memory_bytes: Numbers
    energy_joules: Numbers
    latency_seconds: Numbers

    def __len__(self) -> int:
        return len(self.memory_bytes)
