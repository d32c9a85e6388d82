"""Time of each layer: the roofline of its arithmetic and its memory traffic."""

from __future__ import annotations

import numpy as np

from cost_models.energy import Traffic
from cost_models.hardware import HardwareProfile
from cost_models.memory import Numbers


def layer_latency(hardware: HardwareProfile, cycles: Numbers, neuron_updates: Numbers, traffic: Traffic) -> Numbers:
    """Seconds for one input: the slowest of arithmetic, neuron unit, on-chip and off-chip memory.

    Roofline (Williams et al. 2009): the four work at the same time and the slowest one sets the pace of the layer;
    layers follow each other.
    """
    compute = cycles / hardware.clock_hertz
    neurons = neuron_updates / (hardware.neuron_updates_per_cycle * hardware.clock_hertz)
    on_chip = traffic.sram_bits / hardware.sram.bits_per_second
    off_chip = traffic.dram_bits / hardware.dram.bits_per_second
    return np.maximum(np.maximum(compute, neurons), np.maximum(on_chip, off_chip))
