"""Spikes against ordinary activations: the spiking network and its counterpart, for one layer and for a whole network.

The counterpart runs the same layers once, without neurons, on ceil(log2(T + 1))-bit activations. Source of the width,
ours: T steps of 0 or 1, read as a count of spikes, tell T + 1 values apart, and so many bits hold that many values. It
is the narrowest counterpart of a rate code; a code by the time or order of spikes could carry up to T bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cost_models.configuration import Configuration
from cost_models.conventions import Conventions
from cost_models.errors import check_count
from cost_models.estimate import estimate_reports
from cost_models.hardware import HardwareProfile
from cost_models.workload import Layer, Workload

#: The largest number of time steps that is tried.
MOST_TIME_STEPS = 64


@dataclass(frozen=True, slots=True)
class SpikingBreakEven:
    """A spiking layer against its ordinary counterpart with ceil(log2(T + 1))-bit activations.

    ``spike_rate`` is the largest share of spiking inputs at which ``time_steps`` steps take no more energy than one
    pass of the counterpart: None where they always take more, 1 where they never do. ``most_time_steps`` is the largest
    number of steps, up to :data:`MOST_TIME_STEPS`, up to which that holds at the workload's own spike rate: 0 where not
    even one does.
    """

    time_steps: int
    spike_rate: float | None
    most_time_steps: int


@dataclass(frozen=True, slots=True)
class SpikingAgainstDense:
    """Joules for one input of a spiking network and of its counterpart on ``activation_bits``-bit activations.

    ``break_even_spike_rate`` is the spike rate up to which the spiking one takes no more; None where it always does
    take more, 1 where it never does.
    """

    time_steps: int
    activation_bits: int
    spiking_joules: float
    dense_joules: float
    break_even_spike_rate: float | None


def counterpart_bits(time_steps: int) -> int:
    """Bits of an activation that tells as many values apart as T time steps of spikes do: ceil(log2(T + 1)).

    >>> [counterpart_bits(steps) for steps in (1, 3, 4, 7, 8)]
    [1, 2, 3, 3, 4]
    """
    check_count("time_steps", time_steps, at_least=1)
    return time_steps.bit_length()


def spiking_against_dense(
    workload: Workload, configuration: Configuration, hardware: HardwareProfile
) -> SpikingAgainstDense | None:
    """Compare ``workload`` at its densities with its counterpart; None for a network without neurons and spikes.

    The counterpart has the same pruning ratios and weight bits, no neurons and one pass. Activations between layers
    have b = ceil(log2(T + 1)) bits. A layer that reads no spikes (the image) is the same numbers in both networks and
    keeps the usual width, written as well as read: ours, O (8 - b) bits of SRAM too much for the counterpart. Layers
    with 32-bit weights compute in floats, whatever T is.

    The energy of the spiking network is a straight line in the spike rate r of all spiking inputs together, so with E
    in joules the rate is ``(E_ann - E_snn(0)) / (E_snn(1) - E_snn(0))``.
    """
    if not any(layer.neurons or layer.spiking_input for layer in workload.layers):
        return None
    own, silent, busy = (
        _spiking_joules(at, [configuration], hardware)[0]
        for at in (workload, _at_rate(workload, 0.0), _at_rate(workload, 1.0))
    )
    dense = _counterpart_joules(workload, configuration, hardware)
    rate = _break_even_rate(silent, busy, dense)
    steps = configuration.time_steps
    return SpikingAgainstDense(steps, counterpart_bits(steps), own, dense, rate)


def spiking_break_even(
    layer: Layer, hardware: HardwareProfile, weight_bits: float, membrane_bits: float, time_steps: int
) -> SpikingBreakEven | None:
    """When spikes take no more energy than numbers; None for a layer without spiking input.

    :func:`spiking_against_dense` of the layer alone, unpruned. With M the MACs of a pass, r the spike rate, I inputs, O
    neurons, W stored weight bits, m membrane bits, b the counterpart's activation bits and e_s joules per bit of SRAM:

    ``E_snn(r, T) = T [r M e_ac + O e_update + (W + I + O + 2 O m) e_s]``

    ``E_ann(T) = M e_mac(b) + (W + (I + O) b) e_s``

    The estimate adds what the profile has beyond them (register bits, weights fetched for each operation, weights that
    do not fit on the chip). Counting operations alone, as most papers do, leaves only ``r T e_ac = e_mac``.
    """
    if not layer.spiking_input:
        return None
    alone = Workload(layer.name, layer.input_shape, (replace(layer, static_input=False),))

    def configured(steps: int) -> Configuration:
        return Configuration.uniform(alone, weight_bits=weight_bits, membrane_bits=membrane_bits, time_steps=steps)

    found = spiking_against_dense(alone, configured(time_steps), hardware)
    assert found is not None
    tried = [configured(steps) for steps in range(1, MOST_TIME_STEPS + 1)]
    by_bits: dict[int, float] = {}  # the counterpart's energy depends on T by its bits alone
    most = 0
    for own, configuration in zip(_spiking_joules(alone, tried, hardware), tried, strict=True):
        bits = counterpart_bits(configuration.time_steps)
        if bits not in by_bits:
            by_bits[bits] = _counterpart_joules(alone, configuration, hardware)
        if own > by_bits[bits]:
            break
        most = configuration.time_steps
    return SpikingBreakEven(time_steps, found.break_even_spike_rate, most)


def _spiking_joules(
    workload: Workload, configurations: Sequence[Configuration], hardware: HardwareProfile
) -> list[float]:
    return [report.total.energy_joules for report in estimate_reports(workload, configurations, hardware)]


def _counterpart_joules(workload: Workload, configuration: Configuration, hardware: HardwareProfile) -> float:
    layers = tuple(
        replace(layer, neurons=0, neuron=None, spiking_input=False, static_input=False, input_density=1.0)
        for layer in workload.layers
    )
    once = Configuration(tuple(replace(budget, membrane_bits=None) for budget in configuration.budgets), 1)
    narrow = Conventions(activation_bits=counterpart_bits(configuration.time_steps))
    (usual,), (between,) = (
        estimate_reports(replace(workload, layers=layers), [once], hardware, conventions=conventions)
        for conventions in (Conventions(), narrow)
    )
    pairs = zip(workload.layers, between.layers, usual.layers, strict=True)
    return sum((one if layer.spiking_input else other).energy_joules for layer, one, other in pairs)


def _at_rate(workload: Workload, rate: float) -> Workload:
    return workload.with_densities({layer.name: rate for layer in workload.layers if layer.spiking_input})


def _break_even_rate(silent: float, busy: float, dense: float) -> float | None:
    if busy <= dense:
        return 1.0
    return (dense - silent) / (busy - silent) if silent <= dense else None
