"""What the cost model says about one network alone: no training, no data, no storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cost_models import (
    OPERATION_CONVENTIONS,
    Configuration,
    Conventions,
    CostReport,
    HardwareProfile,
    InputError,
    LayerBreakEven,
    SpikingAgainstDense,
    Workload,
    break_even,
    estimate,
    load_hardware,
)
from dse.budget_file import Budget
from dse.options import DEFAULT_HARDWARE

#: Time steps of a spiking network where nothing else is said; the same as in a study's design space.
DEFAULT_TIME_STEPS = 4
_DEFAULT_CONVENTIONS = Conventions()
ASSUMED = "every neuron is taken to spike in every time step, an upper bound; --spike-rate R sets another rate"


@dataclass(frozen=True, slots=True)
class Compression:
    """The same compression for every layer, as given on the command line; None where an option was left out."""

    pruning_ratio: float | None = None
    weight_bits: float | None = None
    membrane_bits: float | None = None
    time_steps: int | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The options that were given."""
        values = {name: getattr(self, name) for name in ("pruning_ratio", "weight_bits", "membrane_bits", "time_steps")}
        return tuple("--" + name.replace("_", "-") for name, value in values.items() if value is not None)

    def configuration(self, workload: Workload) -> Configuration:
        """The configuration for every compressible layer of ``workload``; what was not given is left uncompressed."""
        if not workload.spiking and (self.time_steps or 1) > 1:
            raise InputError(f"{workload.network}: --time-steps {self.time_steps}, but it has no spiking neurons")
        given = {"pruning_ratio": self.pruning_ratio, "weight_bits": self.weight_bits}
        given["membrane_bits"] = self.membrane_bits
        return Configuration.uniform(
            workload,
            time_steps=self.time_steps or (DEFAULT_TIME_STEPS if workload.spiking else 1),
            **{name: value for name, value in given.items() if value is not None},
        )


@dataclass(frozen=True, slots=True)
class Priced:
    """A cost report with what it rests on: the activity in words, operations without a price, and a warning if any.

    ``counts`` are the operations as published work counts them, by the name of the convention.
    """

    report: CostReport
    counts: Mapping[str, float]
    activity: str
    unpriced: tuple[str, ...]
    warning: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The shape of ``dse cost --json``."""
        return {
            **self.report.to_dict(),
            "operation_counts": dict(self.counts),
            "activity": self.activity,
            "unpriced": list(self.unpriced),
        }


def price(
    workload: Workload,
    compression: Compression,
    *,
    budget: Budget | None = None,
    spike_rate: float | None = None,
    hardware: str | None = None,
    conventions: Conventions = _DEFAULT_CONVENTIONS,
) -> Priced:
    """The cost of ``workload`` under one compression for all layers, or under a budget.

    A budget brings its measured densities and its hardware; ``spike_rate`` and ``hardware`` override these.
    """
    densities: Mapping[str, float] = {}
    warning = ""
    if budget is None:
        configuration = compression.configuration(workload)
    else:
        if compression.given:
            raise InputError(f"--budget says all about each layer; leave out {' '.join(compression.given)}")
        configuration, densities = budget.configuration, budget.densities
        hardware = hardware or budget.hardware
        try:
            configuration.check_against(workload)
            workload = workload.with_densities(densities)
        except InputError as error:
            raise InputError(f"--budget does not fit network {workload.network!r}: {error}") from None
        parameters = sum(layer.parameters for layer in workload.layers)
        if budget.parameters not in (None, parameters):
            warning = (
                f"the budget was found for a network of {budget.parameters} parameters and this one has {parameters}; "
                "--input and --classes say what it is built for"
            )
    workload, activity = with_activity(workload, spike_rate, densities)
    profile = load_hardware(hardware or DEFAULT_HARDWARE)
    report = estimate(workload, configuration, profile, conventions=conventions)
    counts = {name: count(workload, configuration) for name, count in OPERATION_CONVENTIONS.items()}
    return Priced(report, counts, activity, workload.unpriced, warning)


def with_activity(workload: Workload, spike_rate: float | None, densities: Mapping[str, float]) -> tuple[Workload, str]:
    """The workload with ``spike_rate`` as the density of every spiking input, and a sentence about the activity."""
    spiking = [layer.name for layer in workload.layers if layer.spiking_input]
    if not spiking:
        return workload, ""
    if spike_rate is not None:
        sentence = f"spike rate {spike_rate:g}, as given, for every spiking input"
        return workload.with_densities(dict.fromkeys(spiking, spike_rate)), sentence
    return workload, "spike rates as measured, from the budget file" if densities else ASSUMED


def break_even_document(
    workload: Workload,
    hardware: HardwareProfile,
    configuration: Configuration,
    weight_bits: float,
    against: SpikingAgainstDense | None,
) -> dict[str, Any]:
    """The shape of ``dse break-even --json``; a ratio is null where sparsity never pays.

    ``spiking`` of a layer is its comparison with the same layer on ceil(log2(T + 1))-bit activations, null where its
    input is not spikes; ``spiking_against_dense`` compares the whole networks in the same way. A spike rate of null
    says that spikes never pay, 1 that they always do.
    """
    rows: tuple[LayerBreakEven, ...] = break_even(
        workload, hardware, weight_bits=weight_bits, membrane_bits=8, time_steps=configuration.time_steps
    )
    return {
        "network": workload.network,
        "hardware": hardware.name,
        "weight_bits": weight_bits,
        "time_steps": configuration.time_steps,
        "layers": [
            {
                "name": row.layer,
                "speed": row.speed,
                "storage": dict(row.storage),
                "spiking": row.spiking
                and {"spike_rate": row.spiking.spike_rate, "most_time_steps": row.spiking.most_time_steps},
            }
            for row in rows
        ],
        "spiking_against_dense": None
        if against is None
        else {
            "time_steps": against.time_steps,
            "activation_bits": against.activation_bits,
            "spiking_energy_joules": against.spiking_joules,
            "dense_energy_joules": against.dense_joules,
            "break_even_spike_rate": against.break_even_spike_rate,
        },
    }


def parse_shape(text: str) -> tuple[int, ...]:
    """The shape of one input as people write it.

    >>> parse_shape("1x28x28"), parse_shape("3, 32, 32")
    ((1, 28, 28), (3, 32, 32))
    """
    parts = text.lower().replace("×", "x").replace(",", "x").split("x")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"--input is {text!r}; it is a shape such as 1x28x28: channels, height, width")
    return tuple(int(part) for part in parts)


def network_workload(network: str, shape: tuple[int, ...] | None, classes: int) -> Workload:
    """The workload of a network by name or reference, for one shape of the input.

    Without a shape, a built-in network is taken for the shape it was made for. A user's network that cannot be built or
    run on the shape is the user's to mend: an :class:`InputError` with what it said.
    """
    from dse.networks import NETWORKS, build_network
    from dse.references import is_reference
    from dse.trace import trace

    if shape is None and is_reference(network):
        raise InputError(f"{network}: give the shape of one input, such as --input 1x28x28")
    shape = shape or NETWORKS[network].input_shape
    try:
        return trace(build_network(network, shape, classes), shape, name=network)
    except InputError:
        raise
    except Exception as error:
        if not is_reference(network) and not isinstance(error, RuntimeError | MemoryError | OverflowError):
            raise
        shown = "x".join(map(str, shape))
        reason = " ".join(str(error).split())
        raise InputError(f"{network} cannot be run on an input of {shown}: {type(error).__name__}: {reason}") from error
