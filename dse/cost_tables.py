"""The tables of costs: a network layer by layer, its break-even points, the figures of a hardware profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cost_models.quantities import format_count
from dse.console import UNKNOWN, PlainTable, heading, human, steps_text

if TYPE_CHECKING:
    from dse.network_cost import Priced


#: What a narrow terminal does without, the first one first.
OPTIONAL = ("kind", "parameters", "format", "latency", "kept", "index", "membrane\nbits", "MACs")


def cost_table(title: str, cost: Mapping[str, Any]) -> PlainTable:
    """A cost report (the shape of ``dse cost --json``), one row a layer and the totals below."""
    total = cost["total"]
    spiking = ["membrane_bits"] if total["neurons"] else []
    names = [name for name in ("macs", "synops") if total[name]]
    names += ["parameters", "parameters_kept", "pruning_ratio", "weight_bits", *spiking, "storage_format"]
    names += ["weight_memory_bytes", "index_memory_bytes", *(["membrane_memory_bytes"] if spiking else [])]
    names += ["energy_joules", "latency_seconds"]
    columns = {"layer": "left", "kind": "left"}
    columns |= {heading(name): "left" if name == "storage_format" else "right" for name in names}
    rows = [[layer["name"], layer["kind"], *(_cell(layer, name) for name in names)] for layer in cost["layers"]]
    totals = ["total", "", *(human(name, total[name]) if name in total else "" for name in names)]
    return PlainTable(title, columns, rows, OPTIONAL, totals)


def priced_view(priced: Priced, input_shape: Sequence[int]) -> Iterator[str | PlainTable]:
    """A network's cost with what it rests on."""
    report = priced.report
    shape = "x".join(map(str, input_shape))
    title = f"{report.network} on {report.hardware}, input {shape}, {steps_text(report.time_steps)}"
    yield cost_table(title, report.to_dict())
    parts = "weights, index and membranes" if report.total.neurons else "weights and index"
    yield f"Memory in all: {human('memory_bytes', report.total.memory_bytes)} ({parts})."
    counted = ", ".join(f"{name} {format_count(value)}" for name, value in priced.counts.items() if value)
    yield f"As published work counts operations: {counted}."
    if priced.activity:
        yield f"Activity: {priced.activity}."
    for operation in priced.unpriced:
        yield f"Not priced: {operation}"


def break_even_view(document: Mapping[str, Any], activity: str) -> Iterator[str | PlainTable]:
    """The pruning ratios from which sparsity pays, and the spiking network beside an ordinary one."""
    formats = list(document["layers"][0]["storage"]) if document["layers"] else []
    columns = {"layer": "left", "time": "right"} | {name.replace("_", " "): "right" for name in formats}
    rows = [
        [layer["name"], _ratio(layer["speed"]), *(_ratio(layer["storage"][name]) for name in formats)]
        for layer in document["layers"]
    ]
    on_spikes = [layer for layer in document["layers"] if layer["spiking"]]
    yield f"{document['network']} on {document['hardware']}, {document['weight_bits']:g}-bit weights"
    yield PlainTable("Pruning ratio from which zeros pay, in time and in storage by format", columns, rows)
    against = document["spiking_against_dense"]
    if on_spikes:
        steps, bits = against["time_steps"], against["activation_bits"]
        title = f"Where spikes over {steps} steps take no more energy than {bits}-bit activations once"
        columns = {"layer": "left", "spike rate up to": "right", "at its own rate up to T": "right"}
        own = [[one["name"], _rate(one["spiking"]["spike_rate"]), _steps(one["spiking"])] for one in on_spikes]
        yield PlainTable(title, columns, own)
    if against is None:
        return
    spiking, dense = (human("energy_joules", against[f"{name}_energy_joules"]) for name in ("spiking", "dense"))
    yield (
        f"Spiking, {against['time_steps']} time steps: {spiking} for one input; the same layers without spikes, "
        f"{against['activation_bits']}-bit activations once: {dense}."
    )
    rate = against["break_even_spike_rate"]
    if rate is None:
        yield "In so many time steps spiking takes more energy at any spike rate."
    elif rate >= 1:
        yield "In so many time steps spiking takes less energy at any spike rate."
    else:
        yield f"Spiking takes less energy below a spike rate of {rate:.3f} (spikes per neuron and time step)."
    yield f"Activity: {activity}."


def hardware_view(document: Mapping[str, Any]) -> Iterator[str | PlainTable]:
    """A hardware profile: what it is, and every figure with its unit and its source."""
    yield f"{document['name']}: {document['description']}"
    columns = {"figure": "left", "value": "left", "unit": "left", "source": "left"}
    rows = [[str(figure[key]) for key in ("key", "value", "unit", "source")] for figure in document["constants"]]
    yield PlainTable("", columns, rows)


def _ratio(value: float | None) -> str:
    return "never" if value is None else human("pruning_ratio", value)


def _rate(value: float | None) -> str:
    return "never" if value is None else "any" if value >= 1 else f"{value:.3f}"


def _steps(spiking: Mapping[str, Any]) -> str:
    return str(spiking["most_time_steps"]) if spiking["most_time_steps"] else "never"


def _cell(layer: Mapping[str, Any], name: str) -> str:
    if not layer["neurons"] and name in ("membrane_bits", "membrane_memory_bytes"):
        return UNKNOWN
    if layer["weight_bits"] is None and name in ("pruning_ratio", "storage_format", "weight_bits"):
        return UNKNOWN
    return human(name, layer[name])
