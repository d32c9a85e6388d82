"""Energy of each layer: arithmetic at its bit widths, and every bit that moves between memories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cost_models.bits import FULL_PRECISION
from cost_models.hardware import Arithmetic, HardwareProfile
from cost_models.memory import Numbers


@dataclass(frozen=True, slots=True, eq=False)
class OperationEnergies:
    """Joules of one operation, indexed by the stored bits of the weight (or membrane): arrays of 33."""

    multiply_accumulate: Numbers
    accumulate: Numbers


@lru_cache(maxsize=64)
def operation_energies(arithmetic: Arithmetic, activation_bits: float) -> OperationEnergies:
    """Energies by width: a 32-bit operand is a float, anything narrower an integer.

    A multiply-accumulate multiplies a weight with an ``activation_bits``-bit activation and adds at the wider of the
    two widths, so that 8 x 8 bit gives Horowitz' 0.2 + 0.03 = 0.23 pJ; an accumulate (the work of one spike) is one
    addition at the weight's width. The same figures are the presets of SpikingJelly's energy counter.
    """
    widths = range(1, FULL_PRECISION)
    macs = [
        arithmetic.multiply_joules(bits, activation_bits) + arithmetic.add_joules(max(bits, activation_bits))
        for bits in widths
    ]
    adds = [arithmetic.add_joules(bits) for bits in widths]
    float_mac = arithmetic.float_multiply_joules + arithmetic.float_add_joules
    return OperationEnergies(
        multiply_accumulate=np.array([0.0, *macs, float_mac]),
        accumulate=np.array([0.0, *adds, arithmetic.float_add_joules]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Bits that move for one input over all time steps, arrays (layers, n)."""

    sram_bits: Numbers
    dram_bits: Numbers


def layer_energy(
    hardware: HardwareProfile,
    operations: Numbers,
    joules_per_operation: Numbers,
    neuron_updates: Numbers,
    membrane_add_joules: Numbers,
    register_bits: Numbers,
    traffic: Traffic,
) -> Numbers:
    """Joules for one input: operations, neuron updates, and traffic times the energy per bit of each memory.

    A neuron update costs the profile's ``neuron.update`` joules and ``neuron.adds`` additions at membrane width.
    """
    update = hardware.neuron_update_joules + hardware.neuron_adds * membrane_add_joules
    return (
        operations * joules_per_operation
        + neuron_updates * update
        + register_bits * hardware.register.joules_per_bit
        + traffic.sram_bits * hardware.sram.joules_per_bit
        + traffic.dram_bits * hardware.dram.joules_per_bit
    )
