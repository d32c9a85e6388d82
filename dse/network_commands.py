"""The commands that need no storage: what a network costs, and what a study file can name."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from dse.console import print_json, print_out, rows_table
from dse.options import (
    DEFAULT_HARDWARE,
    AsJson,
    Classes,
    Hardware,
    InputShape,
    Network,
    SpikeRate,
    TimeSteps,
)


def cost(
    network: Network,
    input_shape: InputShape = None,
    classes: Classes = 10,
    budget_file: Annotated[
        Path | None, typer.Option("--budget", metavar="FILE", help="Compression of each layer, from dse budget.")
    ] = None,
    pruning_ratio: Annotated[
        float | None, typer.Option(metavar="P", help="Share of weights removed in every layer, 0 to below 1.")
    ] = None,
    weight_bits: Annotated[float | None, typer.Option(metavar="B", help="Default: 32, floating point.")] = None,
    membrane_bits: Annotated[float | None, typer.Option(metavar="B", help="Default: 32, floating point.")] = None,
    time_steps: TimeSteps = None,
    spike_rate: SpikeRate = None,
    hardware: Hardware = None,
    storage_formats: Annotated[
        list[str] | None,
        typer.Option(
            "--storage-format",
            metavar="NAME",
            help="Storage of every layer; repeated: the cheapest of these. Default: the profile's or the usual.",
        ),
    ] = None,
    fold_norms: Annotated[
        bool, typer.Option("--fold-norms", help="Batch norms are folded into the layers before them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What a network costs under a compression, layer by layer: no training, no database."""
    from cost_models import Conventions
    from dse.budget_file import read_budget
    from dse.network_cost import Compression, network_workload, parse_shape, price

    compression = Compression(pruning_ratio, weight_bits, membrane_bits, time_steps)
    budget = read_budget(budget_file) if budget_file is not None else None
    shape = parse_shape(input_shape) if input_shape else budget.input_shape if budget else None
    workload = network_workload(network, shape, classes)
    conventions = Conventions(tuple(storage_formats) if storage_formats else None, fold_norms=fold_norms)
    priced = price(
        workload, compression, budget=budget, spike_rate=spike_rate, hardware=hardware, conventions=conventions
    )
    if priced.warning:
        print(f"dse: warning: {priced.warning}", file=sys.stderr)
    if as_json:
        return print_json(priced.to_dict())
    from dse.cost_tables import priced_view

    print_out(*priced_view(priced, workload.input_shape))


def break_even(
    network: Network,
    input_shape: InputShape = None,
    classes: Classes = 10,
    weight_bits: Annotated[float, typer.Option(metavar="B", help="Bit width of the weights.")] = 8,
    time_steps: TimeSteps = None,
    spike_rate: SpikeRate = None,
    hardware: Hardware = None,
    as_json: AsJson = False,
) -> None:
    """From which pruning ratio on zeros pay, in time and in storage; a spiking network against an ordinary one."""
    from cost_models import check_bits, load_hardware, spiking_against_dense
    from dse.network_cost import (
        Compression,
        break_even_document,
        network_workload,
        parse_shape,
        with_activity,
    )

    width = check_bits("--weight-bits", weight_bits)
    profile = load_hardware(hardware or DEFAULT_HARDWARE)
    workload = network_workload(network, parse_shape(input_shape) if input_shape else None, classes)
    configuration = Compression(weight_bits=width, membrane_bits=8, time_steps=time_steps).configuration(workload)
    workload, activity = with_activity(workload, spike_rate, {})
    against = spiking_against_dense(workload, configuration, profile)
    document = break_even_document(workload, profile, configuration, width, against)
    if as_json:
        return print_json(document)
    from dse.cost_tables import break_even_view

    print_out(*break_even_view(document, activity))


def networks(as_json: AsJson = False) -> None:
    """The built-in networks."""
    from dse.inventory import network_rows

    _print_rows("networks", network_rows(), as_json)


def datasets(as_json: AsJson = False) -> None:
    """The built-in data sets."""
    from dse.inventory import dataset_rows

    _print_rows("datasets", dataset_rows(), as_json)


def methods(as_json: AsJson = False) -> None:
    """Pruning methods, quantisers, neurons, tasks, losses, objectives, samplers, engines and export formats."""
    from dse.inventory import method_rows

    _print_rows("methods", method_rows(), as_json)


def hardware_list(context: typer.Context, as_json: AsJson = False) -> None:
    """The built-in hardware profiles; dse hardware show NAME prints every figure of one with its source."""
    if context.invoked_subcommand is None:
        from dse.inventory import hardware_rows

        _print_rows("hardware", hardware_rows(), as_json)


def hardware_show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a profile, or a TOML file.")],
    as_json: AsJson = False,
) -> None:
    """One hardware profile: every figure with its unit and its source."""
    from dse.inventory import hardware_document

    document = hardware_document(name)
    if as_json:
        return print_json(document)
    from dse.cost_tables import hardware_view

    print_out(*hardware_view(document))


def _print_rows(title: str, rows: Sequence[Mapping[str, str]], as_json: bool) -> None:
    if as_json:
        return print_json({title: list(rows)})

    print_out(rows_table(rows))
